"""A clock that steps is found, and what it costs is measured."""

from __future__ import annotations

import time

import pytest

from benchmarks.latency.clock import CheckedClock, measure_clock
from benchmarks.latency.scenarios import Length, run_stream
from benchmarks.latency.system import System
from lanes.errors import ProcessingError
from tests.benchmarks.latency.engines import GreenEngine, ignore, images


@pytest.mark.parametrize("step_s", [-3600.0, -0.05, 0.05, 3600.0])
def test_a_clock_that_steps_is_found(step_s: float) -> None:
    calls = iter(range(10**9))

    def wall_clock() -> int:
        return time.monotonic_ns() + (round(1e9 * step_s) if next(calls) > 200 else 0)

    with pytest.raises(ProcessingError, match="the clock stepped by"):
        run_stream(System(GreenEngine()), images(3), 1, Length(500), CheckedClock(wall_clock), ignore)


def test_a_clock_that_steps_there_and_back_is_found() -> None:
    calls = iter(range(10**9))

    def wall_clock() -> int:
        return time.monotonic_ns() + (10**9 if 200 < next(calls) < 240 else 0)

    with pytest.raises(ProcessingError, match="the clock stepped by"):
        run_stream(System(GreenEngine()), images(3), 1, Length(500), CheckedClock(wall_clock), ignore)


def test_a_steady_clock_is_not_suspected() -> None:
    run = run_stream(System(GreenEngine()), images(3), 1, Length(500), CheckedClock(), ignore)
    assert len(run.latency) == 500


def test_the_clock_s_cost_and_resolution_are_measured() -> None:
    ticks = iter(range(0, 10**9, 70))
    assert measure_clock(lambda: next(ticks)) == {"cost_ns": 70, "resolution_ns": 70}
    coarse = iter(range(10**9))
    assert measure_clock(lambda: next(coarse) // 10 * 1000)["resolution_ns"] == 1000
