"""What is asked of a camera by its address."""

from __future__ import annotations

import pytest

from lanes.capture import find_sources
from lanes.capture.camera_format import CameraFormat, split_format
from lanes.capture.csi import CSICamera
from lanes.capture.usb import USBCamera
from lanes.errors import InputError


@pytest.mark.parametrize(
    ("text", "name", "asked"),
    [
        ("0", "0", CameraFormat(1280, 720, 30, "MJPG")),
        ("0?width=640&height=480&fps=60&format=yuyv", "0", CameraFormat(640, 480, 60, "YUYV")),
        ("/dev/video0?fps=15", "/dev/video0", CameraFormat(1280, 720, 15, "MJPG")),
        ("csi://1?width=1920&height=1080", "csi://1", CameraFormat(1920, 1080)),
    ],
)
def test_name_and_format(text: str, name: str, asked: CameraFormat) -> None:
    assert split_format(text) == (name, asked)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("size=640x480", "unknown option size; there are width, height, fps, format"),
        ("width=0", "width=0 is not possible; give a whole number from 1 to 16384"),
        ("fps=29.97", "fps=29.97 is not possible"),
        ("height=", "height= is not possible"),
        ("format=JPEG2000", "format=JPEG2000 is not possible; give its four letters"),
    ],
)
def test_what_no_camera_has_is_refused_at_once(query: str, words: str) -> None:
    for name in ("0", "/dev/video0", "csi://0"):
        with pytest.raises(InputError, match=words):
            find_sources(f"{name}?{query}", reconnect=True)


@pytest.mark.parametrize("text", ["0?fps=60", "/dev/video9?width=640", "/dev/v4l/by-id/usb-Cam_HD-video-index0?format=YUYV"])
def test_any_name_of_a_camera_takes_it(text: str) -> None:
    (source,) = find_sources(text)
    assert isinstance(source, USBCamera)
    assert "?" not in source.name
    (source,) = find_sources("csi://0?fps=60")
    assert isinstance(source, CSICamera)
    assert source.name == "csi://0"
