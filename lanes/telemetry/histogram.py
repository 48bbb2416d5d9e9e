"""A histogram of times whose memory does not grow with the number of values."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from lanes.telemetry.percentiles import rank

FINEST_MS = 1e-3
"""Times below a microsecond share one bin."""

LONGEST_MS = 3.6e6
"""Times above an hour share one bin."""

STEP = 1.005
"""Width of a bin: a percentile is within a quarter of a per cent of the value that was measured."""

_SCALE = 1 / math.log(STEP)
_BINS = math.ceil(math.log(LONGEST_MS / FINEST_MS) * _SCALE) + 2


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """What a report says of one kind of time, in milliseconds; None where nothing was measured.

    Percentiles are as `lanes.telemetry.percentiles` defines them: p99 of a hundred values or fewer is their maximum, and `n` says how many
    there were.
    """

    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    max: float | None
    mean: float | None
    n: int


class Histogram:
    """Counts times in bins of 0.5 %, from a microsecond to an hour; maximum and mean are exact. Not for several threads at once."""

    def __init__(self) -> None:
        self._counts = [0] * _BINS
        self._sum = 0.0
        self._least = math.inf
        self._most = 0.0
        self.n = 0

    def add(self, ms: float) -> None:
        """Takes one time, milliseconds, 0 or more."""
        index = 0 if ms < FINEST_MS else min(_BINS - 1, 1 + int(math.log(ms / FINEST_MS) * _SCALE))
        self._counts[index] += 1
        self._sum += ms
        self._least = min(self._least, ms)
        self._most = max(self._most, ms)
        self.n += 1

    def copy(self) -> Histogram:
        """The same as it is now."""
        copied = Histogram()
        copied._counts = self._counts[:]
        copied._sum, copied._least, copied._most, copied.n = self._sum, self._least, self._most, self.n
        return copied

    def percentile(self, share: float) -> float | None:
        """The time at this percentile, a share between 0 and 1, milliseconds; None where there is none."""
        return self._percentile(share, list(accumulate(self._counts)))

    def _percentile(self, share: float, seen: Sequence[int]) -> float | None:
        """`seen`: how many times each bin and those before it hold."""
        if not self.n:
            return None
        position = rank(self.n, share)
        if position == self.n - 1:
            return self._most
        middle = FINEST_MS * float(STEP ** (bisect_right(seen, position) - 0.5))
        return min(max(middle, self._least), self._most)

    def summary(self) -> LatencySummary:
        """Percentiles, maximum and mean."""
        seen = list(accumulate(self._counts))
        p50, p90, p95, p99 = (self._percentile(share, seen) for share in (0.50, 0.90, 0.95, 0.99))
        most, mean = (self._most, self._sum / self.n) if self.n else (None, None)
        return LatencySummary(p50, p90, p95, p99, most, mean, self.n)
