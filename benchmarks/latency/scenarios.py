"""How frames arrive in MLPerf's scenarios, and what is timed of each.

SingleStream, MultiStream and Offline are those of MLPerf Inference, with its names, percentiles and order of frames (drawn at random, with
replacement, by a Mersenne Twister of fixed seed, from a library in memory):
https://github.com/mlcommons/inference_policies/blob/master/inference_rules.adoc, chapter Scenarios.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.latency.clock import CheckedClock
from benchmarks.latency.system import System
from lanes.arrays import BGRImage

Advance = Callable[[float], None]
"""Called now and then, never while something is timed, with the share of a run that is done, 0 to 1."""

SEED = 20_260_101

WARM_UP_QUERIES, WARM_UP_SECONDS = 10, 1.0
"""A warm-up is at least so many queries, and at least so long."""


@dataclass
class Run:
    """What a scenario measured. Times in milliseconds, in the order in which they were taken.

    Attributes:
        latency: of each query; Offline: from batch to batch.
        stages: of each query or batch, by stage.
        age: of each frame when the drawn frame is handed to the output, camera only.
        frames: processed.
        dropped: frames that the pipeline gave up, by reason, camera only.
        seconds: of the whole run.
    """

    latency: list[float] = field(default_factory=list)
    stages: dict[str, list[float]] = field(default_factory=dict)
    age: list[float] = field(default_factory=list)
    frames: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, latency: float, stages: dict[str, float], frames: int) -> None:
        """One more query or batch."""
        self.latency.append(latency)
        for stage, milliseconds in stages.items():
            self.stages.setdefault(stage, []).append(milliseconds)
        self.frames += frames


@dataclass(frozen=True)
class Length:
    """How long a run is: at least so many queries, and at least so many seconds."""

    queries: int
    seconds: float = 0.0

    def done(self, queries: int, seconds: float) -> float:
        """Share of the run that is done; the run ends at 1."""
        return min(queries / self.queries, seconds / self.seconds if self.seconds else 1.0, 1.0)


def run_stream(
    system: System, library: Sequence[BGRImage], frames_per_query: int, length: Length, clock: CheckedClock, advance: Advance
) -> Run:
    """SingleStream and MultiStream: the next query as soon as the last is done.

    Args:
        system: what is measured.
        library: frames, (H, W, 3) uint8 BGR.
        frames_per_query: 1 for SingleStream, 8 for MultiStream.
        length: of the run.
        clock: of the latencies.
        advance: see `Advance`.

    Raises:
        ProcessingError: the clock stepped.
    """
    run, draw = Run(), random.Random(SEED)
    started = now = clock.read()
    while (share := length.done(len(run.latency), (now - started) / 1e9)) < 1:
        advance(share)
        frames = draw.choices(library, k=frames_per_query)
        issued = clock.read()
        stages = system.answer(frames)
        now = clock.read()
        clock.check()
        run.add((now - issued) / 1e6, stages, frames_per_query)
    run.seconds = (now - started) / 1e9
    return run


def run_offline(system: System, library: Sequence[BGRImage], frames: int, clock: CheckedClock, advance: Advance) -> Run:
    """Offline: all frames are there at the start, in one query; what counts is when the last result is there.

    Args:
        system, library, clock, advance: as for `run_stream`.
        frames: in the query.

    Raises:
        ProcessingError: the clock stepped.
    """
    run, draw, batch = Run(), random.Random(SEED), system.engine.batch
    order = draw.choices(library, k=frames)
    started = last = clock.read()
    for start in range(0, frames, batch):
        stages = system.answer(order[start : start + batch])
        now = clock.read()
        run.add((now - last) / 1e6, stages, min(batch, frames - run.frames))
        last = now
        clock.check()
        advance(run.frames / frames)
    run.seconds = (last - started) / 1e9
    return run


def warm_up(system: System, library: Sequence[BGRImage], frames_per_query: int, clock: CheckedClock) -> list[float]:
    """Queries that are not counted: caches, clocks and code paths settle. Returns their milliseconds, in order."""
    times: list[float] = []
    while len(times) < WARM_UP_QUERIES or sum(times) < 1e3 * WARM_UP_SECONDS:
        started = clock.read()
        system.answer([library[len(times) % len(library)]] * frames_per_query)
        times.append((clock.read() - started) / 1e6)
        clock.check()
    return times
