"""Small copies of frames with what was found drawn in."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from lanes.arrays import BGRImage
from lanes.draw.overlay import Overlay
from lanes.results import FrameResult, Lane, RoadState


def small_size(size: tuple[int, int], largest: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of a copy that is in `largest`, its proportions kept, sides even; a frame that is smaller keeps its size."""
    scale = min(1.0, largest[0] / size[0], largest[1] / size[1])
    width, height = (max(2, 2 * round(side * scale / 2)) for side in size)
    return width, height


class SmallCopies:
    """Draws small copies of one drive's frames.

    Args:
        largest: (width, height) that a copy has at most, pixels.
    """

    def __init__(self, largest: tuple[int, int]) -> None:
        self._largest = largest
        self._overlay = Overlay()

    def draw(self, result: FrameResult) -> BGRImage:
        """The frame, (h, w, 3) uint8 BGR, with paint, lanes and departure; the result stays as it is."""
        size = small_size(result.frame.size, self._largest)
        pixels = np.ascontiguousarray(cv2.resize(result.frame.pixels, size, interpolation=cv2.INTER_AREA)).astype(np.uint8, copy=True)
        mask = cv2.resize(result.mask, size, interpolation=cv2.INTER_AREA)
        # Paint that is thinner than a pixel of the copy is paint still, where it is most of what is there across.
        drawn = np.where(mask > 96, np.uint8(255), np.uint8(0))
        scale = size[0] / result.frame.size[0], size[1] / result.frame.size[1]
        self._overlay.draw(pixels, drawn, _scaled(result, scale))
        return pixels


def _scaled(result: FrameResult, scale: tuple[float, float]) -> RoadState:
    factor = np.array(scale, np.float32)

    def lane(each: Lane) -> Lane:
        return replace(each, points=(each.points + np.float32(0.5)) * factor - np.float32(0.5))

    band = None if result.band is None else (round(result.band[0] * scale[1]), round(result.band[1] * scale[1]))
    return RoadState([lane(each) for each in result.lanes], result.ego, result.calibration, result.departure, result.departure_why, band)
