"""The motion of the car that carries the camera: along its lane with a slow wander, and from lane to lane.

The car follows a smooth path, its lateral position y as a function of the distance s along the road. A car moves only where it points,
so all else follows from the path (the kinematic model of a car, in coordinates along the road; the camera is taken to be above the middle
of the rear axle, the one point that has no side slip). With the road's curvature k:

    tan(heading) = y' / (1 - y k)                        heading of the car against the road
    speed        = ds/dt (1 - y k) / cos(heading)        so that dy/dt = speed sin(heading)
    curvature    = (k + heading') cos(heading) / (1 - y k)   of the car's own path, which is what the driver steers

where ' is the derivative by s. ds/dt is constant; the speed therefore differs from it a little in bends and lane changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import atan, atan2, hypot, pi, tan

import numpy as np

from lanes.geometry.camera import Camera
from lanes.renderer.elements import LaneChange
from lanes.renderer.scene import Scene

WANDER = ((0.12, 420.0), (0.08, 230.0), (0.05, 130.0), (0.03, 80.0))
"""(amplitude, wavelength) in metres of the waves that a wander is made of: 0.11 m rms, never more than 0.28 m, and at 27 m/s a lateral
acceleration below 0.35 m/s^2, far below what passengers notice."""


@dataclass(frozen=True)
class EgoState:
    """Where the car is and how it moves at one time. Angles in radians, positive to the left.

    Attributes:
        s: metres along the road's reference line. y: metres to the left of it.
        heading: of the car against the road's direction at `s`.
        speed: over ground, m/s.
        path_curvature: of the car's own path, 1/m, positive to the left: speed times it is the yaw rate.
        lane: that the car is in, from 0 on the left.
    """

    s: float
    y: float
    heading: float
    speed: float
    path_curvature: float
    lane: int


class EgoMotion:
    """A scene's drive. The same scene and time give the same state, in whatever order times are asked for."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        rng = np.random.default_rng((scene.seed, 1))
        self._waves = [
            (scene.sway * amplitude, 2 * pi / (length * rng.uniform(0.85, 1.15)), rng.uniform(0, 2 * pi)) for amplitude, length in WANDER
        ]

    def state(self, time_s: float) -> EgoState:
        """The car at a time, seconds."""
        scene = self.scene
        s = scene.speed * time_s
        y, slope, bend = self._path(s)
        road, road_change = scene.course.curvature(s), scene.course.curvature_rate(s)
        stretch = 1 - y * road
        heading = atan2(slope, stretch)
        along = hypot(stretch, slope)  # metres of the car's path for each metre of the road
        turning = (bend * stretch + slope * (slope * road + y * road_change)) / along**2
        lane = sum(y < boundary for boundary in scene.boundaries[1:-1])
        return EgoState(s, y, heading, scene.speed * along, (road + turning) / along, lane)

    def camera(self, width: int, height: int, time_s: float = 0.0) -> Camera:
        """The camera at a time, in the road's frame below it (X along the road), for an image of a size."""
        scene, state = self.scene, self.state(time_s)
        focal = max(width, height) / 2 / tan(scene.field_of_view / 2)
        pitch = atan((0.5 - scene.horizon) * height / focal)
        bounce = 0.0022 * np.sin(2 * pi * 1.3 * time_s) + 0.0012 * np.sin(2 * pi * 2.17 * time_s + 1)
        return Camera.centred(
            width,
            height,
            focal,
            scene.camera_height,
            float(pitch + scene.sway * bounce),
            float(scene.roll + scene.sway * 0.0015 * np.sin(2 * pi * 0.9 * time_s)),
            scene.yaw + state.heading,
            state.y,
        )

    def _path(self, s: float) -> tuple[float, float, float]:
        """y at s, and its first and second derivative by s."""
        scene = self.scene
        waves = np.array(self._waves)
        phase = waves[:, 1] * s + waves[:, 2]
        y = scene.lane_centre(scene.ego_lane) + scene.offset + float(waves[:, 0] @ np.sin(phase))
        slope = float(waves[:, 0] * waves[:, 1] @ np.cos(phase))
        bend = -float(waves[:, 0] * waves[:, 1] ** 2 @ np.sin(phase))
        for change in scene.lane_changes:
            shift, shift_slope, shift_bend = _lane_change(change, scene.lane_width, scene.speed, s)
            y, slope, bend = y + shift, slope + shift_slope, bend + shift_bend
        return y, slope, bend


def _lane_change(change: LaneChange, lane_width: float, speed: float, s: float) -> tuple[float, float, float]:
    """By how much a lane change moves the path at s, and that shift's first and second derivative: the curve of least jerk."""
    length = speed * change.duration_s
    share = min(1.0, max(0.0, (s - speed * change.start_s) / length))
    width = lane_width * change.steps_left
    shift = width * share**3 * (10 - 15 * share + 6 * share**2)
    slope = width * 30 * share**2 * (1 - share) ** 2 / length
    bend = width * 60 * share * (1 - share) * (1 - 2 * share) / length**2
    return shift, slope, bend
