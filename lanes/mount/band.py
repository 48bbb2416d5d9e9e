"""The band: the rows of the frame where the road is, for the network to look at. Unsure means the whole frame."""

from __future__ import annotations

from collections import deque

from lanes.mount.visible import VisibleRoad
from lanes.results import Band

SETTLE_S, SETTLE_FRAMES = 1.0, 6
"""The horizon must be seen for so long, in so many frames, and ..."""

AGREE = 0.1
"""... to within this share of the frame's height, before a band is given."""

ABOVE, BELOW = 0.06, 0.04
"""Margins above the horizon or the farthest paint, and below the nearest visible road: shares of the frame's height."""

HOLD_S = 4.0
"""Without any paint for so long, nothing says that the road is where it was."""

MEMORY_S = 8.0
"""Horizon, farthest and nearest paint are those of so long a time: on hills they come and go."""

SLOW = 0.02
"""Share of the frame's height a second: how fast a band shrinks. It grows at once."""

DEAD = 0.015
"""Share of the frame's height by which it may be too large before it shrinks."""

STEP = 4
"""Rows: a band begins and ends at multiples of it."""


class BandKeeper:
    """Makes a steady band of the horizon and of where paint is, frame by frame."""

    def __init__(self) -> None:
        self.band: Band | None = None
        self._horizons: deque[tuple[float, float]] = deque()
        self._paint: deque[tuple[float, float, float]] = deque()
        self._rows: tuple[float, float] | None = None
        self._moved_s = 0.0

    def restart(self) -> None:
        """Nothing is known: the whole frame."""
        self.__init__()  # type: ignore[misc]

    def take(self, time_s: float, horizon: float | None, paint: tuple[float, float] | None, visible: VisibleRoad, sure: bool) -> None:
        """Take in a frame.

        Args:
            time_s: rises. horizon: row where this frame's lines meet; None where they do not show it.
            paint: its highest and lowest row of paint; None without any. visible: where the road is, over time.
            sure: whether the mount is known, so that `visible.horizon_row` counts and what one frame shows need not be waited for.
        """
        height = visible.height
        if horizon is not None:
            self._horizons.append((time_s, horizon))
        if paint is not None:
            self._paint.append((time_s, *paint))
        while self._horizons and self._horizons[0][0] < time_s - MEMORY_S:
            self._horizons.popleft()
        while self._paint and self._paint[0][0] < time_s - MEMORY_S:
            self._paint.popleft()
        if not self._paint or self._paint[-1][0] < time_s - HOLD_S:
            self.restart()
            return
        rows = sorted(row for _, row in self._horizons)
        span = self._horizons[-1][0] - self._horizons[0][0] if rows else 0.0
        # Nine tenths of them lie within this: one bad frame is none against it.
        scatter = rows[-1 - len(rows) // 20] - rows[len(rows) // 20] if rows else 0.0
        agreed = len(rows) >= SETTLE_FRAMES and span >= SETTLE_S and scatter < AGREE * height
        if not (agreed or sure):
            if self._rows is None or not rows:
                self.band = None
            if len(rows) >= SETTLE_FRAMES:
                self.band, self._rows = None, None
            if self._rows is None:
                return
        level = [visible.horizon_row] if sure else []
        level += [rows[len(rows) // 20]] if rows else []
        if level:
            self._place(time_s, min(level), visible)

    def _place(self, time_s: float, horizon: float, visible: VisibleRoad) -> None:
        height = float(visible.height)
        highest = min(high for _, high, _ in self._paint)
        lowest = max(low for _, _, low in self._paint)
        top = min(horizon, highest) - ABOVE * height
        bottom = max(float(visible.bottom_rows.max()), lowest) + BELOW * height
        if self._rows is None:
            # What hides the road is not known yet; what the paint shows of it is, when it is.
            self._rows = top, height if not visible.known else bottom
        else:
            step = SLOW * height * max(0.0, min(time_s - self._moved_s, 1.0))
            former_top, former_bottom = self._rows
            if top > former_top:
                top = min(top, former_top + step) if top > former_top + DEAD * height else former_top
            if bottom < former_bottom:
                bottom = max(bottom, former_bottom - step) if bottom < former_bottom - DEAD * height else former_bottom
            self._rows = top, bottom
        self._moved_s = time_s
        first = int(max(0.0, self._rows[0]) // STEP * STEP)
        last = int(min(height, -(-min(height, self._rows[1]) // STEP) * STEP))
        self.band = (first, last) if last - first >= 0.1 * height else None
