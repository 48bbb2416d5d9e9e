"""What may be said in metres, and how surely: the tracker takes its camera for right, here what is not known of the camera is added."""

from __future__ import annotations

from dataclasses import replace
from math import hypot

from lanes.geometry.camera import Camera
from lanes.mount import MountEstimator
from lanes.results import Ego, Estimate, RoadCurve


class Metric:
    """What a mount allows.

    Args:
        mount: as it is known at the frame's time; it must allow metres.
    """

    def __init__(self, mount: MountEstimator) -> None:
        calibration = mount.calibration
        height, yaw = calibration.height_m, calibration.yaw_rad
        self._height = 0.0 if height is None else height.std / height.value
        self._yaw = None if yaw is None else yaw.std
        self._focal = 0.0 if mount.focal_known else Camera.ASSUMED_FOCAL_STD
        self.focal_known = mount.focal_known

    def across(self, length: Estimate) -> Estimate:
        """A length across the road: as wrong as the height, and however long the focal length is."""
        return _wider(length, self._height)

    def heading(self, angle: Estimate) -> Estimate:
        """An angle against the vehicle's axis: as wrong as the yaw, and as the focal length."""
        return _wider(replace(angle, std=hypot(angle.std, self._yaw or 0.0)), self._focal)

    def along(self, value: Estimate, power: int) -> Estimate:
        """What goes with a power of lengths along the road."""
        return _wider(value, abs(power) * hypot(self._height, self._focal))

    def curve(self, curve: RoadCurve) -> RoadCurve:
        """A boundary, as sure as it is."""
        return replace(
            curve,
            offset_m=self.across(curve.offset_m),
            heading_rad=self.heading(curve.heading_rad),
            curvature_per_m=self.along(curve.curvature_per_m, -2),
            curvature_rate_per_m2=self.along(curve.curvature_rate_per_m2, -3),
        )

    def ego(self, ego: Ego) -> Ego:
        """The place in the lane: None for what the camera does not allow, headings and lengths ahead through a lens that is not known."""
        known = self.focal_known
        heading = ego.heading_rad if known and self._yaw is not None else None
        return Ego(
            None if ego.offset_m is None else self.across(ego.offset_m),
            None if ego.width_m is None else self.across(ego.width_m),
            self.along(ego.curvature_per_m, -1) if known and ego.curvature_per_m is not None else None,
            None if heading is None else self.heading(heading),
            self.along(ego.look_ahead_m, 1) if known and ego.look_ahead_m is not None else None,
        )


def _wider(estimate: Estimate, share: float) -> Estimate:
    return Estimate(estimate.value, hypot(estimate.std, share * estimate.value))
