"""Lane curves from a mask: strokes of paint, joined through their gaps, one curve for each lane boundary.

The steps from mask to curves, all on a grid of at most 320 cells a side so that the cost hardly depends on the frame's size:

1. `strokes`: every row's runs of paint, followed upward from row to row, give strokes: one dash, or one solid line. Blobs, arrows and
   stop lines are no strokes: a stroke is much longer than it is thick, and about equally thick all along;
2. `joining`: strokes that continue each other are joined into lines, whatever the gap looks like in perspective;
3. `fitting`: a straight line, a parabola or a parabola with a pole is fitted to each, robustly: the simplest that is sufficient;
4. `vanishing`: lines of one road meet in one vanishing point, found from the lines themselves; what does not point there is no lane
   line;
5. `selection`: duplicates become one, and a fragment beneath the car without space for a lane on either side is dropped. A dash by
   itself, too short to be certain, counts where the other lines leave space for a lane on either side of it;
6. here: the lines get their positions as lane boundaries, and are sampled in pixels of the frame.

Everything looks at one mask alone. Nothing is remembered from frame to frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lanes.arrays import Mask
from lanes.geometry.fitting import confidence, x_at
from lanes.geometry.lines import find_lines
from lanes.geometry.strokes import Floats, Line
from lanes.results import Lane

LEAST_OUTER_CONFIDENCE = 0.45
"""Lines beyond the ego lane with less are left out: stable curves are worth more than a distant fragment."""


def find_lanes(mask: Mask) -> list[Lane]:
    """Find the lane boundaries in a mask of lane paint.

    Args:
        mask: (H, W) uint8, 0 or 255, paint stroke by stroke, at the frame's size. Any size from one pixel up.

    Returns:
        Lanes from left to right (positions rise). Empty where no paint looks like a lane line, as in an empty or a full mask.
    """
    found = find_lines(mask)
    return _assign(found.lines, found.vanishing, found.columns, found.rows, mask.shape[::-1]) if found.lines else []


def _assign(lines: list[Line], vanishing: tuple[float, float], columns: int, rows: int, size: tuple[int, int]) -> list[Lane]:
    """Give the lines their positions, and the ego lane's two boundaries the stretch down to the car."""
    bottom = rows - 0.5
    middle = (columns - 1) / 2.0
    feet = sorted((float(x_at(line, np.array(bottom))), index) for index, line in enumerate(lines))
    sides = {-1: [index for x, index in reversed(feet) if x < middle], 1: [index for x, index in feet if x >= middle]}
    road = _road_bottom(lines, columns, rows)
    lanes = []
    for side, outward in sides.items():
        shown = [lines[i] for n, i in enumerate(outward) if n == 0 or confidence(lines[i], rows) >= LEAST_OUTER_CONFIDENCE]
        for rank, line in enumerate(shown, start=1):
            # With gaps of 9 m and the road in sight from 3 m on, the first whole dash may begin 12 m away, four times as far.
            reach = vanishing[1] + 4.0 * (line.low - vanishing[1])
            low = max(line.low, road) if rank == 1 and reach >= road else line.low
            points = _sample(line, low + 0.5, (columns, rows), size)
            if len(points) >= 2:
                lanes.append(Lane(side * rank, points, confidence(line, rows), 2 * rank - (side < 0)))
    return sorted(lanes, key=lambda lane: lane.position)


def _road_bottom(lines: list[Line], columns: int, rows: int) -> float:
    """The row where the road ends in the image: where long strokes stop, at the bonnet; without such, the frame's last row."""
    enough = max(2, rows // 6)
    ends = []
    for line in lines:
        unbroken = line.y[:enough]
        if len(unbroken) == enough and unbroken[0] - unbroken[-1] < enough and 4 < line.x[0] < columns - 5 and line.low > 0.7 * rows:
            ends.append(line.low)
    return max(ends, default=rows - 1.0)


def _sample(line: Line, low: float, grid: tuple[int, int], size: tuple[int, int]) -> NDArray[np.float32]:
    """Points of the curve in source pixels, from its lowest point inside the frame up to where it ends or leaves the frame."""
    scale = np.array(size) / np.array(grid)

    def on_frame(y: Floats) -> Floats:
        points: Floats = (np.stack([x_at(line, y), y], axis=1) + 0.5) * scale - 0.5
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
