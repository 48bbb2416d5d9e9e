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

STRIPS = 6
"""Horizontal strips that the mask is tinted in."""

WIDEST = 0.6
"""Share of the frame's width that the pills below the first may take: the other corner is the inset's."""


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
        right = bottom = 0
        if readout is not None:
            right, bottom = self._draw_readouts(pixels, road, readout)
        if self._inset is not None:
            self._inset.draw(pixels, road, (right, bottom))

    def _draw_readouts(self, pixels: BGRImage, road: RoadState, readout: Readout) -> tuple[int, int]:
        """Pills one below the other in the top left corner; gives the column and the row where they end."""
        performance, place, warning = self._pills
        figures = performance_figures(readout)
        right, bottom = performance.draw(pixels, figures, least=len(figures))
        at, bottom = place.draw(pixels, road_figures(road), bottom, WIDEST)
        right = max(right, at)
        for figure in warning_figures(road):
            at, bottom = warning.draw(pixels, [figure], bottom, WIDEST)
            if at:
                return max(right, at), bottom
        return right, bottom

    def _tint(self, pixels: BGRImage, mask: Mask) -> None:
        """Blend the paint's colour over the mask, strip by strip: lines that meet far ahead leave most of a large window empty."""
        x, y, w, h = cv2.boundingRect(mask)
        step = max(8, -(-h // STRIPS))
        for top in range(y, y + h, step):
            left, upper, wide, high = cv2.boundingRect(mask[top : min(top + step, y + h), x : x + w])
            if not wide:
                continue
            window = np.s_[top + upper : top + upper + high, x + left : x + left + wide]
            blend(pixels[window], PAINT, PAINT_OPACITY, self._scratch.blended[window])
            cv2.copyTo(self._scratch.blended[window], mask[window], pixels[window])
