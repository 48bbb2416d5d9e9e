"""The masks of a video: zebra crossings are left out, and stay out while they come closer."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from onnx import TensorProto, helper

from engines.registry import open_engine
from lanes.arrays import ProbabilityMap
from lanes.segment.band_choice import OFF
from lanes.segment.masks import Crossings, VideoMasks
from lanes.segment.segmenter import Segmenter
from lanes.segment.transform import FrameTransform
from tests.engines.made_models import save_model

TRANSFORM = FrameTransform(704, 224)
PLACEMENT = TRANSFORM.fit(1280, 560)
THRESHOLD = 100


def road(bars: int, y: int = 120, x: int = 320) -> ProbabilityMap:
    """A line, and a crossing of so many bars whose upper left corner lies there."""
    seen = np.zeros((TRANSFORM.height, TRANSFORM.width), np.uint8)
    cv2.line(seen, (200, 60), (60, 220), 255, 6)
    for bar in range(bars):
        seen[y : y + 30, x + 44 * bar : x + 44 * bar + 22] = 200
    return seen


LINE = road(0)


def test_a_crossing_is_taken_out_and_what_the_model_gave_stays_as_it_is() -> None:
    seen = road(5)
    found = Crossings().erase(seen, PLACEMENT, THRESHOLD)
    np.testing.assert_array_equal(found, LINE)
    np.testing.assert_array_equal(seen, road(5))


def test_below_the_threshold_there_is_no_paint_and_no_crossing() -> None:
    np.testing.assert_array_equal(Crossings().erase(road(5), PLACEMENT, 220), road(5))


def test_two_bars_are_enough_where_there_was_a_crossing_until_a_reset() -> None:
    crossings = Crossings()
    np.testing.assert_array_equal(crossings.erase(road(2), PLACEMENT, THRESHOLD), road(2))
    for y, bars in ((120, 5), (121, 3), (123, 2)):
        np.testing.assert_array_equal(crossings.erase(road(bars, y), PLACEMENT, THRESHOLD), LINE)
    crossings.reset()
    np.testing.assert_array_equal(crossings.erase(road(2, 123), PLACEMENT, THRESHOLD), road(2, 123))


def test_where_it_was_is_known_when_the_band_moves_and_not_in_a_frame_of_another_size() -> None:
    high, low = TRANSFORM.fit(1280, 720, (160, 720)), TRANSFORM.fit(1280, 720, (120, 680))
    y = round(float(low.points_to_frame((0.0, 120.0))[1] - high.points_to_frame((0.0, 120.0))[1]) * 224 / 560)
    crossings = Crossings()
    crossings.erase(road(5), high, THRESHOLD)
    np.testing.assert_array_equal(crossings.erase(road(2, 120 - y), low, THRESHOLD), LINE)
    np.testing.assert_array_equal(crossings.erase(road(2, 120 - y), TRANSFORM.fit(640, 360), THRESHOLD), road(2, 120 - y))


def test_no_bar_is_drawn_because_it_was_paint_before_it_was_seen_to_be_one() -> None:
    masks, out = VideoMasks(), np.empty((560, 1280), np.uint8)
    beside_the_line = np.s_[:, 570:]
    assert masks.next(road(2), PLACEMENT, THRESHOLD, out)[beside_the_line].any()
    assert not masks.next(road(5), PLACEMENT, THRESHOLD, out)[beside_the_line].any()
    assert out.any()


def save_brightness(path: Path) -> Path:
    """A model that takes brightness for the probability of paint, of the size that `road` draws."""
    nodes = [
        helper.make_node("Cast", ["frames"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["values", "green"], ["greens"], axis=3),
        helper.make_node("Cast", ["greens"], ["probability"], to=TensorProto.UINT8),
    ]
    size = [TRANSFORM.height, TRANSFORM.width]
    frames, probability = (TensorProto.UINT8, ["N", *size, 3]), (TensorProto.UINT8, ["N", *size])
    return save_model(path, {"frames": frames}, {"probability": probability}, nodes, transform=TRANSFORM)


@pytest.mark.parametrize("bars", [0, 5])
def test_a_still_is_where_a_calls_probability_is_above_the_threshold(bars: int, tmp_path: Path) -> None:
    pixels = cv2.resize(np.dstack([road(bars)] * 3), (1280, 560)).astype(np.uint8)
    with Segmenter(open_engine("onnx", "fp32", save_brightness(tmp_path / "brightness.onnx")), OFF) as segmenter:
        called = segmenter(pixels) > segmenter.threshold
        segmenter.preprocess(pixels, segmenter.frame_band(pixels, None, still=True))
        segmenter.infer()
        mask = segmenter.mask(np.empty(pixels.shape[:2], np.uint8), segmenter.threshold)
    np.testing.assert_array_equal(mask > 0, called)
    assert called[:, :450].any()
    assert not called[:, 570:].any()
