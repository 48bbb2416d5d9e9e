"""Where the road is visible: below the horizon, and above the bonnet, the dashboard or the picture's black border.

Nobody says where a bonnet is. But lines of paint run towards the camera, and where all of them stop above the frame's bottom something
hides the road. The picture is divided into cells; each counts how often a line that passes through it was painted there, and how often
its prolongation passed without paint. A dash leaves gaps anywhere, a bonnet always in the same cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lanes.geometry.paint import PaintLine

Floats = NDArray[np.float64]

COLUMNS, ROWS = 32, 60
"""Cells across and down the frame."""

ENOUGH = 10.0
"""Lines must have passed a cell or those beside it so often, without paint, before it is hidden."""

SOLID = 2.0
"""What a solid line counts for: where it stops there is a reason."""

MEMORY = 300.0
"""Passes that a cell remembers: a new windscreen sticker is learnt within minutes."""

SHARE = 0.04
"""A cell with more paint than this, of all passes, is road; a third of a dashed line is painted."""


NEAREST_CELLS = 4
"""From the last cell with paint to the first hidden one, at most."""


@dataclass(frozen=True)
class VisibleRoad:
    """Where in a frame road can be seen.

    Attributes:
        width, height: of the frame, pixels.
        horizon_row: of a flat road, at the vanishing point's column, pixels; may lie outside of the frame.
        bottom_rows: (COLUMNS,) the last row of visible road in the middle of each of as many equal stretches of the width, pixels;
            `height - 1` where nothing hides it or nothing is known.
        known: whether anything was found to hide the road.
    """

    width: int
    height: int
    horizon_row: float
    bottom_rows: Floats
    known: bool = False

    @classmethod
    def whole(cls, width: int, height: int, horizon_row: float) -> VisibleRoad:
        """A frame that shows road down to its bottom."""
        return cls(width, height, horizon_row, np.full(COLUMNS, height - 1.0))

    def bottom_at(self, x: ArrayLike) -> Floats:
        """The last row of visible road in columns x, pixels, any shape."""
        centres = (np.arange(COLUMNS) + 0.5) * (self.width / COLUMNS) - 0.5
        return np.asarray(np.interp(np.asarray(x, np.float64), centres, self.bottom_rows))


class VisibleLearner:
    """Counts where lines are painted and where they pass unseen.

    Attributes:
        lines: how many have been counted; 0 where nothing is known.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.lines = 0
        self._painted = np.zeros((ROWS, COLUMNS))
        self._missed = np.zeros((ROWS, COLUMNS))
        self._ends: list[float] = []

    def take(self, lines: Sequence[PaintLine], vanishing: tuple[float, float]) -> None:
        """Count a frame's lines.

        Args:
            lines: of paint. vanishing: where they meet, (x, y) pixels: what of a line is nearer than its paint goes straight away from it.
        """
        ends = [float(line.points[0, 1]) for line in lines]
        moved = ends != self._ends
        self._ends = ends
        painted = []
        for line in lines:
            x, y = line.points[0]
            # While a car stands, a gap between dashes hides nothing however long it is looked at.
            if line.confidence < 0.3 or y - vanishing[1] < 0.05 * self.height or (line.type != "solid" and not moved):
                continue
            self.lines += 1
            painted.append(line.points)
            times = SOLID if line.type == "solid" else 1.0
            rows = np.arange(y + self.height / ROWS, self.height, self.height / ROWS)
            if len(rows):
                columns = vanishing[0] + (x - vanishing[0]) * (rows - vanishing[1]) / (y - vanishing[1])
                inside = (columns >= 0) & (columns <= self.width - 1)
                self._count(self._missed, np.stack([columns[inside], rows[inside]], axis=1), times)
        if painted:
            self._count(self._painted, np.concatenate(painted), 1.0)
            self._fade()

    def visible(self, horizon_row: float) -> VisibleRoad:
        """What has been learnt so far; it does not reach up to the horizon, whatever was seen."""
        painted, missed = _with_neighbours(self._painted), _with_neighbours(self._missed)
        road = painted > SHARE * (painted + missed)
        hidden = (missed >= ENOUGH) & ~road
        # The last row with road above the first hidden one below all road of these columns.
        lowest_road = np.where(road.any(axis=0), ROWS - 1 - np.argmax(road[::-1], axis=0), -1)
        below = np.arange(ROWS)[:, None] > lowest_road
        first_hidden = np.where((hidden & below).any(axis=0), np.argmax(hidden & below, axis=0), ROWS)
        # Where no line passes between the two, this column does not show where the road stops; its neighbours do.
        seen = (first_hidden < ROWS) & (first_hidden - lowest_road <= NEAREST_CELLS)
        if not seen.any():
            return VisibleRoad.whole(self.width, self.height, horizon_row)
        clear = road[-1] | road[-2]
        known = np.flatnonzero(seen | clear)
        step = self.height / ROWS
        rows = np.minimum(first_hidden * step, self.height - 1.0)
        limits = np.interp(np.arange(COLUMNS), known, rows[known])
        least = horizon_row + 0.4 * max(self.height - horizon_row, 0.0)
        return VisibleRoad(self.width, self.height, horizon_row, np.clip(limits, min(least, self.height - 1.0), self.height - 1.0), True)

    def _count(self, cells: Floats, points: Floats, times: float) -> None:
        """Add to each cell that a line passes."""
        columns = np.clip((points[:, 0] + 0.5) * (COLUMNS / self.width), 0, COLUMNS - 1).astype(np.intp)
        rows = np.clip((points[:, 1] + 0.5) * (ROWS / self.height), 0, ROWS - 1).astype(np.intp)
        cells.ravel()[rows * COLUMNS + columns] += times  # once a cell, however many of the points are in it

    def _fade(self) -> None:
        """Let what was long ago count for less."""
        full = self._painted + self._missed > MEMORY
        if full.any():
            self._painted[full] *= 0.5
            self._missed[full] *= 0.5


def _with_neighbours(cells: Floats) -> Floats:
    """The sum over each cell and those to its left and right: what hides the road is wider than a cell."""
    total: Floats = cells.copy()
    total[:, 1:] += cells[:, :-1]
    total[:, :-1] += cells[:, 1:]
    return total
