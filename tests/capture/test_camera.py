"""Cameras: how they are named, and the message where there is none. No test has one."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import cv2
import pytest

from lanes.capture import find_sources, open_source
from lanes.capture.events import Lost, Notice, Resumed
from lanes.capture.open import VIDEO4LINUX
from lanes.capture.reconnecting import Reconnecting
from lanes.capture.usb import USBCamera
from lanes.errors import InputError
from tests.capture.test_conformance import OpenedCamera
from tests.media import Clip


@pytest.mark.skipif(not Path("/dev").is_dir() or Path("/dev/video99").exists(), reason="no such place, or a camera there")
@pytest.mark.parametrize("source", ["99", "/dev/video99"])
def test_missing(source: str) -> None:
    with pytest.raises(InputError, match="/dev/video99: no such camera"):
        open_source(source)


@pytest.mark.skipif(not Path("/dev/zero").is_char_device(), reason="no device to link to")
def test_any_name_of_a_device_is_a_camera(tmp_path: Path) -> None:
    """udev links /dev/v4l/by-id/... and whatever its rules say to the device."""
    device, link, other = tmp_path / "device", tmp_path / "usb-Cam_HD-video-index0", tmp_path / "front"
    try:
        os.mknod(device, stat.S_IFCHR | 0o600, os.makedev(VIDEO4LINUX, 250))  # that is not connected
    except PermissionError:
        pytest.skip("devices are made by root alone")
    link.symlink_to(device)
    other.symlink_to(link)
    for path in (link, other):
        (source,) = find_sources(str(path))
        assert isinstance(source, USBCamera)
        with pytest.raises(InputError, match=f"{path.name}: the camera cannot be opened"):
            source.open()


@pytest.mark.skipif(not Path("/dev/zero").is_char_device(), reason="no such device")
def test_a_device_of_another_kind_is_not_waited_for(tmp_path: Path) -> None:
    link = tmp_path / "front"
    link.symlink_to("/dev/zero")
    for path in (link, Path("/dev/zero")):
        with pytest.raises(InputError, match=f"{path.name}: a device, but no camera"):
            find_sources(str(path))


@pytest.mark.skipif(cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER), reason="this OpenCV has GStreamer")
def test_csi_without_gstreamer() -> None:
    with pytest.raises(InputError, match="GStreamer"):
        open_source("csi://0")


def test_one_that_sends_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="camera: opens but sends no frame"):
        OpenedCamera(str(tmp_path / "nothing.mp4")).open()


def test_it_says_what_was_asked_for_and_what_came(tmp_path: Path) -> None:
    with OpenedCamera(str(Clip(frames=3).write(tmp_path / "clip.mp4"))) as source:
        (notice,) = (event.message for event in source.events() if isinstance(event, Notice))
    assert notice == "camera: 96x64 h264 at 25 (asked for: 1280x720 MJPG at 30)"


def test_one_that_is_unplugged_is_waited_for_and_says_its_format_once(tmp_path: Path) -> None:
    clip = str(Clip(frames=3).write(tmp_path / "clip.mp4"))
    frames = []
    with Reconnecting(lambda: OpenedCamera(clip), pause=lambda closing, _: closing.wait(0.01)) as source:
        for frame in source:
            frames.append(frame)
            if sum(frame.cut for frame in frames) == 3:
                break
    events = list(source.events())
    assert sum(isinstance(event, Notice) for event in events) == 1
    causes = [event.cause for event in events if isinstance(event, Lost)]
    assert "the camera has stopped sending; check its cable" in causes[0]
    assert sum(isinstance(event, Resumed) for event in events) >= 3
