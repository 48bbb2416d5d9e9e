"""A worker's results are those of `lanes.process`."""

from __future__ import annotations

from typing import Any

import pytest

import lanes
from engines.registry import open_engine
from lanes.archive.serial import SerialPipeline
from lanes.assets import DEMO_CLIP
from lanes.capture.select import Selected
from lanes.capture.video import VideoFile
from lanes.output.records import make_record
from lanes.results import FrameResult
from lanes.segment.band_choice import AUTO
from lanes.tracking.estimator import TrackingEstimator

FRAMES = 45


def record(result: FrameResult) -> dict[str, Any]:
    """What is known of a frame, but for the time that it took."""
    found = make_record(result)
    del found["latency_ms"]
    return found | {"paint": int(result.mask.sum())}


@pytest.fixture(scope="module")
def expected() -> list[dict[str, Any]]:
    return [record(result) for result in lanes.process(DEMO_CLIP, engine="onnx", precision="fp32", limit=FRAMES)]


@pytest.mark.parametrize("batch", [1, 4])
def test_the_results_are_those_of_the_pipeline_whatever_the_batch(batch: int, expected: list[dict[str, Any]]) -> None:
    pipeline = SerialPipeline(open_engine("onnx", "fp32", batch=batch), AUTO)
    with Selected(VideoFile(DEMO_CLIP, threads=1), limit=FRAMES) as source:
        assert [record(result) for result in pipeline.results(source, TrackingEstimator())] == expected
    pipeline.close()


def test_some_frames_are_seen_in_a_band_that_earlier_ones_gave(expected: list[dict[str, Any]]) -> None:
    assert any(found["band"] for found in expected)


def test_a_larger_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="batches of 5 frames"):
        SerialPipeline(open_engine("onnx", "fp32", batch=5), AUTO)
