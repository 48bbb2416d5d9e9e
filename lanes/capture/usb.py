"""USBCamera: a camera that the system knows as a video device (V4L2 on Linux), through OpenCV."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cv2

from lanes.capture.camera import FOURCC, FRAME_RATE, HEIGHT, WIDTH, Camera
from lanes.errors import InputError


class USBCamera(Camera):
    """A USB camera by number (`0`), device (`/dev/video0`) or a link to one (`/dev/v4l/by-id/...`)."""

    def __init__(self, text: str) -> None:
        linux = sys.platform.startswith("linux")
        self._device = f"/dev/video{text}" if linux and text.isdecimal() else text
        super().__init__(self._device if linux else f"camera {text}")

    def _connect(self) -> cv2.VideoCapture:
        device = self._device
        if sys.platform.startswith("linux"):
            if not Path(device).exists():
                found = ", ".join(sorted(str(other) for other in Path("/dev").glob("video*")))
                raise InputError(
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
            (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*FOURCC)),
            (cv2.CAP_PROP_FRAME_WIDTH, WIDTH),
            (cv2.CAP_PROP_FRAME_HEIGHT, HEIGHT),
            (cv2.CAP_PROP_FPS, FRAME_RATE),
        ):
            capture.set(setting, value)
        return capture
