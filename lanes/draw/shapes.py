"""Drawing in fixed point and blending in integers, on the part of a frame concerned."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import BGRImage, Mask
from lanes.draw.theme import Colour

SHIFT = 4
"""Binary digits after the point in the coordinates that OpenCV draws with."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """Working memory of the frame's size, kept from frame to frame: `blended` an image, `stencil` a mask, both with any content."""

    blended: BGRImage
    stencil: Mask

    @classmethod
    def of(cls, height: int, width: int) -> Scratch:
        """Memory for frames of this size, uninitialised."""
        return cls(np.empty((height, width, 3), np.uint8), np.empty((height, width), np.uint8))


def fixed_point(points: NDArray[np.floating]) -> NDArray[np.int32]:
    """(N, 2) pixels -> the same in the fixed point of OpenCV's drawing functions."""
    return np.round(points * (1 << SHIFT)).astype(np.int32)


def blend(pixels: BGRImage, colour: Colour, opacity: float, out: BGRImage) -> None:
    """out = pixels (1 - opacity) + colour opacity."""
    cv2.convertScaleAbs(pixels, out, alpha=1.0 - opacity)
    if any(colour):
        cv2.add(out, np.round(np.array([*colour, 0]) * opacity), out)  # of whole numbers: others are added in floating point


class Veil:
    """A translucent shape, prepared once: laying it over a part of a frame is one multiplication and one addition.

    Args:
        opacity: (h, w) float, 0 to 1.
        colour: of the shape, or (h, w, 3) uint8 of each of its pixels.
    """

    def __init__(self, opacity: NDArray[np.floating], colour: Colour | BGRImage) -> None:
        self.shape: tuple[int, ...] = opacity.shape
        self._keep: BGRImage = np.repeat(np.round(255.0 * (1.0 - opacity))[:, :, None], 3, axis=2).astype(np.uint8)
        self._add: BGRImage = np.round(opacity[:, :, None] * np.array(colour)).astype(np.uint8)

    def lay(self, pixels: BGRImage) -> None:
        """Blend it over pixels of its own shape, in place."""
        cv2.multiply(pixels, self._keep, dst=pixels, scale=1.0 / 255.0)
        cv2.add(pixels, self._add, dst=pixels)


def bounding_window(points: NDArray[np.floating], width: int, height: int) -> tuple[slice, slice]:
    """The rows and columns of the frame that hold the points, clipped to a frame of this size."""
    left, top = np.maximum(np.floor(points.min(axis=0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(points.max(axis=0)).astype(int) + 1, (width, height))
    return slice(int(top), int(bottom)), slice(int(left), int(right))
