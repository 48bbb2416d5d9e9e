"""Lines of paint in a mask that may be lane boundaries."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lanes.arrays import Mask
from lanes.geometry.fitting import confidence, fit, x_at
from lanes.geometry.joining import join
from lanes.geometry.paint import PaintLine
from lanes.geometry.selection import admit_faint, drop_crossing, drop_fragments, merge_duplicates
from lanes.geometry.strokes import Line, find_strokes
from lanes.geometry.vanishing import find_vanishing_point, points_at
from lanes.results import LaneType

GRID = 320
"""Cells along the longer side of the grid that strokes are followed on."""

LEAST_CONFIDENCE = 0.25
"""Lines with less are left out."""

LEAST_FAINT_CONFIDENCE = 0.12
"""The same for a line of which one dash is in sight, where two lines beside it show where it must point."""

DASH = 9.0
"""In camera heights, 12 m from a car: no dash is longer, and a line that is unbroken for so long is solid."""

GAP = 1.2
"""In camera heights: no shorter gap makes a line dashed."""

FOCAL = 0.9
"""Focal length taken for granted, in widths of the frame: of a lens of 58 degrees, between a telephone's and a dashcam's."""

LEAST_STD = 0.2
"""Cells: what the middle of paint is uncertain by even where all of it lies on a curve."""


@dataclass(frozen=True, slots=True)
class FoundLines:
    """The lines of one mask, fitted, in cells of a grid of columns x rows, and where they meet."""

    lines: list[Line]
    vanishing: tuple[float, float]
    columns: int
    rows: int


def find_paint_lines(mask: Mask) -> list[PaintLine]:
    """Find the lines of paint in a mask that may be lane boundaries, each once.

    Args:
        mask: (H, W) uint8, 0 or 255, paint stroke by stroke, at the frame's size. Any size from one pixel up.

    Returns:
        Lines from left to right at the frame's bottom, prolonged where they end above it. Empty where no paint looks like a lane line.
    """
    found = find_lines(mask)
    scale = np.array(mask.shape[::-1]) / (found.columns, found.rows)
    paint = []
    for line in sorted(found.lines, key=lambda line: float(x_at(line, np.array(found.rows - 0.5)))):
        points = (np.stack([line.x, line.y], axis=1) + 0.5) * scale - 0.5
        std = max(LEAST_STD, line.error) * float(scale[0])
        kind = line_type(line, found.vanishing[1], found.columns)
        paint.append(PaintLine(points, line.widths * scale[0], std, kind, confidence(line, found.rows)))
    return paint


def find_lines(mask: Mask) -> FoundLines:
    """The steps up to selection; see the module `lanes`."""
    height, width = mask.shape
    scale = max(1.0, max(height, width) / GRID)
    columns, rows = max(1, round(width / scale)), max(1, round(height / scale))
    grid = mask if scale == 1.0 else cv2.resize(mask, (columns, rows), interpolation=cv2.INTER_AREA)
    lines = join(find_strokes(np.asarray(grid, dtype=np.uint8)), rows)
    lines = [line for line in lines if line.length >= max(3.0, 0.03 * rows, 2.0 * line.thickness)]
    for line in lines:
        fit(line)
    strong = [line for line in lines if line.length >= 0.05 * rows and confidence(line, rows) >= LEAST_CONFIDENCE]
    if not strong:
        return FoundLines([], (0.0, 0.0), columns, rows)
    faint = [line for line in lines if line not in strong and confidence(line, rows) >= LEAST_FAINT_CONFIDENCE]
    vanishing = find_vanishing_point(strong, columns, rows)
    strong = [line for line in strong if points_at(line, vanishing)]
    strong = drop_fragments(drop_crossing(merge_duplicates(strong, vanishing), rows - 0.5), vanishing)
    return FoundLines(strong + admit_faint(faint, strong, vanishing, rows - 0.5), vanishing, columns, rows)


def line_type(line: Line, horizon: float, columns: int) -> LaneType:
    """Solid where paint goes on unbroken for longer than any dash, dashed where gaps are clear, unknown where neither shows.

    Args:
        line: of paint. horizon: row where the flat road would end, cells. columns: of the grid.
    """
    ahead = FOCAL * columns / np.maximum(line.y + np.array([[0.5], [-0.5]]) - horizon, 1.0)
    breaks = np.flatnonzero(np.diff(line.y) < -1.5)
    first, last = np.r_[0, breaks + 1], np.r_[breaks, len(line.y) - 1]
    dashes = ahead[1, last] - ahead[0, first]
    gaps = ahead[0, first[1:]] - ahead[1, last[:-1]]
    if float(dashes.max()) > DASH:
        return "solid"
    return "dashed" if bool((gaps > GAP).any()) else "unknown"
