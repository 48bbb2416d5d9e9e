"""The ego lane's sides for the departure warning, from its tracks."""

from __future__ import annotations

from math import hypot

from lanes.departure import LaneSides, Side
from lanes.results import Estimate
from lanes.tracking.metric import Metric
from lanes.tracking.tracker import RoadTracker

PAINT_WIDTH_STD_M = 0.03
"""Of half the width of the paint as a mask shows it."""


TURN_SHARE = 1.5
"""By how much a vehicle turns more than the filter says, which knows of a turn late and holds none for the likeliest."""


def lane_sides(tracker: RoadTracker, metric: Metric) -> LaneSides:
    """How far the inner edges of the ego lane's markings are from the camera, at the time of the last frame."""
    found: dict[int, Side] = {}
    for track in tracker.tracks:
        if abs(track.position) == 1:
            offset = metric.offset(track.curve.offset_m)
            distance = -track.position * offset.value - track.paint_width_m / 2
            found[track.position] = Side(Estimate(distance, hypot(offset.std, PAINT_WIDTH_STD_M)), track.confidence)
    drift = metric.speed(tracker.drift())
    return LaneSides(found.get(-1), found.get(1), drift, TURN_SHARE * metric.speed(tracker.drift_rate()).value)
