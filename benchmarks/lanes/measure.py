"""What one frame's result is worth beside the ground truth: errors with the spread that was given for them, lanes matched to boundaries.

A measured frame is a plain object that JSON holds, so that a drive that was run once is kept. Names and signs are those of
`lanes.results`; an error is what was given minus the ground truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import degrees, hypot
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.lanes.ground_truth import FrameTruth
from lanes.results import Calibration, Ego, Estimate, FrameResult, Lane, RoadCurve

Row = dict[str, Any]

NEAR_M = (0.0, 3.0, 6.0)
"""Metres ahead at which a boundary's place is compared: from below the camera to the front of the vehicle and a little further."""

EGO = ("offset_m", "width_m", "heading_rad", "curvature_per_m")

CORRECT_PX = 20.0
"""Greatest mean distance from the boundary, at a width of 1280, of a lane that is counted as correct: TuSimple's tolerance."""

BETWEEN_LANES_M = 0.2
"""So near to a boundary either lane may be called the ego lane."""


def measure(result: FrameResult, truth: FrameTruth, mount: tuple[float, float]) -> Row:
    """The measured frame.

    Args:
        result: what the pipeline gave. truth: of the same frame.
        mount: pitch and yaw of the camera against the car, radians, without its movement on the springs.
    """
    lanes = [measure_lane(lane, truth) for lane in result.lanes]
    return {
        "time_s": truth.time_s,
        "ground_truth": {
            **{name: getattr(truth, name) for name in (*EGO, "ego_lane", "speed_mps", "curvature_rate_per_m2")},
            "boundaries": truth.at_distance(np.array([0.0]))[:, 0].round(4).tolist(),
        },
        "ego": ego_errors(result.ego, truth),
        "near": [error for lane in result.lanes if abs(lane.position) == 1 for error in near_errors(lane, truth)],
        "ego_lane": ego_lane_verdict(lanes, truth),
        "lanes": lanes,
        "calibration": calibration_errors(result.calibration, *mount),
        "departure": result.departure,
        "departure_why": result.departure_why,
        "lanes_ms": result.latency_ms.get("lanes"),
    }


def ego_errors(ego: Ego | None, truth: FrameTruth) -> dict[str, list[float]]:
    """[error, standard deviation] of each quantity that is given."""
    given = {} if ego is None else {name: getattr(ego, name) for name in EGO}
    return {name: [value.value - getattr(truth, name), value.std] for name, value in given.items() if value is not None}


def near_errors(lane: Lane, truth: FrameTruth) -> list[list[float]]:
    """[metres ahead, error, standard deviation] of an ego boundary's place at `NEAR_M`, metres to the left; none without a curve."""
    if lane.curve is None:
        return []
    boundary = truth.ego_lane + (lane.position > 0)
    given, real = lane.curve.y_at(np.array(NEAR_M)), truth.at_distance(np.array(NEAR_M))[boundary]
    return [[x, float(y - r), _spread(lane.curve, x)] for x, y, r in zip(NEAR_M, given, real, strict=True)]


def measure_lane(lane: Lane, truth: FrameTruth) -> Row:
    """A lane with the boundary that it lies nearest to, counted from the road's left edge; None where it is beside all of them."""
    scale = 1280 / truth.camera.width
    rows, x = lane.points[:, 1].astype(np.float64), lane.points[:, 0].astype(np.float64)
    distance = np.abs(truth.at_row(rows) - x) * scale
    seen = (~np.isnan(distance)).sum(axis=1)
    mean = np.array([np.nanmean(each) if n >= min(3, len(rows)) else np.inf for each, n in zip(distance, seen, strict=True)])
    boundary = int(np.argmin(mean))
    known = bool(np.isfinite(mean[boundary]))
    return {
        "id": lane.id,
        "position": lane.position,
        "type": lane.type,
        "held_s": round(lane.held_s, 3),
        "confidence": round(lane.confidence, 4),
        "boundary": boundary if known else None,
        "error_px": round(float(mean[boundary]), 2) if known else None,
        "correct": known and bool(truth.painted[boundary]) and bool(mean[boundary] <= CORRECT_PX),
        "points": lane.points.round(1).tolist(),
    }


def ego_lane_verdict(lanes: Sequence[Row], truth: FrameTruth) -> str:
    """`right`, both boundaries given and those of the lane that the camera is in; `half`, one of them; `wrong`; `none`."""
    own = {lane["position"]: lane["boundary"] for lane in lanes if abs(lane["position"]) == 1}
    beside = truth.at_distance(np.array([0.0]))[:, 0]
    allowed = {truth.ego_lane}
    for boundary in (truth.ego_lane, truth.ego_lane + 1):
        if abs(beside[boundary]) < BETWEEN_LANES_M:
            allowed |= {boundary - 1, boundary}
    for ego_lane in allowed:
        if own and all(boundary == ego_lane + (position > 0) for position, boundary in own.items()):
            return "right" if len(own) == 2 else "half"
    return "wrong" if own else "none"


def calibration_errors(calibration: Calibration | None, pitch: float, yaw: float) -> Row | None:
    """State, and errors with standard deviations in degrees."""
    if calibration is None:
        return None
    row: Row = {"state": calibration.state}
    for name, given, real in (("pitch", calibration.pitch_rad, pitch), ("yaw", calibration.yaw_rad, yaw)):
        row[name] = None if given is None else [degrees(given.value - real), degrees(given.std)]
    return row


def coverage(errors: NDArray[np.float64], stds: NDArray[np.float64]) -> float:
    """Share of errors inside their 90 % interval."""
    return float(np.mean(np.abs(errors) <= 1.6449 * stds)) if len(errors) else float("nan")


def _spread(curve: RoadCurve, x: float) -> float:
    """Standard deviation of a boundary's place at x, the parameters' errors taken as independent."""
    terms: list[tuple[Estimate, float]] = [(curve.offset_m, 1.0), (curve.heading_rad, x), (curve.curvature_per_m, x**2 / 2)]
    return hypot(*(estimate.std * factor for estimate, factor in terms))
