"""MountEstimator at its boundary: drives of known geometry in; angles, states, height and what is kept from run to run out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from math import radians
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lanes.errors import InputError
from lanes.geometry.camera_file import CameraFile
from lanes.geometry.distortion import Distortion
from lanes.geometry.paint import PaintLine
from lanes.mount import MountEstimator
from lanes.mount import store as stored
from lanes.renderer.course import Course
from lanes.renderer.elements import LaneChange
from lanes.results import Calibration, Estimate
from tests.mount.drives import SIZE, Drive, camera_file, highway, mount_of, turned


def follow(mount: MountEstimator, drive: Drive, seconds: float, start: float = 0.0) -> Iterator[float]:
    """Drive for so long, ten frames a second, and give the time after each."""
    for time_s in np.arange(start, start + seconds, 0.1):
        mount.update(drive.lines(float(time_s)), SIZE, float(time_s))
        yield float(time_s)


def run(mount: MountEstimator, drive: Drive, seconds: float, start: float = 0.0) -> None:
    for _ in follow(mount, drive, seconds, start):
        pass


def error_deg(mount: MountEstimator, drive: Drive) -> float:
    """The greater error of pitch and yaw."""
    return float(np.abs(np.degrees([mount.camera.pitch, mount.camera.yaw]) - mount_of(drive.scene)).max())


def wait_for_threads() -> None:
    """Until what was to be saved is."""
    import threading

    for thread in threading.enumerate():
        if thread.name == "mount-save":
            thread.join()


LANE_CHANGES = tuple(LaneChange(5.0 + 12 * number, "left" if number % 2 else "right", 5.0) for number in range(3))

ROADS = {
    "straight": highway(3, -3),
    "the other way": highway(-3, 3),
    "winding": highway(3, 3, Course(winding=1 / 700)),
    "hills": highway(3, -2, Course(hill=1.0)),
    "lane changes": replace(highway(-3, -3), lane_changes=LANE_CHANGES),
    "lorry's camera": replace(highway(3, 3), camera_height=2.4),
}


@pytest.mark.parametrize("road", ROADS)
def test_pitch_and_yaw_are_found_from_three_degrees_off(road: str) -> None:
    drive = Drive(ROADS[road])
    mount = MountEstimator(camera_file(drive), None, None)
    for _ in follow(mount, drive, 30):
        if mount.calibration.state == "valid":
            assert error_deg(mount, drive) < 0.5
    assert error_deg(mount, drive) < 0.2
    calibration = mount.calibration
    assert calibration.pitch_rad is not None
    assert calibration.yaw_rad is not None
    assert calibration.pitch_rad.value == mount.camera.pitch
    assert error_deg(mount, drive) < 3 * np.degrees(max(calibration.pitch_rad.std, calibration.yaw_rad.std))


def test_a_lens_with_distortion_is_seen_through_exactly() -> None:
    drive = Drive(highway(2, -2))
    camera = drive.camera(0.0)
    lens = Distortion(k1=-0.25, k2=0.06)
    file = replace(camera_file(drive), distortion=lens)
    bent = replace(camera, distortion=lens)
    mount = MountEstimator(file, None, None)
    for time_s in np.arange(0, 20, 0.1):
        # The same rays, seen through the other lens.
        lines = []
        for line in drive.lines(float(time_s)):
            rays = camera.rays(line.points)
            points = bent.project(rays + np.array([0, camera.lateral, camera.mount_height]))
            lines.append(replace(line, points=points))
        mount.update(lines, SIZE, float(time_s))
    assert error_deg(mount, drive) < 0.2


def test_the_state_goes_from_nothing_known_to_valid() -> None:
    drive = Drive(highway(2, 1))
    mount = MountEstimator(camera_file(drive), None, None)
    assert mount.calibration == Calibration("uncalibrated", height_m=mount.calibration.height_m, height_from="camera.yaml")
    states: list[str] = []
    for _ in follow(mount, drive, 15):
        if mount.calibration.state not in states[-1:]:
            states.append(mount.calibration.state)
    assert states == ["uncalibrated", "calibrating", "valid"]


@pytest.mark.parametrize(("pitch", "yaw"), [(1, 0), (-1, 0), (0, 1), (0, -1)])
def test_a_bump_of_one_degree_is_noticed_and_said(pitch: float, yaw: float, caplog: pytest.LogCaptureFixture) -> None:
    before = Drive(highway(2, -1, seed=3))
    after = Drive(turned(before.scene, 2 + pitch, -1 + yaw))
    mount = MountEstimator(camera_file(before), None, None)
    run(mount, before, 20)
    assert mount.calibration.state == "valid"
    assert not mount.bumped
    noticed = None
    wrong = 0
    for time_s in follow(mount, after, 30, 20):
        if mount.bumped and noticed is None:
            noticed = time_s - 20
            assert mount.calibration.state == "invalid"
        wrong += mount.calibration.state == "valid" and error_deg(mount, after) > 0.5
    assert noticed is not None
    assert noticed < 10
    assert wrong == 0  # it is suspected in its very frame
    assert mount.calibration.state == "valid"
    assert not mount.bumped
    assert error_deg(mount, after) < 0.2
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "moved" in caplog.text


@pytest.mark.parametrize("seed", range(3))
def test_what_a_car_does_on_a_road_is_no_bump(seed: int) -> None:
    changes = tuple(LaneChange(12.0 + 14 * number, "left" if number % 2 else "right", 4.0 + number) for number in range(4))
    drive = Drive(replace(highway(2, -1, Course(winding=1 / 600, hill=0.8), seed=seed), lane_changes=changes))
    mount = MountEstimator(camera_file(drive), None, None)
    assert not any(mount.bumped for _ in follow(mount, drive, 75))
    assert error_deg(mount, drive) < 0.2


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("seconds", [6.0, 9.0])
def test_a_heading_that_lasts_is_a_drift_across_the_lane_and_no_bump(side: Literal["left", "right"], seconds: float) -> None:
    """At 27 m/s a lane change of so long has a heading of more than a degree, for two to three seconds."""
    drive = Drive(replace(highway(2, -1, seed=5), lane_changes=(LaneChange(22.0, side, seconds),)))
    mount = MountEstimator(camera_file(drive), None, None)
    run(mount, drive, 20)
    assert mount.calibration.state == "valid"
    assert {mount.calibration.state for _ in follow(mount, drive, 15, 20)} == {"valid"}
    assert error_deg(mount, drive) < 0.2


def test_a_bend_without_end_shows_no_mount() -> None:
    drive = Drive(highway(2, -1, Course(bend=1 / 250)))
    mount = MountEstimator(camera_file(drive), None, None)
    run(mount, drive, 20)
    assert mount.calibration.state == "uncalibrated"


@pytest.mark.parametrize(("pitch", "yaw", "state"), [(2, 4.5, "invalid"), (2, 3.5, "valid"), (10.5, 0, "invalid"), (-5.6, 0, "invalid")])
def test_angles_that_no_mount_has_are_invalid(pitch: float, yaw: float, state: str) -> None:
    drive = Drive(highway(pitch, yaw))
    mount = MountEstimator(camera_file(drive), None, None)
    run(mount, drive, 20)
    assert mount.calibration.state == state


def test_an_unknown_lens_is_part_of_the_spread() -> None:
    level, tilted = Drive(highway(0, 0)), Drive(highway(4, 0))
    mounts = [MountEstimator(None, None, None) for _ in range(2)]
    for mount, drive in zip(mounts, (level, tilted), strict=True):
        run(mount, drive, 20)
    assert [mount.calibration.state for mount in mounts] == ["valid", "calibrating"]
    assert not mounts[0].focal_known
    assert not mounts[0].metric
    pitch = mounts[1].calibration.pitch_rad
    assert pitch is not None
    assert pitch.std > radians(0.5)


def test_the_height_and_where_it_is_from() -> None:
    drive = Drive(highway(2, 0))
    file = camera_file(drive)
    for camera, height_m, origin, value in (
        (file, None, "camera.yaml", 1.4),
        (file, 1.25, "user", 1.25),
        (replace(file, height_m=None), None, "assumed", 1.4),
        (None, 1.3, "user", 1.3),
        (None, None, "assumed", 1.4),
    ):
        mount = MountEstimator(camera, height_m, None)
        run(mount, drive, 1)
        assert (mount.height_origin, mount.camera.mount_height) == (origin, value)
        assert mount.metric == (origin != "assumed")
        assert mount.calibration.height_m is not None
        assert mount.calibration.height_m.value == value


@pytest.mark.parametrize("height", [1.15, 2.0])
def test_the_height_follows_from_a_known_lane_width(height: float) -> None:
    drive = Drive(replace(highway(2, 0), camera_height=height))
    file = replace(camera_file(drive), height_m=None)
    mount = MountEstimator(file, None, None, lane_width_m=drive.scene.lane_width)
    assert not mount.metric
    run(mount, drive, 20)
    found = mount.calibration.height_m
    assert mount.metric
    assert mount.height_origin == "lane width"
    assert found is not None
    assert abs(found.value - height) < 2 * found.std < 0.1 * height


def test_a_mount_is_taken_up_again_and_sooner_valid(tmp_path: Path) -> None:
    drive = Drive(highway(3, -2))
    first = MountEstimator(camera_file(drive), None, tmp_path)
    run(first, drive, 20)
    wait_for_threads()
    again = MountEstimator(camera_file(drive), None, tmp_path)
    states = [again.calibration.state]
    assert error_deg(again, drive) < 0.3
    known, new = first.calibration.pitch_rad, again.calibration.pitch_rad
    assert known is not None
    assert new is not None
    assert new.std > known.std
    states += [again.calibration.state for _ in follow(again, drive, 6)]
    assert (states[0], states[-1]) == ("calibrating", "valid")


def test_a_mount_that_moved_since_it_was_saved_is_found_anew(tmp_path: Path) -> None:
    drive = Drive(highway(3, -2))
    run(MountEstimator(camera_file(drive), None, tmp_path), drive, 15)
    wait_for_threads()
    moved = Drive(turned(drive.scene, 0, 1))
    mount = MountEstimator(camera_file(moved), None, tmp_path)
    for _ in follow(mount, moved, 30):
        assert mount.calibration.state != "valid" or error_deg(mount, moved) < 0.5
    assert mount.calibration.state == "valid"
    assert error_deg(mount, moved) < 0.2


def test_camera_yaml_gives_a_start_and_the_roll() -> None:
    drive = Drive(highway(3, -2))
    angles = Calibration("valid", *(Estimate(radians(angle), 0.002) for angle in (3, -2, 1.5)))
    mount = MountEstimator(replace(camera_file(drive), extrinsics=angles), None, None)
    assert error_deg(mount, drive) < 0.01
    assert mount.calibration.state == "calibrating"
    assert mount.calibration.roll_rad == Estimate(radians(1.5), 0.002)
    assert mount.camera.roll == radians(1.5)


def test_nothing_is_saved_without_a_camera_file(tmp_path: Path) -> None:
    run(MountEstimator(None, None, tmp_path), Drive(highway(0, 0)), 20)
    wait_for_threads()
    assert not list(tmp_path.iterdir())


def test_the_file_of_camera_yaml_is_never_written(tmp_path: Path) -> None:
    drive = Drive(highway(1, 0))
    path = tmp_path / "camera.yaml"
    camera_file(drive).write(path)
    before = path.read_bytes()
    run(MountEstimator(CameraFile.read(path), None, tmp_path / "state"), drive, 15)
    wait_for_threads()
    assert path.read_bytes() == before
    assert len(list((tmp_path / "state").iterdir())) == 1


def test_a_cut_keeps_the_mount_and_another_size_starts_anew() -> None:
    drive = Drive(highway(2, -1))
    mount = MountEstimator(camera_file(drive), None, None)
    run(mount, drive, 15)
    mount.reset("the source was reconnected")
    assert mount.calibration.state == "valid"
    assert mount.band is None
    run(mount, drive, 3)  # the clock begins at 0 again
    assert mount.calibration.state == "valid"
    assert mount.band is not None
    half = [replace(line, points=(line.points + 0.5) / 2 - 0.5, std_px=line.std_px / 2) for line in drive.lines(4.0)]
    mount.update(half, (SIZE[0] // 2, SIZE[1] // 2), 4.0)
    assert mount.calibration.state == "uncalibrated"
    assert (mount.camera.width, mount.camera.fx) == (640, drive.camera(0.0).fx / 2)


def test_frames_of_another_shape_than_the_camera_s_are_refused() -> None:
    drive = Drive(highway())
    with pytest.raises(InputError, match="another shape"):
        MountEstimator(camera_file(drive), None, None).update(drive.lines(0.0), (640, 480), 0.0)


def test_the_default_store_is_a_folder_of_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert stored.default_store().parts[-2:] == ("lanestream", "mounts")


coordinates = st.floats(-200, 1500, allow_nan=False)
points = st.lists(st.tuples(coordinates, coordinates), min_size=2, max_size=40)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames=st.lists(st.lists(points, max_size=5), max_size=30), step=st.sampled_from([0.0, 0.03, 0.1, 5.0]))
def test_lines_of_any_shape_are_taken(frames: list[list[list[tuple[float, float]]]], step: float) -> None:
    mount = MountEstimator(None, None, None)
    for number, frame in enumerate(frames):
        lines = [PaintLine(np.array(sorted(line, key=lambda point: -point[1])), np.ones(len(line)), 1.0, "unknown", 0.5) for line in frame]
        mount.update(lines, SIZE, number * step)
        assert np.isfinite([mount.camera.pitch, mount.camera.yaw]).all()
        assert np.isfinite(mount.visible.bottom_rows).all()
        assert mount.band is None or 0 <= mount.band[0] < mount.band[1] <= SIZE[1]
    if mount.calibration.pitch_rad is not None:
        assert mount.calibration.pitch_rad.std > 0


def test_no_log_but_of_bumps(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        drive = Drive(highway(2, 0))
        run(MountEstimator(camera_file(drive), None, None), drive, 12)
    assert not caplog.records
