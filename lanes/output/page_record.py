"""What the page shows of a frame, of JSON's types."""

from __future__ import annotations

from typing import Any

from lanes.output.records import calibration_record, ego_record
from lanes.results import FrameResult, Lane


def page_record(result: FrameResult) -> dict[str, Any]:
    """A frame's facts without its pixels. Lanes are curves on the road, null where there are none; metres hold where `metric` says so."""
    calibration = result.calibration
    return {
        "index": result.frame.index,
        "time_s": round(result.frame.time_s, 3),
        "lanes": [_lane(lane) for lane in result.lanes],
        "ego": None if result.ego is None else ego_record(result.ego),
        "calibration": None if calibration is None else calibration_record(calibration) | {"metric": calibration.is_metric},
        "departure": result.departure,
        "departure_why": result.departure_why,
        "latency_ms": round(result.latency_ms.get("total", 0.0), 2),
    }


def _lane(lane: Lane) -> dict[str, Any]:
    curve = lane.curve
    terms = curve and (curve.offset_m, curve.heading_rad, curve.curvature_per_m, curve.curvature_rate_per_m2)
    return {
        "id": lane.id,
        "position": lane.position,
        "type": lane.type,
        "held": lane.held_s > 0,
        "confidence": round(float(lane.confidence), 2),
        "curve": [float(f"{term.value:.4g}") for term in terms] if terms else None,
        "far_m": round(curve.far_m, 1) if curve else None,
    }
