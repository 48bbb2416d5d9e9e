"""The vanishing point of a road, from its lines alone, and whether a line points at it."""

from __future__ import annotations

import math

import numpy as np

from lanes.geometry.fitting import heading_near
from lanes.geometry.strokes import Line


def find_vanishing_point(lines: list[Line], columns: int, rows: int) -> tuple[float, float]:
    """Where the lines' lower ends, prolonged, come nearest to meeting; grid cells.

    Of the places where two of them meet, the one that most paint points at, and that is nearest to the middle of the frame; then robust
    least squares, so that what does not point there, as shadows' edges, counts for nothing.
    """
    top = min(line.high for line in lines)
    x, y, slope = np.array([heading_near(line) for line in lines]).T
    length = np.array([line.length for line in lines])
    # |x_i + slope_i (Y - y_i) - X| / |(1, slope_i)| is the distance of (X, Y) from line i. A weak pull to the middle of the
    # frame, just above the highest paint, decides where there is one line alone or all are parallel.
    norm = np.hypot(1.0, slope)
    left = np.stack([1.0 / norm, -slope / norm], axis=1)
    foot = x - slope * y
    right = foot / norm
    prior = np.array([(columns - 1) / 2.0, top - 0.03 * rows])
    one, two = np.nonzero(slope[:, None] - slope > 0.05)  # each pair once, unless they are parallel
    meet_y = (foot[two] - foot[one]) / (slope[one] - slope[two])
    meets = np.stack([np.append(foot[one] + slope[one] * meet_y, prior[0]), np.append(meet_y, prior[1])], axis=1)
    near = 1.0 / (1.0 + ((left @ meets.T - right[:, None]) / (0.03 * columns)) ** 2)
    away = ((meets - prior) / (0.3 * columns, 0.2 * rows)) ** 2
    point = meets[np.argmax(length @ near - 0.25 * length.sum() * np.minimum(away.sum(axis=1), 4.0))]
    pull = np.diag((0.002, 0.02)) * float(length.sum())
    for _ in range(3):
        weights = length / (1.0 + ((left @ point - right) / (0.03 * columns)) ** 2)
        weighted = left * weights[:, None]
        point = np.linalg.solve(weighted.T @ left + pull, weighted.T @ right + pull @ prior)
    return float(point[0]), min(float(point[1]), top)


def points_at(line: Line, vanishing: tuple[float, float]) -> bool:
    """Whether the line's lower end points at the vanishing point, to within 25 degrees (and a short line's own error besides).

    Wide, because a slip road's lines do not quite point where the road's do; what lies across the road is far beyond that.
    """
    x, y, slope = heading_near(line)
    wanted = math.atan2(vanishing[0] - x, y - vanishing[1] + 1e-9)
    return abs(wanted - math.atan(-slope)) < math.radians(25.0) + 1.0 / line.length
