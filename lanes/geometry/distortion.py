"""Plumb-bob lens distortion (Brown-Conrady), the model of OpenCV's `calibrateCamera` and of ROS's camera_info files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

NEWTON_STEPS = 20
"""Far more than the four to six that a lens of ordinary width needs."""

SOLVED = 1e-9
"""Greatest residual of an undistorted point, in focal lengths: a millionth of a pixel."""


@dataclass(frozen=True)
class Distortion:
    """Where a lens bends points to, on the plane one focal length ahead: x to the right, y down, in focal lengths.

    Attributes:
        k1, k2, k3: radial coefficients. p1, p2: tangential ones. All 0 for a perfect lens.
    """

    k1: float = 0.0
    k2: float = 0.0
    p1: float = 0.0
    p2: float = 0.0
    k3: float = 0.0

    @property
    def is_zero(self) -> bool:
        """Whether points stay where they are."""
        return not any((self.k1, self.k2, self.p1, self.p2, self.k3))

    @cached_property
    def reach(self) -> float:
        """Distance from the axis, in focal lengths, at which the image folds back on itself: infinite for most lenses.

        Beyond it the polynomial sends points at the side into the image again, where no real lens shows them.
        """
        # d(r radial)/dr = 1 + 3 k1 r^2 + 5 k2 r^4 + 7 k3 r^6 is 0 there, solved for 1 / r^2 so that the leading coefficient is 1.
        inverse = np.roots([1.0, 3 * self.k1, 5 * self.k2, 7 * self.k3])
        turning = inverse.real[(np.abs(inverse.imag) < 1e-9) & (inverse.real > 1e-9)]
        return float(1 / np.sqrt(turning.max())) if len(turning) else float("inf")

    def distort(self, points: ArrayLike) -> NDArray[np.float64]:
        """(..., 2) points of a perfect lens -> (..., 2) points of this one; NaN beyond `reach`."""
        x, y = np.moveaxis(np.asarray(points, np.float64), -1, 0)
        square = x * x + y * y
        radial = 1 + square * (self.k1 + square * (self.k2 + square * self.k3))
        bent = np.stack(
            [
                x * radial + 2 * self.p1 * x * y + self.p2 * (square + 2 * x * x),
                y * radial + self.p1 * (square + 2 * y * y) + 2 * self.p2 * x * y,
            ],
            axis=-1,
        )
        return np.where((square < self.reach**2)[..., None], bent, np.nan)

    def undistort(self, points: ArrayLike) -> NDArray[np.float64]:
        """(..., 2) points of this lens -> (..., 2) points of a perfect one, by Newton's method; NaN for what this lens never shows."""
        wanted = np.asarray(points, np.float64)
        found = self._within_reach(wanted, np.zeros_like(wanted))
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            for _ in range(NEWTON_STEPS):
                error = self.distort(found) - wanted
                if not np.nanmax(np.abs(error), initial=0.0) > SOLVED / 10:
                    break
                found = self._within_reach(found - self._newton_step(found, error), found)
            solved = np.abs(self.distort(found) - wanted).max(axis=-1) < SOLVED
        return np.where(solved[..., None], found, np.nan)

    def _within_reach(self, points: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
        """`points`, those beyond `reach` brought back to half of what lay between it and where they were `before`; all (..., 2)."""
        if not np.isfinite(self.reach):
            return points
        distance = np.linalg.norm(points, axis=-1, keepdims=True)
        nearer = (np.linalg.norm(before, axis=-1, keepdims=True) + self.reach) / 2
        return np.where(distance < self.reach, points, points * (nearer / np.maximum(distance, self.reach)))

    def _newton_step(self, points: NDArray[np.float64], error: NDArray[np.float64]) -> NDArray[np.float64]:
        """The inverse of the distortion's Jacobian at `points`, times `error`; all (..., 2)."""
        x, y = np.moveaxis(points, -1, 0)
        square = x * x + y * y
        radial = 1 + square * (self.k1 + square * (self.k2 + square * self.k3))
        growth = 2 * (self.k1 + square * (2 * self.k2 + square * 3 * self.k3))  # d radial / dx is x times this
        xx = radial + growth * x * x + 2 * self.p1 * y + 6 * self.p2 * x
        yy = radial + growth * y * y + 6 * self.p1 * y + 2 * self.p2 * x
        xy = growth * x * y + 2 * self.p1 * x + 2 * self.p2 * y
        determinant = xx * yy - xy * xy
        step = np.stack([yy * error[..., 0] - xy * error[..., 1], xx * error[..., 1] - xy * error[..., 0]], axis=-1)
        newton: NDArray[np.float64] = step / determinant[..., None]
        return newton


NO_DISTORTION = Distortion()
