"""The band of a frame by itself: around the paint of a first look, never tighter than what fills the input, none where unsure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanes.segment.first_look import MULTIPLE, find_band
from lanes.segment.transform import FrameTransform

TRANSFORM = FrameTransform(704, 224)


def mask(first: int, end: int, width: int = 1280, height: int = 720) -> np.ndarray:
    drawn = np.zeros((height, width), np.uint8)
    drawn[first:end, 500:510] = 255
    return drawn


@given(first=st.integers(0, 719), rows=st.integers(1, 720), width=st.integers(520, 1920))
def test_a_band_holds_the_paint_and_fills_the_input(first: int, rows: int, width: int) -> None:
    end = min(720, first + rows)
    band = find_band(mask(first, end, width), TRANSFORM)
    if band is None:
        return
    top, bottom = band
    assert 0 <= top <= first
    assert end <= bottom <= 720
    assert bottom - top <= 0.9 * 720
    assert top % MULTIPLE == 0
    assert bottom % MULTIPLE == 0 or bottom == 720
    placed = TRANSFORM.fit(width, 720, band)
    assert placed.width == TRANSFORM.width or placed.height == TRANSFORM.height


@pytest.mark.parametrize("rows", [(0, 0), (300, 320), (40, 715)], ids=["no paint", "too little paint", "nearly all rows"])
def test_unsure_means_the_whole_frame(rows: tuple[int, int]) -> None:
    assert find_band(mask(*rows), TRANSFORM) is None
