"""Telemetry: counts that add up at every moment, warm-up by source, figures of now and of the whole."""

from __future__ import annotations

import pytest

from lanes.capture.source import Counts
from lanes.telemetry.telemetry import RECENT_FRAMES, WARM_UP_FRAMES, FrameTiming, Telemetry


def timing(ms: float, age_ms: float | None = None) -> FrameTiming:
    return FrameTiming(0, {"inference": ms}, total_ms=ms, age_ms=age_ms)


def run(telemetry: Telemetry, times: list[float]) -> None:
    """A source of which every frame is processed."""
    telemetry.start_source(lambda: Counts(captured=len(times), delivered=len(times)))
    for ms in times:
        telemetry.finish(timing(ms))
    telemetry.end_source()


def test_warm_up_is_kept_out_of_the_percentiles_of_every_source() -> None:
    telemetry = Telemetry()
    for _ in range(2):
        run(telemetry, [1000.0] * WARM_UP_FRAMES + [10.0] * 40)
    figures = telemetry.figures()
    assert figures.warmup_frames == 2 * WARM_UP_FRAMES
    assert figures.stages["inference"].n == 80
    assert figures.stages["inference"].max == 10.0


@pytest.mark.parametrize(("frames", "warm_up"), [(1, 0), (3, 0), (4, 1), (39, 9), (40, 10), (400, 10)])
def test_warm_up_is_a_quarter_of_a_short_source_at_most(frames: int, warm_up: int) -> None:
    telemetry = Telemetry()
    run(telemetry, [5.0] * frames)
    figures = telemetry.figures()
    assert figures.warmup_frames == warm_up
    assert figures.end_to_end.n == frames - warm_up


def test_figures_can_be_taken_at_any_moment_and_change_nothing() -> None:
    telemetry = Telemetry()
    telemetry.start_source(lambda: Counts(captured=9, delivered=9))
    for ms in range(8):
        telemetry.finish(timing(float(ms)))
        telemetry.figures()
    assert telemetry.figures().end_to_end.n == 6


def test_captured_is_processed_and_dropped_and_under_way() -> None:
    telemetry = Telemetry()
    telemetry.start_source(lambda: Counts(captured=90, delivered=60, dropped={"superseded": 30}, corrupt=2))
    for _ in range(50):
        telemetry.finish(timing(1.0))
    telemetry.drop("output")
    counts = telemetry.counts()
    assert (counts.captured, counts.processed, counts.under_way, counts.corrupt) == (90, 50, 9, 2)
    assert counts.dropped == {"superseded": 30, "output": 1}


def test_what_is_under_way_when_a_source_ends_is_dropped_with_the_run() -> None:
    telemetry = Telemetry()
    telemetry.start_source(lambda: Counts(captured=90, delivered=90))
    for _ in range(85):
        telemetry.finish(timing(1.0))
    telemetry.end_source()
    counts = telemetry.counts()
    assert counts.dropped == {"stopped": 5}
    assert counts.captured == counts.processed + sum(counts.dropped.values())


def test_sources_add_up() -> None:
    telemetry = Telemetry()
    run(telemetry, [1.0] * 20)
    run(telemetry, [1.0] * 5)
    assert telemetry.counts().captured == telemetry.processed == 25


def test_throughput_counts_the_time_of_every_source_and_not_the_time_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(0, 10**12, 10**9))  # each look at the clock is a second after the one before
    monkeypatch.setattr("lanes.telemetry.telemetry.perf_counter_ns", lambda: next(now))
    telemetry = Telemetry()
    run(telemetry, [1.0] * 20)
    for _ in range(100):
        next(now)
    run(telemetry, [1.0] * 10)
    assert telemetry.figures().throughput_fps == 1.0


def test_recent_figures_forget() -> None:
    telemetry = Telemetry()
    run(telemetry, [1000.0] * 50 + [2.0] * RECENT_FRAMES)
    assert telemetry.recent_ms() == 2.0
    telemetry.start_source(Counts)
    assert telemetry.recent_ms() is None
    assert telemetry.recent_fps() is None


def test_only_frames_that_age_have_an_age() -> None:
    telemetry = Telemetry()
    run(telemetry, [1.0] * 3)
    assert telemetry.figures().frame_age is None
    telemetry.start_source(Counts)
    telemetry.finish(timing(1.0, age_ms=7.0))
    age = telemetry.figures().frame_age
    assert age is not None
    assert age.max == 7.0
