"""The road's state: what it says is seen, how that changes with it, and another estimate of the mount."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from lanes.tracking.road import (
    BOUNCE,
    CREST,
    CURVATURE,
    HEADING,
    OFFSET,
    OWN,
    PITCH,
    RATE,
    SHARED,
    SKEW,
    Floats,
    bend,
    carry_over,
    fall,
    jacobian,
    nearness,
    project,
    transition,
)
from tests.tracking.roads import CAMERA

HEIGHT = CAMERA.mount_height
DOWN = np.array([[0.3, 0.2, 0.1, 0.06], [0.28, 0.15, 0.08, 0.05]])


def make_state(pitch: float = 0.01, crest: float = 2e-4, heading: float = 0.03, curvature: float = 2e-3) -> Floats:
    state = np.zeros(SHARED + 2 * OWN)
    state[[PITCH, BOUNCE, CREST, HEADING, CURVATURE, RATE]] = pitch, 0.001, crest, heading, curvature, 2e-5
    state[SHARED + OFFSET :: OWN] = 1.7, -1.9
    state[SHARED + SKEW :: OWN] = 0.002, -0.004
    return state


def sides(state: Floats, down: Floats, index: list[int]) -> Floats:
    near = nearness(state, down, HEIGHT)
    offsets, skews = state[SHARED + OFFSET :: OWN][index], state[SHARED + SKEW :: OWN][index]
    result: Floats = near * offsets[:, None] + skews[:, None] + bend(state, near)
    return result


def test_the_jacobian_is_how_the_picture_changes_with_the_state() -> None:
    index = [1, 0]
    # Without a crest it is exact: with one, `nearness` is a first step of a solution.
    state = make_state(crest=0.0)
    analytic = jacobian(state, nearness(state, DOWN, HEIGHT), np.array(index), HEIGHT)
    for number in range(len(state)):
        step = np.zeros_like(state)
        step[number] = 1e-7
        slope = (sides(state + step, DOWN, index) - sides(state - step, DOWN, index)) / 2e-7
        assert_allclose(analytic[..., number], slope, rtol=2e-3, atol=1e-4, err_msg=str(number))


@given(st.floats(-0.03, 0.03), st.floats(8.0, 80.0))
def test_on_a_flat_road_rays_fall_on_the_point_that_they_came_from(pitch: float, ahead: float) -> None:
    state = make_state(pitch=pitch, crest=0.0)
    near = np.array([1.0 / ahead])
    assert_allclose(nearness(state, fall(state, near, HEIGHT), HEIGHT), near, rtol=1e-9)


def test_over_a_gentle_hill_they_nearly_do() -> None:
    state = make_state(crest=-2e-4)
    near = 1.0 / np.array([5.0, 10.0, 20.0, 40.0])
    assert_allclose(nearness(state, fall(state, near, HEIGHT), HEIGHT), near, rtol=0.05)


def test_rays_are_seen_where_their_points_are() -> None:
    points = np.array([[6.0, 1.5, 0.0], [30.0, -2.0, 0.0]])
    seen = project(CAMERA, points[:, 1] / points[:, 0], HEIGHT / points[:, 0])
    assert_allclose(seen, CAMERA.project(points), atol=1e-6)


@given(st.floats(-0.02, 0.02), st.floats(-0.02, 0.02), st.floats(0.7, 1.4))
def test_another_estimate_of_the_mount_leaves_the_picture_where_it_is(pitch: float, yaw: float, scale: float) -> None:
    before = make_state()
    other = replace(CAMERA, pitch=CAMERA.pitch + pitch, yaw=CAMERA.yaw + yaw, mount_height=HEIGHT * scale)
    after, covariance = carry_over(before, np.eye(len(before)), CAMERA, other)
    near = 1.0 / np.array([6.0, 12.0, 25.0])
    side = near * before[SHARED + OFFSET] + before[SHARED + SKEW] + bend(before, near)
    seen = project(CAMERA, side, fall(before, near, HEIGHT))
    near = near / scale
    side = near * after[SHARED + OFFSET] + after[SHARED + SKEW] + bend(after, near)
    again = project(other, side, fall(after, near, other.mount_height))
    assert np.abs(again - seen).max() < 4.0  # of 1280: angles add up to first order
    assert (np.linalg.eigvalsh(covariance) > 0).all()


@given(st.floats(1e-3, 1.0), st.floats(1e-3, 1.0))
def test_two_steps_are_one(first: float, second: float) -> None:
    (one, noise), (two, more), (both, all_noise) = (transition(1, dt) for dt in (first, second, first + second))
    assert_allclose((two @ one)[:SHARED, :SHARED].diagonal(), both[:SHARED, :SHARED].diagonal(), rtol=1e-9)
    assert ((noise >= 0) & (all_noise >= 0)).all()
    alone = np.setdiff1d(np.arange(SHARED), [HEADING])
    assert_allclose((two.diagonal() ** 2 * noise + more)[alone], all_noise[alone], rtol=1e-9, atol=1e-18)
