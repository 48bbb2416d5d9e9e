"""A camera that turns at once is seen to in that very frame; what a driver does, and one line at another place, is no jolt."""

from __future__ import annotations

from dataclasses import replace
from math import pi

import numpy as np
import pytest

from lanes.geometry.camera import Camera
from lanes.mount.jolt import STANDS_S, JoltDetector
from lanes.renderer.course import Course
from lanes.renderer.elements import LaneChange
from tests.mount.drives import Drive, highway, mount_of, turned

STEP = 0.1


def mounted(drive: Drive) -> Camera:
    """The camera as it is thought to be mounted, without the car's movement."""
    pitch, yaw = np.radians(mount_of(drive.scene))
    return replace(drive.camera(0.0), pitch=float(pitch), yaw=float(yaw), roll=0.0)


def look(detector: JoltDetector, camera: Camera, drive: Drive, start: float, end: float) -> list[str]:
    """What it says, frame by frame."""
    found = []
    for time_s in np.arange(start, end, STEP):
        detector.take(drive.lines(float(time_s)), camera, float(time_s))
        found.append("stands" if detector.stands else "open" if detector.is_open else "")
    return found


@pytest.mark.parametrize(("pitch", "yaw"), [(1, 0), (-1, 0), (0, 1), (0, -1)])
@pytest.mark.parametrize("course", [Course(), Course(winding=1 / 600, hill=0.8)])
def test_a_turn_by_a_degree_is_seen_in_its_very_frame_and_stands(pitch: float, yaw: float, course: Course) -> None:
    before = Drive(highway(2, -1, course, seed=4))
    detector, camera = JoltDetector(), mounted(before)
    assert set(look(detector, camera, before, 0, 2)) == {""}
    found = look(detector, camera, Drive(turned(before.scene, 2 + pitch, -1 + yaw)), 2, 2.9)
    assert found[0] == "open"
    assert found.count("stands") == 1
    assert found.index("stands") * STEP <= STANDS_S + 2 * STEP


def test_a_wave_of_the_road_is_undone() -> None:
    flat = Drive(highway(2, -1, seed=5))
    detector, camera = JoltDetector(), mounted(flat)
    look(detector, camera, flat, 0, 2)
    found = []
    for time_s in np.arange(2, 4, STEP):
        swing = 1.3 * np.sin(2 * pi * 1.4 * (time_s - 1.9)) * np.exp(-(time_s - 1.9) / 0.4)
        found += look(detector, camera, Drive(turned(flat.scene, 2 + swing, -1)), float(time_s), float(time_s) + STEP / 2)
    assert "open" in found
    assert "stands" not in found
    assert found[-1] == ""


@pytest.mark.parametrize("seconds", [3.5, 5.0])
def test_a_lane_change_is_none(seconds: float) -> None:
    changes = (LaneChange(2.0, "left", seconds), LaneChange(8.0, "right", seconds))
    drive = Drive(replace(highway(2, -1, Course(winding=1 / 600, hill=0.8), seed=6), ego_lane=1, lane_changes=changes))
    assert "stands" not in look(JoltDetector(), mounted(drive), drive, 0, 14)


def test_one_line_that_is_seen_at_another_place_is_none() -> None:
    """The joint between slabs beside a line is taken for it, a lorry hides it."""
    drive = Drive(highway(2, -1, seed=7))
    detector, camera = JoltDetector(), mounted(drive)

    for time_s in np.arange(0, 4, STEP):
        first, second = drive.lines(float(time_s))[1:3]
        if time_s > 2:
            second = replace(second, points=second.points + np.array([25.0, 0.0]))
        detector.take([first, second], camera, float(time_s))
        assert not detector.is_open


def test_without_lines_or_after_a_gap_nothing_is_said() -> None:
    drive = Drive(highway(2, -1, seed=8))
    detector, camera = JoltDetector(), mounted(drive)
    look(detector, camera, drive, 0, 2)
    for time_s in np.arange(2, 3, STEP):
        detector.take([], camera, float(time_s))
    assert set(look(detector, camera, Drive(turned(drive.scene, 3, -1)), 3, 5)) == {""}
