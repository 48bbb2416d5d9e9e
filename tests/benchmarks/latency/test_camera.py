"""The camera scenario runs the product's own pipeline, and its figures are the pipeline's own."""

from __future__ import annotations

import time
from itertools import islice

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.latency.camera import STAGES, LibraryCamera, StubSegmenter, run_camera
from benchmarks.latency.clock import CheckedClock
from benchmarks.latency.scenarios import Length
from lanes.arrays import BGRImage, Mask
from lanes.geometry.estimator import PerFrameEstimator
from lanes.results import Frame, RoadState
from lanes.segment.segmenter import Segmenter
from lanes.telemetry.telemetry import WARM_UP_FRAMES
from tests.benchmarks.latency.engines import GreenEngine, ignore

INFERENCE_S = 0.03


class SleepingEngine(GreenEngine):
    """Takes longer than a frame of the camera lasts."""

    def _infer(self, batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
        time.sleep(INFERENCE_S)
        return super()._infer(batch)


class CountingEstimator(PerFrameEstimator):
    """Remembers which frames it was given."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def update(self, mask: Mask, frame: Frame) -> RoadState:
        self.seen.append(frame.index)
        return super().update(mask, frame)


def library(count: int) -> list[BGRImage]:
    """Frames of one green each, all different."""
    return [np.full((90, 160, 3), index + 1, np.uint8) for index in range(count)]


def test_frames_of_the_camera_come_in_order_at_its_rate_and_leave_the_library_as_it_is() -> None:
    frames = library(3)
    with LibraryCamera(frames, 25) as source:
        found = list(islice(source, 7))
        assert (source.info.width, source.info.height, source.info.frame_rate) == (160, 90, 25)
    assert [int(frame.pixels[0, 0, 0]) for frame in found] == [1, 2, 3, 1, 2, 3, 1]
    assert [float(frame.time) for frame in found] == pytest.approx([index / 25 for index in range(7)])
    found[0].pixels[:] = 0
    assert frames[0].max() == 1


def test_the_pipeline_s_own_figures_are_those_of_the_run() -> None:
    estimator = CountingEstimator()
    run, warm_up, figures = run_camera(Segmenter(SleepingEngine()), library(5), 100, Length(20), CheckedClock(), ignore, estimator)
    assert len(warm_up) == WARM_UP_FRAMES
    assert len(run.latency) == len(run.age) == run.frames == 20
    assert {stage: len(values) for stage, values in run.stages.items()} == dict.fromkeys(STAGES, 20)
    # A camera three times as fast as the engine: what is late is dropped before inference, counted, and never seen by a later stage.
    assert run.dropped == dict(figures.frames.dropped)
    assert run.dropped["superseded"] > 0
    assert figures.frames.captured == figures.frames.processed + sum(run.dropped.values())
    assert len(estimator.seen) < figures.frames.captured
    assert estimator.seen == sorted(set(estimator.seen))
    # A frame is as old as its latency at least.
    assert min(run.stages["inference"]) >= 1e3 * INFERENCE_S
    assert all(age >= latency >= inference for age, latency, inference in zip(run.age, run.latency, run.stages["inference"], strict=True))
    # The pipeline's histogram, in bins of 0.5 %, holds a few frames more, from before and after the run: so many ranks may lie between
    # the two medians, however much the machine was held up.
    assert figures.frame_age is not None
    assert figures.frame_age.p50 is not None
    others = figures.frame_age.n - len(run.age)
    assert 0 <= others < 10
    ages, middle, ranks = sorted(run.age), len(run.age) // 2, others // 2 + 1
    assert 0.98 * ages[middle - 1 - ranks] <= figures.frame_age.p50 <= 1.02 * ages[middle + ranks]


def test_every_frame_of_the_run_is_counted_as_processed() -> None:
    run, _, figures = run_camera(Segmenter(GreenEngine()), library(2), 30, Length(5), CheckedClock(), ignore)
    assert run.frames == 5
    assert figures.frames.processed >= 5 + WARM_UP_FRAMES
    assert figures.frames.captured == figures.frames.processed + sum(figures.frames.dropped.values())


def test_a_stub_sleeps_in_place_of_inference() -> None:
    class Unused(GreenEngine):
        def infer(self, batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
            raise AssertionError(f"the engine was run on {batch.shape}")

    run, _, figures = run_camera(StubSegmenter(Unused(), 30), library(5), 100, Length(5), CheckedClock(), ignore)
    assert min(run.stages["inference"]) >= 30
    assert figures.frame_age is not None
    assert figures.frames.captured == figures.frames.processed + sum(figures.frames.dropped.values())
