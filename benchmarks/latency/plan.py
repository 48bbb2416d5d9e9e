"""What a run of `benchmarks.latency` is to be: a scenario, its percentile, and enough queries for it."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.common.confidence import check_enough, queries_least
from benchmarks.latency.scenarios import Length
from lanes.errors import InputError

SECONDS = 10.0
"""A run takes at least so long by default. MLPerf's take MLPERF_SECONDS."""

MLPERF_SECONDS = 600
MLPERF_OFFLINE_FRAMES = 24_576


@dataclass(frozen=True)
class Scenario:
    """A way for frames to arrive.

    Attributes:
        title: in words.
        frames_per_query: frames that arrive together; 0 for all of a run.
        percentile: the one that counts; None where throughput does.
        metric: what counts.
    """

    title: str
    frames_per_query: int
    percentile: float | None
    metric: str


SCENARIOS = {
    "single-stream": Scenario("MLPerf SingleStream: one frame a query, the next as soon as the last is done", 1, 0.9, "latency"),
    "multi-stream": Scenario("MLPerf MultiStream: 8 frames a query, the next as soon as the last is done", 8, 0.99, "latency"),
    "offline": Scenario("MLPerf Offline: all frames in one query", 0, None, "throughput"),
    "camera": Scenario("the product's pipeline behind a camera of fixed rate, which drops what it is late for", 1, 0.99, "age"),
}


@dataclass(frozen=True)
class Plan:
    """A scenario with its numbers.

    Attributes:
        scenario: a key of SCENARIOS.
        percentile: the one that counts, as a share.
        length: of the run; Offline: `queries` frames, when it is not 0.
        fps: of the camera.
        stub_ms: milliseconds of the sleep that stands for inference, camera only; None for the engine itself.
    """

    scenario: str
    percentile: float
    length: Length
    fps: float
    stub_ms: float | None = None

    @classmethod
    def make(
        cls,
        scenario: str,
        percentile: float | None = None,
        queries: int | None = None,
        seconds: float | None = None,
        fps: float = 30.0,
        batch: int = 1,
        stub_ms: float | None = None,
    ) -> Plan:
        """A plan; what is left out gets its default: enough queries for the percentile, and SECONDS unless a number of queries was given.

        Raises InputError when the number of queries is too small for the percentile, a query does not fill a batch, or a stub is asked
        for elsewhere than behind a camera.
        """
        kind = SCENARIOS[scenario]
        if stub_ms is not None and scenario != "camera":
            raise InputError("--stub is of the camera scenario: add --scenario camera")
        if kind.frames_per_query and batch > kind.frames_per_query:
            several = f"{kind.frames_per_query} frames" if kind.frames_per_query > 1 else "one frame"
            raise InputError(f"a query of {scenario} has {several}, which do not fill a batch of {batch}: use --scenario offline")
        share = percentile or kind.percentile
        if share is None:  # Offline
            return cls(scenario, 0.5, Length(queries or 0, SECONDS if seconds is None else seconds), fps)
        if kind.percentile is None:
            raise InputError("offline has one query, and no percentiles of it: leave out --percentile")
        if queries is not None:
            check_enough(queries, share)
        if seconds is None:
            seconds = SECONDS if queries is None else 0.0
        return cls(scenario, share, Length(queries or queries_least(share), seconds), fps, stub_ms)
