"""Joining strokes that continue each other into lines, whatever the gap looks like in perspective."""

from __future__ import annotations

import numpy as np

from lanes.geometry.strokes import Floats, Line

NEAREST_ROWS = 16
"""With paint, that show which way a stroke's end points, at most."""


def join(strokes: list[Line], rows: int) -> list[Line]:
    """Join strokes that continue each other. A pair fits where each, prolonged through the gap, meets the other."""
    if not strokes:
        return []
    low, high = np.array([s.low for s in strokes]), np.array([s.high for s in strokes])
    size = np.array([s.length for s in strokes])
    x_low, slope_low, x_high, slope_high = np.array([_end_slopes(s) for s in strokes]).T
    # Paint narrows with the rows to the horizon, which lies a little above the highest paint.
    horizon = float(high.min()) - 0.03 * rows
    width = np.log([float(s.widths.sum()) / float((s.y - horizon).sum()) for s in strokes])
    mismatch = np.abs(width[:, None] - width[None, :])

    gap = high[:, None] - low[None, :]  # from the top of the lower stroke (rows) up to the bottom of the upper one (columns)
    step = x_low[None, :] - x_high[:, None]
    distance = np.hypot(gap, step)
    # Offsets across the line, not along the row: a flat line moves far along a row for a small turn.
    miss_low = np.abs(step + slope_high[:, None] * gap) / np.hypot(1.0, slope_high)[:, None]
    miss_high = np.abs(step + slope_low[None, :] * gap) / np.hypot(1.0, slope_low)[None, :]
    # The longer a stroke, the more precise its direction.
    allowed_low = 1.5 + distance * (0.10 + 0.8 / size[:, None])
    allowed_high = 1.5 + distance * (0.10 + 0.8 / size[None, :])
    cost = miss_low / allowed_low + miss_high / allowed_high + distance / (0.5 * rows) + 0.5 * mismatch
    reach = 3.0 * np.maximum(size[:, None], size[None, :]) + 0.04 * rows
    possible = (gap > 0) & (miss_low < allowed_low) & (miss_high < allowed_high) & (distance < np.minimum(reach, 0.45 * rows))
    lower, upper = np.nonzero(possible)

    above: dict[int, int] = {}
    below: dict[int, int] = {}
    for pair in np.argsort(cost[lower, upper], kind="stable").tolist():
        a, b = int(lower[pair]), int(upper[pair])
        if a not in above and b not in below:
            above[a], below[b] = b, a
    lines = []
    for index in range(len(strokes)):
        if index in below:
            continue
        parts = [index]
        while parts[-1] in above:
            parts.append(above[parts[-1]])
        lines.append(chain([strokes[part] for part in parts]))
    return lines


def _end_slopes(stroke: Line) -> tuple[float, float, float, float]:
    """x and slope dx/dy at the bottom and at the top of a stroke, each from the nearest rows."""
    x, y, slope = _straight(stroke.y[:NEAREST_ROWS], stroke.x[:NEAREST_ROWS])
    x_low, slope_low = x + slope * (stroke.low - y), slope
    if len(stroke.y) > NEAREST_ROWS:
        x, y, slope = _straight(stroke.y[-NEAREST_ROWS:], stroke.x[-NEAREST_ROWS:])
    return x_low, slope_low, x + slope * (stroke.high - y), slope


def _straight(y: Floats, x: Floats) -> tuple[float, float, float]:
    """The middle (x, y) of some points, and the slope dx/dy of the straight line through them."""
    middle = float(y.sum()) / len(y)
    dy = y - middle
    return float(x.sum()) / len(y), middle, float(dy @ x / (dy @ dy))


def chain(parts: list[Line]) -> Line:
    """One line of several, from the lowest up, of which no two have paint in one row."""
    if len(parts) == 1:
        return parts[0]
    y, x, widths = (np.concatenate([getattr(part, name) for part in parts]) for name in ("y", "x", "widths"))
    order = np.argsort(-y, kind="stable")
    order = order[np.r_[True, np.diff(y[order]) < 0]]
    line = Line(y[order], x[order], widths[order], max(part.thickness for part in parts))
    line.parts = tuple(parts)
    return line
