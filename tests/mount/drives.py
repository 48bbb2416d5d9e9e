"""Drives along the renderer's roads as lines of paint alone: geometry without pixels, so that minutes of it cost seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import atan, radians, tan

import numpy as np
from numpy.typing import NDArray

from lanes.geometry.camera import Camera
from lanes.geometry.camera_file import CameraFile
from lanes.geometry.paint import PaintLine
from lanes.renderer.course import Course
from lanes.renderer.ego import EgoMotion
from lanes.renderer.elements import LaneMarking
from lanes.renderer.road import RoadAhead
from lanes.renderer.scene import Scene

SIZE = (1280, 720)
FIELD_OF_VIEW = radians(58)
STRAIGHT = Course()
SOLID, DASHED = LaneMarking("solid"), LaneMarking("dashed", dash=3.0, gap=9.0)


def highway(pitch: float = 0.0, yaw: float = 0.0, course: Course = STRAIGHT, seed: int = 0) -> Scene:
    """Three lanes; angles of the camera's mount in degrees."""
    lines = SOLID, DASHED, DASHED, SOLID
    return turned(Scene(seed=seed, lines=lines, course=course, field_of_view=FIELD_OF_VIEW, sway=1.0, speed=27.0), pitch, yaw)


def turned(scene: Scene, pitch: float, yaw: float) -> Scene:
    """The scene with a camera mounted at these angles, degrees."""
    half = SIZE[1] / SIZE[0] * tan(scene.field_of_view / 2)
    return replace(scene, horizon=0.5 - tan(radians(pitch)) / (2 * half), yaw=radians(yaw))


def mount_of(scene: Scene) -> tuple[float, float]:
    """Pitch and yaw of the camera against the car at rest, degrees."""
    half = SIZE[1] / SIZE[0] * tan(scene.field_of_view / 2)
    return float(np.degrees(atan((0.5 - scene.horizon) * 2 * half))), float(np.degrees(scene.yaw))


@dataclass
class Drive:
    """Lines of paint as a good network would find them along a scene.

    Attributes:
        bonnet: share of the height below which nothing of the road is seen, in the middle; it falls to the sides by `bonnet_fall`.
        reach: metres, how far paint is seen. noise: pixels along the row. lorry: metres ahead beyond which all is hidden; None for none.
    """

    scene: Scene
    bonnet: float = 1.0
    bonnet_fall: float = 0.0
    reach: float = 60.0
    noise: float = 1.0
    lorry: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        self.ego = EgoMotion(self.scene)
        self.rng = np.random.default_rng((self.seed, 77))

    def camera(self, time_s: float) -> Camera:
        """As it is at this moment, its movement on the springs included."""
        return self.ego.camera(*SIZE, time_s)

    def bottom(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """The first row that the bonnet hides, in each column."""
        width, height = SIZE
        return np.asarray(height * (self.bonnet + self.bonnet_fall * (2 * x / width - 1) ** 2))

    def lines(self, time_s: float) -> list[PaintLine]:
        """Of the frame at this time."""
        scene, state = self.scene, self.ego.state(time_s)
        camera, road = self.camera(time_s), RoadAhead(scene.course, state.s)
        s = np.geomspace(2.0, min(self.reach, self.lorry or self.reach), 250)
        found = []
        for y, marking in zip(scene.boundaries, scene.lines, strict=True):
            pixels = camera.project(road.points(s, np.full_like(s, y)))
            painted = np.ones(len(s), bool)
            if marking.kind == "dashed":
                painted = (s + state.s - marking.phase) % (marking.dash + marking.gap) < marking.dash
            if marking.kind == "none":
                continue
            painted &= ~road.hidden(s, camera)
            inside = np.all((pixels >= 0) & (pixels <= (SIZE[0] - 1, SIZE[1] - 1)), axis=1)
            inside &= pixels[:, 1] < self.bottom(pixels[:, 0])
            kept = np.flatnonzero(painted & inside)
            if len(kept) < 2:
                continue
            # A point for every fourth row, as the finder of lines gives them.
            rows = np.arange(np.ceil(pixels[kept[-1], 1]), pixels[kept[0], 1], 4.0)[::-1]
            order = kept[np.argsort(pixels[kept, 1])]
            sampled = pixels[order, 1]
            x = np.interp(rows, sampled, pixels[order, 0])
            after = np.clip(np.searchsorted(sampled, rows), 1, len(order) - 1)
            near = np.minimum(np.abs(sampled[after] - rows), np.abs(sampled[after - 1] - rows)) < 4.0
            rows, x = rows[near], x[near]
            if len(rows) < 5:
                continue
            x = x + self.rng.normal(0, self.noise, len(x)) + self.rng.normal(0, 0.3 * self.noise)
            points = np.stack([x, rows], axis=1)
            found.append(PaintLine(points, np.full(len(x), 8.0), self.noise, "solid" if marking.kind == "solid" else "dashed", 0.9))
        return found


def camera_file(drive: Drive) -> CameraFile:
    """What its camera.yaml says."""
    camera = drive.camera(0.0)
    return CameraFile("dashcam", *SIZE, camera.fx, camera.fy, camera.cx, camera.cy, height_m=camera.mount_height)
