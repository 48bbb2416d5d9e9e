"""Strokes of paint in a mask, followed from row to row: each is one dash, or one solid line."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lanes.geometry.crossings import BARS, stripes_of

Floats = NDArray[np.float64]
"""One value for each row with paint."""

COVERED = 48
"""A cell counts as paint from this share of 255 on: a line one pixel wide in cells of four pixels still does."""

MAX_STROKES = 40
"""Strokes looked at in one mask, longest first: bounds the time that a mask of noise takes."""

FLATTEST = 6.0
"""Cells along the row for each row upward: what lies flatter is a stop line, or six camera heights off to the side."""


HORIZON_ABOVE = 5
"""Cells from the highest paint up to the horizon, or nearly."""


class Line:
    """Middles of paint along one line and its widths along the row, cells of the grid: one for each row with paint, from the bottom up."""

    def __init__(self, y: Floats, x: Floats, widths: Floats, thickness: float) -> None:
        self.y, self.x, self.widths, self.thickness = y, x, widths, thickness
        self.low, self.high = float(y[0]), float(y[-1])
        self.span = self.low - self.high + 1.0
        self.length = len(y) * math.hypot(1.0, float(x[-1] - x[0]) / max(self.span - 1.0, 1.0))
        """Painted length, cells."""
        self.parts: tuple[Line, ...] = ()
        """The strokes that it was joined of, from the lowest up; none where it is one stroke."""
        self.coefficients: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
        """Of the fitted x = a + bt + ct^2 + d / (t + POLE), where t is 0 at the highest paint and 1 one row below the lowest."""
        self.guide: Line | None = None
        """The line that this one goes on alongside where it has no paint."""
        self.horizon = 0.0
        """Row of the horizon, where lines that run alongside each other meet, cells."""
        self.is_alongside = False
        """Whether it runs alongside its guide all the way: x = x of the guide + a + b (y - horizon)."""
        self.is_parallel = False
        """Whether its own paint agrees with the guide's curve, so that it goes on as far ahead as the guide is seen."""
        self.error = 0.0
        """Root mean square distance of the paint from the fit along the row, cells."""


def find_strokes(grid: NDArray[np.uint8]) -> list[Line]:
    """Follow runs of paint from row to row. A stroke ends where runs split or meet, so each has one run a row.

    Args:
        grid: (rows, columns) uint8, the mask scaled down: how much of each cell is paint.

    Returns:
        The longest strokes, without blobs, arrows and stop lines.
    """
    painted = np.flatnonzero(grid >= COVERED)
    if not len(painted) or len(painted) > grid.size // 3:
        return []
    y, x = np.divmod(painted, grid.shape[1])
    weight = grid.ravel()[painted].astype(np.float64)
    begins = np.ones(len(painted) + 1, np.bool_)
    # A gap of one cell ends no run: the two of a double line come apart once, where the gap is clearly seen.
    begins[1:-1] = (painted[1:] - painted[:-1] > 2) | (y[1:] != y[:-1])
    edges = np.flatnonzero(begins)
    first, last = edges[:-1], edges[1:] - 1
    mass = np.add.reduceat(weight, first)
    centre = np.add.reduceat(weight * x, first) / mass
    row, left, right = y[first], x[first], x[last]

    # Runs in reading order, with keys that rise from row to row: those of the row above that touch run i are above[i]:end[i].
    stride = grid.shape[1] + 4
    above = np.searchsorted(row * stride + right, (row - 1) * stride + left - 1)
    end = np.searchsorted(row * stride + left, (row - 1) * stride + right + 1, side="right")
    below = np.searchsorted(row * stride + right, (row + 1) * stride + left - 1)
    children = np.searchsorted(row * stride + left, (row + 1) * stride + right + 1, side="right") - below
    follows = (end - above == 1) & (children[np.minimum(above, len(row) - 1)] == 1)

    is_stripe = stripes_of(row, left, right, grid.shape[1], BARS)

    chains: list[list[int]] = []
    chain_of: list[int] = []
    for index, (goes_on, parent) in enumerate(zip(follows.tolist(), above.tolist(), strict=True)):
        if goes_on:
            chain = chain_of[parent]
            chains[chain].append(index)
        else:
            chain = len(chains)
            chains.append([index])
        chain_of.append(chain)

    chains.sort(key=len, reverse=True)
    strokes = []
    cut = (right == grid.shape[1] - 1).astype(int) - (left == 0)
    for indices in chains[:MAX_STROKES]:
        if len(indices) < 2:
            break
        runs = np.array(indices[::-1])
        over = slice(above[indices[0]], end[indices[0]])
        is_of_zebra = 2 * np.count_nonzero(is_stripe[runs]) > len(runs)
        is_shaft = over.start < over.stop and _ends_in_arrow_head(runs[-4:], over, centre, mass, int(row[runs[-1]] - row[0]))
        if not is_of_zebra and not is_shaft:
            widths = mass[runs] / 255.0
            stroke = _stroke(row[runs].astype(np.float64), centre[runs], widths, cut[runs])
            if stroke is not None:
                strokes.append(stroke)
    return strokes


def _ends_in_arrow_head(top: NDArray[np.intp], over: slice, centre: Floats, mass: Floats, depth: int) -> bool:
    """Whether the runs `over` a stroke's top ones make it the shaft of an arrow: centred on it and two to eight times as wide.

    `depth` is how many rows below the highest paint they are, and so below the horizon or nearly: no arrow is wider than that, 1.3 m.

    A lane line may well end at a stop line, but that is wider still, or lies to one side. A shaft keeps its width up to the head,
    so it is as wide as the widest of its top runs; the last one alone is next to nothing where a line fades out into specks.
    """
    shaft, width = float(mass[top].max()), float(mass[over].sum())
    if not 2.2 * shaft < width < min(8.0 * shaft, 255.0 * (depth + HORIZON_ABOVE)):
        return False
    middle = float(mass[over] @ centre[over]) / width
    return abs(middle - float(centre[top[-1]])) < 0.2 * width / 255.0


def _middles(centre: Floats, widths: Floats, cut: NDArray[np.int_]) -> tuple[Floats, Floats]:
    """The line's middle and width at each run of a stroke: the run's own, but where only a part of the line's width is seen.

    Such runs would turn the stroke, and a near dash would no longer point at the next one of its line.
    """
    middles, full = centre.copy(), widths
    if cut.any() and not cut.all():
        whole = np.flatnonzero(cut == 0)
        # What the frame's side cuts off is taken to be as wide as it is where all of it is seen.
        full = np.maximum(widths, np.interp(np.arange(len(widths)), whole, widths[whole]))
        middles += 0.5 * cut * (full - widths)
    # The end of a dash is hardly ever quite along a row, so its last row may show a corner alone: there the line goes on straight.
    # (Not where it has fewer rows: a round mark is narrower at its ends, too, and has no direction.)
    if len(widths) >= 8:
        if widths[0] < 0.5 * widths[1]:
            middles[0] = 1.5 * middles[1] - 0.5 * middles[3]
        if widths[-1] < 0.5 * widths[-2]:
            middles[-1] = 1.5 * middles[-2] - 0.5 * middles[-4]
    return middles, full


def _stroke(y: Floats, centre: Floats, widths: Floats, cut: NDArray[np.int_]) -> Line | None:
    """A line of one stroke, unless it is a speck, a blob, an arrow or a stop line.

    Args:
        y: rows of its runs, from the bottom up. centre: of each. widths: along the row, cells.
        cut: -1 and 1 for runs that the frame's left and right side cut off.
    """
    rise = len(y)
    x, full = _middles(centre, widths, cut)
    reach = min(3, (rise - 1) // 2)
    turn = (x[2 * reach :] - x[: rise - 2 * reach]) / max(2 * reach, 1)
    across = widths[reach : rise - reach] / np.sqrt(1.0 + turn * turn)
    stroke = Line(y, x, full, float(np.sort(across)[len(across) // 2]))
    # A short one must at least be longer than wide; a round speck of any size covers four fifths of its square.
    is_speck = stroke.length < 6.0 and float(widths.sum()) < 1.05 * float(widths.max()) ** 2
    if is_speck or stroke.thickness > 1.2 * stroke.length:
        return None
    # As much of it as is seen: what goes on beyond the frame's side does not show whether it is a stop line.
    is_flat = abs(float(centre[-1] - centre[0])) > FLATTEST * rise
    return None if is_flat or _widens_at_once(x, widths) else stroke


def _widens_at_once(x: Floats, widths: Floats) -> bool:
    """Whether a stroke is an arrow: in perspective paint grows thinner upward, but where a head begins it widens, and to both sides."""
    # Not in its first third: the cut end of a dash that lies aslant widens too, and a double line where the two become one.
    shaft = max(0, len(x) // 3 - 5)
    body = widths[shaft:]
    if len(body) <= 5:
        return False
    here, below = body[5:], np.maximum(np.maximum(body[:-5], body[1:-4]), np.maximum(body[2:-3], body[3:-2]))
    widens = here > 2.2 * below + 1.0
    if not widens.any():
        return False
    shift = np.abs(x[shaft + 5 :] - x[shaft + 3 : -2])
    return bool((widens & (shift < 0.25 * (here - below))).any())
