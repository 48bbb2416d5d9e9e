"""What is timed is what happened: MLPerf's scenarios and the warm-up before them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.latency.scenarios import Length, run_offline, run_stream, warm_up
from benchmarks.latency.system import System
from tests.benchmarks.latency.engines import GreenEngine, SimulatedTime, SlowEngine, ignore, images


def test_single_stream_times_every_query_and_ends_as_asked() -> None:
    time_source = SimulatedTime()
    system = System(SlowEngine(time_source, lambda call: 0.010 + 0.001 * (call % 10)), time_source.read)
    run = run_stream(system, images(4), 1, Length(25), time_source.clock, ignore)
    assert run.latency == [10 + call % 10 for call in range(25)]
    assert run.stages["inference"] == run.latency
    assert run.seconds == pytest.approx(sum(run.latency) / 1e3)
    assert run.frames == 25


def test_a_run_is_as_long_as_the_longer_of_its_two_conditions() -> None:
    time_source = SimulatedTime()
    system = System(SlowEngine(time_source, lambda _: 0.1), time_source.read)
    assert len(run_stream(system, images(1), 1, Length(5, seconds=2.05), time_source.clock, ignore).latency) == 21
    assert len(run_stream(system, images(1), 1, Length(30, seconds=2.05), time_source.clock, ignore).latency) == 30


@pytest.mark.parametrize(("batch", "calls"), [(1, 8), (3, 3), (8, 1)])
def test_a_multi_stream_query_is_eight_frames_until_the_last_is_done(batch: int, calls: int) -> None:
    time_source = SimulatedTime()
    system = System(SlowEngine(time_source, lambda _: 0.010, batch), time_source.read)
    run = run_stream(system, images(40), 8, Length(3), time_source.clock, ignore)
    assert run.latency == [10.0 * calls] * 3
    assert run.frames == 24


@given(st.integers(1, 5), st.integers(1, 12))
def test_every_frame_gets_its_own_result_whatever_the_batch(batch: int, count: int) -> None:
    system = System(GreenEngine(batch))
    frames = images(count)
    system.answer(frames)
    assert [int(result.max()) for result in system.results] == [int(frame[0, 0, 1]) for frame in frames]


def test_offline_throughput_is_all_frames_over_all_time() -> None:
    time_source = SimulatedTime()
    run = run_offline(System(SlowEngine(time_source, lambda _: 0.2, batch=4), time_source.read), images(5), 10, time_source.clock, ignore)
    assert run.latency == [200.0] * 3
    assert run.frames == 10
    assert run.frames / run.seconds == pytest.approx(10 / 0.6)


def test_a_warm_up_is_long_enough_and_kept_apart() -> None:
    time_source = SimulatedTime()
    engine = SlowEngine(time_source, lambda call: 1.0 if call == 0 else 0.02)
    assert warm_up(System(engine, time_source.read), images(2), 1, time_source.clock) == [1000] + [20] * 9
    quick = SlowEngine(time_source, lambda _: 0.010)
    assert len(warm_up(System(quick, time_source.read), images(2), 1, time_source.clock)) == 100
