"""Buckets: times counted under fixed bounds, as a monitoring system collects them: counts only ever rise."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

BOUNDS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0)
"""Upper bounds, seconds: from a stage that copies to a source that hangs, with 35 ms for a frame at 30 a second."""


class Buckets:
    """Counts every time since the start of the run, warm-up included. Not for several threads at once.

    Attributes:
        sum_s: of all times, seconds.
    """

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self.sum_s = 0.0

    def add(self, ms: float) -> None:
        """Takes one time, milliseconds, 0 or more."""
        self._counts[bisect_left(BOUNDS_S, ms / 1e3)] += 1
        self.sum_s += ms / 1e3

    def copy(self) -> Buckets:
        """The same as it is now."""
        copied = Buckets()
        copied._counts, copied.sum_s = self._counts[:], self.sum_s
        return copied

    @property
    def count(self) -> int:
        """Of all times."""
        return sum(self._counts)

    def cumulative(self) -> Iterator[tuple[float, int]]:
        """Each bound in seconds, infinity last, with the count of times up to it."""
        return zip((*BOUNDS_S, float("inf")), accumulate(self._counts), strict=True)
