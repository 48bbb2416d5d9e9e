"""Which of the lines found are lane boundaries: impossible ones dropped, short dashes admitted where a lane fits."""

from __future__ import annotations

import numpy as np

from lanes.geometry.fitting import x_at
from lanes.geometry.guide import road_distance, run_alongside, way
from lanes.geometry.joining import chain
from lanes.geometry.strokes import Floats, Line
from lanes.geometry.vanishing import points_at

NARROWEST_LANE = 1.6
"""In heights of the camera: 2.1 m from a car, where lanes are 2.5 m and more and what is painted in a lane lies less far from its edge."""

CLOSE = 0.8
"""In heights of the camera: less than any lane is wide, even from a lorry's height."""

MISFIT = 1.5
"""Cells that paint is off where it should run alongside the guide, from which on it does not."""

BEHIND = 0.12
"""In heights of the camera: two dashes no farther apart to the side lie behind each other."""

TWO_DASHES = 0.5
"""Logarithm of how many times farther away the end of two dashes is than their beginning, at least."""

BENEATH = 0.5
"""In heights of the camera to either side of it: a car's wheels are further apart, and no lane's boundary lies between them for long."""

STEPS = np.linspace(0.0, 1.0, 24)


def drop_crossing(lines: list[Line], bottom: float) -> list[Line]:
    """Drop what crosses a stronger line between its paint and the frame's bottom: of two lane lines that cross, one is none."""
    top = min(line.high for line in lines)
    y = top + (bottom - top) * STEPS
    kept: list[tuple[Line, Floats]] = []
    for line in sorted(lines, key=lambda line: -line.length):
        x = x_at(line, y)
        for other, beside in kept:
            apart = (x - beside)[y >= max(line.high, other.high)]
            # Two lines that meet far ahead may seem to cross there by a cell.
            if len(apart) and apart.min() <= -1.5 and apart.max() >= 1.5:
                break
        else:
            kept.append((line, x))
    return [line for line, _ in kept]


def drop_fragments(lines: list[Line], vanishing: tuple[float, float]) -> list[Line]:
    """Drop a fragment where there is no space for a lane: a reflection, a seam, an arrow, a bar of a hatched area.

    A fragment has less than a third of the paint of a line beside it; of a dashed line about a third is painted. It is dropped close beside
    that line, and where it would run beneath the car with no lane's space on either side. Elsewhere not, because from a lorry's height
    whole lanes seem narrower than `NARROWEST_LANE`: one dash may be all that is in sight of the line between two of them, but it lies
    beside the lorry's wheels except while that changes lanes.
    """
    kept = []
    for line in lines:
        distances = [road_distance(line, other, vanishing[1]) for other in lines if 3.0 * line.length < other.length]
        crowded_left = any(least > -NARROWEST_LANE and greatest < 0 for least, greatest in distances)
        crowded_right = any(least > 0 and greatest < NARROWEST_LANE for least, greatest in distances)
        is_close = any(least > -CLOSE and greatest < CLOSE for least, greatest in distances)
        if not is_close and not (crowded_left and crowded_right and _is_beneath(line, vanishing)):
            kept.append(line)
    return kept


def _is_beneath(line: Line, vanishing: tuple[float, float]) -> bool:
    """Whether the car drives over a line's lower end."""
    y = line.low - 0.2 * line.span
    return abs(float(x_at(line, np.array(y))) - vanishing[0]) < BENEATH * (y - vanishing[1])


def admit_faint(faint: list[Line], strong: list[Line], guide: Line, vanishing: tuple[float, float], bottom: float) -> list[Line]:
    """The faint lines that have a lane's space beside them, turned to run alongside the others: the longest first.

    The position of a dash is more precise than its direction; the lines beside it show the direction. Beside one line alone a single dash
    is not enough: two of them must lie behind each other.
    """
    if not faint:
        return []
    height = bottom - vanishing[1]
    dashes: list[tuple[Line, float]] = []
    for line in sorted(faint, key=lambda line: -line.length):
        if line.y.sum() < (vanishing[1] + 2.0) * len(line.y) or not points_at(line, vanishing):
            continue
        foot = _turn(line, guide, vanishing[1], bottom)
        if line.error >= MISFIT and line.parts:
            # What was joined of several dashes runs alongside nothing: the longest of them may.
            line = max(line.parts, key=lambda part: part.length)
            foot = _turn(line, guide, vanishing[1], bottom)
        for index, (other, beside) in enumerate(dashes):
            joined = chain([other, line])
            if abs(foot - beside) < BEHIND * height and len(joined.y) == len(other.y) + len(line.y):
                dashes[index] = joined, _turn(joined, guide, vanishing[1], bottom)
                break
        else:
            dashes.append((line, foot))
    feet = [float(x_at(other, np.array(bottom))) for other in strong]
    kept: list[Line] = []
    for line, foot in sorted(dashes, key=lambda dash: -dash[0].length):
        is_sure = len(feet) > 1 or way(line, vanishing[1]) > TWO_DASHES
        if line.error < MISFIT and is_sure and all(abs(foot - other) >= NARROWEST_LANE * height for other in feet):
            kept.append(line)
            feet.append(foot)
    return kept


def _turn(line: Line, guide: Line, horizon: float, bottom: float) -> float:
    """Let a line run alongside the guide, and return where it meets the frame's bottom."""
    line.error = run_alongside(line, guide, horizon)
    return float(x_at(line, np.array(bottom)))
