"""Lanes in the picture: where curves begin, where they end, and that they never cross."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from lanes.mount import VisibleRoad
from lanes.tracking.curves import clip, lanes_of, uncross
from lanes.tracking.tracker import RoadTracker
from tests.tracking.roads import CAMERA, Road


def straight(*points: tuple[float, float]) -> NDArray[np.float32]:
    x, y = np.array(points, np.float64).T
    rows = np.linspace(y[0], y[-1], 50)
    return np.stack([np.interp(-rows, -y, x), rows], axis=1).astype(np.float32)


def test_boundaries_of_the_ego_lane_that_cross_both_end_there() -> None:
    left, right = straight((300, 700), (700, 400)), straight((900, 700), (500, 400))
    found = uncross([left, right], [-1, 1])
    assert all(10 < len(curve) < 50 for curve in found)
    assert found[0][:, 0].max() <= found[1][:, 0].min()


@pytest.mark.parametrize(("positions", "cut"), [([-2, -1], 0), ([1, 2], 1)])
def test_an_outer_curve_ends_at_the_inner_one(positions: list[int], cut: int) -> None:
    curves = [straight((100, 700), (700, 400)), straight((400, 700), (600, 400))]
    found = uncross(curves, positions)
    assert len(found[cut]) < 50
    assert len(found[1 - cut]) == 50


def test_curves_side_by_side_stay_whole() -> None:
    curves = [straight((100, 700), (600, 400)), straight((600, 600), (610, 400)), straight((1200, 700), (620, 400))]
    assert all(found is curve for found, curve in zip(uncross(curves, [-1, 1, 2]), curves, strict=True))


def test_of_a_curve_that_comes_into_sight_twice_the_part_with_the_paint_is_given() -> None:
    bottom = np.full(32, 500.0)
    bottom[24:] = 719.0  # the bonnet does not reach the frame's right side
    visible = VisibleRoad(1280, 720, 350.0, bottom, True)
    curve = straight((1270, 719), (700, 400))[None].astype(np.float64)
    (part,) = clip(curve, visible, 719.0)
    assert part[-1, 1] == pytest.approx(400.0, abs=1.0)
    assert part[0, 1] < 510.0


def test_boundaries_of_other_lanes_begin_at_their_paint() -> None:
    tracker = RoadTracker()
    for step in range(25):
        tracker.update(Road((5.4, 1.8, -1.8, -5.4)).lines(near=14.0), CAMERA, step / 25)
    lanes = {lane.position: lane.points for lane in lanes_of(tracker, CAMERA, VisibleRoad.whole(1280, 720, 320.0))}
    paint = float(CAMERA.project(np.array([14.0, 5.4, 0.0]))[1])
    assert lanes[-2][0, 1] == pytest.approx(paint, abs=8.0)
    assert lanes[2][0, 1] == pytest.approx(paint, abs=8.0)
    assert lanes[-1][0, 1] > paint + 5.0


def test_boundaries_of_other_lanes_whose_paint_the_frames_side_cuts_off_go_on_to_it() -> None:
    tracker, lines = RoadTracker(), Road((5.4, 1.8, -1.8, -5.4)).lines(near=5.0)
    # The middle of paint is not measured where the side cuts it off.
    lines = [replace(line, points=line.points[inside], widths=line.widths[inside]) for line in lines for inside in [_clear(line.points)]]
    for step in range(25):
        tracker.update(lines, CAMERA, step / 25)
    lanes = {lane.position: lane.points for lane in lanes_of(tracker, CAMERA, VisibleRoad.whole(1280, 720, 320.0))}
    assert lanes[-2][0, 0] == pytest.approx(0.0, abs=1.0)
    assert lanes[2][0, 0] == pytest.approx(1279.0, abs=1.0)


def _clear(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    return (points[:, 0] > 30.0) & (points[:, 0] < 1249.0)
