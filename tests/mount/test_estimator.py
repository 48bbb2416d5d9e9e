"""MountEstimator at its boundary: drives of known geometry in, angles and states out."""

from __future__ import annotations

import numpy as np

from lanes.mount import MountEstimator
from tests.mount.drives import SIZE, Drive, camera_file, highway, mount_of


def test_pitch_and_yaw_are_found_from_three_degrees_off() -> None:
    drive = Drive(highway(3, -3))
    mount = MountEstimator(camera_file(drive), None, None)
    for time_s in np.arange(0, 30, 0.1):
        mount.update(drive.lines(time_s), SIZE, time_s)
    assert np.abs(np.degrees([mount.camera.pitch, mount.camera.yaw]) - mount_of(drive.scene)).max() < 0.2
    assert mount.calibration.state == "valid"
