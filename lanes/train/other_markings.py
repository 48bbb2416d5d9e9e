"""Markings that are no lane's, in a mask that models made: the bars of zebra crossings, arrows and words.

Teachers that take them for lane paint are not to pass it on. A lane's stroke is one run of pixels a row, which grows no wider towards the
horizon, and fills its convex hull unless it is long.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import Mask
from lanes.geometry.crossings import find_crossings

LEAST_PATCH = 60
"""Pixels of a patch: smaller ones are too far away to tell."""

LEAST_HEIGHT = 8
"""Rows of such a patch."""

HOLLOW = 0.75
"""Share of its convex hull that a stroke fills at least, unless it is as slim as `SLIM`."""

SLIM = 6.0
"""How many times as long as wide a patch is that may be a line's bend."""

LONGEST = 0.25
"""In widths of the frame: no arrow or letter is longer, but a line's bend may be."""

WIDENS = 1.6
"""How many times wider than below a row of an arrow's head is, or of a letter."""


def other_markings(mask: Mask) -> tuple[Mask, Mask]:
    """Paint of a mask, (H, W) uint8, that is hardly a lane's.

    Returns:
        crossing: (H, W) uint8, 255 in patches that lie side by side as a zebra's bars do, and the letters of some words. strange: 255 in
        other patches that are no stroke: arrows, letters, reflections, stop lines that meet a lane line, now and then a bend.
    """
    crossing = find_crossings(mask)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(np.where(crossing > 0, 0, mask), connectivity=8)
    strange = np.zeros(count, np.bool_)
    for number, (left, top, width, height, pixels) in enumerate(stats.tolist()):
        if number and pixels >= LEAST_PATCH and height >= LEAST_HEIGHT:
            strange[number] = _is_no_stroke(labels[top : top + height, left : left + width] == number, LONGEST * mask.shape[1])
    return crossing, np.where(strange[labels], 255, 0).astype(np.uint8)


def _is_no_stroke(patch: NDArray[np.bool_], longest: float) -> bool:
    """Whether a connected patch, (h, w) bool, its bounding box, is shorter than `longest` pixels and of no stroke's shape."""
    hull = cv2.convexHull(cv2.findNonZero(patch.astype(np.uint8)))
    long, wide = (side + 1.0 for side in sorted(cv2.minAreaRect(hull)[1], reverse=True))
    hollow = int(np.count_nonzero(patch)) < HOLLOW * (cv2.contourArea(hull) + 1.0)
    return hollow and long < min(SLIM * wide, longest) and not _goes_on_alike(patch)


def _goes_on_alike(patch: NDArray[np.bool_]) -> bool:
    """Whether a patch has one run a row, hardly any of which is much wider than those below it."""
    runs = np.count_nonzero(np.diff(np.pad(patch.astype(np.int8), ((0, 0), (1, 1))), axis=1) == 1, axis=1)
    if np.mean(runs > 1) > 0.1:
        return False
    width = np.count_nonzero(patch, axis=1)[::-1].astype(np.float64)  # from the bottom up
    if len(width) <= 5:
        return True
    below = np.maximum.reduce([width[:-5], width[1:-4], width[2:-3], width[3:-2]])
    return not (width[5:] > WIDENS * below + 1.0).any()
