from __future__ import annotations
from lanes.arrays import Mask
from lanes.geometry.camera import Camera
from lanes.geometry.lines import find_paint_lines
from lanes.results import Frame, RoadState
from lanes.tracking.curves import lanes_of
from lanes.tracking.tracker import RoadTracker


class TrackingEstimator:
    def __init__(self):
        self.tracker = RoadTracker()
        self.camera = None
    def update(self, mask: Mask, frame: Frame) -> RoadState:
        h, w = mask.shape
        if self.camera is None:
            self.camera = Camera.centred(w, h, 0.9 * w)
        lines = find_paint_lines(mask)
        self.tracker.update(lines, self.camera, frame.time_s)
        return RoadState(lanes_of(self.tracker, self.camera), self.tracker.ego())
    def reset(self, cause):
        self.tracker.reset(cause)
