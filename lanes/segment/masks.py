"""What the model sees, made into the masks of a video: steady from frame to frame, and without zebra crossings."""

from __future__ import annotations

import cv2
import numpy as np

from lanes.arrays import Mask, ProbabilityMap
from lanes.geometry.crossings import find_crossings
from lanes.segment.hysteresis import STAYS, Hysteresis
from lanes.segment.transform import PlacedMap, Placement

REACH = (15, 9)
"""Pixels of the model's input, across and down, half of them on either side, around which a crossing's bars may lie one frame later."""


class Crossings:
    """Takes zebra crossings out of what a model takes for lane paint.

    A bar that comes and goes would draw more attention than one that stays, so where there was a crossing in the frame before, two bars
    are enough.
    """

    def __init__(self) -> None:
        self._around: PlacedMap | None = None
        """Non-zero where the frame before had a crossing, and around it; None for nowhere."""

    def erase(self, probability: ProbabilityMap, placement: Placement, threshold: int) -> ProbabilityMap:
        """The next frame of a video.

        Args:
            probability: (model height, model width) uint8, as the model gave it; it stays as it is.
            placement: where the frame lies in it.
            threshold: 0 to 255, above which a pixel is paint.

        Returns:
            The same with 0 in the paint of crossings.
        """
        _, paint = cv2.threshold(probability, threshold, 255, cv2.THRESH_BINARY)
        known = None if self._around is None else self._around.at(placement)
        crossing = find_crossings(paint.astype(np.uint8, copy=False), known)
        if not crossing.any():
            self._around = None
            return probability
        around = cv2.dilate(crossing, np.ones(REACH[::-1], np.uint8))
        self._around = PlacedMap(around.astype(np.uint8, copy=False), placement)
        return np.where(crossing > 0, np.uint8(0), probability)

    def reset(self) -> None:
        """The next frame is the first of a video."""
        self._around = None


class VideoMasks:
    """The masks of one video, frame after frame.

    Args:
        stays: share of the threshold above which what was paint in the frame before stays paint; see `Hysteresis`.
    """

    def __init__(self, stays: float = STAYS) -> None:
        self._crossings = Crossings()
        self._hysteresis = Hysteresis(stays)

    def next(self, probability: ProbabilityMap, placement: Placement, threshold: int, out: Mask) -> Mask:
        """Writes the mask of the next frame into `out`, (H, W) uint8 of the frame's size, and returns it: 255 for paint, else 0.

        Args:
            probability: (model height, model width) uint8, as the model gave it; it stays as it is.
            placement: where the frame lies in it.
            threshold: 0 to 255, above which a pixel is paint.
            out: the frame's mask.
        """
        lanes = self._crossings.erase(probability, placement, threshold)
        placement.to_frame(self._hysteresis.apply(lanes, placement, threshold), out)
        cv2.threshold(out, threshold, 255, cv2.THRESH_BINARY, dst=out)
        return out

    def reset(self) -> None:
        """The next frame is the first of a video."""
        self._crossings.reset()
        self._hysteresis.reset()
