"""Zebra crossings, told from lane lines by what a lane never shows: many bars side by side, as far apart as they are wide.

Lane lines are twenty times as far apart as they are wide, and of a double line there are two. So neither the camera nor the road's plane
need be known. What is looked for is a crossing ahead, whose bars lie side by side in a row of the picture.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import Mask

Places = NDArray[np.intp]
"""One value for each run of paint: its row, or the column that it begins or ends in."""

BARS = 3
"""Side by side make a crossing."""

BESIDE = 2
"""The same, or one above the other, in a place that was a crossing in the frame before: what comes and goes there is its other bars."""

LEAST_BAR = 30
"""Pixels of a bar; smaller ones are too far away to tell."""

PART = 0.25
"""Share of a bar's pixels at least that have others beside them, where one of those is a bar for sure, or was one in the frame before: of a
worn one a half may be seen."""

ALIKE = 1.7
"""How many times as high one bar is as the next one, at most."""

LONG = 3.0
"""Times the distance from bar to bar that a bar is high, at most. Lines close together are longer: a bar is as long as it is to its third
neighbour, and further away it is seen foreshortened."""

MOST_PAINT = 1 / 3
"""Share of a mask that can be paint. With more nothing can be told, and the time that a mask of noise takes is bounded."""


def find_crossings(mask: Mask, known: Mask | None = None) -> Mask:
    """Paint of a mask that is of zebra crossings, and the letters of some words, which lie as such bars do.

    Args:
        mask: (H, W) uint8, non-zero where there is paint.
        known: (H, W) uint8, non-zero where there was a crossing a moment ago; None for nowhere.

    Returns:
        (H, W) uint8, 255 in patches of paint most of which are of a crossing, else 0.
    """
    height, width = mask.shape
    painted = cv2.findNonZero(mask)
    if painted is None or len(painted) > MOST_PAINT * mask.size:
        return np.zeros(mask.shape, np.uint8)
    x, y = painted.reshape(-1, 2).T.astype(np.intp)
    rows = _runs(y, x, width)
    bars = stripes_of(*rows, width, BARS)
    was_crossing = np.zeros(len(x), np.bool_) if known is None else known[y, x] > 0
    if not (bars.any() or was_crossing.any()):
        return np.zeros(mask.shape, np.uint8)

    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    area = stats[:, cv2.CC_STAT_AREA]
    patch: Places = labels[rows[0], rows[1]].astype(np.intp)

    def share(patch: Places, runs: tuple[Places, Places, Places], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Which share of each patch's pixels is in the runs chosen; each run is of one patch."""
        return np.bincount(patch[chosen], (runs[2] - runs[1] + 1)[chosen], count) / area

    high: Places = stats[:, cv2.CC_STAT_HEIGHT].astype(np.intp)
    apart = np.bincount(patch[bars], _apart(*rows)[bars], count) / np.maximum(np.bincount(patch[bars], minlength=count), 1)
    part = np.where(high <= LONG * apart, share(patch, rows, bars), 0.0)
    pairs = np.flatnonzero(bars[:-1] & bars[1:] & (np.diff(rows[0]) == 0))
    found = _spread(part > 0.5, part > PART, high, patch[pairs], patch[pairs + 1])
    if was_crossing.any():
        was_one = 2 * np.bincount(labels[y[was_crossing], x[was_crossing]], minlength=count) > area
        columns = _runs(*np.divmod(np.sort(x * height + y), height), height)
        above: Places = labels[columns[1], columns[0]].astype(np.intp)
        side_by_side, stacked = stripes_of(*rows, width, BESIDE), stripes_of(*columns, height, BESIDE)
        found |= was_one & ((share(patch, rows, side_by_side) > PART) | (share(above, columns, stacked) > PART))
    found &= area >= LEAST_BAR
    return np.where(found[labels], 255, 0).astype(np.uint8)


def _spread(sure: NDArray[np.bool_], likely: NDArray[np.bool_], high: Places, left: Places, right: Places) -> NDArray[np.bool_]:
    """The patches that are bars for sure, and the likely ones beside them that are as high, from one to the next.

    Args:
        sure, likely, high: of each patch; its height in pixels. left, right: the patches that are somewhere side by side.
    """
    found: NDArray[np.bool_] = sure.copy()
    one, other = np.append(left, right), np.append(right, left)
    is_next = likely[other] & (high[other] <= ALIKE * high[one]) & (high[one] <= ALIKE * high[other])
    while (more := is_next & found[one] & ~found[other]).any():
        found[other[more]] = True
    return found


def stripes_of(row: Places, left: Places, right: Places, columns: int, fewest: int) -> NDArray[np.bool_]:
    """Which runs are of a zebra crossing: one of at least `fewest` side by side, about equally wide and as far apart as wide.

    What lies between such stripes is of it too.

    Args:
        row, left, right: of each run of paint its row, first and last column, in reading order.
        columns: that a row has.
    """
    width = (right - left + 1).astype(np.float64)
    gap = (left[1:] - right[:-1] - 1).astype(np.float64)
    narrow, wide = np.minimum(width[1:], width[:-1]), np.maximum(width[1:], width[:-1])
    # What the frame's side cuts off may be of any width.
    is_like = (wide < 2.2 * narrow + 1) | (left[:-1] == 0) | (right[1:] == columns - 1)
    beside = (row[1:] == row[:-1]) & (narrow >= 2) & is_like & (gap > 0.15 * narrow) & (gap < 2.5 * wide)
    stripes = np.zeros(len(row), np.bool_)
    if np.count_nonzero(beside) < fewest - 1:
        return stripes
    # The length of each series of neighbours, at all of its members.
    ends = np.flatnonzero(np.diff(np.r_[False, beside, False].astype(np.int8)))
    for first, last in ends.reshape(-1, 2).tolist():
        if last - first >= fewest - 1:
            stripes[first : last + 1] = True
    if stripes.any():
        crossing, begin, end = row[stripes], np.full(row[-1] + 1, columns), np.full(row[-1] + 1, -1)
        np.minimum.at(begin, crossing, left[stripes])
        np.maximum.at(end, crossing, right[stripes])
        stripes |= (left >= begin[row]) & (right <= end[row])
    return stripes


def _apart(row: Places, left: Places, right: Places) -> NDArray[np.float64]:
    """Of each run, how far its middle is from the nearer of its neighbours' in the row; infinite where it has none."""
    apart = np.where(np.diff(row) == 0, np.diff(0.5 * (left + right)), np.inf)
    nearer: NDArray[np.float64] = np.minimum(np.append(apart, np.inf), np.insert(apart, 0, np.inf))
    return nearer


def _runs(row: Places, column: Places, columns: int) -> tuple[Places, Places, Places]:
    """Row, first and last column of each run of the pixels at these places, which are in reading order."""
    place = row * (columns + 1) + column
    begins = np.flatnonzero(np.diff(place, prepend=-2) > 1)
    ends = np.append(begins[1:], len(place)) - 1
    return row[begins], column[begins], column[ends]
