"""Tracks: what a receiver said becomes places in time, or is left out."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanes.dashcam.track import FASTEST_MPS, Fix, Track, distance_m
from tests.dashcam.cameras import drive_north_east

numbers = st.floats(allow_nan=True, allow_infinity=True)
degrees = st.floats(-180, 180)


def track(*fixes: Fix) -> Track:
    found = Track.of(fixes)
    assert found is not None
    return found


def test_a_drive_has_its_length_and_its_places() -> None:
    found = track(*drive_north_east(11, speed=20))
    assert found.length_m == pytest.approx(200, rel=0.002)
    middle = found.at(4.5)
    assert middle is not None
    assert middle.speed_mps == pytest.approx(20)
    before, after = found.at(4), found.at(5)
    assert before is not None
    assert after is not None
    assert middle.latitude_deg == pytest.approx((before.latitude_deg + after.latitude_deg) / 2)
    assert found(4.5).speed_mps == pytest.approx(20)


def test_where_nothing_near_is_known_nothing_is_said() -> None:
    fixes = drive_north_east(20)
    found = track(*fixes[:5], *fixes[15:])
    assert found.at(4.4) is not None
    assert found.at(10) is None
    assert found(10).speed_mps is None
    assert found.at(-1) is not None
    assert found.at(-2) is None
    assert found.at(20.4) is not None
    assert found.at(21) is None


def test_a_speed_that_is_not_said_comes_from_the_places() -> None:
    found = track(*(fix._replace(speed_mps=nan) for fix in drive_north_east(10, speed=30)))
    assert found.points[:, 3] == pytest.approx(30, rel=0.002)
    assert track(Fix(0, 48, 11))(0).speed_mps is None


def test_across_the_180th_meridian_the_way_is_short() -> None:
    found = track(Fix(0, -17, 179.9999), Fix(1, -17, -179.9999))
    assert found.length_m == pytest.approx(21.3, rel=0.01)
    middle = found.at(0.25)
    assert middle is not None
    assert middle.longitude_deg == pytest.approx(179.99995)


@pytest.mark.parametrize(
    "wrong", [Fix(3.5, 0, 0), Fix(3.5, 91, 11), Fix(3.5, 48, 181), Fix(3.5, nan, 11), Fix(nan, 48, 11), Fix(3.5, 10, 11), Fix(inf, 48, 11)]
)
def test_places_that_cannot_be_are_left_out(wrong: Fix) -> None:
    fixes = drive_north_east(10)
    assert (track(*fixes[:4], wrong, *fixes[4:]).points[:, :3] == track(*fixes).points[:, :3]).all()


def test_noise_is_no_track() -> None:
    rng = np.random.default_rng(0)
    assert Track.of(Fix(index, *rng.uniform((-90, -180), (90, 180))) for index in range(100)) is None
    assert Track.of([]) is None
    assert Track.of([Fix(0, 0, 0)]) is None


@given(st.lists(st.builds(Fix, numbers, numbers, numbers, numbers), max_size=20))
def test_whatever_a_receiver_says_a_track_makes_sense(fixes: list[Fix]) -> None:
    found = Track.of(fixes)
    if found is None:
        return
    assert (np.diff(found.points[:, 0]) > 0).all()
    assert (np.abs(found.points[:, 1]) <= 90).all()
    speeds = found.points[:, 3]
    assert ((speeds >= 0) & (speeds <= FASTEST_MPS) | np.isnan(speeds)).all()
    assert np.isfinite(found.length_m)
    for time in (0.0, 1.0, found.points[0, 0], found.points[-1, 0]):
        place = found.at(float(time))
        assert place is None or (abs(place.latitude_deg) <= 90 and abs(place.longitude_deg) <= 180)


@given(degrees.filter(lambda value: abs(value) <= 90), degrees, degrees.filter(lambda value: abs(value) <= 90), degrees)
def test_distance_is_a_distance(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> None:
    there = distance_m(latitude, longitude, other_latitude, other_longitude)
    assert there == pytest.approx(float(distance_m(other_latitude, other_longitude, latitude, longitude)), abs=1e-6)
    assert 0 <= there <= 20_015_200
    assert distance_m(latitude, longitude, latitude, longitude) == pytest.approx(0, abs=1e-6)


def test_tracks_of_pieces_are_one() -> None:
    one, other = track(*drive_north_east(5)), track(*drive_north_east(5, latitude=48.1008))
    whole = Track.joined([one, None, other.shifted(5)])
    assert whole is not None
    assert len(whole) == 10
    assert whole.points[:, 0].tolist() == list(range(10))
    assert Track.joined([None, None]) is None
    overlapping = Track.joined([one, one.shifted(0.0)])
    assert overlapping is not None
    assert len(overlapping) == 5
