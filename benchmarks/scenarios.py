"""How frames arrive, and what is timed of each: MLPerf's scenarios, and a camera.

SingleStream, MultiStream and Offline are those of MLPerf Inference, with its names, percentiles and order of frames (drawn at random, with
replacement, by a Mersenne Twister of fixed seed, from a library in memory):
https://github.com/mlcommons/inference_policies/blob/master/inference_rules.adoc, chapter Scenarios.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import sqrt
from statistics import median
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engines.engine import Engine, Pictures
from lanes.errors import ProcessingError

Picture = NDArray[np.uint8]
ReadClock = Callable[[], int]
Advance = Callable[[float], None]
"""Is told now and then, never while something is timed, which share of a run is done, 0 to 1."""

STAGES = ("preprocess", "inference", "postprocess")

INSIDE = {
    "latency": "from a query's frames in memory, as BGR pixels, to lane probability at their size in memory; decoding, curves, drawing and "
    "output are not in it",
    "preprocess": "each frame scaled to the model's input",
    "inference": "the engine, input in host memory to probability in host memory: copies to a GPU and back are in it",
    "postprocess": "probability scaled to each frame's size",
    "batch": "from one batch's results to the next one's, both in memory: what the throughput is made of",
    "age": "from when the camera had the frame to its probability in memory: waiting, and latency",
}
"""What lies inside each interval, in words, for every output."""

SEED = 20_260_101

WARM_UP_QUERIES, WARM_UP_SECONDS = 10, 1.0
"""A warm-up is at least so many queries, and at least so long."""

DRIFT_LIMIT = 0.05
"""Share by which the start of a run may differ from its second half."""

DRIFT_DEVIATIONS = 4.0
"""And that many standard deviations of the rank sum must it be beyond chance: once in 30,000 comparisons."""

CLOCK_SLACK_NS, CLOCK_SLACK_SHARE = 1_000_000, 1e-3
"""Two good clocks differ by no more, the second as a share of the time since the start: NTP slews by up to 0.5 per mille."""


# --- the clock --------------------------------------------------------------------------------------------------------------------


def _reference_ns() -> int:
    """The machine's own oscillator, which nobody sets or slews, where there is one to be read."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) if hasattr(time, "CLOCK_MONOTONIC_RAW") else time.monotonic_ns()


class Clock:
    """The clock that intervals are read from, held against another.

    Args:
        read: nanoseconds, from any origin. The default never steps; a wall clock does when it is set.
        reference: nanoseconds of a clock that does not step.
    """

    def __init__(self, read: ReadClock = time.perf_counter_ns, reference: ReadClock = _reference_ns) -> None:
        self.read = read
        self._reference = reference
        self._begun = reference()
        self._offset = self._bounds()

    def _bounds(self) -> tuple[int, int]:
        """Between which numbers this clock is ahead of the reference; being interrupted here widens them but cannot shift them."""
        before = self._reference()
        here = self.read()
        return here - self._reference(), here - before

    def check(self) -> None:
        """Raises ProcessingError when the clock has stepped since it was made."""
        slack = CLOCK_SLACK_NS + CLOCK_SLACK_SHARE * (self._reference() - self._begun)
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


# --- what is measured -------------------------------------------------------------------------------------------------------------


@runtime_checkable
class Overlapping(Protocol):
    """An engine that takes the next batch while it calculates one: see engines.tensorrt.engine."""

    def submit(self, batch: Pictures) -> None:
        """Starts a batch."""

    def result(self) -> Pictures:
        """Waits for the oldest one."""


UNDER_WAY = 2
"""Batches that such an engine holds at once."""


class System:
    """What MLPerf calls the system under test: an engine with the steps of `Segmenter` around it, for batches of any size.

    Args:
        engine: it stays the caller's to close.
        read: the clock of the stages.

    Attributes:
        results: (H, W) uint8 for each frame of the last query or batch, lane probability at the frame's size.
    """

    def __init__(self, engine: Engine, read: ReadClock = time.perf_counter_ns) -> None:
        self.engine = engine
        self.results: list[Picture] = []
        self._read = read
        self._transform = engine.model.metadata.transform
        self._input = np.full((engine.batch, self._transform.height, self._transform.width, 3), 114, np.uint8)
        self._probability: Pictures = np.empty((0, 0, 0), np.uint8)

    def answer(self, frames: Sequence[Picture]) -> dict[str, float]:
        """Processes the frames of a query, (H, W, 3) uint8 BGR each, batch by batch; the last batch may be partly filled.

        Returns milliseconds by stage, summed over the batches.
        """
        spent = dict.fromkeys(STAGES, 0.0)
        results: list[Picture] = []
        for start in range(0, len(frames), self.engine.batch):
            part = frames[start : start + self.engine.batch]
            begun = self._read()
            self.preprocess(part)
            fitted = self._read()
            self.infer()
            inferred = self._read()
            self.postprocess(part)
            ended = self._read()
            for stage, taken in zip(STAGES, (fitted - begun, inferred - fitted, ended - inferred), strict=True):
                spent[stage] += taken / 1e6
            results += self.results
        self.results = results
        return spent

    def preprocess(self, frames: Sequence[Picture]) -> None:
        """Scales up to a batch of frames into the engine's input."""
        for frame, row in zip(frames, self._input, strict=False):
            self._transform.fit(frame.shape[1], frame.shape[0]).to_model(frame, row)

    def infer(self) -> None:
        """Runs the engine. What it returns is made an array here, so that an engine that hands out promises is waited for."""
        self._probability = np.asarray(self.engine.infer(self._input))

    def postprocess(self, frames: Sequence[Picture]) -> None:
        """Scales probability to the size of each frame."""
        self.results = [
            self._transform.fit(frame.shape[1], frame.shape[0]).to_frame(probability, np.empty(frame.shape[:2], np.uint8))
            for frame, probability in zip(frames, self._probability, strict=False)
        ]

    def stream(self, batches: Iterator[Sequence[Picture]]) -> Iterator[dict[str, float]]:
        """Processes many batches, overlapping them where the engine is able to; yields what `answer` returns, batch by batch."""
        if not isinstance(self.engine, Overlapping):
            yield from map(self.answer, batches)
            return
        waiting: deque[tuple[Sequence[Picture], dict[str, float]]] = deque()
        for part in batches:
            begun = self._read()
            self.preprocess(part)
            fitted = self._read()
            self.engine.submit(self._input)
            waiting.append((part, {"preprocess": (fitted - begun) / 1e6, "inference": (self._read() - fitted) / 1e6}))
            if len(waiting) == UNDER_WAY:
                yield self._collect(self.engine, *waiting.popleft())
        while waiting:
            yield self._collect(self.engine, *waiting.popleft())

    def _collect(self, engine: Overlapping, frames: Sequence[Picture], spent: dict[str, float]) -> dict[str, float]:
        begun = self._read()
        self._probability = np.asarray(engine.result())
        there = self._read()
        self.postprocess(frames)
        return spent | {"inference": spent["inference"] + (there - begun) / 1e6, "postprocess": (self._read() - there) / 1e6}

    def check_done(self, frame: Picture, patience_s: float) -> None:
        """Sees that the engine has finished when it returns: what it returned must not change any more.

        Args:
            frame: any.
            patience_s: how long to wait for a change, seconds.

        Raises:
            ProcessingError: it did change.
        """
        for pixels in (np.asarray(255 - frame, np.uint8), frame):  # two pictures, so that a late result is another than the last one
            self.preprocess([pixels])
            self.infer()
            at_once = self._probability.copy()
            time.sleep(patience_s)
            if not np.array_equal(at_once, self._probability):
                raise ProcessingError(
                    f"the {self.engine.name} engine returned before its result was there, so it cannot be timed: its infer must wait until "
                    "the probability is in memory"
                )


@dataclass
class Run:
    """What a scenario measured. Times in milliseconds, in the order in which they were taken.

    Attributes:
        latency: of each query; Offline: from batch to batch.
        stages: of each query or batch, by stage.
        age: of each frame's result, camera only.
        frames: processed.
        dropped: frames passed over because a newer one was there, camera only.
        seconds: of the whole run.
    """

    latency: list[float] = field(default_factory=list)
    stages: dict[str, list[float]] = field(default_factory=lambda: {stage: [] for stage in STAGES})
    age: list[float] = field(default_factory=list)
    frames: int = 0
    dropped: int = 0
    seconds: float = 0.0

    def add(self, latency: float, stages: dict[str, float], frames: int) -> None:
        """One more query or batch."""
        self.latency.append(latency)
        for stage, taken in stages.items():
            self.stages[stage].append(taken)
        self.frames += frames


@dataclass(frozen=True)
class Length:
    """How long a run is: at least so many queries, and at least so many seconds."""

    queries: int
    seconds: float = 0.0

    def done(self, queries: int, seconds: float) -> float:
        """Share of the run that is done; the run ends at 1."""
        return min(queries / self.queries, seconds / self.seconds if self.seconds else 1.0, 1.0)


# --- the scenarios ----------------------------------------------------------------------------------------------------------------


def run_stream(system: System, library: Sequence[Picture], frames_per_query: int, length: Length, clock: Clock, advance: Advance) -> Run:
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
    begun = now = clock.read()
    while (share := length.done(len(run.latency), (now - begun) / 1e9)) < 1:
        advance(share)
        frames = draw.choices(library, k=frames_per_query)
        issued = clock.read()
        stages = system.answer(frames)
        now = clock.read()
        clock.check()
        run.add((now - issued) / 1e6, stages, frames_per_query)
    run.seconds = (now - begun) / 1e9
    return run


def run_offline(system: System, library: Sequence[Picture], frames: int, clock: Clock, advance: Advance) -> Run:
    """Offline: all frames are there at the start, in one query; what counts is when the last result is there.

    Args:
        system, library, clock, advance: as for `run_stream`.
        frames: in the query.

    Raises:
        ProcessingError: the clock stepped.
    """
    run, draw, batch = Run(), random.Random(SEED), system.engine.batch
    order = draw.choices(library, k=frames)
    begun = last = clock.read()
    for stages in system.stream(order[start : start + batch] for start in range(0, frames, batch)):
        now = clock.read()
        run.add((now - last) / 1e6, stages, min(batch, frames - run.frames))
        last = now
        clock.check()
        advance(run.frames / frames)
    run.seconds = (last - begun) / 1e9
    return run


def run_camera(
    system: System,
    library: Sequence[Picture],
    fps: float,
    length: Length,
    clock: Clock,
    advance: Advance,
    sleep: Callable[[float], None] = time.sleep,
) -> Run:
    """A camera of fixed rate: whoever is free takes the newest frame, and those it has not seen by then are dropped.

    A frame is there at its due time, whether or not anybody waits for it, as a driver that keeps the newest does it; its age counts from
    then. Late waking is part of the age, as with a camera.

    Args:
        system, library, length, clock, advance: as for `run_stream`; the frames come in the order of the library, again and again.
        fps: frames a second.
        sleep: waits so many seconds.

    Raises:
        ProcessingError: the clock stepped.
    """
    run, period = Run(), round(1e9 / fps)
    begun = now = clock.read()
    last = -1
    while (share := length.done(len(run.latency), (now - begun) / 1e9)) < 1:
        advance(share)
        while (newest := ((taken := clock.read()) - begun) // period) <= last:
            sleep((begun + (last + 1) * period - taken) / 1e9)
            clock.check()
        stages = system.answer([library[newest % len(library)]])
        now = clock.read()
        clock.check()
        run.add((now - taken) / 1e6, stages, 1)
        run.age.append((now - begun - newest * period) / 1e6)
        run.dropped += newest - last - 1
        last = newest
    run.seconds = (now - begun) / 1e9
    return run


# --- warm-up ----------------------------------------------------------------------------------------------------------------------


def warm_up(system: System, library: Sequence[Picture], frames_per_query: int, clock: Clock) -> list[float]:
    """Queries that are not counted: caches, clocks and code paths settle. Returns their milliseconds, in order."""
    times: list[float] = []
    while len(times) < WARM_UP_QUERIES or sum(times) < 1e3 * WARM_UP_SECONDS:
        begun = clock.read()
        system.answer([library[len(times) % len(library)]] * frames_per_query)
        times.append((clock.read() - begun) / 1e6)
        clock.check()
    return times


def find_drift(values: Sequence[float]) -> list[str]:
    """Whether a run was still warming up when it began, or became slower: doubts, one sentence each.

    The first 8, 16, 32, ... values, up to a quarter of all, are held against the second half by the rank sum test of Mann and Whitney
    (https://doi.org/10.1214/aoms/1177730491), and by their medians.

    Args:
        values: times in the order in which they were taken.
    """
    half = len(values) // 2
    later = np.asarray(values[half:], np.float64)
    count = 8
    while count <= len(values) // 4:
        first = np.asarray(values[:count], np.float64)
        change = float(np.median(first) / np.median(later)) - 1 if np.median(later) > 0 else 0.0
        if abs(change) > DRIFT_LIMIT and abs(deviations := _rank_deviations(first, later)) > DRIFT_DEVIATIONS and deviations * change > 0:
            if change > 0:
                return [f"the warm-up was not over: the first {count} queries took {change:.0%} longer than the second half of the run"]
            return [f"the machine became slower: the first {count} queries took {-change:.0%} less than the second half of the run"]
        count *= 2
    return []


def _rank_deviations(first: NDArray[np.float64], later: NDArray[np.float64]) -> float:
    """By how many standard deviations the first are above the later ones, in ranks."""
    ordered = np.sort(later)
    above = (np.searchsorted(ordered, first, "left") + np.searchsorted(ordered, first, "right")).sum() / 2
    pairs = len(first) * len(later)
    return float((above - pairs / 2) / sqrt(pairs * (len(first) + len(later) + 1) / 12))
