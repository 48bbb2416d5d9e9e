"""How steadily the ego lane's boundaries stand in a video, from the lanes of its frames alone.

For each of the two boundaries, and at 0.55, 0.7 and 0.85 of the way down the extent of all curves, x of the boundary frame by frame, per
1280 px of width. Of the second difference x[n+1] - 2 x[n] + x[n-1], which is what remains when the trend is gone, the 95th percentile of
the absolute value; and the share of steps by more than 25 px. A row at which the boundary is absent in more than half of the frames is
left out. A curve that does not move at all has 0, and so has one that lags, so that the lag belongs beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lanes.results import Lane

Floats = NDArray[np.float64]

FRACTIONS = (0.55, 0.7, 0.85)
JUMP_PX = 25.0


@dataclass(frozen=True)
class Steadiness:
    """Of one video, or of several.

    Attributes:
        spread_px: at each boundary and row, 95th percentile of the second difference. jumps: share of steps that are jumps, likewise.
        both: share of frames with both boundaries.
    """

    spread_px: tuple[float, ...]
    jumps: tuple[float, ...]
    both: float

    @property
    def mean_px(self) -> float | None:
        """Mean over boundaries and rows; None where every one was left out."""
        return float(np.mean(self.spread_px)) if self.spread_px else None

    @property
    def mean_jumps(self) -> float | None:
        """Likewise."""
        return float(np.mean(self.jumps)) if self.jumps else None


def steadiness(frames: Sequence[Sequence[Lane]], width: int) -> Steadiness:
    """The steadiness of a video.

    Args:
        frames: the lanes of each frame. width: of the video, pixels.
    """
    spread, jumps = [], []
    for x in traces(frames, width).values():
        if np.isnan(x).mean() > 0.5:
            continue
        spread.append(float(np.nanpercentile(np.abs(x[2:] - 2 * x[1:-1] + x[:-2]), 95)))
        steps = np.abs(np.diff(x))
        jumps.append(float(np.mean(steps[~np.isnan(steps)] > JUMP_PX)))
    both = float(np.mean([{-1, 1} <= {lane.position for lane in lanes} for lanes in frames]))
    return Steadiness(tuple(spread), tuple(jumps), both)


def traces(frames: Sequence[Sequence[Lane]], width: int, extent: tuple[float, float] | None = None) -> dict[tuple[int, float], Floats]:
    """x by position and fraction of the way down, (N,) each, per 1280 px of width, NaN where the boundary is absent.

    Args:
        frames: the lanes of each frame. width: of the video, pixels.
        extent: highest and lowest row of all curves; None for those of these.
    """
    top, bottom = extent or extent_of(frames)
    found = {}
    for position in (-1, 1):
        own = [next((lane for lane in lanes if lane.position == position), None) for lanes in frames]
        for fraction in FRACTIONS:
            row = top + fraction * (bottom - top)
            found[position, fraction] = np.array([np.nan if lane is None else _x_at(lane, row) for lane in own]) * 1280 / width
    return found


def extent_of(frames: Sequence[Sequence[Lane]]) -> tuple[float, float]:
    """The highest and the lowest row that any curve reaches; nowhere where there are none."""
    rows = [lane.points[:, 1] for lanes in frames for lane in lanes]
    return (float(min(y.min() for y in rows)), float(max(y.max() for y in rows))) if rows else (0.0, 0.0)


def _x_at(lane: Lane, row: float) -> float:
    points = lane.points[lane.points[:, 1].argsort()].astype(np.float64)
    return float(np.interp(row, points[:, 1], points[:, 0], left=np.nan, right=np.nan))
