"""Lane curves from a mask: strokes of paint, joined through their gaps, one curve a lane boundary.

The way from mask to curves, all on a grid of at most 320 cells a side so that the cost hardly depends on the frame's size:

1. every row's runs of paint, followed upward from row to row, give *strokes*: one dash, or one solid line;
2. blobs, arrows and stop lines are no strokes: a stroke is much longer than it is thick, and about equally thick all along;
3. strokes that continue each other are joined into *lines*, whatever the gap looks like in perspective;
4. lines of one road meet in one vanishing point, found from the lines themselves; what does not point there is no lane line, nor is
   a fragment beneath the car with no room for a lane on either side;
5. a straight line, a parabola or a parabola with a pole is fitted to each, robustly: the simplest that is sufficient;
6. a dash by itself, too short to be sure of, counts where the other lines leave room for a lane on either side of it.

Everything here looks at one mask alone. Nothing is remembered from frame to frame.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.geometry.strokes import Floats, Line, find_strokes
from lanes.results import Lane

GRID = 320
"""Cells along the longer side of the grid that strokes are followed on."""

POLE = 0.25
"""How far above a line's highest paint the pole of its curve lies, in spans of the line (found best on real bends)."""

LEAST_CONFIDENCE = 0.25
LEAST_OUTER_CONFIDENCE = 0.45
"""Lines with less are left out, those beyond the ego lane sooner: a calm picture is worth more than a far-off fragment."""

LEAST_FAINT_CONFIDENCE = 0.12
"""The same for the one dash in sight of a line, of which two lines beside it say where it must point."""

NARROWEST_LANE = 1.6
"""In heights of the camera: 2.1 m from a car, where lanes are 2.5 m and more and what is painted in a lane lies less far from its edge."""

BENEATH = 0.5
"""In heights of the camera to either side of it: a car's wheels are further apart, and no lane's boundary lies between them for long."""


def find_lanes(mask: NDArray[np.uint8]) -> list[Lane]:
    """Find the lane boundaries in a mask of lane paint.

    Args:
        mask: (H, W) uint8, 0 or 255, paint stroke by stroke, at the frame's size. Any size from one pixel up.

    Returns:
        Lanes from left to right (positions rise). Empty where no paint looks like a lane line, as in an empty or a full mask.
    """
    height, width = mask.shape
    scale = max(1.0, max(height, width) / GRID)
    columns, rows = max(1, round(width / scale)), max(1, round(height / scale))
    grid = mask if scale == 1.0 else cv2.resize(mask, (columns, rows), interpolation=cv2.INTER_AREA)
    lines = _join(find_strokes(np.asarray(grid, dtype=np.uint8)), rows)
    lines = [line for line in lines if line.length >= max(3.0, 0.03 * rows, 2.0 * line.thickness)]
    for line in lines:
        _fit(line)
    sure = [line for line in lines if line.length >= 0.05 * rows and _confidence(line, rows) >= LEAST_CONFIDENCE]
    if not sure:
        return []
    faint = [line for line in lines if line not in sure and _confidence(line, rows) >= LEAST_FAINT_CONFIDENCE]
    vanishing = _vanishing_point(sure, columns, rows)
    sure = [line for line in sure if _points_at(line, vanishing)]
    sure = _without_intruders(_without_crossings(_merged(sure, vanishing), rows - 0.5), vanishing)
    return _lanes(sure + _with_room(faint, sure, vanishing, rows - 0.5), vanishing, columns, rows, (width, height))


# --- lines -----------------------------------------------------------------------------------------------------------


def _ends(stroke: Line) -> tuple[float, float, float, float]:
    """x and slope dx/dy at the bottom and at the top of a stroke, each from at most the 16 nearest rows."""
    found = []
    for rows in (slice(None, 16), slice(-16, None)):
        y, x = stroke.y[rows], stroke.x[rows]
        dy = y - y.mean()
        slope = float(dy @ x / (dy @ dy))
        anchor = stroke.low if rows.start is None else stroke.high
        found += [float(x.mean()) + slope * (anchor - float(y.mean())), slope]
    return found[0], found[1], found[2], found[3]


def _join(strokes: list[Line], rows: int) -> list[Line]:
    """Join strokes that continue each other. A pair fits where each, prolonged through the gap, meets the other."""
    if not strokes:
        return []
    low, high = np.array([s.low for s in strokes]), np.array([s.high for s in strokes])
    size = np.array([s.length for s in strokes])
    x_low, slope_low, x_high, slope_high = np.array([_ends(s) for s in strokes]).T

    gap = high[:, None] - low[None, :]  # from the top of the lower stroke (rows) up to the bottom of the upper one (columns)
    step = x_low[None, :] - x_high[:, None]
    distance = np.hypot(gap, step)
    # Offsets across the line, not along the row: a flat line moves far along a row for a small turn.
    miss_low = np.abs(step + slope_high[:, None] * gap) / np.hypot(1.0, slope_high)[:, None]
    miss_high = np.abs(step + slope_low[None, :] * gap) / np.hypot(1.0, slope_low)[None, :]
    # What a stroke says of its direction is worth as much as it is long.
    allowed_low = 1.5 + distance * (0.10 + 0.8 / size[:, None])
    allowed_high = 1.5 + distance * (0.10 + 0.8 / size[None, :])
    cost = miss_low / allowed_low + miss_high / allowed_high + distance / (0.5 * rows)
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
        lines.append(_chained([strokes[part] for part in parts]))
    return lines


def _chained(parts: list[Line]) -> Line:
    """One line of several, those of a double line averaged where they lie side by side."""
    if len(parts) == 1:
        return parts[0]
    y, x = np.concatenate([p.y for p in parts]), np.concatenate([p.x for p in parts])
    rows, index, count = np.unique(y, return_inverse=True, return_counts=True)
    mean = np.bincount(index, x) / count
    return Line(rows[::-1], mean[::-1], max(part.thickness for part in parts))


# --- curves ----------------------------------------------------------------------------------------------------------


def _at(line: Line, y: Floats) -> Floats:
    """x of the fitted curve at y; beyond its paint the curve goes on straight, for the fit says nothing there."""
    a, b, c, d = line.coefficients
    inside = np.minimum(np.maximum(y, line.high), line.low)
    t = (inside - line.high) / line.span
    pole = 1.0 / (t + POLE)
    x: Floats = a + t * (b + t * c) + d * pole + (y - inside) * (b + 2.0 * t * c - d * pole * pole) / line.span
    return x


def _heading(line: Line) -> tuple[float, float, float]:
    """(x, y, slope dx/dy) near the lower end: in a bend only what is near points to where the road is heading at the car."""
    _, b, c, d = line.coefficients
    t = 0.8
    y = line.high + t * line.span
    return float(_at(line, np.array(y))), y, (b + 2.0 * t * c - d / (t + POLE) ** 2) / line.span


def _fit(line: Line) -> None:
    """Fit the simplest curve that explains the paint to a fifth of a cell, or is not bettered by much; outliers lose weight.

    In perspective a bend of constant curvature is a hyperbola whose pole is the horizon; on a hill or in a bend that tightens
    a parabola comes nearer. The two together follow both.
    """
    t = (line.y - line.high) / line.span
    candidates = np.stack([np.ones_like(t), t, t * t, 1.0 / (t + POLE)])
    line.error = math.inf
    for terms in range(2, 5):
        basis = candidates[:terms]
        weighted = basis
        for _ in range(3):
            solution = np.linalg.solve(weighted @ basis.T + 1e-6 * np.eye(terms), weighted @ line.x)
            residual = np.abs(solution @ basis - line.x)
            if float(residual.max()) < 1.5:
                break
            weighted = basis / (1.0 + residual**2)
        bounded = np.minimum(residual, 4.0)
        error = math.sqrt(float(bounded @ bounded) / len(t))
        if error < 0.7 * line.error:
            line.error = error
            line.coefficients = (*solution.tolist(), *[0.0] * (4 - terms))
        # A few dashes do not tell a bend from a counter-bend: the pole is for lines that are mostly paint.
        if error < 0.2 or len(t) < 8 * terms or (terms == 3 and len(t) < 0.6 * line.span):
            break


def _vanishing_point(lines: list[Line], columns: int, rows: int) -> tuple[float, float]:
    """Where the lines' lower ends, prolonged, come nearest to meeting; robust least squares, grid cells."""
    top = min(line.high for line in lines)
    x, y, slope = np.array([_heading(line) for line in lines]).T
    length = np.array([line.length for line in lines])
    # |x_i + slope_i (Y - y_i) - X| / |(1, slope_i)| is the distance of (X, Y) from line i. A weak pull to the middle of the
    # frame, just above the highest paint, decides where there is one line alone or all are parallel.
    norm = np.hypot(1.0, slope)
    left = np.stack([1.0 / norm, -slope / norm], axis=1)
    right = (x - slope * y) / norm
    prior = np.array([(columns - 1) / 2.0, top - 0.03 * rows])
    point = prior
    weights = length.copy()
    for _ in range(5):
        weighted = left * weights[:, None]
        pull = np.diag([0.002, 0.02]) * float(length.sum())
        point = np.linalg.solve(weighted.T @ left + pull, weighted.T @ right + pull @ prior)
        weights = length / (1.0 + ((left @ point - right) / (0.03 * columns)) ** 2)
    return float(point[0]), min(float(point[1]), top)


def _points_at(line: Line, vanishing: tuple[float, float]) -> bool:
    """Whether the line's lower end points at the vanishing point, to within 25 degrees (and a short line's own error besides).

    Wide, because a slip road's lines do not quite point where the road's do; what lies across the road is far beyond that.
    """
    x, y, slope = _heading(line)
    wanted = math.atan2(vanishing[0] - x, y - vanishing[1] + 1e-9)
    return abs(wanted - math.atan(-slope)) < math.radians(25.0) + 1.0 / line.length


def _spread(one: Line, other: Line, vanishing: tuple[float, float]) -> tuple[float, float]:
    """Least and greatest signed distance between two lines where both have paint (or nearest to that), in heights of the camera.

    On a flat road, a distance in pixels divided by the rows below the horizon is the distance on the road in camera heights.
    """
    low, high = min(one.low, other.low), max(one.high, other.high)
    y = np.linspace(low, high, 8) if low > high else np.array([(low + high) / 2.0])
    distance = (_at(other, y) - _at(one, y)) / np.maximum(y - vanishing[1], 2.0)
    return float(distance.min()), float(distance.max())


def _merged(lines: list[Line], vanishing: tuple[float, float]) -> list[Line]:
    """Make double lines, and parts of a line that were not joined, into one. Strongest first."""
    kept: list[Line] = []
    for line in sorted(lines, key=lambda line: -line.length):
        for index, other in enumerate(kept):
            least, greatest = _spread(other, line, vanishing)
            # Half a camera height is some 0.7 m: double lines are closer, lanes never are.
            if max(abs(least), abs(greatest)) < 0.5:
                kept[index] = _chained([other, line])
                _fit(kept[index])
                break
        else:
            kept.append(line)
    return kept


def _without_crossings(lines: list[Line], bottom: float) -> list[Line]:
    """Drop what crosses a stronger line on the way down to the frame's bottom: of two lane lines that cross, one is none."""
    kept: list[Line] = []
    for line in sorted(lines, key=lambda line: -line.length):
        sides = [_side(line, other, bottom) for other in kept]
        # Two lines that meet far ahead may seem to cross there by a cell.
        if all(least > -1.5 or greatest < 1.5 for least, greatest in sides):
            kept.append(line)
    return kept


def _side(line: Line, other: Line, bottom: float) -> tuple[float, float]:
    y = np.linspace(max(line.high, other.high), bottom, 12)
    distance = _at(line, y) - _at(other, y)
    return float(distance.min()), float(distance.max())


def _without_intruders(lines: list[Line], vanishing: tuple[float, float]) -> list[Line]:
    """Drop a fragment that would run beneath the car where neither side leaves room for a lane: a reflection, a seam or an arrow.

    A fragment has less than a third of the paint of the lines on both sides; of a dashed line about a third is painted. Only beneath
    the car, because from a lorry's height whole lanes seem narrower than `NARROWEST_LANE`: one dash may be all that is in sight of the
    line between two of them, but it lies beside the lorry's wheels except while that changes lanes.
    """
    kept = []
    for line in lines:
        x, y, _ = _heading(line)
        spreads = [_spread(line, other, vanishing) for other in lines if 3.0 * line.length < other.length]
        crowded_left = any(least > -NARROWEST_LANE and greatest < 0 for least, greatest in spreads)
        crowded_right = any(least > 0 and greatest < NARROWEST_LANE for least, greatest in spreads)
        if not (crowded_left and crowded_right and abs(x - vanishing[0]) < BENEATH * (y - vanishing[1])):
            kept.append(line)
    return kept


def _with_room(faint: list[Line], sure: list[Line], vanishing: tuple[float, float], bottom: float) -> list[Line]:
    """Those faint lines that have a lane's room beside them, straightened to point at the vanishing point: the longest first.

    A dash tells where it lies better than where it points; the lines beside it know that.
    """
    if len(sure) < 2:
        return []
    kept: list[Line] = []
    for line in sorted(faint, key=lambda line: -line.length):
        x, y = float(line.x.mean()), float(line.y.mean())
        if y - vanishing[1] < 2.0 or not _points_at(line, vanishing):
            continue
        slope = (x - vanishing[0]) / (y - vanishing[1])
        line.coefficients = (x + slope * (line.high - y), slope * line.span, 0.0, 0.0)
        line.error = float(np.sqrt(np.mean((_at(line, line.y) - line.x) ** 2)))
        foot, height = float(_at(line, np.array(bottom))), bottom - vanishing[1]
        feet = [float(_at(other, np.array(bottom))) for other in sure + kept]
        if line.error < 1.5 and all(abs(foot - other) >= NARROWEST_LANE * height for other in feet):
            kept.append(line)
    return kept


# --- lanes -----------------------------------------------------------------------------------------------------------


def _lanes(lines: list[Line], vanishing: tuple[float, float], columns: int, rows: int, size: tuple[int, int]) -> list[Lane]:
    """Give the lines their positions, and the ego lane's two boundaries the stretch down to the car."""
    bottom = rows - 0.5
    middle = (columns - 1) / 2.0
    feet = sorted((float(_at(line, np.array(bottom))), index) for index, line in enumerate(lines))
    sides = {-1: [index for x, index in reversed(feet) if x < middle], 1: [index for x, index in feet if x >= middle]}
    road = _road_bottom(lines, columns, rows)
    lanes = []
    for side, outward in sides.items():
        shown = [lines[i] for n, i in enumerate(outward) if n == 0 or _confidence(lines[i], rows) >= LEAST_OUTER_CONFIDENCE]
        for rank, line in enumerate(shown, start=1):
            # With gaps of 9 m and the road in sight from 3 m on, the first whole dash may begin 12 m away, four times as far.
            reach = vanishing[1] + 4.0 * (line.low - vanishing[1])
            low = max(line.low, road) if rank == 1 and reach >= road else line.low
            points = _sampled(line, low + 0.5, (columns, rows), size)
            if len(points) >= 2:
                lanes.append(Lane(side * rank, points, _confidence(line, rows), 2 * rank - (side < 0)))
    return sorted(lanes, key=lambda lane: lane.position)


def _road_bottom(lines: list[Line], columns: int, rows: int) -> float:
    """The row where the road ends in the picture: where long strokes stop, at the bonnet; without such, the frame's last row."""
    enough = max(2, rows // 6)
    ends = []
    for line in lines:
        unbroken = line.y[:enough]
        if len(unbroken) == enough and unbroken[0] - unbroken[-1] < enough and 4 < line.x[0] < columns - 5 and line.low > 0.7 * rows:
            ends.append(line.low)
    return max(ends, default=rows - 1.0)


def _sampled(line: Line, low: float, grid: tuple[int, int], size: tuple[int, int]) -> NDArray[np.float32]:
    """Points of the curve in source pixels, from its lowest point inside the frame up to where it ends or leaves the frame."""
    scale = np.array(size) / np.array(grid)

    def on_frame(y: Floats) -> Floats:
        points: Floats = (np.stack([_at(line, y), y], axis=1) + 0.5) * scale - 0.5
        return points

    y = np.linspace(min(low, (size[1] - 0.5) / scale[1] - 0.5), line.high - 0.5, 4 * grid[1])
    points = on_frame(y)
    inside = np.flatnonzero(((points >= 0) & (points <= np.array(size) - 1)).all(axis=1))
    if not len(inside):
        return np.empty((0, 2), np.float32)
    breaks = np.flatnonzero(np.diff(inside) > 1)
    low, high = y[inside[0]], y[inside[breaks[0]] if len(breaks) else inside[-1]]
    # Closer together at the top, where a bend turns fastest.
    spread = np.linspace(1.0, 0.0, max(2, round((low - high) / 3.0))) ** 2
    return np.clip(on_frame(high + (low - high) * spread), 0, np.array(size) - 1).astype(np.float32)


def _confidence(line: Line, rows: int) -> float:
    """Paint speaks for a curve by its length (a fifth of the frame's height convinces), its share of the span, and its fit."""
    length = min(1.0, line.length / (0.2 * rows))
    share = min(1.0, 2.0 * len(line.y) / line.span)
    return round(length * share / (1.0 + 0.3 * line.error**2), 3)
