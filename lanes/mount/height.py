"""The camera's height above the road, and where it is from."""

from __future__ import annotations

import numpy as np

from lanes.geometry.camera_file import CameraFile
from lanes.mount.vanishing import RoadDirection
from lanes.results import Estimate, HeightOrigin

ASSUMED_M = Estimate(1.4, 0.25)
"""From a low car to a van."""

MEASURED_STD_M = 0.02
"""Of a height that somebody measured, by a tape, with a load that changes."""

LANE_WIDTH_STD = 0.03
"""Share of a lane's width by which it differs from what it is said to be."""

LANE_HEIGHTS = 1.0, 4.5
"""Widths of the ego lane, in camera heights, that are taken for one."""


class HeightKeeper:
    """Keeps the height.

    Attributes:
        estimate: metres. origin: where it is from; `assumed` until something better is known.
    """

    def __init__(self, camera: CameraFile | None, height_m: float | None, lane_width_m: float | None) -> None:
        self.estimate = ASSUMED_M
        self.origin: HeightOrigin = "assumed"
        self._lane_width_m = None
        if height_m is not None:
            self.estimate, self.origin = Estimate(height_m, MEASURED_STD_M), "user"
        elif camera is not None and camera.height_m is not None:
            self.estimate, self.origin = Estimate(camera.height_m, MEASURED_STD_M), "camera.yaml"
        else:
            self._lane_width_m = lane_width_m
        self._widths: list[float] = []

    def take(self, seen: RoadDirection, valid: bool) -> None:
        """Learn from a frame how many heights wide the lane is, where its width is known; only once the angles are."""
        if self._lane_width_m is None or not valid:
            return
        left, right = seen.offsets[seen.offsets > 0], seen.offsets[seen.offsets <= 0]
        if not len(left) or not len(right):
            return
        width = float(left.min() - right.max())
        if LANE_HEIGHTS[0] < width < LANE_HEIGHTS[1]:
            self._widths = [*self._widths[-199:], width]
        if len(self._widths) >= 20:
            height = self._lane_width_m / float(np.median(self._widths))
            self.estimate, self.origin = Estimate(height, LANE_WIDTH_STD * height), "lane width"
