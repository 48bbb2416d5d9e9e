"""Lines of paint in a mask that may be lane boundaries: strokes, joined through their gaps and behind cars, each line once.

The steps, all on a grid of at most 320 cells a side so that the cost hardly depends on the frame's size:

1. `strokes`: every row's runs of paint, followed upward from row to row, give strokes: one dash, or one solid line. Blobs, arrows, stop
   lines and zebra crossings are no strokes: a stroke is much longer than it is thick, about equally thick all along, and not one of many
   side by side;
2. `joining`: strokes that continue each other are joined into lines, whatever the gap looks like in perspective;
3. `fitting`: a straight line, a parabola or a parabola with a pole is fitted to each, robustly: the simplest that is sufficient;
4. `vanishing`: lines of one road meet in one vanishing point, found from the lines themselves; what does not point there is no lane
   line;
5. `guide`: the line that shows most of the road's shape is the others' guide. From here on distances between lines are distances on the
   road, in heights of the camera, and a short line runs alongside its guide;
6. `merging`: double lines become one; of a line and a joint between slabs beside it the line stays;
7. `selection`: what crosses a line, and fragments without space for a lane are dropped. A dash by itself, too short to be certain, counts
   where the other lines leave space for a lane on either side of it;
8. `line_type`: solid, dashed or unknown.

Everything looks at one mask alone. Nothing is remembered from frame to frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lanes.arrays import Mask
from lanes.geometry.fitting import confidence, fit, support, x_at
from lanes.geometry.grid import paint_grid
from lanes.geometry.guide import find_guide, find_horizon, follow
from lanes.geometry.instances import InstanceMap, instance_lines
from lanes.geometry.joining import join
from lanes.geometry.line_type import line_type
from lanes.geometry.merging import merge_duplicates
from lanes.geometry.paint import PaintLine
from lanes.geometry.selection import admit_faint, drop_crossing, drop_fragments
from lanes.geometry.strokes import Line, find_strokes
from lanes.geometry.vanishing import find_vanishing_point, points_at

LEAST_SUPPORT = 0.25
"""Lines with less support of paint are left out."""

LEAST_FAINT_SUPPORT = 0.12
"""The same for a line of which one dash is in sight, where two lines beside it show where it must point."""

MISFIT = 1.0
"""Cells that paint is off the curve of its line, from which on it was joined wrongly."""

LEAST_STD = 0.2
"""Cells: what the middle of paint is uncertain by even where all of it lies on a curve."""


@dataclass(frozen=True, slots=True)
class FoundLines:
    """The lines of one mask, fitted, in cells of a grid of columns x rows, and where they meet."""

    lines: list[Line]
    vanishing: tuple[float, float]
    columns: int
    rows: int


def find_paint_lines(mask: Mask, instances: InstanceMap | None = None) -> list[PaintLine]:
    """Find the lines of paint in a mask that may be lane boundaries, each once.

    Args:
        mask: (H, W) uint8, 0 or 255, paint stroke by stroke, at the frame's size. Any size from one pixel up.
        instances: which line each pixel is of, where the network says so; else the strokes are joined here.

    Returns:
        Lines from left to right at the frame's bottom, prolonged where they end above it. Empty where no paint looks like a lane line.
    """
    found = find_lines(mask, instances)
    scale = np.array(mask.shape[::-1]) / (found.columns, found.rows)
    paint = []
    for line in sorted(found.lines, key=lambda line: float(x_at(line, np.array(found.rows - 0.5)))):
        points, widths = (np.stack([line.x, line.y], axis=1) + 0.5) * scale - 0.5, line.widths * scale[0]
        # Where the frame's side cuts the paint off its middle is a guess.
        whole = (line.x - line.widths / 2 > -0.5) & (line.x + line.widths / 2 < found.columns - 0.5)
        if 2 <= np.count_nonzero(whole) < len(whole):
            points, widths = points[whole], widths[whole]
        std = max(LEAST_STD, line.error) * float(scale[0])
        kind = line_type(line, found.vanishing[1], found.columns)
        paint.append(PaintLine(points, widths, std, kind, confidence(line, found.rows)))
    return paint


def find_lines(mask: Mask, instances: InstanceMap | None = None) -> FoundLines:
    """Steps 1 to 7 of the module; `instances`, where a network tells lines apart, (H, W) uint8, stand for step 2."""
    grid = paint_grid(mask)
    rows, columns = grid.shape
    lines = join(find_strokes(grid), rows) if instances is None else instance_lines(grid, instances)
    lines = [line for line in lines if line.length >= max(3.0, 0.03 * rows, 2.0 * line.thickness)]
    for line in lines:
        fit(line)
    strong = [line for line in lines if line.length >= 0.05 * rows and support(line, rows) >= LEAST_SUPPORT]
    if not strong:
        return FoundLines([], (0.0, 0.0), columns, rows)
    weak = [line for line in lines if line not in strong]
    vanishing = find_vanishing_point(strong, columns, rows)
    strong = [line for line in strong if points_at(line, vanishing)]
    if not strong:
        return FoundLines([], vanishing, columns, rows)
    guide = find_guide(strong, vanishing[1])
    vanishing = vanishing[0], min(find_horizon(strong, guide, vanishing[1]), min(line.high for line in strong))
    for line in strong:
        if line is not guide:
            follow(line, guide, vanishing[1])
    strong = merge_duplicates(strong, guide, vanishing[1])
    strong = drop_fragments(drop_crossing(strong, rows - 0.5), vanishing)
    return FoundLines(strong + admit_faint(_dashes(weak, rows), strong, guide, vanishing, rows - 0.5), vanishing, columns, rows)


def _dashes(lines: list[Line], rows: int) -> list[Line]:
    """Of lines that are not certain, those that may be a few dashes of one line; of those that no curve fits, their parts."""
    dashes: list[Line] = []
    for line in lines:
        if line.error >= MISFIT and line.parts:
            for part in line.parts:
                fit(part)
            dashes += line.parts
        else:
            dashes.append(line)
    return [line for line in dashes if support(line, rows) >= LEAST_FAINT_SUPPORT]
