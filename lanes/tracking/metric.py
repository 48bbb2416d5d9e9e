"""What may be said in metres, and how surely: the tracker takes its camera for right, here what is not known of the camera is added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import hypot

from lanes.geometry.camera import Camera
from lanes.mount import MountEstimator
from lanes.mount.estimator import ASSUMED_ROLL_STD
from lanes.results import Ego, Estimate, RoadCurve
from lanes.tracking.tracker import Track

UNKNOWN_YAW_STD = 0.05
"""rad, three degrees: of a camera of which nothing is known but that it looks along the road."""


class Metric:
    """What a mount allows.

    Args:
        mount: as it is known at the frame's time; it must allow metres.
    """

    def __init__(self, mount: MountEstimator) -> None:
        calibration = mount.calibration
        height, yaw, roll = calibration.height_m, calibration.yaw_rad, calibration.roll_rad
        self._height_m = mount.camera.mount_height
        self._height = 0.0 if height is None else height.std / height.value
        self._yaw = UNKNOWN_YAW_STD if yaw is None else yaw.std
        self._roll = ASSUMED_ROLL_STD if roll is None else roll.std
        self._aligned = yaw is not None
        self._focal = 0.0 if mount.focal_known else Camera.ASSUMED_FOCAL_STD
        self._focal_known = mount.focal_known

    def offset(self, length: Estimate) -> Estimate:
        """How far a boundary is to the left.

        A roll turns what is below the camera to the side, by the height; and it tilts the road, on which all that is beside the camera
        then lies nearer or farther: together roll (height + offset^2 / height), to the same side left and right.
        """
        tilt = self._height_m + length.value**2 / self._height_m
        return _wider(length, self._height * length.value, self._roll * tilt)

    def speed(self, speed: Estimate) -> Estimate:
        """A speed across the road."""
        return _wider(speed, self._height * speed.value)

    def curve(self, curve: RoadCurve) -> RoadCurve:
        """A boundary, as sure as it is."""
        return replace(
            curve,
            offset_m=self.offset(curve.offset_m),
            heading_rad=self._heading(curve.heading_rad),
            curvature_per_m=self._along(curve.curvature_per_m, -2),
            curvature_rate_per_m2=self._along(curve.curvature_rate_per_m2, -3),
        )

    def ego(self, ego: Ego, tracks: Sequence[Track]) -> Ego:
        """The place in the lane: None for what the camera does not allow, headings and lengths ahead through a lens that is not known.

        Args:
            ego: by the tracker. tracks: all of them.
        """
        known, offset, width = self._focal_known, ego.offset_m, ego.width_m
        if offset is not None and width is not None:
            squares = [track.curve.offset_m.value**2 for track in tracks if track.position in (-1, 1)]
            tilt = self._height_m + sum(squares) / (2.0 * self._height_m)
            offset = _wider(offset, self._height * offset.value, self._roll * tilt)
            width = _wider(width, self._height * width.value, self._roll * abs(squares[0] - squares[1]) / self._height_m)
        return Ego(
            offset,
            width,
            self._along(ego.curvature_per_m, -2) if known and ego.curvature_per_m is not None else None,
            self._heading(ego.heading_rad) if known and self._aligned and ego.heading_rad is not None else None,
            self._along(ego.look_ahead_m, 1) if known and ego.look_ahead_m is not None else None,
        )

    def _heading(self, angle: Estimate) -> Estimate:
        """An angle against the vehicle's axis: as wrong as the yaw, and as the focal length."""
        return _wider(angle, self._yaw, self._focal * angle.value)

    def _along(self, value: Estimate, power: int) -> Estimate:
        """What goes with a power of lengths along the road, which are as wrong as the focal length and the height."""
        return _wider(value, abs(power) * hypot(self._focal, self._height) * value.value)


def _wider(estimate: Estimate, *stds: float) -> Estimate:
    return Estimate(estimate.value, hypot(estimate.std, *stds))
