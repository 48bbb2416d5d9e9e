"""Lane curves from a mask: the lines that `lines` finds get their positions as lane boundaries, and are sampled in pixels of the frame.

A curve spans its paint. Upward it goes on as far as the line that shows the road farthest, where the two run alongside each other;
downward those of the ego lane go on to the lowest row where the road is known to be in sight.

Everything looks at one mask alone. Nothing is remembered from frame to frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lanes.arrays import Mask
from lanes.geometry.fitting import confidence, support, x_at
from lanes.geometry.guide import road_distance
from lanes.geometry.instances import InstanceMap
from lanes.geometry.line_type import line_type
from lanes.geometry.lines import FoundLines, find_lines
from lanes.geometry.strokes import Floats, Line
from lanes.results import Lane

LEAST_OUTER_SUPPORT = 0.45
"""Lines beyond the ego lane with less support of paint are left out: stable curves are worth more than a distant fragment."""

LEAST_BESIDE_SUPPORT = 0.2
"""The same for one that is as far from the ego lane as that is wide, so that the two make a lane."""

BONNET = 0.5
"""Of the way from the horizon down to the frame's bottom: no bonnet reaches higher."""

UNSEEN = 2.0
"""How many times nearer than the nearest paint the road is taken to be in sight: not over the bonnet, as far as one mask tells."""


def find_lanes(mask: Mask, instances: InstanceMap | None = None) -> list[Lane]:
    """Find the lane boundaries in a mask of lane paint.

    Args:
        mask: (H, W) uint8, 0 or 255, paint stroke by stroke, at the frame's size. Any size from one pixel up.
        instances: which line each pixel is of, (H, W) uint8 from 1, where the network says so; else dashes are joined into lines here.

    Returns:
        Lanes from left to right (positions rise). Empty where no paint looks like a lane line, as in an empty or a full mask.
    """
    found = find_lines(mask, instances)
    return _assign(found, mask.shape[::-1]) if found.lines else []


def _assign(found: FoundLines, size: tuple[int, int]) -> list[Lane]:
    """Give the lines their positions, and the ego lane's two boundaries the stretch down to the car."""
    horizon, middle = found.vanishing[1], (found.columns - 1) / 2.0
    feet = sorted((float(x_at(line, np.array(found.rows - 0.5))), index) for index, line in enumerate(found.lines))
    sides = {-1: [index for x, index in reversed(feet) if x < middle], 1: [index for x, index in feet if x >= middle]}
    ego = [found.lines[outward[0]] for outward in sides.values() if outward]
    width = abs(road_distance(ego[0], ego[1], horizon)[0]) if len(ego) == 2 else 0.0
    road = _road_bottom(found)
    lanes = []
    for side, outward in sides.items():
        shown: list[Line] = []
        for line in (found.lines[index] for index in outward):
            if not shown or support(line, found.rows) >= _least(shown[-1], line, width, horizon):
                shown.append(line)
        for rank, line in enumerate(shown, start=1):
            # With gaps of 9 m and the road in sight from 3 m on, the first whole dash may begin 12 m away, four times as far.
            reach = horizon + 4.0 * (line.low - horizon)
            goes_on = rank == 1 and reach >= road and (line.guide is None or line.is_parallel)
            low = max(line.low, road) if goes_on else line.low
            points = _sample(line, low + 0.5, _top(line), (found.columns, found.rows), size)
            if len(points) >= 2:
                kind = line_type(line, horizon, found.columns)
                lanes.append(Lane(side * rank, points, confidence(line, found.rows), 2 * rank - (side < 0), kind))
    return sorted(lanes, key=lambda lane: lane.position)


def _least(inner: Line, line: Line, width: float, horizon: float) -> float:
    """The least support of a line outside another one, of a road whose ego lane is `width` camera heights wide."""
    least, greatest = (abs(distance) for distance in road_distance(inner, line, horizon))
    is_lane = 0.8 * width < min(least, greatest) and max(least, greatest) < 1.2 * width
    return LEAST_BESIDE_SUPPORT if is_lane else LEAST_OUTER_SUPPORT


def _road_bottom(found: FoundLines) -> float:
    """The lowest row where the road is known to be in sight: where long strokes stop, at the bonnet; else little below the lowest paint."""
    enough, horizon = max(2, found.rows // 6), found.vanishing[1]
    ends = []
    for line in found.lines:
        unbroken = line.y[:enough]
        is_long = len(unbroken) == enough and unbroken[0] - unbroken[-1] < enough
        if is_long and 4 < line.x[0] < found.columns - 5 and line.low > horizon + BONNET * (found.rows - horizon):
            ends.append(line.low)
    lowest = max(line.low for line in found.lines)
    return max(ends, default=min(horizon + UNSEEN * (lowest - horizon), found.rows - 1.0))


def _top(line: Line) -> float:
    """The row up to which the road is seen: where the line's paint ends, or that of its guide."""
    return (min(line.high, line.guide.high) if line.guide is not None and line.is_parallel else line.high) - 0.5


def _sample(line: Line, low: float, high: float, grid: tuple[int, int], size: tuple[int, int]) -> NDArray[np.float32]:
    """Points of the curve in source pixels, from its lowest point inside the frame up to where it ends or leaves the frame."""
    scale = np.array(size) / np.array(grid)

    def on_frame(y: Floats) -> Floats:
        points: Floats = (np.stack([x_at(line, y), y], axis=1) + 0.5) * scale - 0.5
        return points

    y = np.linspace(min(low, (size[1] - 0.5) / scale[1] - 0.5), high, 4 * grid[1])
    points = on_frame(y)
    inside = np.flatnonzero(((points >= 0) & (points <= np.array(size) - 1)).all(axis=1))
    if not len(inside):
        return np.empty((0, 2), np.float32)
    breaks = np.flatnonzero(np.diff(inside) > 1)
    low, high = y[inside[0]], y[inside[breaks[0]] if len(breaks) else inside[-1]]
    # Closer together at the top, where a bend turns fastest.
    spread = np.linspace(1.0, 0.0, max(2, round((low - high) / 3.0))) ** 2
    return np.clip(on_frame(high + (low - high) * spread), 0, np.array(size) - 1).astype(np.float32)
