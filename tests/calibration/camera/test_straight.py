"""A camera above a straight road: how it is mounted is found from two lines, and then they are parallel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from calibration.camera.straight import lane_widths, mount_on_straight, parallelism
from lanes.geometry.camera import Camera
from lanes.geometry.distortion import Distortion

CAMERA = Camera(1280, 720, 1160.0, 1155.0, 672.0, 389.0, 1.3, distortion=Distortion(-0.26, 0.05, -0.0007, 0.0001, -0.11))


def line(camera: Camera, y: float) -> NDArray[np.float64]:
    """Pixels of a line along the road, `y` metres to the left."""
    x = np.geomspace(6, 60, 30)
    return camera.project(np.stack([x, np.full_like(x, y), np.zeros_like(x)], axis=1))


@settings(deadline=None)
@given(st.floats(-0.08, 0.08), st.floats(-0.06, 0.06), st.floats(1.0, 2.0), st.floats(-0.6, 0.6))
def test_the_mount_is_found_and_the_lines_are_parallel(pitch: float, yaw: float, height: float, offset: float) -> None:
    camera = replace(CAMERA, pitch=pitch, yaw=yaw, mount_height=height)
    left, right = line(camera, 1.8 + offset), line(camera, -1.8 + offset)
    mounted = mount_on_straight(replace(CAMERA, mount_height=height), left, right)
    assert (mounted.pitch, mounted.yaw) == pytest.approx((pitch, yaw), abs=1e-6)
    distances, widths = lane_widths(mounted, left, right)
    np.testing.assert_allclose(widths, 3.6, atol=1e-4)
    assert distances[0] == pytest.approx(6, abs=1e-3)
    assert distances[-1] == pytest.approx(30, abs=1e-3)
    assert parallelism(mounted, left, right) < 1e-4


def test_a_wrong_pitch_shows() -> None:
    left, right = line(CAMERA, 1.8), line(CAMERA, -1.8)
    assert parallelism(replace(CAMERA, pitch=0.01), left, right) > 0.1
