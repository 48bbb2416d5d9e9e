"""Segmenter: what is no image is refused, before the engine sees it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from engines.registry import open_engine
from lanes import load_segmenter
from lanes.arrays import BGRImage
from lanes.errors import InputError
from lanes.segment.band_choice import AUTO, OFF, BandChoice
from lanes.segment.segmenter import Segmenter


@pytest.fixture(scope="module")
def segmenter() -> Iterator[Segmenter]:
    with load_segmenter("unet") as opened:
        yield opened


@pytest.mark.parametrize(
    "pixels", [None, [[1, 2]], np.zeros((48, 64), np.uint8), np.zeros((48, 64, 3), np.float32), np.zeros((48, 64, 4), np.uint8)]
)
def test_what_is_no_image_is_refused(segmenter: Segmenter, pixels: Any) -> None:
    with pytest.raises(ValueError, match="expected a"):
        segmenter(pixels)


def test_a_mask_is_where_the_probability_is_above_the_threshold(segmenter: Segmenter) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (90, 160, 3), np.uint8)
    probability = segmenter(pixels)
    segmenter.preprocess(pixels)
    segmenter.infer()
    mask = segmenter.mask(np.empty((90, 160), np.uint8), 20)
    np.testing.assert_array_equal(mask, np.where(probability > 20, 255, 0))


def road() -> BGRImage:
    """A grey road under a bright sky, its lines in the rows 250 to 460 of 640."""
    pixels = np.full((640, 800, 3), 95, np.uint8)
    pixels[:240] = 200
    for x in (150, 650):
        cv2.line(pixels, (400 + (x - 400) // 8, 250), (x, 460), (250, 250, 250), 10)
    return pixels


@pytest.fixture(scope="module")
def unbanded() -> Iterator[Segmenter]:
    """The bundled model, as if it had been trained on whole frames alone."""
    with open_engine("onnx", "fp32", "unet") as engine:
        engine.model = replace(engine.model, metadata=replace(engine.model.metadata, bands=False))
        yield Segmenter(engine)


def test_a_model_that_was_not_trained_on_bands_sees_whole_frames(unbanded: Segmenter) -> None:
    assert unbanded.band == OFF
    assert unbanded.still_band(road()) is None
    assert unbanded.frame_band(road(), (200, 500), still=False) is None


def test_a_still_is_looked_at_twice(segmenter: Segmenter) -> None:
    assert segmenter.band == AUTO
    pixels = road()
    band = segmenter.still_band(pixels)
    assert band is not None
    assert band[0] <= 250
    assert band[1] >= 460
    found = segmenter(pixels)
    segmenter.preprocess(pixels, band)
    segmenter.infer()
    np.testing.assert_array_equal(found, segmenter.postprocess(np.empty((640, 800), np.uint8)))
    assert not found[: band[0]].any()
    assert not found[band[1] :].any()


def test_a_still_that_shows_no_paint_is_seen_whole(segmenter: Segmenter) -> None:
    assert segmenter.still_band(np.full((640, 800, 3), 90, np.uint8)) is None


def test_a_video_has_the_band_of_its_estimate(segmenter: Segmenter) -> None:
    assert segmenter.frame_band(road(), (200, 500), still=False) == (200, 500)
    assert segmenter.frame_band(road(), None, still=False) is None
    assert segmenter.frame_band(road(), (200, 500), still=True) == segmenter.still_band(road())


def test_a_fixed_band_holds_for_every_model_and_frame(segmenter: Segmenter) -> None:
    fixed = Segmenter(segmenter.engine, BandChoice((0.25, 0.75)))
    assert fixed.still_band(road()) == (160, 480)
    assert fixed.frame_band(road(), (200, 500), still=False) == (160, 480)
    assert not fixed(road())[:160].any()


def test_what_is_no_band_is_refused() -> None:
    with pytest.raises(InputError, match="band: 'half'"):
        load_segmenter(band="half")
