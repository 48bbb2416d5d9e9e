"""The streaming loop: every frame once and in order, bounded, the newest of a live source, and over at once when a stage fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from fractions import Fraction
from itertools import islice
from queue import Queue
from time import monotonic, sleep

import numpy as np
import pytest

from lanes import load_segmenter
from lanes.arrays import BGRImage, Mask
from lanes.capture.live import LiveSource
from lanes.capture.source import Source, SourceInfo
from lanes.draw.overlay import Overlay
from lanes.errors import SourceLostError
from lanes.geometry.estimator import LaneEstimator, PerFrameEstimator
from lanes.pipeline.pipeline import FEEDBACK_LAG, FILE_DEPTH, Pipeline
from lanes.results import Band, Frame, FrameResult, RoadState
from lanes.segment.band_choice import AUTO
from lanes.segment.segmenter import Segmenter
from lanes.telemetry.telemetry import Telemetry

WIDTH, HEIGHT = 64, 48


@pytest.fixture(scope="module")
def segmenter() -> Iterator[Segmenter]:
    with load_segmenter("unet") as opened:
        yield opened


class Grey(Source):
    """Grey frames; may be lost at one of them, and have cuts."""

    def __init__(self, frames: int, lost_at: int | None = None, cuts: tuple[int, ...] = ()) -> None:
        super().__init__("grey")
        self.frames = frames
        self.lost_at = lost_at
        self.cuts = cuts
        self.given = 0

    def _open(self) -> SourceInfo:
        return SourceInfo(self.name, "synthetic", WIDTH, HEIGHT, Fraction(30), self.frames)

    def _frames(self) -> Iterator[Frame]:
        for index in range(self.frames):
            if index == self.lost_at:
                raise SourceLostError("the camera is gone")
            self.given += 1
            yield Frame(
                np.full((HEIGHT, WIDTH, 3), 90, np.uint8), index, Fraction(index, 30), "grey", f"{index:06d}", cut=index in self.cuts
            )


class Stamped(Segmenter):
    """In the place of a network: notes the band of each frame, and may be slow or fail."""

    def __init__(self, seconds: float = 0.0, fails_at: int | None = None) -> None:
        self.band = AUTO
        self.seconds = seconds
        self.fails_at = fails_at
        self.bands: list[Band | None] = []
        self.resets: list[int] = []

    def preprocess(self, pixels: BGRImage, band: Band | None = None) -> None:  # noqa: ARG002
        self.bands.append(band)

    def infer(self) -> None:
        if len(self.bands) - 1 == self.fails_at:
            raise RuntimeError("the engine broke")
        sleep(self.seconds)

    def mask(self, out: Mask, threshold: int) -> Mask:
        out.fill(threshold)
        return out

    def reset(self) -> None:
        self.resets.append(len(self.bands))


class Learning(LaneEstimator):
    """Learns from its n-th frame that the road lies below row n."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.seen = 0
        self.causes: list[str] = []

    def update(self, mask: Mask, frame: Frame) -> RoadState:  # noqa: ARG002
        sleep(self.seconds)
        self.seen += 1
        return RoadState(band=(self.seen - 1, HEIGHT))

    def reset(self, cause: str) -> None:
        self.causes.append(cause)


def pipeline(
    source: Source, segmenter: Segmenter, estimator: LaneEstimator | None = None, telemetry: Telemetry | None = None, draw: bool = False
) -> Pipeline:
    source.open()
    overlay = Overlay() if draw else None
    return Pipeline(source, segmenter, estimator or PerFrameEstimator(), telemetry or Telemetry(), overlay=overlay, threshold=90)


def indices(results: Iterator[FrameResult]) -> list[int]:
    return [result.frame.index for result in results]


class TestFiles:
    def test_every_frame_arrives_once_and_in_order(self, segmenter: Segmenter) -> None:
        telemetry = Telemetry()
        assert indices(pipeline(Grey(40), segmenter, telemetry=telemetry, draw=True).results()) == list(range(40))
        counts = telemetry.counts()
        assert (counts.captured, counts.processed, counts.dropped) == (40, 40, {})

    def test_an_empty_source_ends_without_a_frame(self) -> None:
        assert indices(pipeline(Grey(0), Stamped()).results()) == []

    def test_a_result_has_the_frames_mask_and_times(self, segmenter: Segmenter) -> None:
        for result in pipeline(Grey(3), segmenter, draw=True).results():
            assert result.mask.shape == (HEIGHT, WIDTH)
            assert set(np.unique(result.mask)) <= {0, 255}
            assert list(result.latency_ms) == ["capture", "preprocess", "inference", "postprocess", "lanes", "overlay", "total"]

    def test_end_to_end_holds_waiting_but_neither_capture_nor_output(self, segmenter: Segmenter) -> None:
        telemetry = Telemetry()
        for _ in pipeline(Grey(40), segmenter, telemetry=telemetry, draw=True).results():
            pass
        figures = telemetry.figures()
        assert list(figures.stages) == ["capture", "preprocess", "inference", "postprocess", "lanes", "overlay", "output"]
        means = {stage: summary.mean or 0.0 for stage, summary in figures.stages.items()}
        inside = sum(means[stage] for stage in ("preprocess", "inference", "postprocess", "lanes", "overlay"))  # type: ignore[index]
        assert figures.end_to_end.mean is not None
        assert figures.end_to_end.mean >= inside
        assert figures.frame_age is None

    def test_capture_runs_no_further_ahead_than_the_handovers_are_deep(self) -> None:
        source = Grey(200)
        with closing(pipeline(source, Stamped()).results()) as results:
            next(results)
            sleep(0.5)
            # Four handovers, and a frame in each of the five threads.
            assert source.given <= 4 * FILE_DEPTH + 5
            assert indices(results) == list(range(1, 200))

    def test_stop_finishes_what_was_captured(self) -> None:
        source, telemetry = Grey(10_000), Telemetry()
        running = pipeline(source, Stamped(), telemetry=telemetry)
        found = []
        for result in running.results():
            found.append(result.frame.index)
            if result.frame.index == 10:
                running.stop()
        assert found == list(range(source.given))
        counts = telemetry.counts()
        assert counts.captured == counts.processed == len(found) < 11 + 4 * FILE_DEPTH + 6


class TestFailure:
    def test_a_source_that_is_lost_ends_the_loop_after_the_frames_before_it(self) -> None:
        results = pipeline(Grey(40, lost_at=25), Stamped()).results()
        assert [result.frame.index for result in islice(results, 25)] == list(range(25))
        with pytest.raises(SourceLostError, match="camera is gone"):
            next(results)

    def test_an_output_that_fails_stops_capture_and_counts_what_was_under_way(self) -> None:
        source, telemetry = Grey(10_000), Telemetry()
        with closing(pipeline(source, Stamped(), telemetry=telemetry).results()) as results:  # closed by whoever's output failed
            assert [result.frame.index for result in islice(results, 4)] == [0, 1, 2, 3]
        assert source.given < 40
        counts = telemetry.counts()
        assert counts.captured == source.given == counts.processed + sum(counts.dropped.values())
        assert set(counts.dropped) == {"stopped"}

    def test_an_engine_that_fails_ends_the_loop_with_its_cause(self) -> None:
        with pytest.raises(RuntimeError, match="engine broke"):
            indices(pipeline(Grey(40), Stamped(fails_at=7)).results())

    def test_no_thread_is_left(self) -> None:
        before = threading.active_count()
        with pytest.raises(RuntimeError):
            indices(pipeline(Grey(10_000), Stamped(fails_at=7)).results())
        assert threading.active_count() == before


class TestFeedback:
    @pytest.mark.parametrize(("inference", "lanes"), [(0.0, 0.002), (0.002, 0.0), (0.0, 0.0)])
    def test_what_is_learnt_from_a_frame_serves_the_same_later_frame_however_fast_the_stages_are(
        self, inference: float, lanes: float
    ) -> None:
        segmenter = Stamped(inference)
        bands = [result.band for result in pipeline(Grey(40), segmenter, Learning(lanes)).results()]
        assert bands == segmenter.bands == [None] * FEEDBACK_LAG + [(row, HEIGHT) for row in range(40 - FEEDBACK_LAG)]

    def test_what_was_learnt_before_a_cut_serves_no_frame_after_it(self) -> None:
        segmenter, estimator = Stamped(), Learning()
        indices(pipeline(Grey(20, cuts=(10,)), segmenter, estimator).results())
        assert segmenter.bands[10 : 10 + FEEDBACK_LAG] == [None] * FEEDBACK_LAG
        assert segmenter.bands[10 + FEEDBACK_LAG] == (10, HEIGHT)
        assert segmenter.resets == [0, 10]
        assert len(estimator.causes) == 1


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + 30
    while not condition():
        assert monotonic() < deadline
        sleep(0.001)


class Fed(LiveSource):
    """A camera that has a frame when the test says so, and perhaps cuts before some."""

    def __init__(self, cuts: tuple[int, ...] = ()) -> None:
        super().__init__("fed")
        self.orders: Queue[bool] = Queue()
        self.cuts = cuts

    def feed(self, frames: int) -> None:
        """So many frames come, and nobody else does anything until they have."""
        wanted = self.counts.captured + frames
        for _ in range(frames):
            self.orders.put(True)
        wait_until(lambda: self.counts.captured >= wanted)

    def finish(self) -> None:
        self.orders.put(False)

    def close(self) -> None:
        self.finish()
        super().close()

    def _open(self) -> SourceInfo:
        return SourceInfo(self.name, "camera", WIDTH, HEIGHT, Fraction(30), None, live=True)

    def _frames(self) -> Iterator[Frame]:
        index = 0
        while self.orders.get():
            pixels, time = np.full((HEIGHT, WIDTH, 3), 90, np.uint8), Fraction(index, 30)
            yield Frame(pixels, index, time, "fed", f"{index:06d}", cut=index in self.cuts)
            index += 1


class Gated(Stamped):
    """Infers when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)

    def infer(self) -> None:
        self.begun.release()
        assert self.gate.acquire(timeout=30)


class TestLive:
    def test_inference_takes_the_frame_that_is_newest_when_it_is_free(self) -> None:
        source, segmenter, telemetry = Fed(), Gated(), Telemetry()
        with source, ThreadPoolExecutor(1) as consumer, closing(pipeline(source, segmenter, telemetry=telemetry).results()) as results:
            source.orders.put(True)
            first = consumer.submit(next, results)
            assert segmenter.begun.acquire(timeout=30)
            source.feed(9)  # while the first frame is under way
            segmenter.gate.release()
            assert first.result(timeout=30).frame.index == 0
            second = consumer.submit(next, results)
            assert segmenter.begun.acquire(timeout=30)
            segmenter.gate.release()
            assert (second.result(timeout=30).frame.index, second.result().frame.dropped_before) == (9, 8)
            source.finish()
            assert list(results) == []
        counts = telemetry.counts()
        assert (counts.captured, counts.processed, counts.dropped) == (10, 2, {"superseded": 8})

    def test_a_slow_output_gets_the_newest_result_and_holds_up_nobody(self) -> None:
        source, segmenter, telemetry = Fed(), Stamped(), Telemetry()
        with source, closing(pipeline(source, segmenter, telemetry=telemetry).results()) as results:
            source.orders.put(True)
            first = next(results)
            for number in range(1, 10):  # one after the other through the network, while the output is busy with the first
                source.feed(1)
                wait_until(lambda count=number: len(segmenter.bands) > count)  # type: ignore[misc]
            wait_until(lambda: sum(telemetry.counts().dropped.values()) == 8)  # the last of them by the ninth
            second = next(results)
            assert (first.frame.index, second.frame.index, second.frame.dropped_before) == (0, 9, 8)
            source.finish()
            assert list(results) == []
        counts = telemetry.counts()
        assert counts.captured == 10 == counts.processed + sum(counts.dropped.values())
        assert counts.processed == 2

    def test_frames_have_an_age(self) -> None:
        source, telemetry = Fed(), Telemetry()
        with source:
            source.orders.put(True)
            source.finish()
            assert indices(pipeline(source, Stamped(), telemetry=telemetry).results()) == [0]
        assert telemetry.figures().frame_age is not None

    def test_a_stage_that_fails_ends_the_run_though_no_frame_comes(self) -> None:
        source = Fed()
        source.orders.put(True)
        with source, pytest.raises(RuntimeError, match="engine broke"):
            indices(pipeline(source, Stamped(fails_at=0)).results())

    def test_stop_ends_a_wait_for_a_frame_that_does_not_come(self) -> None:
        source = Fed()
        with source:
            running = pipeline(source, Stamped())
            runner = ThreadPoolExecutor(1).submit(lambda: indices(running.results()))
            source.feed(1)
            running.stop()
            assert runner.result(timeout=30) in ([0], [])
