"""The motion of the camera's car: it moves only where it points, keeps its lane, and changes lanes when asked to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lanes.renderer import Scene
from lanes.renderer.course import Course
from lanes.renderer.ego import EgoMotion
from lanes.renderer.elements import LaneChange, LaneMarking

ROAD = Scene(lines=(LaneMarking(),) * 4, ego_lane=1, lane_width=3.6, speed=25.0, sway=1.0)
"""A straight road of three lanes, the car in the middle one."""

drives = st.builds(
    lambda seed, bend, winding, speed, duration, direction: replace(
        ROAD,
        seed=seed,
        speed=speed,
        course=Course(bend=bend, winding=winding, winding_length=200.0),
        lane_changes=(LaneChange(2.0, direction, duration),),
    ),
    st.integers(0, 2**32 - 1),
    st.floats(-0.005, 0.005),
    st.floats(-0.005, 0.005),
    st.floats(3.0, 40.0),
    st.floats(2.0, 8.0),
    st.sampled_from(["left", "right"]),
)


def states(scene: Scene, times: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """The car's state at each time, an array for each of its values."""
    motion = EgoMotion(scene)
    each = [motion.state(float(time)) for time in times]
    return {name: np.array([getattr(state, name) for state in each]) for name in ("s", "y", "heading", "speed", "path_curvature", "lane")}


@settings(deadline=None, max_examples=50)
@given(drives)
def test_the_car_moves_only_where_it_points(scene: Scene) -> None:
    """Lateral speed is speed times the sine of the heading, and the yaw rate is speed times the curvature of the path steered."""
    times, step = np.arange(0.01, 12, 0.21), 1e-5
    before, now, after = (states(scene, times + shift) for shift in (-step, 0, step))
    lateral_speed = (after["y"] - before["y"]) / (2 * step)
    np.testing.assert_allclose(lateral_speed, now["speed"] * np.sin(now["heading"]), atol=1e-4)
    directions = [found["heading"] + scene.course.heading(found["s"]) for found in (before, after)]
    yaw_rate = (directions[1] - directions[0]) / (2 * step)
    np.testing.assert_allclose(yaw_rate, now["speed"] * now["path_curvature"], atol=1e-3)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(3.0, 35.0))
def test_the_car_keeps_its_lane_calmly(seed: int, speed: float) -> None:
    found = states(replace(ROAD, seed=seed, speed=speed), np.arange(0, 60, 0.5))
    assert np.all(found["lane"] == 1)
    assert np.abs(found["y"]).max() <= 0.28 + 1e-9
    # Half of what is felt as uncomfortable.
    assert np.abs(found["speed"] ** 2 * found["path_curvature"]).max() < 0.7
    assert found["y"].std() > 0.02 * min(1.0, speed / 10)


def test_every_seed_has_a_wander_of_its_own_and_without_sway_there_is_none() -> None:
    times = np.arange(0, 10, 0.5)
    first, second = (states(replace(ROAD, seed=seed), times)["y"] for seed in (1, 2))
    assert not np.allclose(first, second, atol=0.01)
    np.testing.assert_array_equal(states(replace(ROAD, seed=1), times)["y"], first)
    still = states(replace(ROAD, sway=0.0, offset=0.3), times)
    assert np.all(still["y"] == 0.3)
    assert np.all(still["heading"] == 0)
    parked = states(replace(ROAD, speed=0.0), times)
    assert np.all(parked["y"] == parked["y"][0])
    assert np.all(parked["speed"] == 0)


def test_lane_changes_take_the_time_and_the_direction_asked_for() -> None:
    scene = replace(ROAD, sway=0.0, lane_changes=(LaneChange(2.0, "left", 4.0), LaneChange(8.0, "right"), LaneChange(13.0, "right")))
    times = np.array([0.0, 2.0, 4.0, 6.0, 8.0, 13.0, 18.0, 30.0])
    found = states(scene, times)
    np.testing.assert_allclose(found["y"], [0, 0, 1.8, 3.6, 3.6, 0, -3.6, -3.6], atol=1e-9)
    assert np.delete(found["lane"], 2).tolist() == [1, 1, 0, 0, 1, 2, 2]  # but on the line itself
    np.testing.assert_allclose(found["heading"][[0, 1, 3, 4, 5, 7]], 0, atol=1e-9)
    assert found["heading"][2] > 0
    # As a driver does it: 3.6 m in 5 s take less than 1 m/s^2.
    smooth = states(scene, np.arange(7.9, 19, 0.05))
    assert 0.5 < np.abs(smooth["speed"] ** 2 * smooth["path_curvature"]).max() < 1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ((LaneChange(0.0, "left"), LaneChange(6.0, "left")), "no lane to the left of lane 0"),
        ((LaneChange(0.0, "right"), LaneChange(6.0, "right")), "no lane to the right of lane 2"),
        ((LaneChange(0.0, "left", 5.0), LaneChange(4.0, "right")), "one after the other"),
        ((LaneChange(-1.0, "left"),), "one after the other"),
        ((LaneChange(1.0, "left", 0.0),), "take time"),
    ],
)
def test_lane_changes_that_cannot_be_driven_are_refused(changes: tuple[LaneChange, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ROAD, lane_changes=changes)
    with pytest.raises(ValueError, match="moves forward"):
        replace(ROAD, speed=0.0, lane_changes=(LaneChange(1.0, "left"),))
