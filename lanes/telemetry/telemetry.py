"""Telemetry: what a run counts and times, read by the report, the readout in the frame and the progress bar.

Times are taken with `time.perf_counter_ns`, which never steps back, around blocking calls: a stage's time ends when its result is in
memory. Percentiles are of single frames; nothing is averaged before. Memory does not grow with the length of a run.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from threading import Lock
from time import perf_counter_ns

from lanes.capture.source import Counts
from lanes.telemetry.buckets import Buckets
from lanes.telemetry.busy import Busy
from lanes.telemetry.histogram import Histogram, LatencySummary
from lanes.telemetry.history import Bin, History
from lanes.telemetry.stages import STAGES, Stage

WARM_UP_FRAMES = 10
"""Frames of each source that no percentile counts: caches, clocks and code paths settle. At most a quarter of its frames."""

RECENT_FRAMES = 30
"""Frames that the readout's figures are of: a second of video, so that they follow what happens now."""


@dataclass(slots=True)
class FrameTiming:
    """The times of one frame on its way.

    Attributes:
        in_memory_ns: when the frame's pixels were in memory, by `perf_counter_ns`.
        stages: milliseconds by stage.
        total_ms: from frame in memory to drawn frame handed to the output, waiting in queues included; set by `hand_over`.
        age_ms: from when a live frame arrived, or was due, to the same; None for a frame that does not age.
        busy: knows of each stage while it is measured.
    """

    in_memory_ns: int
    stages: dict[Stage, float] = field(default_factory=dict)
    total_ms: float = 0.0
    age_ms: float | None = None
    busy: Busy = field(default_factory=Busy)

    @contextmanager
    def measure(self, stage: Stage) -> Iterator[None]:
        """Times the block as `stage`, adding to what the stage has taken of this frame so far."""
        with self.busy.at(stage):
            start = perf_counter_ns()
            yield
        self.stages[stage] = self.stages.get(stage, 0.0) + (perf_counter_ns() - start) / 1e6

    def hand_over(self, arrived_ns: int | None) -> None:
        """The drawn frame goes to the output now. `arrived_ns`: `Frame.arrived_ns`."""
        now = perf_counter_ns()
        self.total_ms = (now - self.in_memory_ns) / 1e6
        self.age_ms = None if arrived_ns is None else (now - arrived_ns) / 1e6


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """How many frames there were. `captured` is `processed`, `dropped` and `under_way` together, at every moment.

    Attributes:
        captured: frames that the sources gave, those that came and were dropped included.
        processed: frames handed to the outputs.
        dropped: frames given up, by reason: `superseded` by a newer one before inference took them, `late` before they were decoded,
            displaced before `lanes`, `overlay` or `output` because that was busy, or `stopped` with the run.
        corrupt: frames that could not be decoded. They were never captured.
        suspect: frames that were processed though they depend on damaged data.
    """

    captured: int
    processed: int
    dropped: dict[str, int]
    corrupt: int
    suspect: int

    @property
    def under_way(self) -> int:
        """Frames between capture and output."""
        return self.captured - self.processed - sum(self.dropped.values())


@dataclass(slots=True)
class _Times:
    """Histograms of the frames counted so far."""

    stages: dict[Stage, Histogram] = field(default_factory=lambda: {stage: Histogram() for stage in STAGES})
    end_to_end: Histogram = field(default_factory=Histogram)
    frame_age: Histogram = field(default_factory=Histogram)

    def add(self, timing: FrameTiming) -> None:
        for stage, ms in timing.stages.items():
            self.stages[stage].add(ms)
        self.end_to_end.add(timing.total_ms)
        if timing.age_ms is not None:
            self.frame_age.add(timing.age_ms)

    def copy(self) -> _Times:
        return _Times({stage: times.copy() for stage, times in self.stages.items()}, self.end_to_end.copy(), self.frame_age.copy())


@dataclass(frozen=True, slots=True)
class Counters:
    """What only ever rises over a run, for a monitoring system: every frame is in it, warm-up included.

    Attributes:
        frames: how many there were.
        stages: by stage.
        frame_age: from arrival to drawn, of live frames.
    """

    frames: FrameCounts
    stages: dict[Stage, Buckets]
    frame_age: Buckets


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a run so far: see `docs/outputs.md`."""

    frames: FrameCounts
    warmup_frames: int
    stages: dict[Stage, LatencySummary]
    end_to_end: LatencySummary
    frame_age: LatencySummary | None
    throughput_fps: float


class Telemetry:
    """Counts and times of a run over one or several sources. May be read and written by several threads.

    Attributes:
        busy: the stages that are at work now.
    """

    def __init__(self) -> None:
        self.busy = Busy()
        self._lock = Lock()
        self._times = _Times()
        self._buckets: dict[Stage, Buckets] = {stage: Buckets() for stage in STAGES}
        self._age_buckets = Buckets()
        self._history = History()
        self._warming: list[FrameTiming] = []
        self._frames_of_source = 0
        self._warmed = 0
        self._of_source: Callable[[], Counts] = Counts
        self._captured = self._processed = self._corrupt = self._suspect = 0
        self._dropped: Counter[str] = Counter()
        self._seconds = 0.0
        self._started_ns = self._last_ns = perf_counter_ns()
        self._recent: deque[tuple[int, float]] = deque(maxlen=RECENT_FRAMES)

    def start_source(self, counts: Callable[[], Counts]) -> None:
        """A source begins now: throughput counts from here, what went before it on top, and its first frames are warm-up.

        Args:
            counts: what the source has counted so far, at any moment.
        """
        with self._lock:
            self._of_source = counts
            self._seconds += (self._last_ns - self._started_ns) / 1e9
            self._warmed = self._settle(self._times)
            self._warming, self._frames_of_source = [], 0
            self._recent.clear()
            self._started_ns = self._last_ns = perf_counter_ns()

    def end_source(self) -> None:
        """The source has ended and is closed: what is still under way will not be finished."""
        with self._lock:
            counts, self._of_source = self._of_source(), Counts
            self._captured += counts.captured
            self._corrupt += counts.corrupt
            self._dropped.update(counts.dropped)
            if left := self._counts().under_way:
                self._dropped["stopped"] += left

    def drop(self, reason: str) -> None:
        """A frame that a source gave was given up."""
        with self._lock:
            self._dropped[reason] += 1

    def finish(self, timing: FrameTiming, *, suspect: bool = False) -> None:
        """A frame was handed to the outputs, and they are done with it."""
        with self._lock:
            self._processed += 1
            self._suspect += suspect
            self._frames_of_source += 1
            if len(self._warming) < WARM_UP_FRAMES:
                self._warming.append(timing)
            else:
                self._times.add(timing)
            self._last_ns = perf_counter_ns()
            self._recent.append((self._last_ns, timing.total_ms))
            for stage, ms in timing.stages.items():
                self._buckets[stage].add(ms)
            if timing.age_ms is not None:
                self._age_buckets.add(timing.age_ms)
            self._history.add(self._last_ns, timing.stages, timing.total_ms, timing.age_ms)

    @property
    def processed(self) -> int:
        """Frames that the outputs are done with."""
        return self._processed

    def recent_fps(self) -> float | None:
        """Frames finished a second, of the last second or so; None before there are two."""
        with self._lock:
            if len(self._recent) < 2 or self._recent[-1][0] == self._recent[0][0]:
                return None
            return (len(self._recent) - 1) * 1e9 / (self._recent[-1][0] - self._recent[0][0])

    def recent_ms(self) -> float | None:
        """Median milliseconds end to end, of the last second or so."""
        with self._lock:
            return median(ms for _, ms in self._recent) if self._recent else None

    def idle_s(self) -> float:
        """Seconds since a frame was finished, or since the source or the run began."""
        return (perf_counter_ns() - self._last_ns) / 1e9

    def history(self, since: int) -> list[Bin]:
        """The last minute in bins, those after the one of this number; see `History.since`."""
        with self._lock:
            return self._history.since(since, perf_counter_ns())

    def counters(self) -> Counters:
        """What a monitoring system collects, consistent with each other."""
        with self._lock:
            return Counters(self._counts(), {stage: times.copy() for stage, times in self._buckets.items()}, self._age_buckets.copy())

    def counts(self) -> FrameCounts:
        """How many frames so far, consistent with each other."""
        with self._lock:
            return self._counts()

    def figures(self) -> Figures:
        """All figures so far."""
        with self._lock:
            times = self._times.copy()
            warmed = self._settle(times)
            seconds = self._seconds + (self._last_ns - self._started_ns) / 1e9
            counts, processed = self._counts(), self._processed
        return Figures(
            frames=counts,
            warmup_frames=warmed,
            stages={stage: times.stages[stage].summary() for stage in STAGES if times.stages[stage].n},
            end_to_end=times.end_to_end.summary(),
            frame_age=times.frame_age.summary() if times.frame_age.n else None,
            throughput_fps=processed / seconds if seconds > 0 else 0.0,
        )

    def _counts(self) -> FrameCounts:
        # The source's counts are read last, so that no frame is seen as processed before it is seen as captured.
        processed, suspect, dropped = self._processed, self._suspect, Counter(self._dropped)
        source = self._of_source()
        dropped.update(source.dropped)
        by_reason = {reason: count for reason, count in sorted(dropped.items()) if count}
        return FrameCounts(self._captured + source.captured, processed, by_reason, self._corrupt + source.corrupt, suspect)

    def _settle(self, times: _Times) -> int:
        """Adds to `times` the first frames of the source that are not warm-up after all, since it is short. Returns all warm-up frames."""
        warm_up = min(len(self._warming), self._frames_of_source // 4)
        for timing in self._warming[warm_up:]:
            times.add(timing)
        return self._warmed + warm_up
