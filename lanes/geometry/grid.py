"""The grid that lines are looked for on: few cells, so that the cost hardly depends on the frame's size."""

from __future__ import annotations

import cv2
import numpy as np

from lanes.arrays import Mask

GRID = 320
"""Cells along the longer side of the grid."""


def paint_grid(mask: Mask) -> Mask:
    """A mask, (H, W) uint8, scaled down to at most `GRID` cells a side, of how much is painted, 0 to 255."""
    height, width = mask.shape
    scale = max(1.0, max(height, width) / GRID)
    columns, rows = max(1, round(width / scale)), max(1, round(height / scale))
    # Halving is several times faster than any other step, and of two of them nothing but rounding remains.
    while height % (2 * rows) == 0 and width % (2 * columns) == 0 and height * columns == width * rows:
        height, width = height // 2, width // 2
        mask = np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return mask if width == columns else np.asarray(cv2.resize(mask, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
