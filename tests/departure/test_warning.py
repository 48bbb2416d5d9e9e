"""The departure warning's laws: left and right are alike, earlier for faster, once an approach, moved by no age, silent with a reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import cos, pi, tau

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanes.departure import DEFAULT_VEHICLE_WIDTH_M, DepartureWarning, LaneSides, Side, VehicleState
from lanes.departure.approach import LONGEST_WARNING_S, TIME_TO_CROSSING_S
from lanes.departure.warning import SIGNAL_HOLD_S
from lanes.results import Calibration, CalibrationState, DepartureState, Estimate, Lane, RoadCurve

VALID = Calibration("valid", height_from="user")
LANE, HALF, LINE = 3.6, DEFAULT_VEHICLE_WIDTH_M / 2, 0.15
STEP = 1 / 30
speeds = st.floats(0.2, 0.8)
laws = settings(max_examples=20, deadline=None)


def sides(offset: float, lateral: float, std: float = 0.03, confidence: float = 0.95) -> LaneSides:
    """A lane 3.6 m between the inner edges of its lines, seen from `offset` to the right of its middle."""
    return LaneSides(
        Side(Estimate(LANE / 2 + offset, std), confidence), Side(Estimate(LANE / 2 - offset, std), confidence), Estimate(lateral, std)
    )


def drift(speed: float, until: float, start: float = 0.0) -> list[tuple[float, float]]:
    """(offset, lateral speed) frame by frame, at a steady speed."""
    return [(offset, speed) for offset in np.arange(start, until, speed * STEP)]


def states(
    warning: DepartureWarning, path: Iterable[tuple[float, float]], start: float = 0.0, age: float = 0.0, std: float = 0.03
) -> list[DepartureState]:
    return [
        warning.update(sides(offset, lateral, std), VALID, start + index * STEP, age)[0] for index, (offset, lateral) in enumerate(path)
    ]


def first(found: list[DepartureState]) -> int:
    return next(index for index, state in enumerate(found) if state in ("left", "right"))


def onsets(found: list[DepartureState]) -> int:
    return sum(now in ("left", "right") and before != now for before, now in zip(["none", *found], found, strict=False))


@laws
@given(speeds)
def test_a_departure_is_warned_of_about_a_second_before_the_tyre_crosses(speed: float) -> None:
    path = drift(speed, LANE / 2 - HALF + 0.3)
    found = states(DepartureWarning(), path)
    distance = LANE / 2 - HALF - path[first(found)][0]
    assert 0.7 < distance / speed <= TIME_TO_CROSSING_S
    assert onsets(found) == 1


@laws
@given(st.floats(0.15, 0.35))
def test_one_that_gets_faster_crosses_a_second_after_its_warning(rate: float) -> None:
    times = np.arange(0, 8, STEP)
    path = [(rate * t**2 / 2, rate * t) for t in times]
    crossing = (2 * (LANE / 2 - HALF) / rate) ** 0.5
    assert crossing - times[first(states(DepartureWarning(), path))] == pytest.approx(1.0, abs=0.2)


def test_a_speed_that_the_marking_does_not_bear_out_does_not_warn() -> None:
    """A line on the other side that is taken for another one moves the whole road's speed; the marking on this side stays."""
    still = [*[(0.5, 0.0)] * 30, *[(0.5, 0.4)] * 15]
    assert "right" not in states(DepartureWarning(), still)
    assert "right" in states(DepartureWarning(), [*[(0.5, 0.0)] * 30, *drift(0.4, 0.8, 0.5)])


@laws
@given(speeds, st.floats(1.6, 2.1), st.floats(-0.4, 0.4))
def test_left_is_the_mirror_image_of_right(speed: float, width: float, camera: float) -> None:
    path = drift(speed, LANE / 2)
    right = states(DepartureWarning(width, camera), path)
    left = states(DepartureWarning(width, -camera), [(-offset, -lateral) for offset, lateral in path])
    mirror = {"left": "right", "right": "left"}
    assert [mirror.get(state, state) for state in left] == right


@laws
@given(st.floats(0.2, 0.7), st.floats(0.01, 0.3), st.floats(0.0, 0.1))
def test_what_is_nearer_faster_or_wider_is_warned_of_no_later(speed: float, more: float, std: float) -> None:
    def warned_at(width: float, factor: float) -> float:
        warning = DepartureWarning(width)
        for offset, _ in drift(speed, LANE):
            if warning.update(sides(offset, speed * factor, std), VALID, offset / speed)[0] == "right":
                return offset
        raise AssertionError("no warning")

    assert warned_at(1.8 + more, 1.0) <= warned_at(1.8, 1.0)
    assert warned_at(1.8, 1.0 + more) <= warned_at(1.8, 1.0)


def test_an_uncertain_estimate_warns_later_than_a_certain_one() -> None:
    found = [first([DepartureWarning().update(sides(o, v, std), VALID, 0)[0] for o, v in drift(0.5, 2)]) for std in (0.0, 0.05, 0.1)]
    assert found == sorted(found)
    assert len(set(found)) == 3


def test_a_vehicle_that_stays_on_the_line_is_warned_of_once_and_not_for_long() -> None:
    path = [*drift(0.4, 1.0), *[(1.0, 0.0)] * 900]
    found = states(DepartureWarning(), path)
    assert onsets(found) == 1
    assert found.count("right") * STEP == pytest.approx(LONGEST_WARNING_S, abs=2 * STEP)


def test_a_vehicle_that_comes_back_is_warned_of_anew() -> None:
    there = drift(0.4, 1.0)
    back = [(offset, -0.4) for offset, _ in reversed(there)]
    assert onsets(states(DepartureWarning(), [*there, *back, *there, *back])) == 2


def test_one_that_wavers_on_its_way_out_is_not() -> None:
    path = [(0.2 + 0.3 * t - 0.05 * cos(tau * t), 0.3 + 0.05 * tau * np.sin(tau * t)) for t in np.arange(0, 4, STEP)]
    assert onsets(states(DepartureWarning(), path)) == 1


def test_a_lane_change_is_one_approach_and_the_next_one_another() -> None:
    once = drift(0.8, LANE / 2)
    into = [(offset - LANE, lateral) for offset, lateral in drift(0.8, LANE / 2 + LANE / 2, LANE / 2)]
    found = states(DepartureWarning(), [*once, *into, *once])
    assert onsets(found) == 2
    assert set(found) == {"none", "right"}


def test_a_boundary_that_is_lost_for_a_moment_is_the_same_approach() -> None:
    warning, found = DepartureWarning(), []
    for index, (offset, lateral) in enumerate(drift(0.3, 1.75)):
        seen = sides(offset, lateral)
        if index % 60 > 45:
            seen = LaneSides(seen.left, None, seen.lateral_mps)
        found.append(warning.update(seen, VALID, index * STEP)[0])
    assert found.count("right") > 0
    assert sum(a == "right" and b != "right" for a, b in zip(found[1:], found, strict=False)) <= 2
    assert found[-1] == "none"


@laws
@given(st.floats(0.2, 0.8), st.sampled_from([0.05, 0.15, 0.3]), st.floats(0.0, 0.15))
def test_the_frames_age_moves_the_warning_by_no_more_than_a_tenth_of_a_second(speed: float, age: float, std: float) -> None:
    path = drift(speed, LANE / 2, -0.6)
    fresh, aged = (states(DepartureWarning(), path, age=each, std=std) for each in (0.0, age))
    assert abs(first(aged) * STEP + age - first(fresh) * STEP) < 0.1


@settings(max_examples=8, deadline=None)
@given(st.floats(0.1, 0.4), st.sampled_from([0.05, 0.15, 0.3]))
def test_nor_does_it_where_the_vehicle_accelerates_across_the_lane(rate: float, age: float) -> None:
    def warned_s(age_s: float) -> float:
        warning = DepartureWarning()
        for t in np.arange(0, 10, 1 / 200):
            seen = replace(sides(rate * t**2 / 2, rate * t), lateral_mps2=rate)
            if warning.update(seen, VALID, t, age_s)[0] == "right":
                return float(t + age_s)
        raise AssertionError("no warning")

    assert warned_s(age) == pytest.approx(warned_s(0.0), abs=0.06)


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 2**31))
def test_noise_of_the_stated_size_does_not_warn_in_the_middle_of_the_lane(seed: int) -> None:
    rng = np.random.default_rng(seed)
    warning, std = DepartureWarning(), 0.08
    for index in range(3000):
        offset = 0.28 * np.sin(index / 100)
        seen = sides(offset + rng.normal(0, std), 0.28 * 0.3 * np.cos(index / 100) + rng.normal(0, std), std)
        assert warning.update(seen, VALID, index * STEP)[0] == "none"


def test_without_a_known_height_it_is_inactive() -> None:
    for calibration in (None, Calibration("valid", height_from="assumed")):
        assert DepartureWarning().update(sides(0.9, 0.5), calibration, 0) == ("inactive", "the camera's height is not known")


@pytest.mark.parametrize("state", ["uncalibrated", "calibrating", "invalid"])
def test_without_a_valid_calibration_it_is_inactive(state: CalibrationState) -> None:
    assert DepartureWarning().update(sides(0.9, 0.5), Calibration(state, height_from="user"), 0) == (
        "inactive",
        f"the camera's mount is {state}",
    )


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (None, "no boundary of the lane is known in metres"),
        (LaneSides(None, None, Estimate(0, 0.1)), "no boundary of the lane is known in metres"),
        (sides(0, 0, confidence=0.3), "the lane's boundaries are uncertain"),
        (sides(0, 0, std=0.5), "the distance to the lane's boundaries is uncertain"),
    ],
)
def test_where_the_lane_is_not_known_it_says_so(seen: LaneSides | None, reason: str) -> None:
    assert DepartureWarning().update(seen, VALID, 0) == ("inactive", reason)


def test_one_known_boundary_is_watched() -> None:
    found = set()
    warning = DepartureWarning()
    for index, (offset, lateral) in enumerate(drift(0.5, 1.0)):
        both = sides(offset, lateral)
        found.add(warning.update(LaneSides(None, both.right, both.lateral_mps), VALID, index * STEP)[0])
    assert found == {"none", "right"}


def test_the_speed_switches_it_on_at_60_and_off_below_55() -> None:
    warning = DepartureWarning()
    active = [
        warning.update(sides(0, 0), VALID, index, vehicle=VehicleState(kmh / 3.6))[0] == "none"
        for index, kmh in enumerate([50, 59, 60.5, 56, 55.5, 54, 59, 61])
    ]
    assert active == [False, False, True, True, True, False, False, True]
    assert warning.update(sides(0, 0), VALID, 9)[0] == "none", "a speed that is not known forbids nothing"


@pytest.mark.parametrize("signal", ["left", "right"])
def test_the_turn_signal_silences_it_and_for_a_while_after(signal: str) -> None:
    warning = DepartureWarning()
    assert warning.update(sides(0.9, 0.5), VALID, 0, vehicle=VehicleState(30, signal))[0] == "inactive"  # type: ignore[arg-type]
    assert warning.update(sides(0.9, 0.5), VALID, SIGNAL_HOLD_S - 0.1, vehicle=VehicleState(30, "off"))[0] == "inactive"
    assert warning.update(sides(0.7, 0.5), VALID, SIGNAL_HOLD_S + 0.1, vehicle=VehicleState(30, "off"))[0] == "right"


def test_the_width_and_the_cameras_place_move_the_tyres() -> None:
    def warns(width: float, camera: float) -> bool:
        return DepartureWarning(width, camera).update(sides(0.2, 0.5), VALID, 0)[0] == "right"

    assert not warns(1.8, 0)
    assert warns(2.4, 0)
    assert warns(1.8, 0.4), "the camera is left of the middle: the right tyre is further out"
    assert not warns(1.8, -0.4)


def test_sides_are_measured_to_the_inner_edges_of_the_lines() -> None:
    def lane(position: int, offset: float) -> Lane:
        none = Estimate(0.0, 0.01)
        curve = RoadCurve(Estimate(offset, 0.04), none, none, none, 4, 40)
        return Lane(position, np.zeros((2, 2), np.float32), 0.9, 1, curve=curve)

    found = LaneSides.of([lane(-2, 5.2), lane(-1, 1.6), lane(1, -2.0)], Estimate(0.1, 0.05), LINE)
    assert found.left is not None
    assert found.left.distance_m.value == pytest.approx(1.6 - LINE / 2)
    assert found.right is not None
    assert found.right.distance_m.value == pytest.approx(2.0 - LINE / 2)
    assert found.right.distance_m.std == 0.04
    assert LaneSides.of([lane(2, -5.2)], Estimate(0.1, 0.05)).left is None


def test_a_reset_forgets_the_approach() -> None:
    warning = DepartureWarning()
    assert onsets(states(warning, drift(0.4, 0.8))) == 1
    warning.reset()
    assert onsets(states(warning, drift(0.4, 0.8), start=pi)) == 1
