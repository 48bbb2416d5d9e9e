"""Lines that run beside each other and bound no lane between them: parts of one line, double lines, joints beside the paint."""

from __future__ import annotations

import numpy as np

from lanes.geometry.fitting import fit, x_at
from lanes.geometry.guide import follow, road_distance, road_width, way
from lanes.geometry.joining import chain
from lanes.geometry.strokes import Line

BESIDE = 0.5
"""In heights of the camera, some 0.7 m: the two of a double line are closer, two lanes' boundaries never are."""

CONTINUES = 0.06
"""In heights of the camera: paint in a gap of a line, no further from its curve, is of that line, however thin it seems."""

THINNER = 0.55
"""Paint this much thinner than what it runs beside is a joint, a seam or a kerb."""

THIN = 0.06
"""In heights of the camera: no paint that is thinner, 8 cm from a car, is the line where wider paint runs beside it."""

THICKER = 0.75
"""Of the width of paint: a run beside it that has as much shows the paint itself."""

LEAST_WAY = 0.2
"""Logarithm of how many times farther away the end of such wider paint is than its beginning: a dash far ahead is no less."""


def merge_duplicates(lines: list[Line], guide: Line, horizon: float) -> list[Line]:
    """Make the two of a double line, and parts of a line that were not joined, into one. Strongest first.

    What is much thinner than the paint it runs beside is not paint: a joint between slabs, a seam, a kerb's edge.
    """
    kept: list[Line] = []
    for line in sorted(lines, key=lambda line: -line.length):
        for index, other in enumerate(kept):
            apart = max(abs(distance) for distance in road_distance(other, line, horizon))
            if apart < BESIDE:
                kept[index] = _merge(other, line, apart, horizon)
                if kept[index] not in (line, other):
                    fit(kept[index])
                    if guide not in (line, other):
                        follow(kept[index], guide, horizon)
                break
        else:
            kept.append(line)
    return kept


def _merge(one: Line, other: Line, apart: float, horizon: float) -> Line:
    """The line that two beside each other are, `one` the longer; `apart` camera heights at most."""
    common = _rows_in_common(one, other)
    nearest = max(min(float(one.y.sum()) / len(one.y), float(other.y.sum()) / len(other.y)) - horizon, 1.0)
    if common or apart >= CONTINUES + 1.5 / nearest:
        width, other_width = road_width(one, horizon), road_width(other, horizon)
        if other_width < THINNER * width:
            return one
        if width < min(THINNER * other_width, THIN) and way(other, horizon) > LEAST_WAY:
            return _without_joint(other, one, horizon)
    if common < 0.25 * min(len(one.y), len(other.y)):
        return chain([one, other])
    # Of a solid and a dashed line beside each other the solid one.
    return one if common < 0.6 * len(one.y) else _middle(one, other, horizon)


def _middle(one: Line, other: Line, horizon: float) -> Line:
    """The middle of a double line, also in rows where one of the two shows no paint."""
    y = np.union1d(one.y, other.y)[::-1]
    middle, width = np.empty((2, len(y))), np.full((2, len(y)), np.nan)
    for index, line in enumerate((one, other)):
        own = np.searchsorted(-y, -line.y)
        middle[index], width[index, own] = x_at(line, y), line.widths
        middle[index, own] = line.x
    typical = np.array([road_width(line, horizon) for line in (one, other)])[:, None] * np.maximum(y - horizon, 1.0)
    shown = ~np.isnan(width)
    width = np.where(shown, width, typical)
    left, right = (middle - width / 2).min(axis=0), (middle + width / 2).max(axis=0)
    # Far away the two are one run, as wide as both.
    both = (shown.sum(axis=0) == 1) & (np.where(shown, width, 0.0).max(axis=0) > 0.7 * (right - left))
    single = np.where(shown[0], middle[0], middle[1])
    x = np.where(both, single, (left + right) / 2)
    return Line(y, x, np.where(both, np.where(shown[0], width[0], width[1]), right - left), max(one.thickness, other.thickness))


def _without_joint(line: Line, joint: Line, horizon: float) -> Line:
    """A line together with what the joint beside it shows of it where the two are one run: the parts that are too wide for a joint."""
    is_paint = joint.widths > THICKER * road_width(line, horizon) * (joint.y - horizon)
    if np.count_nonzero(is_paint) < 2:
        return line
    return chain([line, Line(joint.y[is_paint], joint.x[is_paint], joint.widths[is_paint], line.thickness)])


def _rows_in_common(one: Line, other: Line) -> int:
    """How many rows both have paint in."""
    if one.high > other.low or other.high > one.low:
        return 0
    return len(set(one.y.tolist()).intersection(other.y.tolist()))
