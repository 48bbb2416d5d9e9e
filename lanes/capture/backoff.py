"""Backoff: when a source that was lost is tried again."""

from __future__ import annotations

from collections.abc import Callable

FIRST_STEP_S, LONGEST_STEP_S = 0.5, 10.0

SHORT_OUTAGE_S, SHORT_STEP_S = 10.0, 1.0
"""While an outage is shorter than the first, no step is longer than the second, so that the source is back at once."""

LASTED_S, SETTLED_S = 2.0, 10.0
"""Seconds of frames after which what comes next is an outage of its own, and after which it begins with the first step again."""


class Backoff:
    """Steps that double from 0.5 s to 10 s, for ever. Each wait is a random part of a step (full jitter), so that the clients of a server
    that was restarted do not all come at the same moment.

    Args:
        clock: seconds, never set back.
        random: a number from 0 to 1.
    """

    def __init__(self, clock: Callable[[], float], random: Callable[[], float]) -> None:
        self._clock, self._random = clock, random
        self._step = FIRST_STEP_S
        self._lost_at: float | None = None
        self._first_frame_at: float | None = None
        self._last_frame_at = 0.0

    def wait_s(self) -> float:
        """Seconds to wait after a failure, before the next try."""
        now = self._clock()
        lasted = 0.0 if self._first_frame_at is None else self._last_frame_at - self._first_frame_at
        self._first_frame_at = None
        if self._lost_at is None or lasted >= LASTED_S:
            self._lost_at = now
        if lasted >= SETTLED_S:
            self._step = FIRST_STEP_S
        step = min(self._step, SHORT_STEP_S if now - self._lost_at < SHORT_OUTAGE_S else LONGEST_STEP_S)
        self._step = 2 * step
        return step * self._random()

    def note_frame(self) -> None:
        """A good frame has come."""
        self._last_frame_at = self._clock()
        if self._first_frame_at is None:
            self._first_frame_at = self._last_frame_at
