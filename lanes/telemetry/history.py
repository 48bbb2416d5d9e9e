"""History: what the last minute took, in bins of a quarter of a second, for whoever draws it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from lanes.telemetry.stages import Stage

BIN_NS = 250_000_000
BINS = 240
"""A minute."""


@dataclass(slots=True)
class Bin:
    """The frames that were finished in one quarter of a second. Sums and maxima are in milliseconds.

    Attributes:
        number: of the bin: `perf_counter_ns` over `BIN_NS`.
        frames: how many there were, one or more.
        stages: sum by stage.
        total, age: sum from in memory, and from arrival, to drawn; the latter over live frames.
        longest: from in memory to drawn, of the slowest frame.
    """

    number: int
    frames: int = 0
    stages: dict[Stage, float] = field(default_factory=dict)
    total: float = 0.0
    age: float | None = None
    longest: float = 0.0


class History:
    """Bins of the last minute; those without a frame are left out. Not for several threads at once."""

    def __init__(self) -> None:
        self._bins: deque[Bin] = deque(maxlen=BINS)

    def add(self, now_ns: int, stages: Mapping[Stage, float], total_ms: float, age_ms: float | None) -> None:
        """Takes a frame that is finished now, by `perf_counter_ns`."""
        number = now_ns // BIN_NS
        if not self._bins or self._bins[-1].number != number:
            self._bins.append(Bin(number))
        newest = self._bins[-1]
        newest.frames += 1
        for stage, ms in stages.items():
            newest.stages[stage] = newest.stages.get(stage, 0.0) + ms
        newest.total += total_ms
        newest.longest = max(newest.longest, total_ms)
        if age_ms is not None:
            newest.age = (newest.age or 0.0) + age_ms

    def since(self, number: int, now_ns: int) -> list[Bin]:
        """The bins after the one of this number that nothing is added to any more, oldest first. They do not change."""
        current = now_ns // BIN_NS
        found: list[Bin] = []
        for each in reversed(self._bins):
            if each.number <= number or each.number <= current - BINS:
                break
            if each.number < current:
                found.append(each)
        return found[::-1]
