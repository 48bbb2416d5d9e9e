"""Scene: everything there is to know about a rendered road, as plain values.

Lengths in metres, angles in radians, colours BGR from 0 to 1 as displayed (gamma-encoded), shares from 0 to 1. Lateral positions `y`
count to the left of the road's reference line, the middle of its marked lanes; positions `s` along the road from where time is 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import atan, pi, tan

import numpy as np

from lanes.geometry.camera import Camera
from lanes.renderer.course import Course
from lanes.renderer.elements import LaneMarking, Lens, Light, Marking, Side, Sky, Surface, Vehicle, Weather

BRIDGE_WIDTH = 14.0
BRIDGE_SPACING = 300.0
"""After how many metres a scene's bridge comes again."""


@dataclass(frozen=True)
class Scene:
    """A road, what surrounds it, and the camera that drives along it.

    Attributes:
        seed: of all texture and scatter, so that a scene renders alike everywhere.
        lines: one for each lane boundary from left to right: one more than there are lanes.
        lane_width; ego_lane: the camera's, from 0 on the left.
        field_of_view: of the longer side of the picture, radians. horizon: its row on a flat road, as a share of the height.
        camera_height, roll, yaw (against the road), offset: of the camera from the middle of its lane, to the left.
        speed: m/s along the road; sway: how much the car moves on its springs and in its lane, 1 as usual, 0 for not at all.
    """

    seed: int = 0
    course: Course = field(default_factory=Course)
    lines: tuple[LaneMarking, ...] = (LaneMarking(), LaneMarking("dashed"), LaneMarking())
    lane_width: float = 3.5
    ego_lane: int = 1
    markings: tuple[Marking, ...] = ()
    surface: Surface = field(default_factory=Surface)
    left: Side = field(default_factory=Side)
    right: Side = field(default_factory=Side)
    light: Light = field(default_factory=Light)
    weather: Weather = field(default_factory=Weather)
    sky: Sky = field(default_factory=Sky)
    vehicles: tuple[Vehicle, ...] = ()
    lens: Lens = field(default_factory=Lens)
    field_of_view: float = 1.05
    horizon: float = 0.45
    camera_height: float = 1.4
    roll: float = 0.0
    yaw: float = 0.0
    offset: float = 0.0
    speed: float = 25.0
    sway: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.ego_lane < len(self.lines) - 1:
            raise ValueError(
                f"{len(self.lines)} lines bound {len(self.lines) - 1} lanes; there is no lane {self.ego_lane} (they count from 0)"
            )

    @property
    def boundaries(self) -> tuple[float, ...]:
        """`y` of each lane boundary, from left to right."""
        lanes = len(self.lines) - 1
        return tuple((lanes / 2 - index) * self.lane_width for index in range(lanes + 1))

    def position(self, boundary: int) -> int:
        """A boundary's place as seen from the camera's lane: -1 its left one, 1 its right one, further out -2, 2 and so on."""
        return boundary - self.ego_lane - 1 if boundary <= self.ego_lane else boundary - self.ego_lane

    def travelled(self, time_s: float) -> float:
        """How far along the road the camera is at a time."""
        return self.speed * time_s

    def bridge_ahead(self, travelled: float) -> float | None:
        """How far ahead the next bridge begins; negative while the camera is under it; None where there are none."""
        if self.light.bridge is None:
            return None
        return (self.light.bridge - travelled + BRIDGE_WIDTH) % BRIDGE_SPACING - BRIDGE_WIDTH

    def camera(self, width: int, height: int, time_s: float = 0.0) -> Camera:
        """The camera at a time, for a picture of a size."""
        focal = max(width, height) / 2 / tan(self.field_of_view / 2)
        pitch = atan((0.5 - self.horizon) * height / focal)
        bounce = 0.0022 * np.sin(2 * pi * 1.3 * time_s) + 0.0012 * np.sin(2 * pi * 2.17 * time_s + 1)
        drift = 0.14 * np.sin(0.41 * time_s) + 0.06 * np.sin(1.07 * time_s + 2)
        turn = 0.006 * np.cos(0.41 * time_s)
        lane_middle = (self.boundaries[self.ego_lane] + self.boundaries[self.ego_lane + 1]) / 2
        return Camera.centred(
            width,
            height,
            focal,
            self.camera_height,
            float(pitch + self.sway * bounce),
            float(self.roll + self.sway * 0.0015 * np.sin(2 * pi * 0.9 * time_s)),
            float(self.yaw + self.sway * turn),
            float(lane_middle + self.offset + self.sway * drift),
        )

    @property
    def paved(self) -> tuple[float, float]:
        """`y` of the pavement's right and left edges."""
        return self.boundaries[-1] - self.right.shoulder, self.boundaries[0] + self.left.shoulder

    @classmethod
    def random(cls, rng: np.random.Generator) -> Scene:
        """Draw a scene: wide but realistic ranges, for training."""
        from lanes.renderer.random_scene import random_scene

        return random_scene(rng)

    @classmethod
    def demo(cls) -> Scene:
        """A handsome drive for the demonstration clip."""
        from lanes.renderer.demo import demo_scene

        return demo_scene()
