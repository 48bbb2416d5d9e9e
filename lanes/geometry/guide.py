"""The shape of the road: lines of one road run alongside each other, so the line seen best shows how the others go on."""

from __future__ import annotations

import math

import numpy as np

from lanes.geometry.fitting import x_at
from lanes.geometry.strokes import Line

FARTHEST_ROW = 8.0
"""Rows below the horizon: in what is farther away the shape of the road is not told by a single cell more of paint."""

ROW_STD = 4.0
"""Cells: what the row where the lines' directions meet is uncertain by."""

PAINT_STD = 3.0
"""Cells: of the paint of one stroke from a curve, taken together, for errors of neighbouring rows are alike."""

SHORT = 0.5
"""Of the way that the guide spans: a line that spans less has no reliable curve of its own."""

LEAST_ERROR = 1.5
"""Cells: a line that lies closer than this beside its guide runs alongside it, however well a curve of its own would fit."""

EIGHT = np.linspace(0.0, 1.0, 8)

HEADING_WEIGHT = 1.0
"""Weight of a line's heading along its guide's, in rows of paint."""


def find_guide(lines: list[Line], horizon: float) -> Line:
    """The line whose paint shows most of the road's shape: for how much of the way, counted by the logarithm of the distance."""
    return max(lines, key=lambda line: float(np.sum(1.0 / np.maximum(line.y - horizon, FARTHEST_ROW))) / (1.0 + line.error))


def find_horizon(lines: list[Line], guide: Line, row: float) -> float:
    """The horizon's row: where lines that run alongside the guide would meet it, whatever the bend, on a flat road.

    Args:
        lines: fitted. guide: one of them. row: of the horizon as the lines' directions have it, which in a bend is less certain.
    """
    found, weights = [row], [1.0 / ROW_STD**2]
    for line in lines:
        if line is guide or len(line.y) < 6:
            continue
        centre = float(line.y.sum()) / len(line.y)
        y = line.y - centre
        apart = line.x - x_at(guide, line.y)
        spread = float(y @ y)
        slope, middle = float(y @ apart) / spread, float(apart.sum()) / len(apart)
        if slope * middle <= 0:
            continue
        horizon = centre - middle / slope
        std = max(PAINT_STD * abs(middle) / (slope * slope * math.sqrt(spread)), 1.0)
        found.append(horizon)
        weights.append(1.0 / (std * std + (horizon - row) ** 2 / 4.0))
    return float(np.average(found, weights=weights))


def way(line: Line, horizon: float) -> float:
    """How much of the way a line's paint spans, from first to last: the logarithm of the ratio of the distances."""
    return math.log(max(line.low - horizon, FARTHEST_ROW) / max(line.high - horizon, FARTHEST_ROW))


def run_alongside(line: Line, guide: Line, horizon: float) -> float:
    """Fit a line as running alongside another: on a flat road x = x of the guide + b (y - horizon), for a bend of any shape.

    Args:
        line: gets the guide, and the coefficients a and b: a, at the horizon, is for a heading of its own, as of a slip road. guide: of it.
        horizon: row where lines that run alongside each other meet, cells.

    Returns:
        Root mean square distance of the paint from the fit along the row, cells.
    """
    below = line.y - horizon
    apart = line.x - x_at(guide, line.y)
    weights = np.ones_like(below)
    for _ in range(2):
        weighted = weights * below
        rows, first, second = float(weights.sum()) + HEADING_WEIGHT, float(weighted.sum()), float(weighted @ below) + 1e-6
        right = float(weights @ apart), float(weighted @ apart)
        scale = rows * second - first * first
        a, b = (right[0] * second - right[1] * first) / scale, (right[1] * rows - right[0] * first) / scale
        residual = a + b * below - apart
        weights = 1.0 / (1.0 + residual**2)
    line.guide, line.horizon, line.coefficients = guide, horizon, (a, b, 0.0, 0.0)
    line.is_alongside = line.is_parallel = True
    bounded = np.minimum(np.abs(residual), 4.0)
    return float(np.sqrt(bounded @ bounded / len(bounded)))


def follow(line: Line, guide: Line, horizon: float) -> None:
    """Let a line go on as its guide does: a short one runs alongside it all the way, where its own paint agrees with that."""
    own = line.coefficients
    line.is_alongside = False
    error = run_alongside(line, guide, horizon)
    line.is_parallel = error <= max(LEAST_ERROR, 1.3 * line.error)
    if line.is_parallel and way(line, horizon) < SHORT * way(guide, horizon):
        line.error = error
    else:
        line.is_alongside, line.coefficients = False, own


def road_width(line: Line, horizon: float) -> float:
    """Width of a line's paint in heights of the camera."""
    return float(line.widths.sum() / np.maximum(line.y - horizon, 1.0).sum())


def road_distance(one: Line, other: Line, horizon: float) -> tuple[float, float]:
    """Least and greatest signed distance between two lines where both have paint (or nearest to that), in heights of the camera.

    On a flat road, a distance in pixels divided by the rows below the horizon is the distance on the road in camera heights.
    """
    low, high = min(one.low, other.low), max(one.high, other.high)
    y = low + (high - low) * EIGHT if low > high else np.array([(low + high) / 2.0])
    distance = (x_at(other, y) - x_at(one, y)) / np.maximum(y - horizon, 2.0)
    return float(distance.min()), float(distance.max())
