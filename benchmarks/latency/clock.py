"""The clock that intervals are read from, and what reading it costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median

from lanes.errors import ProcessingError

ReadClock = Callable[[], int]

SLACK_NS, SLACK_SHARE = 1_000_000, 1e-3
"""Two good clocks differ by no more, the second as a share of the time since the start: NTP slews by up to 0.5 per mille."""


def _reference_ns() -> int:
    """The machine's own oscillator, which nobody sets or slews, where there is one to be read."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) if hasattr(time, "CLOCK_MONOTONIC_RAW") else time.monotonic_ns()


class CheckedClock:
    """The clock that intervals are read from, compared with another.

    Args:
        read: nanoseconds, from any origin. The default never steps; a wall clock does when it is set.
        reference: nanoseconds of a clock that does not step.
    """

    def __init__(self, read: ReadClock = time.perf_counter_ns, reference: ReadClock = _reference_ns) -> None:
        self.read = read
        self._reference = reference
        self._started = reference()
        self._offset = self._bounds()

    def _bounds(self) -> tuple[int, int]:
        """Between which numbers this clock is ahead of the reference; being interrupted here widens them but cannot shift them."""
        before = self._reference()
        here = self.read()
        return here - self._reference(), here - before

    def check(self) -> None:
        """Raises ProcessingError when the clock has stepped since it was made."""
        slack = SLACK_NS + SLACK_SHARE * (self._reference() - self._started)
        low, high = self._bounds()
        if low > self._offset[1] + slack or high < self._offset[0] - slack:
            step = (low - self._offset[1] if low > self._offset[1] else high - self._offset[0]) / 1e9
            raise ProcessingError(f"the clock stepped by {step:+.3f} s during the run: nothing it timed can be used, measure again")


def measure_clock(read: ReadClock = time.perf_counter_ns, reads: int = 20_000) -> dict[str, float]:
    """What reading a clock costs, and its smallest step.

    Returns:
        `cost_ns`: median over a hundred series; each interval holds about one reading. `resolution_ns`: the least difference seen that is
        not 0.
    """
    costs, least = [], None
    for _ in range(100):
        series = [read() for _ in range(reads // 100)]
        costs.append((series[-1] - series[0]) / (len(series) - 1))
        steps = [late - early for early, late in pairwise(series) if late > early]
        least = min([*steps, least] if least is not None else steps, default=None)
    return {"cost_ns": median(costs), "resolution_ns": float(least or 0)}
