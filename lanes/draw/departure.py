"""A departure as a passenger sees it at a glance: the frame's edge on that side lights up, and arrows on it point outward."""

from __future__ import annotations

import cv2
import numpy as np

from lanes.arrays import BGRImage
from lanes.draw.shapes import SHIFT, Veil, fixed_point
from lanes.draw.theme import EDGE_OPACITY, WARNING
from lanes.results import DepartureState

EDGE = 0.11
"""Width of the light, in shares of the frame's width."""

ARROWS = 3


class DepartureLight:
    """Light along one side of the frame, prepared once for its size."""

    def __init__(self) -> None:
        self._sides: dict[str, Veil] = {}

    def draw(self, pixels: BGRImage, departure: DepartureState) -> None:
        """Draw into the frame in place; nothing where the lane is not being left."""
        if departure not in ("left", "right"):
            return
        height, width = pixels.shape[:2]
        w = max(4, round(EDGE * width))
        if departure not in self._sides or self._sides[departure].shape != (height, w):
            self._sides[departure] = _light(height, w, departure == "left")
        side = np.s_[:, :w] if departure == "left" else np.s_[:, width - w :]
        self._sides[departure].lay(pixels[side])
        self._arrows(pixels, departure)

    def _arrows(self, pixels: BGRImage, departure: DepartureState) -> None:
        """Chevrons one beside the other, the outermost the brightest."""
        height, width = pixels.shape[:2]
        size = 0.065 * min(height, width)
        chevron = size * np.array([(1.0, -1.0), (0.0, 0.0), (1.0, 1.0), (1.45, 1.0), (0.45, 0.0), (1.45, -1.0)])
        for number in reversed(range(ARROWS)):
            at = np.array((0.4 * size + 0.02 * width + 0.95 * size * number, 0.6 * height))
            outline = chevron + at
            if departure == "right":
                outline[:, 0] = width - 1 - outline[:, 0]
            cv2.fillPoly(pixels, [fixed_point(outline + 0.06 * size)], (20, 16, 40), cv2.LINE_AA, SHIFT)
            shade = 255 - 60 * number
            cv2.fillPoly(pixels, [fixed_point(outline)], (shade, shade, 255), cv2.LINE_AA, SHIFT)


def _light(height: int, width: int, left: bool) -> Veil:
    """Strongest at the frame's edge and at two thirds of its height down, where the road is."""
    across = np.linspace(1.0, 0.0, width)[None, :] ** 1.6
    down = np.exp(-(((np.arange(height) / height - 0.68) / 0.3) ** 2))[:, None]
    opacity = EDGE_OPACITY * across * down
    return Veil(opacity if left else opacity[:, ::-1], WARNING)
