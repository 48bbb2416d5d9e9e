"""Roads of known geometry, and the lines of paint that a camera sees of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lanes.geometry.camera import Camera
from lanes.geometry.paint import PaintLine
from lanes.tracking import RoadTracker, Track

CAMERA = Camera.centred(1280, 720, 1000.0, mount_height=1.4, pitch=0.04)
LANE_M = 3.6
DT = 1.0 / 25.0


@dataclass(frozen=True)
class Road:
    """Boundaries at `offsets` metres to the left, all with one heading and curvature."""

    offsets: tuple[float, ...] = (1.8, -1.8)
    heading: float = 0.0
    curvature: float = 0.0

    def lines(
        self,
        camera: Camera = CAMERA,
        near: float = 5.0,
        far: float = 45.0,
        noise: np.random.Generator | None = None,
        confidence: float = 0.9,
        std_px: float = 1.0,
    ) -> list[PaintLine]:
        """One line of paint for each boundary, as seen from the car."""
        found = []
        for offset in self.offsets:
            x = 1.0 / np.linspace(1.0 / near, 1.0 / far, 120)
            y = offset + x * (self.heading + x * self.curvature / 2.0)
            points = camera.project(np.stack([x, y, np.zeros_like(x)], axis=-1))
            inside = ((points >= 0) & (points <= (camera.width - 1, camera.height - 1))).all(axis=1)
            points = points[inside]
            if len(points) < 2:
                continue
            if noise is not None:  # the error of paint wanders slowly along it
                points[:, 0] += noise.normal(0, std_px) + noise.normal(0, std_px) * np.linspace(-1, 1, len(points))
            found.append(PaintLine(points, np.full(len(points), 8.0), std_px, "solid", confidence))
        return found

    def moved(self, metres: float) -> Road:
        """The same road after the car has moved to the right."""
        return replace(self, offsets=tuple(offset + metres for offset in self.offsets))


def mirrored(lines: Sequence[PaintLine], camera: Camera = CAMERA) -> list[PaintLine]:
    """The lines in the mirror image of the picture."""
    return [replace(line, points=np.stack([camera.width - 1 - line.points[:, 0], line.points[:, 1]], axis=1)) for line in lines]


THREE_LANES = Road((LANE_M * 1.5, LANE_M * 0.5, -LANE_M * 0.5, -LANE_M * 1.5))


def drive(tracker: RoadTracker, road: Road, seconds: float, start: float = 0.0, camera: Camera = CAMERA, **how: float) -> float:
    """Shows the same road for a while; gives the time after it."""
    steps = round(seconds / DT)
    for step in range(steps):
        tracker.update(road.lines(camera, **how), camera, start + step * DT)  # type: ignore[arg-type]
    return start + steps * DT


def ego_pair(tracker: RoadTracker) -> tuple[Track, Track]:
    tracks = {track.position: track for track in tracker.tracks}
    return tracks[-1], tracks[1]
