"""The streaming loop: every frame once and in order, bounded, and over at once when a stage fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction
from time import perf_counter_ns, sleep
from typing import Any

import numpy as np
import pytest

from lanes import load_segmenter
from lanes.capture.source import Source, SourceInfo
from lanes.errors import ProcessingError
from lanes.output.records import make_record
from lanes.output.sink import Sink
from lanes.pipeline import FILE_DEPTH, Channel, ChannelClosed, Pipeline
from lanes.results import Frame, FrameResult
from lanes.segment.segmenter import Segmenter
from lanes.telemetry.latency import LatencyLog, summarise


@pytest.fixture(scope="module")
def segmenter() -> Iterator[Segmenter]:
    with load_segmenter("unet") as opened:
        yield opened


class Grey(Source):
    """Grey frames; may raise at one of them."""

    def __init__(self, frames: int, fails_at: int | None = None, live: bool = False) -> None:
        super().__init__("grey")
        self.info = SourceInfo("grey", "synthetic", 64, 48, Fraction(30), frames, live=live)
        self.fails_at = fails_at
        self.given = 0

    def _open(self) -> SourceInfo:
        return self.info

    def _frames(self) -> Iterator[Frame]:
        for index in range(self.info.frames or 0):
            if index == self.fails_at:
                raise ProcessingError("the camera is gone")
            self.given += 1
            captured = perf_counter_ns() if self.info.live else None
            yield Frame(np.full((48, 64, 3), 90, np.uint8), index, Fraction(index, 30), "grey", f"{index:06d}", arrived_ns=captured)


class Kept(Sink):
    """Keeps what arrives; may raise at one frame, or wait for each."""

    def __init__(self, fails_at: int | None = None, gate: threading.Semaphore | None = None) -> None:
        self.records: list[dict[str, object]] = []
        self.fails_at = fails_at
        self.gate = gate

    def write(self, result: FrameResult) -> None:
        if self.gate is not None:
            self.gate.acquire()
        if result.frame.index == self.fails_at:
            raise ProcessingError("the disk is full")
        assert result.mask.shape == result.frame.pixels.shape[:2]
        assert set(np.unique(result.mask)) <= {0, 255}
        self.records.append(make_record(result))

    def close(self) -> None:
        pass


def indices(sink: Kept) -> list[object]:
    return [record["frame"] for record in sink.records]


def test_every_frame_arrives_once_and_in_order(segmenter: Segmenter) -> None:
    sink, log = Kept(), LatencyLog()
    Pipeline(Grey(40), segmenter, [sink], log).run()
    assert indices(sink) == list(range(40))
    assert len(log) == 40


def test_a_second_source_adds_its_time_to_the_first_ones(segmenter: Segmenter) -> None:
    log = LatencyLog()
    Pipeline(Grey(20), segmenter, [], log).run()
    first = log.seconds
    Pipeline(Grey(1), segmenter, [], log).run()
    assert log.seconds > first
    assert log.throughput_fps == pytest.approx(21 / log.seconds)


@pytest.mark.parametrize(
    "pixels", [None, [[1, 2]], np.zeros((48, 64), np.uint8), np.zeros((48, 64, 3), np.float32), np.zeros((48, 64, 4), np.uint8)]
)
def test_what_is_no_picture_is_refused(segmenter: Segmenter, pixels: Any) -> None:
    with pytest.raises(ValueError, match="expected a"):
        segmenter(pixels)


def test_a_limit_stops_after_so_many_frames(segmenter: Segmenter) -> None:
    source, sink = Grey(40), Kept()
    Pipeline(source, segmenter, [sink], LatencyLog()).run(limit=7)
    assert indices(sink) == list(range(7))
    assert source.given == 7


def test_an_empty_source_ends_without_a_frame(segmenter: Segmenter) -> None:
    sink = Kept()
    Pipeline(Grey(0), segmenter, [sink], LatencyLog()).run()
    assert sink.records == []


def test_capture_that_fails_ends_the_loop_with_its_cause(segmenter: Segmenter) -> None:
    with pytest.raises(ProcessingError, match="camera is gone"):
        Pipeline(Grey(40, fails_at=5), segmenter, [Kept()], LatencyLog()).run()


def test_an_output_that_fails_ends_the_loop_with_its_cause_and_capture_stops(segmenter: Segmenter) -> None:
    source, sink = Grey(10_000), Kept(fails_at=3)
    with pytest.raises(ProcessingError, match="disk is full"):
        Pipeline(source, segmenter, [sink], LatencyLog()).run()
    assert indices(sink) == [0, 1, 2]
    assert source.given < 30


def test_an_engine_that_fails_ends_the_loop_with_its_cause() -> None:
    """A closed engine is one that cannot run."""
    broken = load_segmenter("unet")
    broken.close()
    with pytest.raises(RuntimeError, match="closed"):
        Pipeline(Grey(40), broken, [Kept()], LatencyLog()).run()


def test_capture_runs_no_further_ahead_than_the_channels_are_deep(segmenter: Segmenter) -> None:
    gate = threading.Semaphore(0)
    source, sink = Grey(40), Kept(gate=gate)
    runner = threading.Thread(target=Pipeline(source, segmenter, [sink], LatencyLog()).run)
    runner.start()
    while source.given < 10:  # what is asserted below is only worth something once capture had to wait
        sleep(0.05)
    sleep(1.0)
    # Three channels, and a frame in the hands of each of the four threads.
    assert source.given <= 3 * FILE_DEPTH + 4
    for _ in range(40):
        gate.release()
    runner.join(timeout=60)
    assert indices(sink) == list(range(40))


def test_stop_finishes_what_was_captured(segmenter: Segmenter) -> None:
    source, sink = Grey(10_000), Kept()
    pipeline = Pipeline(source, segmenter, [sink], LatencyLog())
    pipeline.run(on_frame=lambda result: pipeline.stop() if result.frame.index == 10 else None)
    assert indices(sink) == list(range(source.given))
    assert 11 <= source.given <= 11 + 3 * FILE_DEPTH + 4


def test_a_record_has_what_the_contract_names(segmenter: Segmenter) -> None:
    sink = Kept()
    Pipeline(Grey(1), segmenter, [sink], LatencyLog()).run()
    record = sink.records[0]
    assert list(record) == [
        *("frame", "source", "time_s", "dropped_before", "lanes", "ego", "calibration", "departure", "band", "latency_ms")
    ]
    assert set(record["latency_ms"]) == {"capture", "preprocess", "inference", "postprocess", "overlay", "total"}  # type: ignore[call-overload]


def test_the_report_has_what_the_contract_names(segmenter: Segmenter) -> None:
    log = LatencyLog()
    Pipeline(Grey(40), segmenter, [Kept()], log).run()
    report = log.report(corrupt=2, engine={"name": "x"}, source={"name": "grey"})
    assert report["frames"] == {"captured": 40, "processed": 40, "dropped": 0, "corrupt": 2}
    assert report["warmup_frames"] == 10
    assert set(report["stages"]) == {"capture", "preprocess", "inference", "postprocess", "overlay", "output"}
    assert set(report["end_to_end"]) == {"p50", "p90", "p95", "p99", "max", "mean", "n"}
    assert report["end_to_end"]["n"] == 30
    assert report["throughput_fps"] > 0
    # Waiting is part of end to end, and capture and output are not.
    inside = sum(report["stages"][stage]["mean"] for stage in ("preprocess", "inference", "postprocess", "overlay"))
    assert report["end_to_end"]["mean"] >= inside


def test_a_live_source_reports_the_age_of_its_frames(segmenter: Segmenter) -> None:
    log = LatencyLog()
    Pipeline(Grey(20, live=True), segmenter, [Kept()], log).run()
    assert "frame_age" in log.report(corrupt=0, engine={}, source={})


def test_percentiles_are_those_of_the_single_values() -> None:
    from array import array

    summary = summarise(array("d", [float("nan"), *range(1, 101)]))
    assert summary["n"] == 100
    assert summary["max"] == 100
    assert summary["mean"] == 50.5
    assert summary["p50"] == 50.5
    assert summary["p90"] == pytest.approx(90.1)


def test_a_channel_hands_over_all_before_it_ends() -> None:
    channel: Channel[int] = Channel(3)
    for item in range(3):
        channel.put(item)
    channel.finish()
    assert [channel.get() for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ChannelClosed):
        channel.get()


def test_an_aborted_channel_wakes_whoever_waits() -> None:
    full: Channel[int] = Channel(1)
    full.put(1)
    woken = threading.Event()

    def wait() -> None:
        with pytest.raises(ChannelClosed):
            full.put(2)
        woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    full.abort()
    assert woken.wait(5)
    thread.join()
