"""USBCamera: a camera that the system knows as a video device (V4L2 on Linux), through OpenCV."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cv2

from lanes.capture.camera import Camera
from lanes.capture.camera_format import CameraFormat
from lanes.errors import InputError, NotFoundError


class USBCamera(Camera):
    """A USB camera by number (`0`), device (`/dev/video0`) or a link to one (`/dev/v4l/by-id/...`), and what is asked of it."""

    def __init__(self, text: str, asked: CameraFormat) -> None:
        linux = sys.platform.startswith("linux")
        self._device = f"/dev/video{text}" if linux and text.isdecimal() else text
        super().__init__(self._device if linux else f"camera {text}", asked)

    def _connect(self) -> cv2.VideoCapture:
        device = self._device
        if sys.platform.startswith("linux"):
            if not Path(device).exists():
                found = ", ".join(sorted(str(other) for other in Path("/dev").glob("video*")))
                raise NotFoundError(
                    f"{device}: no such camera; " + (f"those here are {found}" if found else "none is connected to this machine")
                )
            if not os.access(device, os.R_OK | os.W_OK):
                raise InputError(f"{device}: no permission to use the camera; add yourself to the group `video` and log in again")
            capture = cv2.VideoCapture(device, cv2.CAP_V4L2)
        else:
            capture = cv2.VideoCapture(int(device) if device.isdecimal() else device)  # type: ignore[call-overload]
        if not capture.isOpened():
            raise InputError(
                f"{self.name}: the camera cannot be opened; another program may be using it, or it gives no frames (try the next number)"
            )
        for setting, value in (
            (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*self._asked.fourcc)),
            (cv2.CAP_PROP_FRAME_WIDTH, self._asked.width),
            (cv2.CAP_PROP_FRAME_HEIGHT, self._asked.height),
            (cv2.CAP_PROP_FPS, self._asked.fps),
        ):
            capture.set(setting, value)
        return capture
