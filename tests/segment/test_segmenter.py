"""Segmenter: what is no image is refused, before the engine sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from lanes import load_segmenter
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
