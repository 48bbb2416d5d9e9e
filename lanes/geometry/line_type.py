"""Whether a line is solid or dashed, as far as one mask tells."""

from __future__ import annotations

import math

import numpy as np

from lanes.geometry.strokes import Line
from lanes.results import LaneType

DASH = 9.0
"""In camera heights, 12 m from a car: no dash is longer, and a line that is unbroken for so long is solid."""

LONGEST_DASH_RATIO = 2.5
"""How many times farther away its end is than its beginning, at most: whatever the focal length and the camera's height are."""

SHORT_GAP = 3.0
"""In camera heights: gaps between dashes are hardly shorter."""

GAP = 1.2
"""In camera heights: no shorter gap makes a line dashed."""

DASHED_SHARE = 0.7
"""Of the way, painted: no dashed line has more, a solid one behind cars mostly has."""

FOCAL = 0.9
"""Focal length taken for granted, in widths of the frame: of a lens of 58 degrees, between a telephone's and a dashcam's."""


def line_type(line: Line, horizon: float, columns: int) -> LaneType:
    """Solid where paint goes on unbroken for longer than any dash, dashed where gaps are clear, unknown where neither shows.

    Only from paint so near that a gap of `SHORT_GAP` is two rows high at least: farther away dashes become one in the mask.

    Args:
        line: of paint. horizon: row where the flat road would end, cells. columns: of the grid.
    """
    focal = FOCAL * columns
    below = line.y - horizon
    near = below[below > math.sqrt(2.0 * focal / SHORT_GAP)]
    if len(near) < 2:
        return "unknown"
    breaks = (np.flatnonzero(near[:-1] - near[1:] > 1.5) + 1).tolist()
    begin = [focal / (row + 0.5) for row in near[[0, *breaks]].tolist()]
    end = [focal / (row - 0.5) for row in near[[*(first - 1 for first in breaks), -1]].tolist()]
    if any(last - first > DASH and last > LONGEST_DASH_RATIO * first for first, last in zip(begin, end, strict=True)):
        return "solid"
    painted = (sum(end) - sum(begin)) / (end[-1] - begin[0])
    has_gap = any(first - last > GAP for first, last in zip(begin[1:], end, strict=False))
    return "dashed" if has_gap and painted < DASHED_SHARE else "unknown"
