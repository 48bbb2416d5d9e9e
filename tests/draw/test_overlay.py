"""The overlay: what it draws, where it draws it, and that it draws nothing else."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lanes.arrays import BGRImage, Mask
from lanes.draw.overlay import Overlay
from lanes.draw.readout import Readout, road_figures, warning_figures
from lanes.results import DepartureState, Ego, Estimate, Lane, RoadState

READOUT = Readout("openvino", "bf16", 31.4, 12.3)
SIZES = [(640, 360), (1280, 720), (720, 1280), (960, 720), (333, 187), (3840, 2160)]


def scene(size: tuple[int, int], shade: int = 110) -> tuple[BGRImage, Mask, list[Lane]]:
    """A grey frame, a mask with two strokes and a blot, and three lanes."""
    width, height = size
    random = np.random.default_rng(3)
    pixels = random.integers(max(0, shade - 12), min(255, shade + 12) + 1, (height, width, 3)).astype(np.uint8)
    lanes = []
    for position, foot in ((-1, 0.2), (1, 0.8), (2, 1.3)):
        y = np.linspace(1.0, 0.55, 30)
        x = foot + (0.5 - foot) * (1.0 - y) / 0.55
        points = (np.stack([x, y], 1) * (width, height))[(x < 1.0) & (y < 1.0)]
        lanes.append(
            Lane(position, np.clip(points, 0, (width - 1, height - 1)).astype(np.float32), 0.9, 2 * abs(position) - (position < 0))
        )
    mask = np.zeros((height, width), np.uint8)
    for lane in lanes[:2]:
        cv2.polylines(mask, [np.round(lane.points[5:15]).astype(np.int32)], False, 255, max(1, width // 90))
    cv2.circle(mask, (round(0.08 * width), round(0.7 * height)), max(1, width // 60), 255, -1)
    return pixels, mask, lanes


def drawn(pixels: BGRImage, mask: Mask, lanes: list[Lane], readout: Readout | None, departure: DepartureState = "none") -> BGRImage:
    result: BGRImage = pixels.copy()
    Overlay().draw(result, mask, RoadState(lanes=lanes, departure=departure), readout)
    return result


def changed(before: BGRImage, after: BGRImage) -> NDArray[np.bool_]:
    differs: NDArray[np.bool_] = np.any(before != after, axis=2)
    return differs


def allowed_region(size: tuple[int, int], mask: Mask, lanes: list[Lane]) -> Mask:
    """Where the mask, the curves (to 1.2 % of the frame's longer side around) and the ego lane's fill may be."""
    region: Mask = mask.copy()
    for lane in lanes:
        cv2.polylines(region, [np.round(lane.points).astype(np.int32)], False, 255, round(0.024 * max(size)) + 3)
    left, right = (next(lane.points for lane in lanes if lane.position == side) for side in (-1, 1))
    cv2.fillPoly(region, [np.round(np.concatenate([left, right[::-1]])).astype(np.int32)], 255)
    return region


@pytest.mark.parametrize("size", SIZES)
def test_only_mask_curves_fill_and_readout_are_drawn(size: tuple[int, int]) -> None:
    pixels, mask, lanes = scene(size)
    touched = changed(pixels, drawn(pixels, mask, lanes, READOUT))
    region = allowed_region(size, mask, lanes)
    corner = np.zeros_like(region, dtype=bool)
    corner[: round(0.12 * size[1]), : round(0.6 * size[0])] = True
    assert not (touched & (region == 0) & ~corner).any()
    assert touched[mask > 0].mean() > 0.95
    assert touched[corner].any() == (min(size) >= 360)


@pytest.mark.parametrize("size", SIZES)
def test_without_a_readout_its_corner_stays_as_it_was(size: tuple[int, int]) -> None:
    pixels, mask, lanes = scene(size)
    touched = changed(pixels, drawn(pixels, mask, lanes, None))
    assert not touched[: round(0.4 * size[1])].any()


@pytest.mark.parametrize("size", SIZES)
def test_every_curve_is_seen_along_its_whole_length(size: tuple[int, int]) -> None:
    pixels, mask, lanes = scene(size)
    touched = changed(pixels, drawn(pixels, np.zeros_like(mask), lanes, None))
    for lane in lanes:
        x, y = np.round(lane.points).astype(int).T
        assert touched[y, x].all()


@pytest.mark.parametrize("shade", [15, 110, 240])
def test_the_fill_is_strong_nearby_and_fades_with_distance(shade: int) -> None:
    size = (1280, 720)
    pixels, mask, lanes = scene(size, shade)
    result = drawn(pixels, np.zeros_like(mask), lanes, None)
    change = np.abs(result.astype(int) - pixels).sum(axis=2)[:, 600:680].mean(axis=1)
    assert change[600:640].mean() > 30
    assert change[600:640].mean() > 2 * change[410:430].mean() > 0


def test_the_fill_stays_translucent() -> None:
    pixels, mask, lanes = scene((1280, 720))
    pixels[600:620, 620:660] = 255
    result = drawn(pixels, np.zeros_like(mask), lanes, None).astype(int)
    assert result[600:620, 620:660].mean() - result[600:620, 560:600].mean() > 60


def test_one_boundary_alone_is_drawn_without_a_fill() -> None:
    pixels, mask, lanes = scene((1280, 720))
    touched = changed(pixels, drawn(pixels, np.zeros_like(mask), lanes[:1], None))
    assert touched.any()
    assert not touched[:, 600:680].any()


def at_middle(result: BGRImage, lane: Lane) -> NDArray[np.int_]:
    """The colour of a curve, half-way along it and beside the bright core of an ego lane's."""
    x, y = lane.points[len(lane.points) // 2]
    return result[round(float(y)), round(float(x)) - 2 : round(float(x)) + 3].astype(int).mean(axis=0)


def test_boundaries_differ_in_colour_and_keep_it_through_a_lane_change() -> None:
    pixels, mask, lanes = scene((1280, 720))
    before = drawn(pixels, np.zeros_like(mask), lanes, None)
    colours = [at_middle(before, lane) for lane in lanes]
    assert min(np.abs(one - other).max() for n, one in enumerate(colours) for other in colours[:n]) > 40
    moved = [replace(lane, position=lane.position - 1 or -1) for lane in lanes]  # to the right: -2, -1, 1
    moved[0] = replace(moved[0], position=-2)
    after = drawn(pixels, np.zeros_like(mask), moved, None)
    for lane, colour in zip(lanes, colours, strict=True):
        others = [other for other in colours if other is not colour]
        change = np.abs(at_middle(after, lane) - colour).sum()
        assert change < min(np.abs(at_middle(after, lane) - other).sum() for other in others)


def test_the_ego_lanes_boundaries_are_the_wide_ones() -> None:
    pixels, mask, lanes = scene((1280, 720))

    def drawn_pixels(lane: Lane) -> int:
        return int(changed(pixels, drawn(pixels, np.zeros_like(mask), [lane], None)).sum())

    assert drawn_pixels(lanes[0]) > 1.15 * drawn_pixels(replace(lanes[0], position=-2))


def test_a_held_boundary_is_dashed_and_an_unsure_one_thin_and_pale() -> None:
    pixels, mask, lanes = scene((1280, 720))
    empty = np.zeros_like(mask)
    seen, held, unsure = (
        drawn(pixels, empty, [replace(lanes[0], **change)], None) for change in ({}, {"held_s": 0.3}, {"confidence": 0.35})
    )
    x, y = np.round(lanes[0].points).astype(int).T
    dashed = changed(pixels, held)[y, x]
    assert changed(pixels, seen)[y, x].all()
    assert 0.3 < dashed.mean() < 0.9
    assert np.count_nonzero(np.diff(dashed.astype(int))) > 4
    assert changed(pixels, unsure).sum() < 0.85 * changed(pixels, seen).sum()
    assert np.ptp(at_middle(unsure, lanes[0])) < np.ptp(at_middle(seen, lanes[0]))


@pytest.mark.parametrize("size", SIZES)
def test_a_departure_lights_up_its_own_side_and_boundary(size: tuple[int, int]) -> None:
    pixels, mask, lanes = scene(size)
    quiet = drawn(pixels, mask, lanes, None)
    for side, position, edge in (("left", -1, np.s_[:, : size[0] // 8]), ("right", 1, np.s_[:, -size[0] // 8 :])):
        loud = drawn(pixels, mask, lanes, None, departure=side)
        redder = loud.astype(int)[..., 2] - quiet[..., 2] > 30
        low = slice(size[1] // 2, None)
        assert redder[low][edge].mean() > 0.15
        assert not redder[:, size[0] // 3 : -size[0] // 3].any() or redder[edge].sum() > redder[:, size[0] // 3 : -size[0] // 3].sum()
        other = np.s_[:, -size[0] // 8 :] if side == "left" else np.s_[:, : size[0] // 8]
        assert not redder[other].any()
        warned, _ = (next(lane for lane in lanes if lane.position == each) for each in (position, -position))
        blue, green, red = at_middle(loud, warned)
        assert red > 1.5 * max(blue, green)


@pytest.mark.parametrize("departure", ["none", "inactive"])
def test_no_departure_is_no_light(departure: DepartureState) -> None:
    pixels, mask, lanes = scene((640, 360))
    np.testing.assert_array_equal(drawn(pixels, mask, lanes, None, departure=departure), drawn(pixels, mask, lanes, None))


def test_the_fill_ends_where_the_road_does() -> None:
    """Both boundaries leave the frame at its sides, above a bonnet."""
    pixels = np.full((720, 1280, 3), 110, np.uint8)
    y = np.linspace(560, 400, 20)
    sides = [np.stack([640 + sign * 639 * (y - 380) / 180, y], 1).astype(np.float32) for sign in (-1, 1)]
    lanes = [Lane(-1, sides[0], 0.9, 1), Lane(1, sides[1], 0.9, 2)]
    touched = []
    for band in (None, (300, 600)):
        result = pixels.copy()
        Overlay().draw(result, np.zeros((720, 1280), np.uint8), RoadState(lanes, band=band))
        touched.append(int(np.nonzero(changed(pixels, result)[:, 640])[0].max()))
    assert touched[0] > 690
    assert touched[1] < 600


@pytest.mark.parametrize("shade", [0, 110, 255])
@pytest.mark.parametrize("size", [(640, 360), (3840, 2160), (720, 1280)])
def test_the_readout_is_legible_on_any_frame_and_leaves_the_road_alone(size: tuple[int, int], shade: int) -> None:
    width, height = size
    pixels = np.full((height, width, 3), shade, np.uint8)
    result = drawn(pixels, np.zeros((height, width), np.uint8), [], READOUT)
    rows, columns = np.nonzero(changed(pixels, result) | (result.max(axis=2) > shade))
    assert rows.max() < 0.15 * height
    assert columns.max() < 0.6 * width
    assert rows.max() - rows.min() >= 20
    pill = result[rows.min() : rows.max(), columns.min() : columns.max()].max(axis=2)
    ground = np.median(pill)
    assert pill.max() - ground > 120
    assert ((pill - ground) > 60).mean() > 0.03


def test_the_readout_shows_what_it_is_given() -> None:
    pixels = np.full((720, 1280, 3), 60, np.uint8)
    mask = np.zeros((720, 1280), np.uint8)
    readouts = [Readout("openvino", "bf16", fps, latency) for fps, latency in product((None, 9.8, 31.4), (None, 12.3))] + [
        Readout("onnx", "fp32")
    ]
    pictures = [drawn(pixels, mask, [], readout).tobytes() for readout in readouts]
    assert len(set(pictures)) == len(readouts)


METRIC = RoadState(ego=Ego(Estimate(-0.34, 0.1), Estimate(3.5, 0.1), Estimate(1 / 640, 1e-4), None))
HEADING = Ego(None, None, None, Estimate(0.01, 0.002))
WHY = RoadState(ego=HEADING, departure="inactive", departure_why="the speed is below 60 km/h")


@pytest.mark.parametrize("size", [(640, 360), (480, 360), (720, 1280), (3840, 2160)])
def test_the_place_in_the_lane_and_a_missing_warning_stand_below_the_readout(size: tuple[int, int]) -> None:
    pixels = np.full((size[1], size[0], 3), 100, np.uint8)
    mask = np.zeros(pixels.shape[:2], np.uint8)
    ends = []
    for road in (RoadState(), METRIC, WHY):
        result = pixels.copy()
        Overlay().draw(result, mask, road, READOUT)
        rows, columns = np.nonzero(changed(pixels, result))
        assert columns.max() < 0.8 * size[0]
        ends.append(int(rows.max()))
    assert ends[1] == ends[2] > ends[0] + 20
    assert ends[2] < 0.4 * size[1]


def test_figures_say_what_a_driver_expects() -> None:
    assert [f"{each.value} {each.unit}" for each in road_figures(METRIC)] == ["0.3 m left of centre", "3.5 m lane", "640 m bend left"]
    straight = replace(METRIC, ego=Ego(Estimate(0.0, 0.1), None, Estimate(-1 / 5000, 1e-4), None))
    assert [f"{each.value} {each.unit}".strip() for each in road_figures(straight)] == ["0.0 m right of centre", "straight"]
    assert [each.unit for each in warning_figures(WHY)] == ["no warning: the speed is below 60 km/h", "no warning"]
    assert road_figures(RoadState()) == warning_figures(RoadState()) == []
    assert warning_figures(replace(WHY, ego=METRIC.ego)) == []


def test_the_readout_keeps_its_width_while_its_numbers_change() -> None:
    pixels = np.full((720, 1280, 3), 200, np.uint8)
    mask = np.zeros((720, 1280), np.uint8)
    widths = {
        np.nonzero(changed(pixels, drawn(pixels, mask, [], Readout("onnx", "fp32", fps, 12.3))))[1].max() for fps in (None, 9.1, 11.1, 58.8)
    }
    assert len(widths) == 1


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (17, 9), (1280, 40), (40, 720)])
def test_tiny_frames_get_the_tint_of_the_mask_alone(size: tuple[int, int]) -> None:
    width, height = size
    pixels = np.full((height, width, 3), 100, np.uint8)
    mask = np.zeros((height, width), np.uint8)
    mask[0, 0] = 255
    lane = Lane(-1, np.array([[width - 1, height - 1], [0, 0]], np.float32), 0.5, 1)
    np.testing.assert_array_equal(changed(pixels, drawn(pixels, mask, [lane], READOUT)), mask > 0)


@pytest.mark.parametrize("size", [(64, 64), (100, 75), (160, 90), (200, 1000)])
def test_frames_too_small_for_the_readout_go_without(size: tuple[int, int]) -> None:
    pixels = np.full((size[1], size[0], 3), 100, np.uint8)
    assert not changed(pixels, drawn(pixels, np.zeros(pixels.shape[:2], np.uint8), [], READOUT)).any()


def test_a_mask_that_covers_all_and_one_that_covers_nothing() -> None:
    pixels = np.full((360, 640, 3), 100, np.uint8)
    assert changed(pixels, drawn(pixels, np.full((360, 640), 255, np.uint8), [], None)).all()
    assert not changed(pixels, drawn(pixels, np.zeros((360, 640), np.uint8), [], None)).any()


def test_one_overlay_for_frames_of_changing_size_draws_what_fresh_ones_draw() -> None:
    overlay = Overlay()
    for size in (*SIZES, SIZES[0], (17, 9), SIZES[1]):
        pixels, mask, lanes = scene(size)
        expected = drawn(pixels, mask, lanes, READOUT)
        overlay.draw(pixels, mask, RoadState(lanes=lanes), READOUT)
        np.testing.assert_array_equal(pixels, expected)
