"""What a frame's lines of paint say about the road, summed up in a few places along each line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lanes.geometry.camera import Camera
from lanes.geometry.paint import PaintLine

Floats = NDArray[np.float64]

PLACES = 10
"""Along each line; closer together towards its far end, where a bend turns fastest."""

MOST_LINES = 10
"""Looked at in one frame, the surest first: bounds the time that a frame of noise takes."""

CORRELATED = 5.0
"""So many points that follow one another have about the same error: they are worth one."""

ROW_ERROR = 0.7
"""Standard deviation of a place's row, in standard deviations of its column: what lies flat in the picture is known worse along the row."""

_EDGES = 1.0 - (1.0 - np.arange(PLACES + 1) / PLACES) ** 1.5


@dataclass(frozen=True, slots=True)
class Places:
    """Means of the points of L lines in `PLACES` stretches of each; all arrays (L, PLACES) float64.

    Attributes:
        side, down: slopes of the ray through each place, metres to the left and downward for each metre ahead, in the vehicle frame.
        std: of `side`, errors along the line not counted that are the same in all of its places.
        weight: 1 where there is paint, else 0.
        width: of the paint, as a slope.
        confidence: (L,), of each line.
    """

    side: Floats
    down: Floats
    std: Floats
    weight: Floats
    width: Floats
    confidence: Floats

    def __len__(self) -> int:
        return len(self.side)


def sum_up(lines: Sequence[PaintLine], camera: Camera) -> Places:
    """The places of at least one line, in the lines' order."""
    points = np.concatenate([line.points for line in lines])
    widths = np.concatenate([line.widths for line in lines])
    counts = np.array([len(line.points) for line in lines])
    first = np.cumsum(counts) - counts
    edges = first[:, None] + np.round(counts[:, None] * _EDGES).astype(np.intp)
    # Sums from the start, so that any stretch is a difference.
    total = np.zeros((3, len(points) + 1))
    np.cumsum(points.T, axis=1, out=total[:2, 1:])
    np.cumsum(widths, out=total[2, 1:])
    number = edges[:, 1:] - edges[:, :-1]
    empty = number == 0
    mean = (total[:, edges[:, 1:]] - total[:, edges[:, :-1]]) / np.maximum(number, 1)
    mean[0, empty], mean[1, empty] = camera.cx, camera.height - 1.0

    rays = camera.rays(np.stack([mean[0], mean[1]], axis=-1))
    side, down = rays[..., 1] / rays[..., 0], -rays[..., 2] / rays[..., 0]
    seen = ~empty & np.isfinite(side) & np.isfinite(down) & (rays[..., 0] > 0)
    rise = points[first + counts - 1] - points[first]
    flatness = np.abs(rise[:, 0]) / np.maximum(np.abs(rise[:, 1]), 1.0)
    alone = np.array([line.std_px for line in lines]) * np.sqrt(1.0 + (ROW_ERROR * flatness) ** 2)
    std = alone[:, None] / np.sqrt(1.0 + number / CORRELATED)
    return Places(
        np.where(seen, side, 0.0),
        np.where(seen, down, 0.0),
        np.where(seen, std, camera.width) / camera.fx,
        seen.astype(np.float64),
        np.where(seen, mean[2] / camera.fx, 0.0),
        np.array([line.confidence for line in lines]),
    )
