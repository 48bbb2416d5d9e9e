"""Instances of lane lines in a mask of paint: which pixel belongs to which line, dashes of one line together.

This is what a network that sees lines one by one is taught, and what it gives. The strokes are followed and joined as for the lanes of a
single mask (`strokes`, `joining`); nothing is fitted, and no line is left out for where it points.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import Mask
from lanes.geometry.grid import paint_grid
from lanes.geometry.joining import chain, join
from lanes.geometry.strokes import Line, find_strokes

InstanceMap: TypeAlias = NDArray[np.uint8]
"""(H, W) uint8: the number of the line that a pixel belongs to, from 1; 0 where there is none."""

MARGIN = 1.0
"""Cells by which a line's paint may reach beyond the width that its rows show: a cell is half paint at an edge."""


def label_instances(mask: Mask) -> InstanceMap:
    """Find the lines of a mask and which of its paint belongs to each.

    Args:
        mask: (H, W) uint8, 0 or 255, paint stroke by stroke. Any size from one pixel up.

    Returns:
        The longest line is 1. Paint that is of no line, as an arrow, a stop line or a speck, is 0.
    """
    grid = paint_grid(mask)
    rows, columns = grid.shape
    labels = np.zeros(mask.shape, np.uint8)
    scale = np.array([mask.shape[1] / columns, mask.shape[0] / rows])
    lines = sorted(join(find_strokes(grid), rows), key=lambda line: line.length)[-255:]
    for number, line in zip(range(len(lines), 0, -1), lines, strict=True):
        outline = (_outline(line) + 0.5) * scale - 0.5
        cv2.fillPoly(labels, [np.round(outline * 16).astype(np.int32)], number, shift=4)
    labels[mask == 0] = 0
    return labels


def instance_lines(grid: Mask, instances: InstanceMap) -> list[Line]:
    """The lines that a network tells apart: the strokes of each instance, chained whatever lies between them.

    Args:
        grid: (rows, columns) uint8, how much of each cell is painted.
        instances: of any size, over the same image.
    """
    labels = cv2.resize(instances, grid.shape[::-1], interpolation=cv2.INTER_NEAREST)
    lines = []
    for number in range(1, int(labels.max()) + 1):
        parts: list[Line] = []
        for stroke in sorted(find_strokes(np.where(labels == number, grid, 0).astype(np.uint8)), key=lambda stroke: -stroke.length):
            # Of two strokes side by side, as of a double line, the longer one.
            if all(stroke.high > part.low or stroke.low < part.high for part in parts):
                parts.append(stroke)
        if parts:
            lines.append(chain(sorted(parts, key=lambda part: -part.low)))
    return lines


def _outline(line: Line) -> NDArray[np.float64]:
    """(N, 2) x and y of the polygon around a line, in cells, from half a cell below it to half a cell above."""
    y = np.concatenate([[line.low + 0.5 + MARGIN], line.y, [line.high - 0.5 - MARGIN]])
    x = np.concatenate([line.x[:1], line.x, line.x[-1:]])
    half = np.concatenate([line.widths[:1], line.widths, line.widths[-1:]]) / 2 + MARGIN
    return np.concatenate([np.stack([x - half, y], axis=1), np.stack([x + half, y], axis=1)[::-1]])
