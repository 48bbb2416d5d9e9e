"""Times for frames that carry none, or none that mean anything: when they arrive."""

from __future__ import annotations

from fractions import Fraction
from time import perf_counter_ns

# Frames that waited in a buffer come at once; no two may share a tick of an output (90 kHz).
_LEAST_NS = 10**5


class ArrivalClock:
    """Seconds since the first frame, by this machine's monotonic clock; always later than the time before."""

    def __init__(self) -> None:
        self._first_ns: int | None = None
        self._last_ns = -_LEAST_NS

    def time(self, arrived_ns: int | None = None) -> Fraction:
        """The time of a frame that arrived now, or at `arrived_ns` by `perf_counter_ns`."""
        arrived_ns = perf_counter_ns() if arrived_ns is None else arrived_ns
        if self._first_ns is None:
            self._first_ns = arrived_ns
        self._last_ns = max(arrived_ns - self._first_ns, self._last_ns + _LEAST_NS)
        return Fraction(self._last_ns, 10**9)
