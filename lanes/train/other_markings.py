"""Markings that are no lane's, in a mask that models made: the bars of zebra crossings, arrows and words.

Teachers that take them for lane paint are not to pass it on. A lane's stroke is one run of pixels a row, which grows no wider towards the
horizon, and fills its convex hull unless it is long.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import Mask
from lanes.geometry.strokes import stripes_of

LEAST_BAR, LEAST_PATCH = 30, 60
"""Pixels of a zebra's bar and of any other patch: smaller ones are too far away to tell."""

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
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    area = stats[:, cv2.CC_STAT_AREA]
    crossing = (2 * np.bincount(labels[_bars(mask)], minlength=count) > area) & (area >= LEAST_BAR)
    crossing[0] = False
    strange = np.zeros(count, np.bool_)
    for number, (left, top, width, height, pixels) in enumerate(stats.tolist()):
        if number and not crossing[number] and pixels >= LEAST_PATCH and height >= LEAST_HEIGHT:
            strange[number] = _is_no_stroke(labels[top : top + height, left : left + width] == number, LONGEST * mask.shape[1])
    return np.where(crossing[labels], 255, 0).astype(np.uint8), np.where(strange[labels], 255, 0).astype(np.uint8)


def _bars(mask: Mask) -> NDArray[np.bool_]:
    """Runs of pixels that lie side by side in their row as the bars of a crossing do, (H, W) bool; see `stripes_of`."""
    edges = np.diff(np.pad((mask > 0).astype(np.int8), ((0, 0), (1, 1))), axis=1)
    row, left = np.nonzero(edges == 1)
    right = np.nonzero(edges == -1)[1] - 1
    bars = np.zeros(mask.shape, np.bool_)
    if len(row):
        for run in np.flatnonzero(stripes_of(row, left, right, mask.shape[1])).tolist():
            bars[row[run], left[run] : right[run] + 1] = True
    return bars


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
