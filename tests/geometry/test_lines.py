"""Lines of paint from masks drawn in metres on a flat road: what is a lane boundary, once, with its type, and what is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lanes.arrays import Mask
from lanes.geometry.camera import Camera
from lanes.geometry.lanes import find_lanes
from lanes.geometry.lines import find_paint_lines
from lanes.geometry.paint import PaintLine
from lanes.renderer import RoadRenderer, Scene

CAMERA = Camera.centred(1280, 720, 1100, mount_height=1.3, pitch=0.03)
FAR = 70.0
Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def at(offset: float, curvature: float = 0.0) -> Curve:
    """A line `offset` metres to the left of the camera, in a bend."""
    return lambda x: offset + curvature * x * x / 2


def paint(mask: Mask, curve: Curve, near: float = 3.0, far: float = FAR, width: float = 0.15, value: int = 255) -> None:
    """Paint from `near` to `far` metres ahead, `width` metres wide."""
    x = np.geomspace(near, far, 60)
    edges = [np.stack([x, curve(x) + side * width / 2, np.zeros_like(x)], axis=1) for side in (-1, 1)]
    outline = CAMERA.project(np.concatenate([edges[0], edges[1][::-1]]))
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], value, shift=4)


def dash(mask: Mask, curve: Curve, phase: float = 0.0, length: float = 3.0, gap: float = 9.0, width: float = 0.15) -> None:
    """Paint dashes; one of them begins `phase` metres ahead."""
    for start in np.arange(phase - length - gap, FAR, length + gap):
        if start + length > 3.0:
            paint(mask, curve, max(start, 3.0), start + length, width)


def road(*lines: float) -> Mask:
    mask = np.zeros((720, 1280), np.uint8)
    for offset in lines:
        paint(mask, at(offset))
    return mask


def metres(line: PaintLine, within: float = 30.0) -> NDArray[np.float64]:
    """The line's points on the road, nearest first, up to `within` metres ahead."""
    points = CAMERA.unproject(line.points)
    return points[points[:, 0] < within]


def offsets(lines: Sequence[PaintLine]) -> list[float]:
    """Of the lines beside the camera, metres to the left, from a straight line through their points."""
    found = []
    for line in lines:
        points = metres(line)
        found.append(float(np.polyfit(points[:, 0], points[:, 1], 1)[1]) if np.ptp(points[:, 0]) > 2 else float(points[:, 1].mean()))
    return found


def check(lines: Sequence[PaintLine], size: tuple[int, int] = (1280, 720)) -> None:
    for line in lines:
        assert line.points.dtype == line.widths.dtype == np.float64
        assert line.points.shape == (len(line.widths), 2)
        assert len(line.points) >= 2
        assert (np.diff(line.points[:, 1]) < 0).all()
        assert (line.widths > 0).all()
        assert line.std_px > 0
        assert 0 <= line.confidence <= 1
        assert (line.points[:, 1] >= 0).all()
        assert (line.points[:, 1] <= size[1] - 1).all()


def test_a_road_of_three_lanes_has_its_four_lines_from_left_to_right_with_their_types() -> None:
    mask = road(5.25, -5.25)
    for offset in (1.75, -1.75):
        dash(mask, at(offset), phase=5.0)
    lines = find_paint_lines(mask)
    check(lines)
    assert offsets(lines) == pytest.approx([5.25, 1.75, -1.75, -5.25], abs=0.05)
    assert [line.type for line in lines] == ["solid", "dashed", "dashed", "solid"]


@settings(max_examples=40, deadline=None)
@given(phase=st.floats(0, 12), radius=st.floats(250, 3000), side=st.sampled_from([-1, 1]), place=st.floats(-0.6, 0.6))
def test_dashes_of_3_m_with_gaps_of_9_m_are_one_line_in_every_phase_and_bend(phase: float, radius: float, side: int, place: float) -> None:
    mask = np.zeros((720, 1280), np.uint8)
    curvature = side / radius
    for offset in (1.75 + place, -1.75 + place):
        dash(mask, at(offset, curvature), phase)
    paint(mask, at(-5.25 + place, curvature))
    lines = find_paint_lines(mask)
    check(lines)
    assert len(lines) == 3
    for line, offset in zip(lines, (1.75, -1.75, -5.25), strict=True):
        points = metres(line)
        error = np.abs(points[:, 1] - at(offset + place, curvature)(points[:, 0]))
        assert np.quantile(error, 0.8) < 0.1  # the corner of a dash alone shows in its last row
        assert error.max() < 0.25
    assert "solid" not in {line.type for line in lines[:2]}


def test_points_are_the_middles_of_the_paint_and_widths_its_own() -> None:
    (line,) = find_paint_lines(road(1.6))
    points = metres(line, 20.0)
    assert np.abs(points[:, 1] - 1.6).max() < 0.03
    below_horizon = line.points[: len(points), 1] - CAMERA.horizon()[0]
    assert np.median(line.widths[: len(points)] / below_horizon) * 1.3 == pytest.approx(0.15, rel=0.15)


def test_gaps_between_dashes_have_no_points() -> None:
    mask = np.zeros((720, 1280), np.uint8)
    dash(mask, at(1.75), 6.0)
    paint(mask, at(-1.75))
    line = find_paint_lines(mask)[0]
    x = metres(line)[:, 0]
    assert not ((x > 9.5) & (x < 17.5)).any()
    assert ((x > 6.2) & (x < 8.8)).any()


def test_a_zebra_crossing_is_no_line_and_the_road_before_it_is() -> None:
    mask = np.zeros((720, 1280), np.uint8)
    for offset in np.arange(-6, 6.1, 0.9):
        paint(mask, at(float(offset)), 9.0, 12.5, 0.45)
    assert find_paint_lines(mask) == []
    paint(mask, at(1.75), 3.0, 8.0)
    paint(mask, at(-1.75), 3.0, 8.0)
    assert offsets(find_paint_lines(mask)) == pytest.approx([1.75, -1.75], abs=0.05)


@settings(max_examples=30, deadline=None)
@given(near=st.floats(5, 25), width=st.floats(0.4, 0.6), shift=st.floats(0, 1.2), turn=st.floats(-0.15, 0.15), length=st.floats(2.5, 5))
def test_zebra_crossings_near_and_far_and_askew_are_no_lines(near: float, width: float, shift: float, turn: float, length: float) -> None:
    mask = np.zeros((720, 1280), np.uint8)
    for offset in np.arange(-6, 6.1, 2 * width):
        paint(mask, lambda x, y=offset + shift: y + turn * (x - near), near, near + length, width)
    assert find_lanes(mask) == []


def test_an_arrow_a_word_and_a_stop_line_in_the_lane_are_no_lines() -> None:
    mask = road(1.75, -1.75)
    paint(mask, at(0.0), 8.0, 11.0, 0.15)  # an arrow's shaft
    for width, x in zip(np.linspace(0.9, 0.0, 12), np.linspace(11.0, 13.0, 12), strict=True):
        paint(mask, at(0.0), x, x + 0.2, max(width, 0.05))
    for offset in (-0.9, -0.55, -0.3, 0.05, 0.4, 0.8):  # letters' strokes
        paint(mask, at(offset), 18.0, 20.5, 0.12)
    paint(mask, at(0.0), 27.0, 27.5, 3.3)
    assert offsets(find_paint_lines(mask)) == pytest.approx([1.75, -1.75], abs=0.05)


@pytest.mark.parametrize(
    ("beside", "phase"), [(0.2, 2.0), (-0.2, 2.0), (0.2, 5.0), (-0.2, 5.0), (0.3, 2.0), (0.3, 5.0), (0.3, 8.0), (0.3, 11.0), (-0.3, 8.0)]
)
def test_a_joint_between_slabs_beside_dashes_is_not_the_line(beside: float, phase: float) -> None:
    mask = road(-1.75)
    dash(mask, at(1.75), phase)
    paint(mask, at(1.75 + beside), width=0.04)
    lines = find_paint_lines(mask)
    assert len(lines) == 2
    points = metres(lines[0], 20.0)
    assert np.median(np.abs(points[:, 1] - 1.75)) < 0.06


@pytest.mark.parametrize("apart", [0.2, 0.3])
def test_a_double_line_is_one_solid_line_in_its_middle_as_wide_as_both(apart: float) -> None:
    mask = road(-1.75)
    for side in (-1, 1):
        paint(mask, at(1.75 + side * apart / 2), width=0.1)
    line, _ = find_paint_lines(mask)
    assert line.type == "solid"
    points = metres(line, 15.0)
    assert np.abs(points[:, 1] - 1.75).max() < 0.05
    below_horizon = line.points[: len(points), 1] - CAMERA.horizon()[0]
    assert np.median(line.widths[: len(points)] / below_horizon) * 1.3 == pytest.approx(apart + 0.1, rel=0.15)


def test_a_solid_line_beside_a_dashed_one_is_one_solid_boundary() -> None:
    mask = road(1.65, -1.75)
    dash(mask, at(1.95), 5.0, width=0.12)
    lines = find_paint_lines(mask)
    assert len(lines) == 2
    assert lines[0].type == "solid"
    assert offsets(lines)[0] == pytest.approx(1.7, abs=0.2)


def test_a_fork_has_both_of_its_lines() -> None:
    mask = road(1.75, -1.75)
    paint(mask, lambda x: -1.95 - np.maximum(x - 8.0, 0.0) * 0.1, 8.0, 40.0)
    lines = find_paint_lines(mask)
    assert len(lines) == 3
    branch = metres(lines[2], 30.0)
    branch = branch[branch[:, 0] > 18]
    np.testing.assert_allclose(branch[:, 1], -1.95 - (branch[:, 0] - 8.0) * 0.1, atol=0.15)


@pytest.mark.parametrize("hidden", [(8.0, 14.0), (10.0, 25.0)])
def test_a_solid_line_that_a_car_hides_a_part_of_is_one_solid_line(hidden: tuple[float, float]) -> None:
    mask = road(1.75, -1.75)
    rows = CAMERA.project([(x, 1.75, 0.0) for x in hidden])[:, 1].round().astype(int)
    mask[rows[1] : rows[0], :640] = 0
    lines = find_paint_lines(mask)
    assert offsets(lines) == pytest.approx([1.75, -1.75], abs=0.05)
    x = metres(lines[0], 60.0)[:, 0]
    assert x.min() < hidden[0]
    assert x.max() > hidden[1]


def test_the_lines_of_the_next_lanes_are_found_from_dashes_far_out() -> None:
    mask = road(1.75, -1.75)
    for offset in (5.25, -5.25):
        dash(mask, at(offset), 10.0)
    assert offsets(find_paint_lines(mask)) == pytest.approx([5.25, 1.75, -1.75, -5.25], abs=0.15)


def test_a_line_of_which_only_the_near_part_is_seen_goes_on_as_the_other_does() -> None:
    mask = np.zeros((720, 1280), np.uint8)
    paint(mask, at(1.75, 1 / 300))
    paint(mask, at(-1.75, 1 / 300), far=9.0)
    right = find_lanes(mask)[-1]
    assert right.position == 1
    points = CAMERA.unproject(right.points.astype(np.float64))
    points = points[points[:, 0] < 30]
    assert points[:, 0].max() > 25
    np.testing.assert_allclose(points[:, 1], -1.75 + points[:, 0] ** 2 / 600, atol=0.3)


def test_dashes_far_ahead_alone_do_not_reach_down_to_the_bottom() -> None:
    mask = np.zeros((720, 1280), np.uint8)
    for offset in (1.75, -1.75):
        dash(mask, at(offset), 15.0, gap=12.0)
        paint(mask, at(offset), 3.0, 14.0, 0.3, value=0)
    below = CAMERA.project((6.0, 0.0, 0.0))[1]
    lanes = find_lanes(mask)
    assert [lane.position for lane in lanes] == [-1, 1]
    assert all(lane.points[0, 1] < below for lane in lanes)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 400), st.integers(1, 300), st.floats(0.0, 1.0), st.integers(1, 12), st.integers(0, 99))
def test_noise_gives_well_formed_lines(width: int, height: int, share: float, grain: int, seed: int) -> None:
    coarse = np.random.default_rng(seed).random((-(-height // grain), -(-width // grain))) < share
    check(find_paint_lines(np.kron(coarse, np.ones((grain, grain)))[:height, :width].astype(np.uint8) * 255), (width, height))


@pytest.mark.parametrize("moment", [0.0, 1.3, 2.6, 3.9])
def test_lines_of_rendered_frames_lie_on_their_boundaries_behind_cars_too(moment: float) -> None:
    rendering = RoadRenderer(Scene.demo(), 960, 540).render(moment)
    lines = find_paint_lines(rendering.paint)
    check(lines, (960, 540))
    truth = {each.position: each.pixels[each.visible] for each in rendering.ground_truth.boundaries if each.painted}
    for position in (-1, 1):
        u, v = truth[position][truth[position][:, 1].argsort()].T
        errors = [np.abs(line.points[:, 0] - np.interp(line.points[:, 1], v, u)) for line in lines]
        best = min(errors, key=lambda error: float(np.median(error)))
        assert np.median(best) < 0.5
        assert np.quantile(best, 0.95) < 3.0


def test_most_lines_of_random_rendered_roads_are_boundaries() -> None:
    right = []
    for seed in range(8):
        rendering = RoadRenderer(Scene.random(np.random.default_rng(seed)), 640, 360).render(1.0)
        truth = [each.pixels[each.visible] for each in rendering.ground_truth.boundaries if each.visible.sum() > 1]
        truth = [pixels[pixels[:, 1].argsort()] for pixels in truth]
        for line in find_paint_lines(rendering.paint):
            x, y = line.points.T
            right.append(min(float(np.median(np.abs(x - np.interp(y, pixels[:, 1], pixels[:, 0])))) for pixels in truth) < 5)
    assert len(right) >= 12
    assert np.mean(right) > 0.9
