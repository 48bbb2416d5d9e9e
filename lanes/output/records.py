"""RecordsSink: one JSON object a line for each frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lanes.output.lines import LinesSink
from lanes.results import Calibration, Ego, Estimate, FrameResult, Lane


class RecordsSink(LinesSink):
    """Writes `make_record` of each result."""

    def make(self, result: FrameResult) -> dict[str, Any]:
        return make_record(result)


def make_record(result: FrameResult) -> dict[str, Any]:
    """A frame's line of `--records`, of JSON's types. Metric values have a `<name>_std` beside them; what is not known is null."""
    frame = result.frame
    record: dict[str, Any] = {
        "frame": frame.index,
        "source": frame.source,
        "time_s": round(frame.time_s, 6),
        "dropped_before": frame.dropped_before,
        "lanes": [_lane(lane) for lane in result.lanes],
        "ego": None if result.ego is None else ego_record(result.ego),
        "calibration": None if result.calibration is None else calibration_record(result.calibration),
        "departure": result.departure,
        "band": None if result.band is None else list(result.band),
        "latency_ms": {stage: round(ms, 3) for stage, ms in result.latency_ms.items()},
    }
    if result.departure_why:
        record["departure_why"] = result.departure_why
    if frame.cut:
        record["cut"] = True
    if frame.suspect:
        record["suspect"] = True
    return record


def _lane(lane: Lane) -> dict[str, Any]:
    return {
        "id": lane.id,
        "position": lane.position,
        "type": lane.type,
        "points": np.round(lane.points.astype(np.float64), 1).tolist(),
        "confidence": round(float(lane.confidence), 3),
        "held_s": round(lane.held_s, 3),
    }


def ego_record(ego: Ego) -> dict[str, Any]:
    """The `ego` of a record."""
    values = {
        "offset_m": ego.offset_m,
        "width_m": ego.width_m,
        "curvature_per_m": ego.curvature_per_m,
        "heading_rad": ego.heading_rad,
        "look_ahead_m": ego.look_ahead_m,
    }
    return _estimates(values)


def calibration_record(calibration: Calibration) -> dict[str, Any]:
    """The `calibration` of a record."""
    values = {
        "pitch_rad": calibration.pitch_rad,
        "yaw_rad": calibration.yaw_rad,
        "roll_rad": calibration.roll_rad,
        "height_m": calibration.height_m,
    }
    return {"state": calibration.state} | _estimates(values) | {"height_from": calibration.height_from}


def _estimates(values: Mapping[str, Estimate | None]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name, estimate in values.items():
        found[name] = None if estimate is None else round(estimate.value, 6)
        found[f"{name}_std"] = None if estimate is None else round(estimate.std, 6)
    return found
