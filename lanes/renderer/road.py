"""The road ahead of the camera: its course and profile as tables of distance, and what ground each pixel sees."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lanes.geometry.camera import Camera
from lanes.renderer.course import Course

REACH = 500.0
"""How far the road is followed, metres."""
SAMPLES = 700
SPREAD = 7.0
"""How much denser the samples are close by: by e to this power."""
TABLE = 4096
STRIDE = 4
"""Every how many columns a ray is traced."""
FLOAT = NDArray[np.float32]


class RoadAhead:
    """Course and height of the road from where the camera is, in the camera's road frame (X along the road at the camera).

    Attributes:
        s: (SAMPLES,) metres along the road from the camera; x, y, z the road's reference line there, heading its direction (radians).
    """

    def __init__(self, course: Course, travelled: float) -> None:
        spread = np.linspace(0.0, 1.0, SAMPLES)
        self.s = REACH * np.expm1(SPREAD * spread) / np.expm1(SPREAD)
        # A road that turns back out of sight is no function of X any more: past some 60 degrees it runs on straight.
        self.heading = np.clip(course.heading(travelled + self.s) - course.heading(travelled), -1.05, 1.05)
        step = np.diff(self.s)
        middle = (self.heading[1:] + self.heading[:-1]) / 2
        self.x = np.concatenate([[0.0], np.cumsum(step * np.cos(middle))])
        self.y = np.concatenate([[0.0], np.cumsum(step * np.sin(middle))])
        # The car stands on the slope, so heights count from the tangent under its wheels.
        self.z = course.elevation(travelled + self.s) - course.elevation(travelled) - course.grade(travelled) * self.s
        self._samples = np.stack([self.x, self.y, self.z, np.sin(self.heading), np.cos(self.heading)])

    def points(self, s: ArrayLike, y: ArrayLike, z: ArrayLike = 0.0) -> NDArray[np.float64]:
        """(..., 3) metres in the camera's road frame, of points `s` along the road, `y` left of its reference line, `z` above it."""
        s, y, z = (np.asarray(values, np.float64) for values in (s, y, z))
        # The samples' spacing is known, so that the position among them is worked out instead of searched.
        position = np.log1p(np.clip(s, 0, REACH) * (np.expm1(SPREAD) / REACH)) * ((SAMPLES - 1) / SPREAD)
        index = np.minimum(position.astype(np.intp), SAMPLES - 2)
        low, high = self._samples[:, index], self._samples[:, index + 1]
        x, across, height, sine, cosine = low + (high - low) * ((s - self.s[index]) / (self.s[index + 1] - self.s[index]))
        points = np.empty((*np.broadcast(s, y, z).shape, 3))
        points[..., 0] = x - y * sine
        points[..., 1] = across + y * cosine
        points[..., 2] = height + z
        return points

    def hidden(self, s: ArrayLike, camera: Camera) -> NDArray[np.bool_]:
        """Whether the road surface at `s` lies behind a crest."""
        slope = (self.z[1:] - camera.mount_height) / self.x[1:]
        margin = np.maximum.accumulate(slope) - slope
        behind: NDArray[np.bool_] = np.interp(np.asarray(s, np.float64), self.s[1:], margin) > 1e-3
        return behind


@dataclass
class GroundView:
    """What every pixel from row `top` downward sees of the ground; all arrays (rows, width) float32, metres.

    Attributes:
        top: the first row with any ground in it.
        ground: (rows, width) bool, False where the pixel sees the sky.
        distance: X of the point. s: along the road from the camera. y: to the left of the road's reference line.
        across: how much ground a pixel spans at right angles to the road; along: the same along it.
    """

    top: int
    ground: NDArray[np.bool_]
    distance: FLOAT
    s: FLOAT
    y: FLOAT
    across: FLOAT
    along: FLOAT


def _table(road: RoadAhead, camera: Camera, steepest: float) -> tuple[FLOAT, float, float]:
    """The road by the slope dz/dx of a ray: (1, TABLE, 4) of 1/X, Y, s - X, sin(heading); the flattest slope; slopes an entry.

    All a ray needs to know is its slope: the ground is level across, so that the first point on it whose own slope from the camera
    reaches the ray's is what the ray meets. Crests hide what lies in the running maximum's shadow.
    """
    x = road.x[1:]
    slope = (road.z[1:] - camera.mount_height) / x
    before = np.concatenate([[-np.inf], np.maximum.accumulate(slope)[:-1]])
    seen = slope > before
    flattest = float(slope[seen][-1])
    grid = np.linspace(steepest, flattest, TABLE)
    columns = (1 / x, road.y[1:], road.s[1:] - x, np.sin(road.heading[1:]))
    table = np.stack([np.interp(grid, slope[seen], column[seen]) for column in columns], axis=-1)
    # Ahead of the first sample the inverse distance is extrapolated: near the car the ground is flat.
    table[:, 0] = np.where(grid < slope[seen][0], -grid / camera.mount_height, table[:, 0])
    return table[None].astype(np.float32), flattest, (flattest - steepest) / (TABLE - 1)


def view_ground(camera: Camera, road: RoadAhead) -> GroundView | None:
    """Trace every pixel of a camera without distortion to the ground; None where the image shows none.

    Along a row all quantities change so evenly that every fourth column is traced and the others are interpolated.
    """
    rotation = camera.rotation
    columns = np.arange(-1, -(-camera.width // STRIDE) + 1) * STRIDE + (STRIDE - 1) / 2
    left = (camera.cx - columns) / camera.fx
    # One row more than the image has, so that differences between rows exist for the last one too.
    up = (camera.cy - np.arange(camera.height + 1))[:, None] / camera.fy
    forward = np.maximum(rotation[0, 0] + rotation[0, 1] * left + rotation[0, 2] * up, 0.05)
    slope = (rotation[2, 0] + rotation[2, 1] * left + rotation[2, 2] * up) / forward
    steepest = float(slope.min())
    if steepest > -0.01:
        return None
    table, flattest, step = _table(road, camera, steepest)
    rows = np.flatnonzero(slope.min(axis=1) < flattest)
    if rows[0] >= camera.height:
        return None
    top = int(rows[0])
    forward, slope, up = forward[top:], slope[top:], up[top:]
    side = ((rotation[1, 0] + rotation[1, 1] * left + rotation[1, 2] * up) / forward).astype(np.float32)
    entry = ((slope - steepest) / step).astype(np.float32)
    inverse, centre, extra, sine = cv2.split(
        cv2.remap(table, entry, np.zeros_like(entry), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )
    distance: FLOAT = np.reciprocal(inverse)
    offset = side * distance + np.float32(camera.lateral) - centre
    y = offset * np.sqrt(1 - sine * sine)
    s = distance + extra + offset * sine
    along: FLOAT = np.maximum(np.abs(s[1:] - s[:-1]), np.float32(1e-4))
    across: FLOAT = np.maximum(cv2.magnitude(np.gradient(y[:-1], axis=1) / np.float32(STRIDE), y[1:] - y[:-1]), np.float32(1e-4))

    def whole(values: FLOAT) -> FLOAT:
        """All columns of the image."""
        wide = cv2.resize(values, (len(columns) * STRIDE, values.shape[0]), interpolation=cv2.INTER_LINEAR)
        return np.ascontiguousarray(wide[:, STRIDE : STRIDE + camera.width])

    ground = whole(slope[:-1].astype(np.float32)) < np.float32(flattest)
    return GroundView(top, ground, whole(distance[:-1]), whole(s[:-1]), whole(y[:-1]), whole(across), whole(along))
