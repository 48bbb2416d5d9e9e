"""How a road runs: bends and hills, as functions of the distance along it. Lengths in metres, angles in radians."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Course:
    """How the road runs: a bend with a winding on top (curvature changes steadily, as on a clothoid), and hills.

    Attributes:
        bend: curvature everywhere, 1/m, positive to the left.
        winding: amplitude of the curvature that comes and goes, 1/m, over `winding_length` metres, at `winding_phase` radians.
        hill: amplitude of the height profile, over `hill_length` metres, at `hill_phase` radians.
    """

    bend: float = 0.0
    winding: float = 0.0
    winding_length: float = 400.0
    winding_phase: float = 0.0
    hill: float = 0.0
    hill_length: float = 300.0
    hill_phase: float = 0.0

    def heading(self, s: ArrayLike) -> NDArray[np.float64]:
        """Direction of the road at `s`, the integral of its curvature."""
        s = np.asarray(s, np.float64)
        wave = 2 * pi / self.winding_length
        heading: NDArray[np.float64] = self.bend * s - self.winding / wave * np.cos(wave * s + self.winding_phase)
        return heading

    def curvature(self, s: float) -> float:
        """Curvature of the road at `s`, 1/m, positive to the left."""
        return self.bend + self.winding * sin(2 * pi / self.winding_length * s + self.winding_phase)

    def curvature_rate(self, s: float) -> float:
        """Change of the curvature with `s`, 1/m^2."""
        wave = 2 * pi / self.winding_length
        return self.winding * wave * cos(wave * s + self.winding_phase)

    def elevation(self, s: ArrayLike) -> NDArray[np.float64]:
        """Height of the road at `s`."""
        height: NDArray[np.float64] = self.hill * np.sin(2 * pi / self.hill_length * np.asarray(s, np.float64) + self.hill_phase)
        return height

    def grade(self, s: float) -> float:
        """Slope of the road at `s`, rise over run."""
        wave = 2 * pi / self.hill_length
        return float(self.hill * wave * np.cos(wave * s + self.hill_phase))
