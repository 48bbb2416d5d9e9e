"""Distances between edges: by hand, and laws that hold for any masks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lanes.arrays import Mask
from lanes.evaluate.boundary import FARTHEST, BoundaryError, boundary_error

masks = arrays(np.uint8, (24, 1280 // 40), elements=st.sampled_from([0, 255]))


def stroke(left: int, right: int, width: int = 1280) -> Mask:
    mask = np.zeros((40, width), np.uint8)
    mask[:, left:right] = 255
    return mask


def test_a_stroke_moved_by_three_pixels_is_three_pixels_off() -> None:
    assert boundary_error(stroke(100, 110), stroke(103, 113)).mean == pytest.approx(3)


def test_pixels_are_those_of_a_frame_1280_wide() -> None:
    assert boundary_error(stroke(50, 55, 640), stroke(53, 58, 640)).mean == pytest.approx(4)  # 3 px and 1 px, of 640


def test_a_missed_stroke_costs_the_most_and_so_does_one_that_is_not_there() -> None:
    nothing = np.zeros((40, 1280), np.uint8)
    assert boundary_error(nothing, stroke(100, 110)).mean == FARTHEST
    assert boundary_error(stroke(100, 110), nothing).mean == FARTHEST
    assert boundary_error(nothing, nothing).mean is None


def test_what_is_ignored_has_no_edge() -> None:
    ignore = stroke(90, 120)
    assert boundary_error(stroke(100, 110), np.zeros((40, 1280), np.uint8), ignore) == BoundaryError()


def test_masks_of_two_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        boundary_error(stroke(1, 2), stroke(1, 2, 640))


@given(masks, masks)
def test_it_is_a_distance(one: Mask, other: Mask) -> None:
    there, back = boundary_error(one, other), boundary_error(other, one)
    assert there.distance == pytest.approx(back.distance)
    assert there.pixels == back.pixels
    assert boundary_error(one, one).distance == 0
    assert there.mean is None or 0 <= there.mean <= FARTHEST
