"""RoadTracker: where boundaries are, how surely, who they are, and when they begin and end."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from lanes.geometry.camera import Camera
from lanes.geometry.paint import PaintLine
from lanes.tracking.tracker import RoadTracker
from tests.tracking.roads import CAMERA, DT, LANE_M, THREE_LANES, Road, drive, ego_pair, mirrored


@given(st.floats(-1.2, 1.2), st.floats(-0.03, 0.03), st.floats(-0.005, 0.005))
@settings(deadline=None, max_examples=20)
def test_it_finds_the_road_that_is_there(offset: float, heading: float, curvature: float) -> None:
    tracker = RoadTracker()
    drive(tracker, Road((1.8 + offset, -1.8 + offset), heading, curvature), 2.0, far=35.0)
    ego = tracker.ego()
    assert ego is not None
    assert ego.offset_m
    assert ego.width_m
    assert ego.heading_rad
    assert ego.curvature_per_m
    assert ego.look_ahead_m
    assert ego.offset_m.value == pytest.approx(offset, abs=0.02)  # the lane lies to the left where the car is to the right
    assert ego.width_m.value == pytest.approx(3.6, abs=0.03)
    assert ego.heading_rad.value == pytest.approx(-heading, abs=0.004)
    assert ego.curvature_per_m.value == pytest.approx(curvature, abs=5e-4)
    assert 15.0 < ego.look_ahead_m.value < 45.0


def test_ninety_percent_intervals_hold_their_truths() -> None:
    held = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        offset, heading = rng.normal(0, 0.3), rng.normal(0, 0.01)
        tracker = RoadTracker()
        for step in range(15):
            tracker.update(Road((1.8 + offset, -1.8 + offset), heading).lines(noise=rng), CAMERA, step * DT)
        ego = tracker.ego()
        assert ego is not None
        assert ego.offset_m
        held.append(abs(ego.offset_m.value - offset) < 1.645 * ego.offset_m.std)
    assert np.mean(held) >= 0.85


def test_the_first_frame_is_enough_for_lines_that_are_sure() -> None:
    tracker = RoadTracker()
    tracker.update(THREE_LANES.lines(), CAMERA, 0.0)
    assert [track.position for track in tracker.tracks] == [-2, -1, 1, 2]
    assert all(track.held_s == 0 for track in tracker.tracks)


def test_positions_rise_from_left_to_right_and_so_do_places() -> None:
    tracker = RoadTracker()
    drive(tracker, THREE_LANES, 0.5)
    offsets = [track.curve.offset_m.value for track in tracker.tracks]
    assert offsets == sorted(offsets, reverse=True)


@pytest.mark.parametrize("side", [1, -1])
def test_ids_stay_through_a_lane_change(side: int) -> None:
    tracker = RoadTracker()
    now = drive(tracker, THREE_LANES, 1.0)
    before = {track.position: track.id for track in tracker.tracks}
    steps = round(4.0 / DT)
    for step in range(steps):
        share = (step + 1) / steps
        shift = side * LANE_M * share**3 * (10 - 15 * share + 6 * share**2)
        tracker.update(THREE_LANES.moved(shift).lines(), CAMERA, now + step * DT)
    drive(tracker, THREE_LANES.moved(side * LANE_M), 1.0, now + 4.0)
    after = {track.position: track.id for track in tracker.tracks}
    # Everything moved to the left: what was the right boundary is the left one now, or the other way round.
    assert (after[-1] if side > 0 else after[1]) == (before[1] if side > 0 else before[-1])
    assert (after[1] if side > 0 else after[-1]) == (before[2] if side > 0 else before[-2])
    assert len(set(after.values()) - set(before.values())) == 0


def test_the_offset_follows_a_lane_change_with_little_lag() -> None:
    tracker, late, swift = RoadTracker(), [], []
    now, steps, before = drive(tracker, THREE_LANES, 1.0), round(4.0 / DT), 0.0
    left = tracker.tracks[1].id
    for step in range(steps):
        share = (step + 1) / steps
        shift = LANE_M * share**3 * (10 - 15 * share + 6 * share**2)
        tracker.update(THREE_LANES.moved(shift).lines(), CAMERA, now + step * DT)
        track = next((track for track in tracker.tracks if track.id == left), None)
        if track is not None:
            late.append(1.8 + shift - track.curve.offset_m.value)
            swift.append((shift - before) / DT)
        before = shift
    lag_s = float(np.dot(late, swift) / np.dot(swift, swift))
    assert abs(lag_s) < 0.1


def test_half_a_second_without_paint_is_held_and_said() -> None:
    tracker = RoadTracker()
    now = drive(tracker, Road(), 1.0)
    ids = {track.id for track in tracker.tracks}
    for step in range(12):
        tracker.update([], CAMERA, now + step * DT)
        assert {track.id for track in tracker.tracks} == ids
        assert all(track.held_s == pytest.approx((step + 1) * DT) for track in tracker.tracks)
    for step in range(12, 15):
        tracker.update([], CAMERA, now + step * DT)
    assert tracker.tracks == ()
    assert tracker.ego() is None


def test_what_is_held_is_less_and_less_certain() -> None:
    tracker = RoadTracker()
    now, spread, trust = drive(tracker, Road(), 1.0), [], []
    for step in range(10):
        tracker.update([], CAMERA, now + step * DT)
        spread.append(ego_pair(tracker)[0].curve.offset_m.std)
        trust.append(ego_pair(tracker)[0].confidence)
    assert spread == sorted(spread)
    assert trust == sorted(trust, reverse=True)


def test_a_boundary_behind_a_lorry_goes_on_with_the_other_one() -> None:
    tracker = RoadTracker()
    now = drive(tracker, Road(), 1.0)
    right = ego_pair(tracker)[1].id
    for step in range(10):
        tracker.update(Road(heading=0.5 / 20).moved(0.02 * step).lines()[:1], CAMERA, now + step * DT)
    track = ego_pair(tracker)[1]
    assert track.id == right
    assert track.curve.offset_m.value == pytest.approx(-1.8 + 0.18, abs=0.08)


@pytest.mark.parametrize("how", ["reset", "gap", "size"])
def test_after_a_cut_everything_is_new(how: str) -> None:
    tracker = RoadTracker()
    now = drive(tracker, Road(), 1.0)
    before = {track.id for track in tracker.tracks}
    camera = CAMERA
    if how == "reset":
        tracker.reset("a cut")
        assert tracker.tracks == ()
    elif how == "gap":
        now += 3.0
    else:
        camera = Camera.centred(640, 360, 500.0, mount_height=1.4, pitch=0.04)
    tracker.update(Road((2.5, -1.1)).lines(camera), camera, now)
    after = {track.id for track in tracker.tracks}
    assert len(after) == 2
    assert not before & after
    ego = tracker.ego()
    assert ego is not None
    assert ego.offset_m is not None
    assert ego.offset_m.value == pytest.approx(0.7, abs=0.15)


def test_a_gap_of_less_than_half_a_second_keeps_the_ids() -> None:
    tracker = RoadTracker()
    now = drive(tracker, Road(), 1.0)
    before = [track.id for track in tracker.tracks]
    tracker.update(Road().moved(0.1).lines(), CAMERA, now + 0.4)
    assert [track.id for track in tracker.tracks] == before


@pytest.mark.parametrize("step", [0.0, -5.0, nan, inf, 1e9, 1e-12])
def test_absurd_times_do_no_harm(step: float) -> None:
    tracker = RoadTracker()
    now = drive(tracker, Road(), 0.5)
    for _ in range(5):
        now += step
        tracker.update(Road().lines(), CAMERA, now)
    drive(tracker, Road(), 0.5, 100.0)
    ego = tracker.ego()
    assert ego is not None
    assert ego.offset_m
    assert ego.width_m
    assert ego.width_m.value == pytest.approx(3.6, abs=0.1)


def test_lines_that_are_no_numbers_are_left_out() -> None:
    tracker = RoadTracker()
    now = drive(tracker, Road(), 0.5)
    good = Road().lines()
    broken = good[0].points.copy()
    broken[3] = nan
    bad = [replace(good[0], points=broken), replace(good[0], std_px=nan), replace(good[0], points=broken[:1]), replace(good[1], std_px=0.0)]
    for step in range(5):
        tracker.update([*good, *bad], CAMERA, now + step * DT)
    ego = tracker.ego()
    assert ego is not None
    assert ego.offset_m
    assert ego.offset_m.value == pytest.approx(0.0, abs=0.02)


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=15)
def test_noise_for_paint_does_no_harm(seed: int) -> None:
    rng, tracker = np.random.default_rng(seed), RoadTracker()
    for step in range(20):
        lines = []
        for _ in range(int(rng.integers(0, 14))):
            y = np.sort(rng.uniform(0, 719, int(rng.integers(2, 40))))[::-1]
            points = np.stack([rng.uniform(0, 1279, len(y)), y], axis=1)
            lines.append(PaintLine(points, rng.uniform(1, 60, len(y)), float(rng.uniform(0.1, 20)), "unknown", float(rng.uniform(0, 1))))
        tracker.update(lines, CAMERA, step * DT)
        assert np.isfinite(tracker.road.state).all()
        assert (tracker.road.covariance.diagonal() > 0).all()
        assert len(tracker.tracks) <= 8


def test_two_runs_are_the_same_to_the_bit() -> None:
    runs = []
    for _ in range(2):
        tracker, rng = RoadTracker(), np.random.default_rng(5)
        for step in range(30):
            tracker.update(THREE_LANES.moved(0.01 * step).lines(noise=rng), CAMERA, step * DT)
        runs.append((tracker.road.state.tobytes(), tracker.road.covariance.tobytes(), tracker.tracks))
    assert runs[0] == runs[1]


def test_when_it_began_is_of_no_account() -> None:
    states = []
    for start in (0.0, 4096.0):
        tracker = RoadTracker()
        drive(tracker, Road((2.1, -1.5), 0.01, 1e-3), 1.0, start)
        states.append(tracker.road.state)
    assert_allclose(states[0], states[1], rtol=1e-6, atol=1e-9)


def test_the_mirror_image_has_the_mirrored_road() -> None:
    road, one, other = Road((2.1, -1.5), 0.02, 2e-3), RoadTracker(), RoadTracker()
    for step in range(25):
        lines = road.lines()
        one.update(lines, CAMERA, step * DT)
        other.update(mirrored(lines), CAMERA, step * DT)
    ego, image = one.ego(), other.ego()
    assert ego is not None
    assert image is not None
    for name, sign in (("offset_m", -1), ("width_m", 1), ("curvature_per_m", -1), ("heading_rad", -1)):
        assert getattr(image, name).value == pytest.approx(sign * getattr(ego, name).value, abs=1e-6), name
        assert getattr(image, name).std == pytest.approx(getattr(ego, name).std, rel=1e-4), name


@given(st.floats(-200, 200), st.floats(-60, 60))
@settings(deadline=None, max_examples=15)
def test_a_picture_shifted_with_its_principal_point_shows_the_same_road(right: float, down: float) -> None:
    # On a larger sensor, so that nothing leaves the picture.
    shifted = replace(CAMERA, cx=CAMERA.cx + right, cy=CAMERA.cy + down)
    one, other, road = RoadTracker(), RoadTracker(), Road((2.1, -1.5), 0.01, 1e-3)
    for step in range(10):
        lines = road.lines(near=9.0)
        moved = [replace(line, points=line.points + np.array((right, down))) for line in lines]
        one.update(lines, CAMERA, step * DT)
        other.update(moved, shifted, step * DT)
    assert_allclose(one.road.state, other.road.state, rtol=1e-5, atol=1e-8)


def test_an_exit_that_forks_off_does_not_turn_the_road() -> None:
    tracker = RoadTracker()
    now = drive(tracker, THREE_LANES, 1.0)
    for step in range(50):
        # The outermost line swings away by a tenth of a radian within two seconds.
        slip = Road((-LANE_M * 1.5 - 0.01 * step,), heading=-0.002 * step)
        tracker.update([*THREE_LANES.lines()[:3], *slip.lines()], CAMERA, now + step * DT)
        ego = tracker.ego()
        assert ego is not None
        assert ego.heading_rad
        assert ego.offset_m
        assert abs(ego.heading_rad.value) < 0.01
        assert abs(ego.offset_m.value) < 0.06


def test_the_two_strokes_of_a_double_line_are_one_boundary() -> None:
    tracker = RoadTracker()
    drive(tracker, Road((2.0, 1.75, -1.8)), 1.0)
    assert [track.position for track in tracker.tracks] == [-1, 1]


def test_one_boundary_says_how_the_road_runs_but_not_where_in_the_lane() -> None:
    tracker = RoadTracker()
    drive(tracker, Road((1.8,)), 1.0)
    ego = tracker.ego()
    assert ego is not None
    assert ego.offset_m is None
    assert ego.width_m is None
    assert ego.look_ahead_m is None
    assert ego.curvature_per_m is not None
    assert ego.heading_rad is not None


def test_a_boundary_a_lane_further_out_is_not_the_ego_lanes() -> None:
    tracker = RoadTracker()
    drive(tracker, Road((1.8, -1.8 - LANE_M)), 1.0)
    assert [track.position for track in tracker.tracks] == [-1, 2]


def test_pitch_that_is_wrong_at_first_is_found_from_the_lines() -> None:
    tracker = RoadTracker()
    wrong = replace(CAMERA, pitch=CAMERA.pitch - 0.035)
    for step in range(25):
        tracker.update(THREE_LANES.lines(), wrong, step * DT)
    ego = tracker.ego()
    assert ego is not None
    assert ego.width_m
    assert ego.width_m.value == pytest.approx(LANE_M, abs=0.2)


def test_now_is_later_than_the_frame() -> None:
    tracker = RoadTracker()
    for step in range(75):
        tracker.update(Road().moved(0.4 * step * DT).lines(), CAMERA, step * DT)
    then, now = tracker.ego(), tracker.at(0.3)
    assert then is not None
    assert then.offset_m
    assert now is not None
    assert now.offset_m
    assert now.offset_m.value - then.offset_m.value == pytest.approx(0.12, abs=0.03)
    assert now.offset_m.std > then.offset_m.std
    assert tracker.drift().value == pytest.approx(0.4, abs=0.1)


def test_with_the_speed_the_heading_says_how_fast_the_offset_changes() -> None:
    tracker = RoadTracker()
    for step in range(25):
        tracker.update(Road(heading=-0.02).moved(-0.02 * 20.0 * step * DT).lines(), CAMERA, step * DT)
    then, now = tracker.ego(), tracker.at(0.5, 20.0)
    assert then is not None
    assert then.offset_m
    assert now is not None
    assert now.offset_m
    assert now.offset_m.value - then.offset_m.value == pytest.approx(-0.2, abs=0.05)
