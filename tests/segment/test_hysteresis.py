"""Hysteresis: in a video, what was paint needs less to stay paint than what was none needs to become it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.registry import open_engine
from lanes.archive.serial import SerialPipeline
from lanes.arrays import Mask, ProbabilityMap
from lanes.capture.source import Source, SourceInfo
from lanes.geometry.estimator import PerFrameEstimator
from lanes.pipeline import Pipeline
from lanes.results import Frame
from lanes.segment.band_choice import OFF
from lanes.segment.hysteresis import STAYS, Hysteresis
from lanes.segment.segmenter import Segmenter
from lanes.segment.transform import FrameTransform, Placement
from lanes.telemetry.telemetry import Telemetry
from tests.engines.made_models import save_running_average, save_two_outputs

TRANSFORM = FrameTransform(96, 32)
SIZE = (192, 120)
THRESHOLD = 100


def stroke(probability: int) -> ProbabilityMap:
    """A map with a stroke of this probability, 0 to 255, six pixels wide, from top to bottom."""
    values = np.zeros((TRANSFORM.height, TRANSFORM.width), np.uint8)
    values[:, 40:46] = probability
    return values


def painted(probabilities: list[int], threshold: int = THRESHOLD) -> list[bool]:
    """Whether the middle of a stroke is paint in each frame of a video in which it has these probabilities."""
    hysteresis, placement = Hysteresis(), TRANSFORM.fit(*SIZE)
    return [bool(hysteresis.apply(stroke(value), placement, threshold)[16, 43] > threshold) for value in probabilities]


def test_paint_stays_at_half_the_threshold_and_comes_at_the_whole_one() -> None:
    assert painted([60, 99, 101, 99, 51, 51, 49, 51, 101]) == [False, False, True, True, True, True, False, False, True]


@given(st.lists(st.integers(0, 255), max_size=12), st.integers(1, 254))
def test_a_frame_has_what_one_threshold_gives_and_nothing_below_half_of_it(probabilities: list[int], threshold: int) -> None:
    for value, paint in zip(probabilities, painted(probabilities, threshold), strict=True):
        if value > threshold:
            assert paint
        if value <= STAYS * threshold - 1:
            assert not paint


def test_what_has_moved_on_leaves_no_trail() -> None:
    hysteresis, placement = Hysteresis(), TRANSFORM.fit(*SIZE)
    for shift in range(0, 40, 4):
        judged = hysteresis.apply(np.roll(stroke(255), shift, axis=1), placement, THRESHOLD)
        np.testing.assert_array_equal(judged > THRESHOLD, np.roll(stroke(255), shift, axis=1) > 0)


def test_with_a_share_of_one_there_is_one_threshold() -> None:
    hysteresis, placement = Hysteresis(stays=1.0), TRANSFORM.fit(*SIZE)
    for value in (101, 100, 99):
        np.testing.assert_array_equal(hysteresis.apply(stroke(value), placement, THRESHOLD), stroke(value))


def test_after_a_reset_nothing_is_known() -> None:
    hysteresis, placement = Hysteresis(), TRANSFORM.fit(*SIZE)
    hysteresis.apply(stroke(255), placement, THRESHOLD)
    hysteresis.reset()
    np.testing.assert_array_equal(hysteresis.apply(stroke(60), placement, THRESHOLD), stroke(60))


def in_frame(values: ProbabilityMap, placement: Placement) -> Mask:
    return np.where(placement.to_frame(values) > THRESHOLD, 255, 0).astype(np.uint8)


@pytest.mark.parametrize(("before", "after"), [((40, 104), (44, 108)), (None, (40, 104)), ((20, 120), (60, 110))])
def test_paint_stays_where_it_is_in_the_frame_when_the_band_moves(before: tuple[int, int] | None, after: tuple[int, int]) -> None:
    """A stroke at columns 80 to 100 and rows 70 to 95 of the frame, sure in the first view of it and faint in the second."""
    frame = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    frame[70:95, 80:100] = 255
    hysteresis, seen = Hysteresis(), np.zeros((TRANSFORM.height, TRANSFORM.width, 3), np.uint8)
    first, second = TRANSFORM.fit(*SIZE, before), TRANSFORM.fit(*SIZE, after)
    first.to_model(frame, seen)
    hysteresis.apply(np.where(seen[..., 0] > 127, 255, 0).astype(np.uint8), first, THRESHOLD)
    found = in_frame(hysteresis.apply(np.full(seen.shape[:2], 60, np.uint8), second, THRESHOLD), second)
    rows, columns = np.nonzero(found)
    edges = [rows.min(), rows.max() + 1, columns.min(), columns.max() + 1]
    np.testing.assert_allclose(edges, [70, 95, 80, 100], atol=5)  # faint everywhere: only where the stroke was is there paint


def test_a_frame_of_another_size_is_another_video() -> None:
    hysteresis = Hysteresis()
    hysteresis.apply(stroke(255), TRANSFORM.fit(*SIZE), THRESHOLD)
    np.testing.assert_array_equal(hysteresis.apply(stroke(60), TRANSFORM.fit(200, 120), THRESHOLD), stroke(60))


# --- in a run --------------------------------------------------------------------------------------------------------------------


class Shades(Source):
    """Grey frames, each of one brightness."""

    def __init__(self, levels: list[int], cuts: tuple[int, ...] = (), kind: str = "file") -> None:
        super().__init__("shades")
        self.levels, self.cuts, self.kind = levels, cuts, kind

    def _open(self) -> SourceInfo:
        return SourceInfo(self.name, self.kind, 64, 48, Fraction(30), len(self.levels))

    def _frames(self) -> Iterator[Frame]:
        for index, level in enumerate(self.levels):
            pixels = np.full((48, 64, 3), level, np.uint8)
            yield Frame(pixels, index, Fraction(index, 30), "shades", f"{index:06d}", cut=index in self.cuts)


def run(source: Source, path: Path) -> list[bool]:
    """Whether each frame is paint, where the model takes brightness for the probability of it, at a threshold of 0.5."""
    source.open()
    with Segmenter(open_engine("onnx", "fp32", path), OFF) as segmenter:
        pipeline = Pipeline(source, segmenter, PerFrameEstimator(), Telemetry(), overlay=None, threshold=segmenter.threshold)
        with closing(pipeline.results()) as results:
            return [bool(result.mask[24, 32]) for result in results]


LEVELS = [90, 200, 90, 90, 30, 90]


def test_a_video_has_it_a_cut_ends_it_and_stills_have_none(tmp_path: Path) -> None:
    path = save_two_outputs(tmp_path / "brightness.onnx")
    assert run(Shades(LEVELS), path) == [False, True, True, True, False, False]
    assert run(Shades(LEVELS, cuts=(3,)), path) == [False, True, True, False, False, False]
    assert run(Shades(LEVELS, kind="images"), path) == [level > 127 for level in LEVELS]


@pytest.mark.parametrize("cuts", [(), (3,)])
def test_a_batch_of_frames_gives_what_one_after_the_other_gives(cuts: tuple[int, ...], tmp_path: Path) -> None:
    path = save_two_outputs(tmp_path / "brightness.onnx")
    worker = SerialPipeline(open_engine("onnx", "fp32", path, batch=4), OFF)
    with Shades(LEVELS, cuts) as source:
        found = [bool(result.mask[24, 32]) for result in worker.results(source, PerFrameEstimator())]
    worker.close()
    assert found == run(Shades(LEVELS, cuts), path)


def test_a_model_that_remembers_has_none(tmp_path: Path) -> None:
    """The mean of this frame's brightness and what it was before is 110 in the second frame: below the threshold, and above half of it."""
    path = save_running_average(tmp_path / "average.onnx")
    assert run(Shades([255, 255, 29]), path) == [False, True, False]
