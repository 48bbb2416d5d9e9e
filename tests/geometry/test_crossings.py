"""Zebra crossings are found by their bars, in one frame and in the next; lane lines of all kinds are left."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lanes.arrays import Mask
from lanes.geometry.crossings import LEAST_BAR, find_crossings
from lanes.renderer import RoadRenderer, Scene

WIDTH, HEIGHT = 704, 224


def drawn(*polygons: list[tuple[int, int]]) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for polygon in polygons:
        cv2.fillPoly(mask, [np.array(polygon, np.int32)], 255)
    return mask


def ahead(bars: int) -> Mask:
    """So many bars side by side, each about as wide as the gaps between them."""
    return drawn(*[[(x, 120), (x + 20, 120), (x + 24, 150), (x - 2, 150)] for x in range(290, 290 + 45 * bars, 45)])


def aside(bars: int) -> Mask:
    """So many flat bars one above the other, as of a crossing over a side street."""
    return drawn(*[[(20 + n, 100 + 12 * n), (90 + n, 100 + 12 * n), (90 + n, 105 + 12 * n), (20 + n, 105 + 12 * n)] for n in range(bars)])


LINES = drawn(
    [(350, 40), (353, 40), (120, 220), (90, 220)],
    [(380, 40), (382, 40), (436, 95), (428, 95)],
    [(560, 190), (572, 190), (600, 220), (584, 220)],
)
"""A solid line, and two dashes of another."""


@pytest.mark.parametrize("bars", [3, 4, 8])
def test_bars_are_found_and_the_lines_beside_them_left(bars: int) -> None:
    np.testing.assert_array_equal(find_crossings(np.maximum(LINES, ahead(bars))), ahead(bars))


@pytest.mark.parametrize("bars", [ahead(2), aside(2), aside(5)], ids=["2 ahead", "2 aside", "5 aside"])
def test_fewer_and_flat_ones_are_none_unless_there_was_a_crossing(bars: Mask) -> None:
    assert not find_crossings(bars).any()
    np.testing.assert_array_equal(find_crossings(bars, known=bars), bars)
    assert not find_crossings(bars, known=np.roll(bars, 300, axis=1)).any()


def test_bars_beside_one_that_is_half_worn_away_are_bars_too() -> None:
    """In the rows below there are but two side by side."""
    worn = ahead(5)
    worn[132:, 375:410] = 0
    np.testing.assert_array_equal(find_crossings(np.maximum(LINES, worn)), worn)


def test_a_line_that_goes_on_beyond_the_bars_beside_it_is_none() -> None:
    line = drawn([(515, 70), (530, 70), (535, 190), (508, 190)])
    np.testing.assert_array_equal(find_crossings(np.maximum(line, ahead(5))), ahead(5))


@pytest.mark.parametrize("lines", [3, 4, 6])
def test_lines_close_together_are_lines(lines: int) -> None:
    """As between a carpool lane and the others, or the two directions of a road in Japan."""
    close = drawn(*[[(300 + 4 * n, 60), (302 + 4 * n, 60), (108 + 22 * n, 220), (98 + 22 * n, 220)] for n in range(lines)])
    assert not find_crossings(close).any()


def test_where_there_was_a_crossing_a_line_by_itself_is_a_line() -> None:
    assert not find_crossings(LINES, known=np.full_like(LINES, 255)).any()


def test_the_dashes_of_a_line_are_no_flat_bars() -> None:
    """One above the other, as long as the gaps between them, and at the horizon wider than high."""
    dashes = [
        [(350 - w, y), (350 + w, y), (350 + w, y + h), (350 - w, y + h)] for y, h, w in ((60, 3, 3), (66, 3, 3), (72, 4, 3), (80, 5, 4))
    ]
    assert not find_crossings(drawn(*dashes)).any()


def test_an_island_keeps_the_line_around_it() -> None:
    around = cv2.polylines(drawn(), [np.array([(60, 220), (300, 60), (340, 220)], np.int32)], True, 255, 5).astype(np.uint8)
    for y in range(90, 220, 12):
        cv2.line(around, (60 + 2 * (220 - y) - 40, y + 6), (300 + (y - 60) // 4, y), 255, 4)
    assert not find_crossings(around).any()


def test_specks_are_too_far_away_to_tell() -> None:
    specks = drawn(*[[(x, 50), (x + 3, 50), (x + 3, 54), (x, 54)] for x in range(300, 360, 8)])
    assert np.count_nonzero(specks) / 8 < LEAST_BAR
    assert not find_crossings(specks).any()


def test_lanes_of_rendered_roads_are_left() -> None:
    """Broken and double lines, bends, hills, cameras and traffic of all kinds."""
    taken = lane = 0
    for seed in range(40):
        paint = np.where(RoadRenderer(Scene.random(np.random.default_rng(seed)), WIDTH, 396).render(1.0).paint > 0, 255, 0).astype(np.uint8)
        taken += np.count_nonzero(find_crossings(paint))
        lane += np.count_nonzero(paint)
    assert taken < 0.001 * lane


@settings(max_examples=60, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 60)), elements=st.sampled_from([0, 0, 0, 255])), st.booleans())
def test_whatever_the_mask_it_is_paint_of_it_and_a_mirror_changes_nothing(mask: Mask, known: bool) -> None:
    before = np.full_like(mask, 255) if known else None
    found = find_crossings(mask, before)
    assert found.shape == mask.shape
    assert not found[mask == 0].any()
    np.testing.assert_array_equal(find_crossings(mask[:, ::-1].copy(), before), found[:, ::-1])


@pytest.mark.parametrize("value", [0, 255])
def test_an_empty_mask_and_a_full_one_have_none(value: int) -> None:
    assert not find_crossings(np.full((HEIGHT, WIDTH), value, np.uint8)).any()
