"""What the driver sees: paint tinted, lane boundaries as crisp curves, the ego lane filled, a departure, and small readouts.

Everything is drawn into the frame itself. Blending is done on the rectangle concerned and never in floating point, so a
frame of 1280x720 takes a few milliseconds of one core.
"""

from __future__ import annotations

import cv2
import numpy as np

from lanes.arrays import BGRImage, Mask
from lanes.draw.birds_eye import BirdsEye
from lanes.draw.curves import draw_curves, fill_lane
from lanes.draw.departure import DepartureLight
from lanes.draw.readout import Pill, Readout, performance_figures, road_figures, warning_figures
from lanes.draw.shapes import Scratch, blend
from lanes.draw.theme import PAINT, PAINT_OPACITY
from lanes.results import RoadState

SMALLEST = 64
"""Frames with a side shorter than this many pixels get the tint of the mask alone."""


class Overlay:
    """Draws results into frames. Keeps its working memory from frame to frame, and adapts when their size changes.

    Args:
        birds_eye: draw an inset that shows the road from above, where lanes are known in metres.
    """

    def __init__(self, birds_eye: bool = False) -> None:
        self._scratch = Scratch.of(0, 0)
        self._inset = BirdsEye() if birds_eye else None
        self._light = DepartureLight()
        self._pills = [Pill() for _ in range(3)]

    def draw(self, pixels: BGRImage, mask: Mask, road: RoadState, readout: Readout | None = None) -> None:
        """Draw one frame's results into it.

        Args:
            pixels: (H, W, 3) uint8, BGR, C-contiguous; drawn into in place. Any size from one pixel up.
            mask: (H, W) uint8, 0 or 255, lane paint.
            road: what was found, its lanes in pixels of this frame.
            readout: the figures in the corner; None for no readout.
        """
        height, width = mask.shape
        if self._scratch.stencil.shape != mask.shape:
            self._scratch = Scratch.of(height, width)
        if min(height, width) < SMALLEST:
            self._tint(pixels, mask)
            return
        ego = {lane.position: lane.points for lane in road.lanes if abs(lane.position) == 1}
        if len(ego) == 2:
            fill_lane(pixels, ego[-1], ego[1], self._scratch, road.band and road.band[1])
        self._tint(pixels, mask)
        if road.lanes:
            draw_curves(pixels, road.lanes, self._scratch, road.departure)
        self._light.draw(pixels, road.departure)
        bottom = 0
        if readout is not None:
            figures = (performance_figures(readout), road_figures(road), warning_figures(road))
            for pill, each in zip(self._pills, figures, strict=True):
                bottom = pill.draw(pixels, each, bottom)
        if self._inset is not None:
            self._inset.draw(pixels, road, bottom)

    def _tint(self, pixels: BGRImage, mask: Mask) -> None:
        """Blend the paint's colour over the mask."""
        x, y, w, h = cv2.boundingRect(mask)
        if w == 0:
            return
        window = np.s_[y : y + h, x : x + w]
        blend(pixels[window], PAINT, PAINT_OPACITY, self._scratch.blended[window])
        cv2.copyTo(self._scratch.blended[window], mask[window], pixels[window])
