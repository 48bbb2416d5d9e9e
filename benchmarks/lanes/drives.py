"""The rendered drives: which there are, how long, at what rate, and what the estimator knows of the camera when each begins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import radians, tan

from benchmarks.lanes.roads import horizon_at, pitch_of, road
from lanes.renderer import LaneChange, Scene
from lanes.renderer.elements import LaneMarking

SIZE = (960, 540)
"""Of the frames: a compromise of what dashcams give and what rendering costs."""

LANE_RATE, DEPARTURE_RATE, MOUNT_RATE = 10, 20, 10
"""Frames a second. A warning is timed in steps of 50 ms, of which the added ages are multiples, so that no rounding adds to its shift;
the other drives have as few as tell what a filter makes of them, for rendering and network cost the same for every frame."""

LANE_DRIVES = {"straight": 4, "bends": 6, "hills": 4, "lane_changes": 4, "occlusion": 3, "rain": 3, "night": 3, "slab_joints": 3}
"""How many of each kind: thirty."""

DEPARTURE_DRIVES = 30
SLOWEST_MPS, FASTEST_MPS = 0.2, 0.8


@dataclass(frozen=True)
class Drive:
    """One drive, rendered or to be rendered.

    Attributes:
        name: of its files. kind: of road, or `departure`, `mount`, `bump`, `any`.
        scene: what is driven through. later: the same with another mount, from `bump_s` on; None for no bump.
        start_s, seconds: the stretch of the scene's time that is driven. rate: frames a second.
        mount_known: whether the estimator starts from the true mount, or from none.
    """

    name: str
    kind: str
    scene: Scene
    seconds: float
    rate: int
    start_s: float = 0.0
    later: Scene | None = None
    bump_s: float = 0.0
    mount_known: bool = True

    @property
    def frames(self) -> int:
        """How many there are."""
        return round(self.seconds * self.rate)

    def scene_at(self, time_s: float) -> Scene:
        """What is driven through at a time of the scene's."""
        return self.scene if self.later is None or time_s < self.start_s + self.bump_s else self.later


def lane_drives(share: float = 1.0, seconds: float = 20.0) -> list[Drive]:
    """The drives that lanes are measured on.

    Args:
        share: of each kind, at least one. seconds: of each.
    """
    return [
        Drive(f"{kind}-{number}", kind, road(kind, number), seconds, LANE_RATE)
        for kind, count in LANE_DRIVES.items()
        for number in range(max(1, round(share * count)))
    ]


def departure_drives(count: int = DEPARTURE_DRIVES) -> list[Drive]:
    """Drives that leave their lane, with lateral speeds spread evenly where the tyre crosses the line, to either side in turn.

    The lane change of a scene is the curve of least jerk; where it has moved the car by the 0.85 m to the line it is 1.59 times as fast
    as on the mean. A third of them cross a solid line onto the shoulder.
    """
    drives = []
    for number in (round(index * (DEPARTURE_DRIVES - 1) / max(1, count - 1)) for index in range(count)):
        speed = SLOWEST_MPS + (FASTEST_MPS - SLOWEST_MPS) * number / (DEPARTURE_DRIVES - 1)
        scene = road(("straight", "bends", "night", "rain", "hills", "slab_joints")[number % 6], 90 + number)
        if number % 6 == 1:  # wide bends: nobody leaves the lane by accident where it is steered hard
            scene = replace(scene, course=replace(scene.course, bend=0.0, winding=0.0012), speed=max(scene.speed, 22.0))
        if number % 3 == 2:
            none = LaneMarking("none")
            scene = replace(scene, lines=(none, scene.lines[0], scene.lines[1], scene.lines[3], none), ego_lane=1 + (number // 3) % 2)
            left = scene.ego_lane == 1
        else:
            scene, left = replace(scene, ego_lane=1), number % 2 == 0
        duration = 1.59 * scene.lane_width / speed
        scene = replace(scene, lane_changes=(LaneChange(6.0, "left" if left else "right", duration),))
        crossing = 6.0 + 0.36 * duration
        drives.append(Drive(f"departure-{number:02d}", "departure", scene, 7.0, DEPARTURE_RATE, max(0.0, crossing - 5.0)))
    return drives


def mount_drives(seconds: float = 40.0) -> list[Drive]:
    """Drives that begin three degrees off what is taken for granted of the mount, and some in which it is bumped by one degree."""
    drives = []
    for number, (pitch, yaw) in enumerate(((3.0, 0.0), (0.0, -3.0), (3.0, 3.0), (-3.0, 2.0))):
        scene = _mounted(road("straight" if number % 2 else "any", 60 + number), radians(pitch), radians(yaw))
        drives.append(Drive(f"mount-{number}", "mount", scene, seconds, MOUNT_RATE, mount_known=False))
    for number, (pitch, yaw) in enumerate(((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0))):
        scene = road("straight" if number % 2 else "any", 70 + number)
        bumped = _mounted(scene, pitch_of(scene) + radians(pitch), scene.yaw + radians(yaw))
        drives.append(Drive(f"bump-{number}", "bump", scene, seconds, MOUNT_RATE, later=bumped, bump_s=seconds / 2))
    return drives


def hour_drives(hours: float, rate: int, seconds: float = 60.0) -> list[Drive]:
    """An hour, or another time, of drives that never leave their lane."""
    count = max(1, round(3600 * hours / seconds))
    return [Drive(f"any-{number:03d}-{rate}", "any", road("any", number), seconds, rate) for number in range(count)]


def focal_px(scene: Scene, width: int, height: int) -> float:
    """Focal length of a scene's camera in frames of a size."""
    return max(width, height) / 2 / tan(scene.field_of_view / 2)


def _mounted(scene: Scene, pitch: float, yaw: float) -> Scene:
    return replace(scene, horizon=horizon_at(pitch, scene.field_of_view), yaw=yaw)
