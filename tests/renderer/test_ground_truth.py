"""Metric ground truth: it lies on the paint that is drawn, has the signs it promises, and obeys the laws of a moving car."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanes.renderer import Rendering, RoadRenderer, Scene
from lanes.renderer.course import Course
from lanes.renderer.elements import LaneChange, LaneMarking, Lens, Light, Side, Sky, Surface, Vehicle

WIDTH, HEIGHT = 640, 384
SIDE = Side(shoulder=2.0)
PLAIN = Scene(
    seed=3,
    lines=(LaneMarking("solid", width=0.15),) * 4,
    lane_width=3.6,
    ego_lane=1,
    surface=Surface(grain=0, blotches=0, tracks=0, oil=0),
    left=SIDE,
    right=SIDE,
    light=Light(shadow=0),
    sky=Sky(clouds=0, skyline="none"),
    lens=Lens(blur=0, noise=0, vignette=0),
    speed=25.0,
    sway=1.0,
)
"""Three lanes between solid lines under an even light, the car in the middle one."""


def paint_hit(rendering: Rendering) -> tuple[int, float]:
    """How many visible points of painted boundaries within 40 m there are; and the share of them that lie on paint, labelled or ignored.

    On paint is at most one pixel off. Beyond 40 m the rows at a crest are metres of road apart.
    """
    known = cv2.dilate(rendering.paint | rendering.other_paint, np.ones((3, 3), np.uint8)) > 0
    hits = []
    for boundary in rendering.ground_truth.boundaries:
        if boundary.painted:
            near = boundary.visible & (boundary.points[:, 0] < 40)
            columns, rows = np.round(boundary.pixels[near]).astype(int).T
            hits.append(known[rows, columns])
    every = np.concatenate(hits)
    return len(every), float(every.mean())


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    bend=st.floats(-0.004, 0.004),
    hill=st.floats(0, 4),
    yaw=st.floats(-0.05, 0.05),
    roll=st.floats(-0.03, 0.03),
    time=st.floats(0, 8),
    direction=st.sampled_from(["left", "right"]),
)
def test_boundaries_projected_by_the_vehicle_s_camera_lie_on_the_paint(
    seed: int, bend: float, hill: float, yaw: float, roll: float, time: float, direction: str
) -> None:
    scene = replace(
        PLAIN,
        seed=seed,
        course=Course(bend=bend, hill=hill),
        yaw=yaw,
        roll=roll,
        lane_changes=(LaneChange(2.0, "left" if direction == "left" else "right", 4.0),),
    )
    rendering = RoadRenderer(scene, WIDTH, HEIGHT).render(time)
    for boundary in rendering.ground_truth.boundaries:
        ahead = boundary.visible
        again = rendering.ground_truth.camera.project(boundary.points[ahead])
        np.testing.assert_allclose(again, boundary.pixels[ahead], atol=1e-6)
    count, share = paint_hit(rendering)
    assert count > 100
    assert share > 0.99


@pytest.mark.parametrize("seed", range(12))
def test_visible_boundaries_of_random_scenes_with_fresh_solid_paint_lie_on_it(seed: int) -> None:
    scene = Scene.random(np.random.default_rng(seed))
    lines = tuple(LaneMarking("solid", width=0.15) for _ in scene.lines)
    rendering = RoadRenderer(replace(scene, lines=lines, markings=()), WIDTH, HEIGHT).render(seed * 0.7)
    count, share = paint_hit(rendering)
    assert count > 30
    assert share > 0.97


@pytest.mark.parametrize("changes", [(), (LaneChange(1.0, "left", 4.0), LaneChange(6.0, "right", 3.0))])
def test_the_offset_changes_by_the_sine_of_the_heading(changes: tuple[LaneChange, ...]) -> None:
    scene = replace(PLAIN, course=Course(bend=0.001, winding=0.002), lane_changes=changes)
    renderer = RoadRenderer(scene, 64, 48)
    step = 1 / 50
    frames = [renderer.render(index * step).ground_truth for index in range(500)]
    offset = np.array([ground_truth.offset_m for ground_truth in frames])
    lateral = np.array([ground_truth.speed_mps * np.sin(ground_truth.heading_rad) for ground_truth in frames])
    lane = np.array([ground_truth.ego_lane for ground_truth in frames])
    change = (offset[2:] - offset[:-2]) / (2 * step)
    same_lane = (lane[2:] == lane[1:-1]) & (lane[1:-1] == lane[:-2])
    assert same_lane.sum() > 480
    assert np.abs(change + lateral[1:-1])[same_lane].max() < 2e-3
    # Where the lane changes, the offset is counted from the next lane's centre: the car itself does not jump.
    crossings = np.flatnonzero(np.diff(lane))
    assert len(crossings) == len(changes)
    np.testing.assert_allclose(np.abs(offset[crossings + 1] - offset[crossings]), scene.lane_width, atol=0.1)


def test_signs() -> None:
    """A car right of the middle of its lane that points to the left, on a bend to the left."""
    scene = replace(PLAIN, sway=0.0, offset=-0.4, course=Course(bend=0.002), yaw=0.02, lane_changes=(LaneChange(0.0, "left", 10.0),))
    ground_truth = RoadRenderer(scene, WIDTH, HEIGHT).render(1.0).ground_truth
    assert 0.3 < ground_truth.offset_m < 0.4
    assert ground_truth.heading_rad > 0
    assert ground_truth.curvature_per_m == pytest.approx(0.002)
    assert ground_truth.curvature_rate_per_m2 == 0
    assert ground_truth.width_m == 3.6
    assert ground_truth.ego_lane == 1
    assert [boundary.position for boundary in ground_truth.boundaries] == [-2, -1, 1, 2]
    assert (ground_truth.camera.yaw, ground_truth.camera.lateral, ground_truth.camera.mount_height) == (0.02, 0.0, scene.camera_height)
    left, right = (boundary.points for boundary in ground_truth.boundaries[1:3])
    # Beside the car: half a lane and the offset to the left, half a lane less the offset to the right.
    assert left[0, 1] == pytest.approx(1.8 + ground_truth.offset_m, abs=0.02)
    assert right[0, 1] == pytest.approx(-1.8 + ground_truth.offset_m, abs=0.02)
    assert np.all(np.diff(left[:, 0]) > 0)
    # The lane bends to the left of where it points to, which is to the right of where the car points to.
    assert left[40, 1] < left[0, 1]
    assert left[-1, 1] > left[0, 1]


def test_curvature_is_that_of_the_lane_s_middle() -> None:
    scene = replace(PLAIN, sway=0.0, ego_lane=0, course=Course(bend=0.004, winding=0.004, winding_length=300.0, winding_phase=0.5))
    renderer = RoadRenderer(scene, 64, 48)
    before, ground_truth, after = (renderer.render(time).ground_truth for time in (0.29, 0.3, 0.31))
    left, right = (boundary.points[:200, :2] for boundary in ground_truth.boundaries[:2])
    step = np.diff((left + right) / 2, axis=0)
    direction = np.unwrap(np.arctan2(step[:, 1], step[:, 0]))
    curvature = np.polyfit(np.cumsum(np.hypot(*step.T)), direction, 1)[0]  # on average over the next ten metres
    half_way = ground_truth.curvature_per_m + 5 * ground_truth.curvature_rate_per_m2
    assert curvature == pytest.approx(half_way, rel=0.01)
    # Straight along the middle of its lane, the car's path is the lane's.
    assert ground_truth.path_curvature_per_m == pytest.approx(ground_truth.curvature_per_m)
    rate = (after.curvature_per_m - before.curvature_per_m) / (0.02 * ground_truth.speed_mps)
    assert ground_truth.curvature_rate_per_m2 == pytest.approx(rate, rel=1e-4)


def test_what_hides_a_boundary_makes_it_invisible() -> None:
    still = replace(PLAIN, sway=0.0, ego_lane=0)
    free = RoadRenderer(still, WIDTH, HEIGHT).render().ground_truth
    truck = replace(still, vehicles=(Vehicle("truck", 20.0, still.boundaries[2], still.speed),))
    behind = RoadRenderer(truck, WIDTH, HEIGHT).render().ground_truth
    assert free.boundaries[2].visible.sum() > behind.boundaries[2].visible.sum() + 20
    bonnet = RoadRenderer(replace(still, lens=replace(still.lens, bonnet=0.25)), WIDTH, HEIGHT).render().ground_truth
    seen = bonnet.boundaries[1]
    assert seen.pixels[seen.visible, 1].max() < 0.8 * HEIGHT
    crest = replace(still, course=Course(hill=6.0, hill_length=240.0, hill_phase=0.9))
    over = RoadRenderer(crest, WIDTH, HEIGHT).render().ground_truth.boundaries[1]
    assert over.visible.any()
    assert not over.visible[-10:].any()


def test_a_boundary_without_paint_is_still_a_boundary() -> None:
    bare = replace(PLAIN, lines=(LaneMarking(), LaneMarking("none"), LaneMarking(), LaneMarking()))
    rendering = RoadRenderer(bare, WIDTH, HEIGHT).render()
    assert [boundary.painted for boundary in rendering.ground_truth.boundaries] == [True, False, True, True]
    assert -1 not in [boundary.position for boundary in rendering.lanes]
