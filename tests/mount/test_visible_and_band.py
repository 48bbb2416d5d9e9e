"""Where road is visible, and the band of rows for the network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lanes.geometry.paint import PaintLine
from lanes.mount import MountEstimator
from lanes.renderer.course import Course
from lanes.renderer.ego import EgoMotion
from lanes.renderer.road import RoadAhead
from lanes.results import Band
from tests.mount.drives import SIZE, Drive, camera_file, highway, turned

WIDTH, HEIGHT = SIZE


def bands(mount: MountEstimator, drive: Drive, seconds: float, start: float = 0.0) -> list[Band | None]:
    """The band after each frame, ten a second."""
    found = []
    for time_s in np.arange(start, start + seconds, 0.1):
        mount.update(drive.lines(float(time_s)), SIZE, float(time_s))
        found.append(mount.band)
    return found


def road_rows(drive: Drive, time_s: float) -> tuple[float, float]:
    """The highest and the lowest row in which there is road, up to 150 m ahead."""
    camera, road = drive.camera(time_s), RoadAhead(drive.scene.course, EgoMotion(drive.scene).state(time_s).s)
    s = np.geomspace(1.0, 150.0, 300)
    rows = camera.project(road.points(s, np.full_like(s, drive.scene.boundaries[1])))
    seen = ~road.hidden(s, camera) & np.all((rows >= 0) & (rows <= (WIDTH - 1, HEIGHT - 1)), axis=1)
    return float(rows[seen, 1].min()), min(float(rows[seen, 1].max()), float(drive.bottom(np.array([WIDTH / 2.0]))[0]))


def assert_keeps_the_road(drive: Drive, found: list[Band | None], start: float = 0.0) -> None:
    for number, band in enumerate(found):
        if band is not None:
            high, low = road_rows(drive, start + number / 10)
            assert band[0] <= high
            assert band[1] >= min(low, HEIGHT)


@pytest.mark.parametrize("pitch", [-4, 0, 3, 8])
def test_a_band_settles_within_two_seconds_and_holds(pitch: float) -> None:
    drive = Drive(highway(pitch, -1))
    found = bands(MountEstimator(None, None, None), drive, 20)
    assert found[0] is None
    settled = found[20:]
    tops = np.array([band[0] for band in settled if band is not None])
    assert len(tops) == len(settled)
    assert np.ptp(tops) <= 0.02 * HEIGHT
    assert_keeps_the_road(drive, found)
    # It is worth having: little but road is in it.
    assert tops.min() > road_rows(drive, 5.0)[0] - 0.09 * HEIGHT


@pytest.mark.parametrize("hill", [Course(hill=1.0), Course(hill=3.0, hill_length=500), Course(hill=2.5, hill_length=250)])
def test_a_hill_is_not_cut_off(hill: Course) -> None:
    drive = Drive(highway(2, 0, hill))
    assert_keeps_the_road(drive, bands(MountEstimator(camera_file(drive), None, None), drive, 30))


def test_a_lorry_ahead_hides_the_paint_and_not_the_horizon() -> None:
    drive = Drive(highway(2, 0), lorry=12.0)
    found = bands(MountEstimator(camera_file(drive), None, None), drive, 10)
    assert all(found[20:])
    assert_keeps_the_road(drive, found)


def test_black_frames_have_no_band_and_the_road_after_them_has_one_again() -> None:
    drive = Drive(highway(2, 0))
    mount = MountEstimator(camera_file(drive), None, None)
    for time_s in np.arange(0, 5, 0.1):
        mount.update([], SIZE, float(time_s))
        assert mount.band is None
    before = bands(mount, drive, 15, 5)[-1]
    assert before is not None
    held = []
    for time_s in np.arange(20, 30, 0.1):
        mount.update([], SIZE, float(time_s))
        held.append(mount.band)
    assert held[10] == before  # a bridge's shadow moves no camera
    assert held[-1] is None
    assert bands(mount, drive, 2, 30)[-1] is not None


@pytest.mark.parametrize("turn", [-8, 6])
def test_a_camera_turned_by_hand_loses_its_band_until_the_road_is_found(turn: float) -> None:
    drive = Drive(highway(0, 0))
    other = Drive(turned(drive.scene, turn, 1))
    mount = MountEstimator(camera_file(drive), None, None)
    assert bands(mount, drive, 15)[-1] is not None
    found = bands(mount, other, 20, 15)
    # What is above or below the band is not seen until it has grown; from a second after the turn on nothing is cut off.
    assert_keeps_the_road(other, found[10:], 16.0)
    assert found[-1] is not None
    high, _ = road_rows(other, 34.9)
    assert found[-1][0] > high - 0.12 * HEIGHT


def test_a_band_starts_anew_after_a_cut() -> None:
    drive = Drive(highway(0, 0))
    mount = MountEstimator(None, None, None)
    assert bands(mount, drive, 5)[-1] is not None
    mount.reset("another recording")
    assert mount.band is None
    assert bands(mount, Drive(highway(6, 0)), 2)[-1] is not None


def test_a_band_grows_at_once_and_shrinks_slowly() -> None:
    drive = Drive(highway(0, 0))
    mount = MountEstimator(None, None, None)
    before = bands(mount, drive, 5)[-1]
    assert before is not None
    far = PaintLine(np.array([[400.0, 260.0], [420.0, 240.0]]), np.ones(2), 1.0, "unknown", 0.5)
    mount.update([*drive.lines(5.0), far], SIZE, 5.0)
    assert mount.band is not None
    assert mount.band[0] < 240
    after = [band[0] for band in bands(mount, drive, 15, 5.1) if band is not None]
    assert after[0] < 240
    assert max(np.diff(after)) <= 0.02 * HEIGHT
    assert after[-1] >= before[0] - 0.03 * HEIGHT


def test_the_bonnet_is_learnt_from_where_lines_stop() -> None:
    drive = Drive(highway(1, 0), bonnet=0.82, bonnet_fall=0.05)
    mount = MountEstimator(camera_file(drive), None, None)
    found = bands(mount, drive, 25)
    columns = np.linspace(0.15, 0.85, 15) * WIDTH
    # The paint of two dashed and two solid lines shows it to within two of the cells that are counted in.
    assert np.abs(mount.visible.bottom_at(columns) - drive.bottom(columns)).max() < 0.045 * HEIGHT
    assert mount.visible.known
    assert found[-1] is not None
    assert drive.bottom(np.array([WIDTH / 2]))[0] < found[-1][1] < HEIGHT
    assert_keeps_the_road(drive, found)


def test_a_road_down_to_the_bottom_is_seen_down_to_the_bottom() -> None:
    drive = Drive(highway(1, 0))
    mount = MountEstimator(camera_file(drive), None, None)
    bands(mount, drive, 25)
    assert not mount.visible.known
    assert (mount.visible.bottom_at(np.arange(WIDTH)) == HEIGHT - 1).all()
    assert mount.band is not None
    assert mount.band[1] == HEIGHT


def test_a_car_that_stands_learns_no_bonnet_from_a_gap_between_dashes() -> None:
    lines = tuple(replace(line, kind="dashed") for line in highway().lines)
    drive = Drive(replace(highway(1, 0), lines=lines), noise=0.5)
    mount = MountEstimator(camera_file(drive), None, None)
    still = drive.lines(3.0)
    for time_s in np.arange(0, 60, 0.1):
        mount.update(still, SIZE, float(time_s))
    assert not mount.visible.known


def test_the_horizon_is_where_a_flat_road_ends() -> None:
    drive = Drive(highway(3, -2))
    mount = MountEstimator(camera_file(drive), None, None)
    bands(mount, drive, 20)
    camera = replace(drive.camera(0.0), pitch=np.radians(3), yaw=np.radians(-2), roll=0.0)
    assert mount.visible.horizon_row == pytest.approx(camera.horizon()[0], abs=3)
