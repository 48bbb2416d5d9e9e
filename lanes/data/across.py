"""Paint of a label that lies across the road: zebra crossings and stop lines, which some labels hold as lane."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import Mask

BARS = 4
"""So many bars side by side are a crossing."""

LEAST_BAR = 12
"""Pixels of a bar: smaller paint is too far away to tell."""


def across_the_road(mask: Mask) -> Mask:
    """Paint of a mask, (H, W) uint8, that is hardly a lane's: bars side by side, four at least, and what is far wider than high and full.

    A lane line at a shallow angle is as wide, but fills little of the rectangle around it.

    Returns:
        (H, W) uint8, 255 where such paint is.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    left, top, width, height, area = (stats[1:, column].astype(np.float64) for column in range(5))
    full = area > 0.45 * width * height
    flat = full & (width > 3 * height) & (width > 0.06 * mask.shape[1])
    bar = (area >= LEAST_BAR) & ~flat
    middle = top + height / 2
    lower, higher = np.minimum(height[:, None], height), np.maximum(height[:, None], height)
    gap = np.maximum(left[:, None], left) - np.minimum((left + width)[:, None], left + width)
    beside = (np.abs(middle[:, None] - middle) < 0.5 * lower) & (higher < 2.2 * lower) & (gap < 1.5 * np.minimum(width[:, None], width))
    chosen = flat
    for group in _joined(beside & bar[:, None] & bar):
        chosen[group] |= len(group) >= BARS
    return np.where(np.isin(labels, 1 + np.flatnonzero(chosen)), 255, 0).astype(np.uint8)


def _joined(links: NDArray[np.bool_]) -> Iterator[list[int]]:
    """Groups of indices that links (N, N) join, directly or through others."""
    left = set(range(len(links)))
    while left:
        group, queue = [], [left.pop()]
        while queue:
            index = queue.pop()
            group.append(index)
            further = left & set(np.flatnonzero(links[index]).tolist())
            left -= further
            queue += further
        yield group
