"""Scene: everything there is to know about a rendered road, as plain values.

Lengths in metres, angles in radians, colours BGR from 0 to 1 as displayed (gamma-encoded), shares from 0 to 1. Lateral positions `y`
count to the left of the road's reference line, the middle of its marked lanes; positions `s` along the road from where time is 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lanes.renderer.course import Course
from lanes.renderer.elements import LaneChange, LaneMarking, Lens, Light, Marking, Side, Sky, Surface, Vehicle, Weather

BRIDGE_WIDTH = 14.0
BRIDGE_SPACING = 300.0
"""After how many metres a scene's bridge comes again."""


@dataclass(frozen=True)
class Scene:
    """A road, what surrounds it, and the camera that drives along it.

    Attributes:
        seed: of all texture and scatter, so that a scene renders alike everywhere.
        lines: one for each lane boundary from left to right: one more than there are lanes.
        lane_width; ego_lane: the camera's when time is 0, from 0 on the left.
        field_of_view: of the longer side of the image, radians. horizon: its row on a flat road, as a share of the height.
        camera_height; roll, yaw: of the camera against the car; offset: of the camera from the middle of its lane, to the left.
        speed: m/s along the road; sway: how much the car moves on its springs and in its lane, 1 as usual, 0 for not at all.
        lane_changes: of the camera's car, in order of time. Other traffic does not make way.
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
    lane_changes: tuple[LaneChange, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.ego_lane < len(self.lines) - 1:
            raise ValueError(
                f"{len(self.lines)} lines bound {len(self.lines) - 1} lanes; there is no lane {self.ego_lane} (they count from 0)"
            )
        lane, free_from = self.ego_lane, 0.0
        for change in self.lane_changes:
            if self.speed <= 0 or change.duration_s <= 0 or change.start_s < free_from:
                raise ValueError(f"{change}: lane changes take time, come one after the other, and need a car that moves forward")
            lane, free_from = lane - change.steps_left, change.start_s + change.duration_s
            if not 0 <= lane < len(self.lines) - 1:
                raise ValueError(f"{change}: there is no lane to the {change.direction} of lane {lane + change.steps_left}")

    @property
    def boundaries(self) -> tuple[float, ...]:
        """`y` of each lane boundary, from left to right."""
        lanes = len(self.lines) - 1
        return tuple((lanes / 2 - index) * self.lane_width for index in range(lanes + 1))

    def lane_centre(self, lane: int) -> float:
        """`y` of the middle of a lane."""
        return (self.boundaries[lane] + self.boundaries[lane + 1]) / 2

    def bridge_ahead(self, travelled: float) -> float | None:
        """How far ahead the next bridge begins; negative while the camera is under it; None where there are none."""
        if self.light.bridge is None:
            return None
        return (self.light.bridge - travelled + BRIDGE_WIDTH) % BRIDGE_SPACING - BRIDGE_WIDTH

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
