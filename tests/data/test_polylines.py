"""Lines drawn as masks, and where nothing is known beyond them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lanes.data.polylines import beyond_outermost, draw_lines
from tests.data.formats import HEIGHT, WIDTH

FLOATS = st.floats(-1e12, 1e12)


@given(st.lists(st.lists(st.tuples(FLOATS, FLOATS), max_size=6), max_size=5))
@settings(max_examples=50, deadline=None)
def test_lines_of_any_kind_can_be_drawn(lines: list[list[tuple[float, float]]]) -> None:
    arrays = [np.array(line, np.float64).reshape(-1, 2) for line in lines]
    mask = draw_lines(arrays, WIDTH, HEIGHT)
    assert mask.shape == (HEIGHT, WIDTH)
    assert set(np.unique(mask)) <= {0, 255}
    ignore = beyond_outermost(arrays, WIDTH, HEIGHT)
    assert ignore is None or ignore.shape == mask.shape


@given(st.lists(st.floats(5, WIDTH - 6), min_size=2, max_size=8), st.integers(1, 9))
def test_a_line_goes_through_its_points_and_widens_downwards(xs: list[float], step: int) -> None:
    line = np.array([(x, HEIGHT - 2 - step * index) for index, x in enumerate(xs)])
    mask = draw_lines([line], WIDTH, HEIGHT)
    for x, y in line:
        assert mask[round(y), round(x)] == 255
    upright = draw_lines([np.array([[64.0, 0.0], [64.0, HEIGHT - 1.0]])], WIDTH, HEIGHT)
    widths = np.count_nonzero(upright, axis=1)
    assert (np.diff(widths) >= 0).all()
    assert widths[-1] > widths[0]


def test_beyond_two_lines_of_a_side_nothing_is_known() -> None:
    """Two lines on the left, one on the right: further ones would be left out on the left only."""
    lines = [np.array([[60.0, 20.0], [50.0, 70.0]]), np.array([[58.0, 20.0], [20.0, 70.0]]), np.array([[66.0, 20.0], [90.0, 70.0]])]
    ignore = beyond_outermost(lines, WIDTH, HEIGHT)
    assert ignore is not None
    assert ignore[60, :15].all()
    assert not ignore[60, 26:].any()
    assert not ignore[:20].any()
    assert not (ignore & draw_lines(lines, WIDTH, HEIGHT)).any()
    assert beyond_outermost(lines[1:], WIDTH, HEIGHT) is None
