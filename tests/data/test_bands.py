"""Bands of labelled frames: the rows of the road, cut out as a running model sees them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanes.data.augment import Sample
from lanes.data.bands import cut, labelled_band, random_band
from lanes.segment.transform import FrameTransform

TRANSFORM = FrameTransform(704, 224)


def road(width: int = 1280, height: int = 720, first: int = 330, end: int = 640) -> Sample:
    rng = np.random.default_rng(0)
    target = np.zeros((height, width), np.uint8)
    target[first:end, width // 3 : width // 3 + 9] = 255
    return Sample(rng.integers(0, 256, (height, width, 3), np.uint8), target, np.full((height, width), 255, np.uint8))


@given(first=st.integers(0, 560), rows=st.integers(60, 700), seed=st.integers(0, 1000))
def test_a_band_lies_within_the_frame_and_holds_the_labelled_paint(first: int, rows: int, seed: int) -> None:
    end = min(720, first + rows)
    sample = road(first=first, end=end)
    band = labelled_band(sample, TRANSFORM)
    assert band is None or (0 <= band[0] <= first and end <= band[1] <= 720)
    drawn = random_band(sample, TRANSFORM, np.random.default_rng(seed))
    assert drawn is None or 0 <= drawn[0] < drawn[1] <= 720


def test_a_cut_is_the_rows_that_the_transform_shows() -> None:
    sample = road()
    band = labelled_band(sample, TRANSFORM)
    assert band is not None
    part = cut(sample, band)
    seen = [np.empty((224, 704, 3), np.uint8) for _ in range(2)]
    TRANSFORM.fit(1280, 720, band).to_model(sample.pixels, seen[0])
    TRANSFORM.fit(1280, band[1] - band[0]).to_model(part.pixels, seen[1])
    np.testing.assert_array_equal(*seen)
    assert part.target.shape == part.weight.shape == (band[1] - band[0], 1280)


def test_a_sample_that_is_kept_smaller_knows_how_large_its_band_was() -> None:
    small = road()
    kept = Sample(small.pixels, small.target, small.weight, (2560, 1440))
    part = cut(kept, (160, 640))
    assert part.frame_size == (2560, 960)


def test_bands_of_a_road_have_margins_of_many_sizes() -> None:
    rng = np.random.default_rng(2)
    bands = {random_band(road(), TRANSFORM, rng) for _ in range(60)}
    tops = [band[0] for band in bands if band]
    assert max(tops) - min(tops) > 60


def test_a_frame_without_paint_gets_rows_all_the_same() -> None:
    blank = road(first=0, end=0)
    assert labelled_band(blank, TRANSFORM) is None
    assert any(random_band(blank, TRANSFORM, np.random.default_rng(seed)) for seed in range(20))


@pytest.mark.parametrize("rows", [(0, 720), (20, 700)])
def test_where_nearly_all_rows_are_road_the_whole_frame_is_seen(rows: tuple[int, int]) -> None:
    assert labelled_band(road(first=rows[0], end=rows[1]), TRANSFORM) is None
