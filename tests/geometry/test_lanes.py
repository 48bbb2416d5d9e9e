"""Lane curves from masks: laws on drawn roads, and what must hold on every real mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lanes.arrays import Mask
from lanes.geometry.lanes import find_lanes
from lanes.renderer import RoadRenderer, Scene
from lanes.results import Lane

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def paint(mask: Mask, curve: Curve, top: float, bottom: float, *, width: float = 0.012, dashes: int = 0) -> None:
    """Paint x = curve(y) between two heights (shares of the frame's), narrowing upward; `dashes` strokes with gaps as long, if any."""
    height = mask.shape[0]
    cuts = np.linspace(bottom, top, 2 * dashes if dashes else 2) * height
    for low, high in zip(cuts[::2], cuts[1::2], strict=True):
        y = np.linspace(low, high, 40)
        half = 0.5 * width * mask.shape[1] * (0.2 + 0.8 * (y / height - top) / (1.0 - top))
        outline = np.concatenate([np.stack([curve(y) - half, y], 1), np.stack([curve(y) + half, y], 1)[::-1]])
        cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, shift=4)


def straight(foot: float, size: tuple[int, int], vanishing: tuple[float, float] = (0.5, 0.45)) -> Curve:
    """A line from `foot` (share of the width) at the frame's bottom to the vanishing point (shares of width and height)."""
    width, height = size
    return lambda y: (foot + (vanishing[0] - foot) * (1.0 - y / height) / (1.0 - vanishing[1])) * width


def road(size: tuple[int, int] = (1280, 720), feet: tuple[float, ...] = (-0.35, 0.2, 0.8, 1.35), vanishing: float = 0.5) -> Mask:
    """A straight road: outer lines solid, inner ones dashed."""
    mask = np.zeros((size[1], size[0]), np.uint8)
    for index, foot in enumerate(feet):
        solid = index in (0, len(feet) - 1)
        paint(mask, straight(foot, size, (vanishing, 0.45)), 0.5, 1.0, dashes=0 if solid else 5)
    return mask


def by_position(lanes: list[Lane]) -> dict[int, NDArray[np.float32]]:
    return {lane.position: lane.points for lane in lanes}


def x_at(points: NDArray[np.float32], y: NDArray[np.float64]) -> NDArray[np.float64]:
    x: NDArray[np.float64] = np.interp(-y, -points[:, 1].astype(float), points[:, 0].astype(float))
    return x


def common_rows(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.linspace(max(one[-1, 1], other[-1, 1]), min(one[0, 1], other[0, 1]), 50)


def check_invariants(lanes: list[Lane], size: tuple[int, int]) -> None:
    positions = [lane.position for lane in lanes]
    assert positions == sorted(set(positions))
    assert 0 not in positions
    for side in (-1, 1):
        ranks = sorted(side * position for position in positions if side * position > 0)
        assert ranks == list(range(1, len(ranks) + 1))
    assert len({lane.id for lane in lanes}) == len(lanes)
    for lane in lanes:
        assert lane.points.dtype == np.float32
        assert lane.points.ndim == 2
        assert len(lane.points) >= 2
        assert (np.diff(lane.points[:, 1]) < 0).all()
        assert (lane.points >= 0).all()
        assert (lane.points <= np.array(size) - 1).all()
        assert 0.0 <= lane.confidence <= 1.0


def test_a_road_of_three_lanes_has_four_boundaries_in_their_places() -> None:
    size = (1280, 720)
    lanes = find_lanes(road(size))
    check_invariants(lanes, size)
    assert [lane.position for lane in lanes] == [-2, -1, 1, 2]
    for lane, foot in zip(lanes, (-0.35, 0.2, 0.8, 1.35), strict=True):
        wanted = straight(foot, size)(lane.points[:, 1].astype(float))
        assert np.abs(lane.points[:, 0] - wanted).max() < 4.0
        assert lane.confidence > 0.7


def test_the_ego_boundaries_reach_down_to_the_bottom_though_the_lowest_dash_does_not() -> None:
    mask = np.zeros((720, 1280), np.uint8)
    for foot in (0.2, 0.8):
        paint(mask, straight(foot, (1280, 720)), 0.5, 0.9, dashes=4)
    found = by_position(find_lanes(mask))
    assert found[-1][0, 1] > 700
    assert found[1][0, 1] > 700
    assert found[1][0, 0] == pytest.approx(0.8 * 1280, abs=12)


def test_the_ego_lane_reaches_down_to_the_car_wherever_its_dashes_are() -> None:
    """Through a whole period of 3 m of paint and 9 m of gap, seen from behind a windscreen: a lane filled on and off would blink."""
    scene = replace(Scene.demo(), vehicles=())
    renderer = RoadRenderer(scene, 640, 360)
    for moment in np.arange(0, 12 / scene.speed, 1 / 30):
        ego = {lane.position: lane for lane in find_lanes(renderer.render(moment).paint)}
        for side in (-1, 1):
            assert ego[side].points[0, 1] > 0.9 * 360, f"boundary {side} at {moment:.2f} s"


def test_a_curve_spans_its_paint_and_goes_no_further_up() -> None:
    mask = np.zeros((720, 1280), np.uint8)
    paint(mask, straight(0.2, (1280, 720)), 0.6, 1.0)
    (lane,) = find_lanes(mask)
    assert lane.points[-1, 1] == pytest.approx(0.6 * 720, abs=6)


def test_solid_lines_that_stop_at_the_bonnet_end_there() -> None:
    mask = np.zeros((720, 1280), np.uint8)
    paint(mask, straight(0.2, (1280, 720)), 0.5, 1.0)
    paint(mask, straight(0.8, (1280, 720)), 0.5, 0.8, dashes=3)
    mask[640:] = 0
    for points in by_position(find_lanes(mask)).values():
        assert points[0, 1] == pytest.approx(640, abs=8)


@settings(max_examples=40, deadline=None)
@given(
    foot=st.floats(150, 500),
    slope=st.floats(-1.2, -0.2),
    bend=st.floats(-0.0012, 0.0012),
    dashes=st.integers(3, 6),
)
def test_a_dashed_parabola_is_recovered_within_two_pixels(foot: float, slope: float, bend: float, dashes: int) -> None:
    mask = np.zeros((720, 1280), np.uint8)

    def curve(y: NDArray[np.float64]) -> NDArray[np.float64]:
        return foot + (y - 720.0) * slope + bend * (y - 720.0) ** 2

    paint(mask, curve, 0.55, 1.0, dashes=dashes)
    lanes = find_lanes(mask)
    assert len(lanes) == 1
    y = np.linspace(0.56, 0.98, 60) * 720
    assert np.abs(x_at(lanes[0].points, y) - curve(y)).max() < 2.0


@settings(max_examples=40, deadline=None)
@given(left=st.floats(0.05, 0.4), right=st.floats(0.6, 0.95), outer=st.floats(0.4, 0.8), vanishing=st.floats(0.42, 0.58))
def test_the_mirror_image_of_a_mask_has_the_mirror_image_of_its_lanes(left: float, right: float, outer: float, vanishing: float) -> None:
    mask = road((1280, 720), (left - outer, left, right, right + outer), vanishing)
    lanes = find_lanes(mask)
    mirrored = find_lanes(np.ascontiguousarray(mask[:, ::-1]))
    assert [lane.position for lane in mirrored] == [-lane.position for lane in reversed(lanes)]
    for one, other in zip(lanes, reversed(mirrored), strict=True):
        image = (one.points * (-1, 1) + (1279, 0)).astype(np.float32)
        y = common_rows(image, other.points)
        np.testing.assert_allclose(x_at(image, y), x_at(other.points, y), atol=0.2)
        np.testing.assert_allclose(image[[0, -1]], other.points[[0, -1]], atol=2.0)
        assert one.confidence == pytest.approx(other.confidence, abs=0.01)


@pytest.mark.parametrize("size", [(640, 360), (854, 480), (1920, 1080), (3840, 2160)])
def test_a_mask_drawn_at_another_size_has_the_same_lanes_at_that_size(size: tuple[int, int]) -> None:
    reference, scaled = by_position(find_lanes(road())), by_position(find_lanes(road(size)))
    assert scaled.keys() == reference.keys()
    factor = size[0] / 1280
    for position, points in scaled.items():
        y = common_rows(reference[position], (points / factor).astype(np.float32))
        assert np.abs(x_at((points / factor).astype(np.float32), y) - x_at(reference[position], y)).max() < 3.0


def test_a_bend_is_followed_to_its_far_end() -> None:
    mask = np.zeros((720, 1280), np.uint8)

    def bend(offset: float) -> Curve:
        return lambda y: 640 + offset * (y - 300) + 4000.0 / (y - 300) * 3.0

    for offset in (-1.2, 1.2):
        paint(mask, bend(offset), 0.5, 1.0)
    found = by_position(find_lanes(mask))
    for position, offset in ((-1, -1.2), (1, 1.2)):
        y = np.linspace(0.51, 0.99, 40) * 720
        assert np.abs(x_at(found[position], y) - bend(offset)(y)).max() < 5.0


@pytest.mark.parametrize("seed", range(10))
def test_specks_change_nothing(seed: int) -> None:
    clean = road()
    dirty = clean.copy()
    random = np.random.default_rng(seed)
    near_paint = cv2.dilate(clean, np.ones((61, 61), np.uint8))
    for x, y in random.integers((0, 330), (1280, 720), (120, 2)).tolist():
        if not near_paint[y, x]:
            cv2.circle(dirty, (x, y), int(random.integers(1, 5)), 255, -1)
    assert (dirty != clean).sum() > 300
    for one, other in zip(find_lanes(clean), find_lanes(dirty), strict=True):
        assert one.position == other.position
        np.testing.assert_array_equal(one.points, other.points)


def test_an_arrow_and_a_stop_line_are_no_lanes() -> None:
    clean = road()
    marked = clean.copy()
    arrow = [(620, 700), (660, 700), (652, 600), (690, 600), (640, 545), (590, 600), (628, 600)]
    cv2.fillPoly(marked, [np.array(arrow)], 255)
    cv2.rectangle(marked, (420, 480), (860, 492), 255, -1)
    assert [lane.position for lane in find_lanes(marked)] == [-2, -1, 1, 2]
    alone = np.where(clean > 0, 0, marked).astype(np.uint8)
    assert find_lanes(alone) == []


def test_a_stop_line_that_touches_a_lane_line_does_not_take_it_away() -> None:
    mask = np.zeros((720, 1280), np.uint8)
    for foot in (0.1, 0.9):
        paint(mask, straight(foot, (1280, 720)), 0.6, 1.0)
    left, right = (int(straight(foot, (1280, 720))(np.array(435.0))) for foot in (0.1, 0.9))
    cv2.rectangle(mask, (left, 425), (right, 440), 255, -1)
    assert [lane.position for lane in find_lanes(mask)] == [-1, 1]


def test_a_line_that_fades_out_into_two_specks_is_no_arrow() -> None:
    mask = np.zeros((180, 320), np.uint8)
    for foot in (0.2, 0.8):
        paint(mask, straight(foot, (320, 180)), 0.6, 1.0, width=0.02)
    top = int(np.flatnonzero(mask.any(axis=1))[0])
    x = int(np.flatnonzero(mask[top])[0]) + 1
    mask[top - 2 : top, x] = 255
    mask[top - 3, [x - 2, x - 1, x + 1, x + 2]] = 255
    assert [lane.position for lane in find_lanes(mask)] == [-1, 1]


def near_and_far_dash(foot: float) -> tuple[Mask, int]:
    """A solid line on the right; of the left line the dash beside the car and one far ahead. Also the upper end of the near one, a row."""
    mask = np.zeros((180, 320), np.uint8)
    paint(mask, straight(0.8, (320, 180)), 0.5, 1.0, width=0.03)
    paint(mask, straight(foot, (320, 180)), 0.84, 1.0, width=0.04)
    top = int(np.flatnonzero(mask[:, :130].any(axis=1))[0])
    paint(mask, straight(foot, (320, 180)), 0.55, 0.585, width=0.04)
    return mask, top


def check_that_both_dashes_are_one_line(mask: Mask, foot: float) -> None:
    found = by_position(find_lanes(mask))
    assert list(found) == [-1, 1]
    y = np.linspace(0.57 * 180, float(found[-1][0, 1]), 40)
    assert np.abs(x_at(found[-1], y) - straight(foot, (320, 180))(y)).max() < 1.5


@pytest.mark.parametrize("foot", [-0.1, -0.06])
def test_a_dash_that_the_frame_s_side_cuts_off_is_one_line_with_the_next(foot: float) -> None:
    mask, _ = near_and_far_dash(foot)
    assert mask[:, 0].any()
    check_that_both_dashes_are_one_line(mask, foot)


@pytest.mark.parametrize("corner", [slice(0, 1), slice(-1, None)])
@pytest.mark.parametrize("foot", [-0.02, 0.0, 0.04])
def test_a_dash_that_is_not_cut_along_a_row_is_one_line_with_the_next(foot: float, corner: slice) -> None:
    mask, top = near_and_far_dash(foot)
    mask[top - 1, np.flatnonzero(mask[top, :130])[corner]] = 255
    check_that_both_dashes_are_one_line(mask, foot)


def one_dash(foot: float, *lines: float) -> Mask:
    """Solid lines, and of another line one short dash."""
    mask = np.zeros((720, 1280), np.uint8)
    for solid in lines:
        paint(mask, straight(solid, (1280, 720)), 0.5, 1.0)
    paint(mask, straight(foot, (1280, 720)), 0.62, 0.64)
    return mask


def test_one_dash_with_a_lane_on_either_side_bounds_it_and_reaches_the_bottom() -> None:
    found = by_position(find_lanes(one_dash(0.2, -0.35, 0.8)))
    assert list(found) == [-2, -1, 1]
    assert found[-1][0].tolist() == pytest.approx([0.2 * 1280, 719], abs=8)


@pytest.mark.parametrize(("foot", "lines"), [(0.5, (0.2, 0.8)), (0.35, (0.2, 0.8)), (0.2, (0.8,))])
def test_one_dash_in_the_middle_of_a_lane_or_beside_one_line_alone_is_no_boundary(foot: float, lines: tuple[float, ...]) -> None:
    alone = find_lanes(one_dash(lines[0], *lines))
    assert [lane.position for lane in find_lanes(one_dash(foot, *lines))] == [lane.position for lane in alone]


def streak_between(*feet: float) -> Mask:
    """Solid lines, and at the middle of the frame a short upright streak, long enough to be taken for a line by itself."""
    mask = np.zeros((720, 1280), np.uint8)
    for foot in feet:
        paint(mask, straight(foot, (1280, 720)), 0.5, 1.0)
    cv2.line(mask, (650, 530), (650, 575), 255, 8)
    return mask


def test_a_streak_in_the_lane_is_no_boundary_of_it() -> None:
    found = by_position(find_lanes(streak_between(0.1, 0.9)))
    assert list(found) == [-1, 1]
    assert [found[side][0, 0] for side in (-1, 1)] == pytest.approx([128, 1152], abs=12)


def test_a_dash_beneath_the_car_bounds_two_lanes_where_they_have_space() -> None:
    assert len(find_lanes(streak_between(-0.1, 1.1))) == 3


def test_a_line_of_many_dashes_beneath_the_car_stays_however_narrow_the_lanes_seem() -> None:
    assert len(find_lanes(road(feet=(0.1, 0.5, 0.9)))) == 3


@pytest.mark.parametrize("side", [-1, 1])
def test_from_a_lorry_s_height_a_dash_between_two_lanes_stays(side: int) -> None:
    # Lanes of 1.2 heights of the camera: the lorry is in the middle of one, and of the line to the next one dash is in sight.
    height = 0.55 * 720 / 1280
    mask = np.zeros((720, 1280), np.uint8)
    for offset in (-0.6, 1.8):
        paint(mask, straight(0.5 + side * offset * height, (1280, 720)), 0.5, 1.0)
    paint(mask, straight(0.5 + side * 0.6 * height, (1280, 720)), 0.66, 0.72)
    found = by_position(find_lanes(mask))
    assert list(found) == ([-1, 1, 2] if side > 0 else [-2, -1, 1])
    assert found[side][0, 0] == pytest.approx((0.5 + side * 0.6 * height) * 1280, abs=25)


def test_a_double_line_is_one_boundary_in_its_middle() -> None:
    size = (1280, 720)
    mask = np.zeros((720, 1280), np.uint8)
    for foot in (0.18, 0.22, 0.8):
        paint(mask, straight(foot, size), 0.5, 1.0, width=0.008)
    lanes = find_lanes(mask)
    assert [lane.position for lane in lanes] == [-1, 1]
    wanted = straight(0.20, size)(lanes[0].points[:, 1].astype(float))
    assert np.abs(lanes[0].points[:, 0] - wanted).max() < 6.0


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 50), (17, 9), (640, 360), (720, 1280), (4096, 2160)])
@pytest.mark.parametrize("value", [0, 255])
def test_an_empty_and_a_full_mask_have_no_lanes(size: tuple[int, int], value: int) -> None:
    assert find_lanes(np.full((size[1], size[0]), value, np.uint8)) == []


@pytest.mark.parametrize("size", [(64, 36), (405, 720), (720, 1280), (4096, 2160)])
def test_roads_of_odd_sizes_have_their_ego_lane(size: tuple[int, int]) -> None:
    lanes = find_lanes(road(size, (0.1, 0.9)))
    check_invariants(lanes, size)
    assert [lane.position for lane in lanes] == [-1, 1]


def test_a_frame_of_17_by_9_pixels_shows_its_lane() -> None:
    mask = np.zeros((9, 17), np.uint8)
    for step in range(7):
        mask[8 - step, 1 + step] = mask[8 - step, 15 - step] = 255
    lanes = find_lanes(mask)
    check_invariants(lanes, (17, 9))
    assert [lane.position for lane in lanes] == [-1, 1]


@settings(max_examples=60, deadline=None)
@given(width=st.integers(1, 400), height=st.integers(1, 300), share=st.floats(0.0, 1.0), grain=st.integers(1, 12), seed=st.integers(0, 99))
def test_noise_of_any_size_gives_well_formed_lanes_and_the_same_ones_again(
    width: int, height: int, share: float, grain: int, seed: int
) -> None:
    coarse = np.random.default_rng(seed).random((-(-height // grain), -(-width // grain))) < share
    mask = np.kron(coarse, np.ones((grain, grain)))[:height, :width].astype(np.uint8) * 255
    lanes, again = find_lanes(mask), find_lanes(mask.copy())
    check_invariants(lanes, (width, height))
    assert len(lanes) == len(again)
    for one, other in zip(lanes, again, strict=True):
        np.testing.assert_array_equal(one.points, other.points)
