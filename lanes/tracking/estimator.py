"""TrackingEstimator: mask to road state, with what the frames before have shown of the road and of the camera's mount."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter_ns

from lanes.arrays import Mask
from lanes.departure import DepartureWarning, VehicleSignals
from lanes.geometry.camera_file import CameraFile
from lanes.geometry.instances import InstanceMap
from lanes.geometry.lines import find_paint_lines
from lanes.geometry.paint import PaintLine
from lanes.mount import MountEstimator
from lanes.results import Frame, RoadState
from lanes.tracking.curves import lanes_of
from lanes.tracking.metric import Metric
from lanes.tracking.sides import lane_sides
from lanes.tracking.tracker import RoadTracker


class TrackingEstimator:
    """Follows the lanes of one source; see `LaneEstimator`.

    Args:
        camera: what is known of the camera; None for an assumed field of view.
        height_m: of the camera above the road, metres, where the user says so.
        vehicle: its speed and turn signal by the source's clock, where they are known.
        store: folder where the estimate of the mount is kept from run to run; None for nowhere.
    """

    def __init__(
        self,
        camera: CameraFile | None = None,
        height_m: float | None = None,
        vehicle: VehicleSignals | None = None,
        store: Path | None = None,
    ) -> None:
        self._mount = MountEstimator(camera, height_m, store)
        self._tracker = RoadTracker()
        self._departure = DepartureWarning(
            None if camera is None else camera.vehicle_width_m, None if camera is None else camera.camera_lateral_offset_m
        )
        self._vehicle = vehicle

    def update(self, mask: Mask, frame: Frame) -> RoadState:
        """Take in the next frame; see `LaneEstimator.update`. What is in metres is given only where the mount allows it."""
        return self.update_lines(find_paint_lines(mask), frame)

    def update_instances(self, mask: Mask, instances: InstanceMap, frame: Frame) -> RoadState:
        """The same with lines that a network tells apart; see `InstanceEstimator`."""
        return self.update_lines(find_paint_lines(mask, instances), frame)

    def update_lines(self, lines: Sequence[PaintLine], frame: Frame) -> RoadState:
        """The same with the lines of paint that the frame's mask shows."""
        mount, tracker, time_s = self._mount, self._tracker, frame.time_s
        mount.update(lines, frame.size, time_s)
        tracker.height_known = mount.metric
        calibration = mount.calibration
        pitch = calibration.pitch_rad
        tracker.update(lines, mount.camera, time_s, *([] if pitch is None else [pitch.std]))
        lanes = lanes_of(tracker, mount.camera, mount.visible)
        metric = Metric(mount)
        lanes = [replace(lane, curve=None if lane.curve is None else metric.curve(lane.curve)) for lane in lanes]
        sides, ego = None, None
        if mount.metric:
            sides, seen = lane_sides(tracker, metric), tracker.ego()
            ego = None if seen is None else metric.ego(seen, tracker.tracks)
        age_s = 0.0 if frame.arrived_ns is None else (perf_counter_ns() - frame.arrived_ns) / 1e9
        vehicle = None if self._vehicle is None else self._vehicle(time_s)
        departure, why = self._departure.update(sides, calibration, time_s, age_s, vehicle)
        return RoadState(lanes, ego, calibration, departure, why, mount.band)

    def reset(self, cause: str) -> None:
        """Forget the road; what is known of the mount stays, see `MountEstimator.reset`."""
        self._mount.reset(cause)
        self._tracker.reset(cause)
        self._departure.reset()
