"""Camera: a pinhole camera above a road, and the mapping between road and pixels. The one camera model of the project.

Frames (after ISO 8855): X forward, Y left, Z up, in metres, with the origin on the ground below the camera when `lateral` is 0.
Pixels: u to the right, v down, the centre of the top left pixel at (0, 0). Angles in radians, positive as the right-hand rule has
them: yaw to the left, pitch with the nose down, roll with the right side down, applied in that order (intrinsic z-y-x).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import cos, sin
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lanes.geometry.distortion import NO_DISTORTION, Distortion


@dataclass(frozen=True)
class Camera:
    """A pinhole camera with plumb-bob lens distortion, and how it is mounted.

    Attributes:
        width, height: of the image, pixels.
        fx, fy: focal lengths, pixels. cx, cy: principal point, pixels.
        mount_height: of the optical centre above the ground, metres.
        pitch, roll, yaw: radians, see the module's docstring.
        lateral: Y of the optical centre, metres.
        distortion: of the lens; none by default.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    mount_height: float = 1.4
    pitch: float = 0.0
    roll: float = 0.0
    yaw: float = 0.0
    lateral: float = 0.0
    distortion: Distortion = NO_DISTORTION

    ASSUMED_FOCAL: ClassVar[float] = 0.9
    """In widths of the frame, where nothing is known: of a lens of 58 degrees, between a telephone's and a dashcam's."""

    ASSUMED_FOCAL_STD: ClassVar[float] = 0.25
    """Standard deviation of that, as a share of it."""

    @classmethod
    def assumed(cls, width: int, height: int) -> Camera:
        """The camera that is taken for granted of frames of which nothing is known: see `ASSUMED_FOCAL`."""
        return cls.centred(width, height, cls.ASSUMED_FOCAL * width)

    @classmethod
    def centred(
        cls,
        width: int,
        height: int,
        focal: float,
        mount_height: float = 1.4,
        pitch: float = 0.0,
        roll: float = 0.0,
        yaw: float = 0.0,
        lateral: float = 0.0,
    ) -> Camera:
        """A camera with square pixels, its principal point in the middle of the image, and no distortion."""
        return cls(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2, mount_height, pitch, roll, yaw, lateral)

    @cached_property
    def rotation(self) -> NDArray[np.float64]:
        """(3, 3): directions in the camera's own forward-left-up axes -> directions in the road frame."""
        cy, sy, cp, sp, cr, sr = (f(a) for a in (self.yaw, self.pitch, self.roll) for f in (cos, sin))
        yaw = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
        pitch = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
        roll = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
        matrix: NDArray[np.float64] = yaw @ pitch @ roll
        return matrix

    def project(self, points: ArrayLike) -> NDArray[np.float64]:
        """(..., 3) metres -> (..., 2) pixels (u, v); NaN for what is not in front of the camera, or outside what its lens shows."""
        seen = (np.asarray(points, np.float64) - (0, self.lateral, self.mount_height)) @ self.rotation
        depth = np.where(seen[..., 0] > 1e-6, seen[..., 0], np.nan)
        left_up = seen[..., 1:] / depth[..., None]
        if not self.distortion.is_zero:
            left_up = -self.distortion.distort(-left_up)
        pixels: NDArray[np.float64] = np.array((self.cx, self.cy)) - np.array((self.fx, self.fy)) * left_up
        return pixels

    def rays(self, pixels: ArrayLike) -> NDArray[np.float64]:
        """(..., 2) pixels -> (..., 3) directions in the road frame, of any length; NaN outside what the lens shows."""
        left_up = (np.array((self.cx, self.cy)) - np.asarray(pixels, np.float64)) / (self.fx, self.fy)
        if not self.distortion.is_zero:
            left_up = -self.distortion.undistort(-left_up)
        directions: NDArray[np.float64] = self.rotation[:, 0] + left_up @ self.rotation[:, 1:].T
        return directions

    def unproject(self, pixels: ArrayLike) -> NDArray[np.float64]:
        """(..., 2) pixels -> (..., 2) metres (X, Y) where the ray meets the flat ground; NaN at and above the horizon."""
        rays = self.rays(pixels)
        reach = np.where(rays[..., 2] < -1e-9, -self.mount_height / np.minimum(rays[..., 2], -1e-9), np.nan)
        ground: NDArray[np.float64] = rays[..., :2] * reach[..., None] + (0, self.lateral)
        return ground

    def horizon(self) -> tuple[float, float]:
        """Rows where a flat world's horizon meets the first and the last column, through a lens without distortion."""
        rotation = self.rotation
        ends = (self.cx - np.array([0, self.width - 1])) / self.fx
        # dz = R20 + R21 * left + R22 * up is 0 on the horizon.
        up = -(rotation[2, 0] + rotation[2, 1] * ends) / rotation[2, 2]
        rows = self.cy - self.fy * up
        return float(rows[0]), float(rows[1])
