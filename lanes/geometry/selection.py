"""Which of the lines found are lane boundaries: duplicates merged, impossible ones dropped, short dashes admitted where a lane fits."""

from __future__ import annotations

import numpy as np

from lanes.geometry.fitting import fit, heading_near, x_at
from lanes.geometry.joining import chain
from lanes.geometry.strokes import Line
from lanes.geometry.vanishing import points_at

NARROWEST_LANE = 1.6
"""In heights of the camera: 2.1 m from a car, where lanes are 2.5 m and more and what is painted in a lane lies less far from its edge."""

BENEATH = 0.5
"""In heights of the camera to either side of it: a car's wheels are further apart, and no lane's boundary lies between them for long."""


def merge_duplicates(lines: list[Line], vanishing: tuple[float, float]) -> list[Line]:
    """Make double lines, and parts of a line that were not joined, into one. Strongest first."""
    kept: list[Line] = []
    for line in sorted(lines, key=lambda line: -line.length):
        for index, other in enumerate(kept):
            least, greatest = road_distance(other, line, vanishing)
            # Half a camera height is some 0.7 m: double lines are closer, lanes never are.
            if max(abs(least), abs(greatest)) < 0.5:
                kept[index] = chain([other, line])
                fit(kept[index])
                break
        else:
            kept.append(line)
    return kept


def drop_crossing(lines: list[Line], bottom: float) -> list[Line]:
    """Drop what crosses a stronger line between its paint and the frame's bottom: of two lane lines that cross, one is none."""
    kept: list[Line] = []
    for line in sorted(lines, key=lambda line: -line.length):
        sides = [_row_distance(line, other, bottom) for other in kept]
        # Two lines that meet far ahead may seem to cross there by a cell.
        if all(least > -1.5 or greatest < 1.5 for least, greatest in sides):
            kept.append(line)
    return kept


def drop_fragments(lines: list[Line], vanishing: tuple[float, float]) -> list[Line]:
    """Drop a fragment that would run beneath the car where neither side leaves space for a lane: a reflection, a seam or an arrow.

    A fragment has less than a third of the paint of the lines on both sides; of a dashed line about a third is painted. Only beneath
    the car, because from a lorry's height whole lanes seem narrower than `NARROWEST_LANE`: one dash may be all that is in sight of the
    line between two of them, but it lies beside the lorry's wheels except while that changes lanes.
    """
    kept = []
    for line in lines:
        x, y, _ = heading_near(line)
        distances = [road_distance(line, other, vanishing) for other in lines if 3.0 * line.length < other.length]
        crowded_left = any(least > -NARROWEST_LANE and greatest < 0 for least, greatest in distances)
        crowded_right = any(least > 0 and greatest < NARROWEST_LANE for least, greatest in distances)
        if not (crowded_left and crowded_right and abs(x - vanishing[0]) < BENEATH * (y - vanishing[1])):
            kept.append(line)
    return kept


def admit_faint(faint: list[Line], strong: list[Line], vanishing: tuple[float, float], bottom: float) -> list[Line]:
    """The faint lines that have a lane's space beside them, straightened to point at the vanishing point: the longest first.

    The position of a dash is more precise than its direction; the lines beside it show the direction.
    """
    if len(strong) < 2:
        return []
    kept: list[Line] = []
    for line in sorted(faint, key=lambda line: -line.length):
        x, y = float(line.x.mean()), float(line.y.mean())
        if y - vanishing[1] < 2.0 or not points_at(line, vanishing):
            continue
        slope = (x - vanishing[0]) / (y - vanishing[1])
        line.coefficients = (x + slope * (line.high - y), slope * line.span, 0.0, 0.0)
        line.error = float(np.sqrt(np.mean((x_at(line, line.y) - line.x) ** 2)))
        foot, height = float(x_at(line, np.array(bottom))), bottom - vanishing[1]
        feet = [float(x_at(other, np.array(bottom))) for other in strong + kept]
        if line.error < 1.5 and all(abs(foot - other) >= NARROWEST_LANE * height for other in feet):
            kept.append(line)
    return kept


def road_distance(one: Line, other: Line, vanishing: tuple[float, float]) -> tuple[float, float]:
    """Least and greatest signed distance between two lines where both have paint (or nearest to that), in heights of the camera.

    On a flat road, a distance in pixels divided by the rows below the horizon is the distance on the road in camera heights.
    """
    low, high = min(one.low, other.low), max(one.high, other.high)
    y = np.linspace(low, high, 8) if low > high else np.array([(low + high) / 2.0])
    distance = (x_at(other, y) - x_at(one, y)) / np.maximum(y - vanishing[1], 2.0)
    return float(distance.min()), float(distance.max())


def _row_distance(line: Line, other: Line, bottom: float) -> tuple[float, float]:
    """Least and greatest signed distance along the row between two lines, from where both begin down to `bottom`, cells."""
    y = np.linspace(max(line.high, other.high), bottom, 12)
    distance = x_at(line, y) - x_at(other, y)
    return float(distance.min()), float(distance.max())
