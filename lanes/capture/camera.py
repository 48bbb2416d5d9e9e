"""Camera: a USB camera (V4L2) or a Jetson's CSI camera (GStreamer), through OpenCV."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from time import monotonic_ns

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.capture.live import LiveSource
from lanes.capture.source import SourceInfo
from lanes.errors import InputError, ProcessingError
from lanes.results import Frame

# What is asked of a camera; it takes the nearest that it can do. Without Motion JPEG, USB 2 has room for about 10 such frames a second.
WIDTH, HEIGHT, FRAME_RATE = 1280, 720, 30

_CSI = (
    "nvarguscamerasrc sensor-id={sensor} ! video/x-raw(memory:NVMM),width={width},height={height},format=NV12,framerate={rate}/1 ! "
    "nvvidconv ! video/x-raw,format=BGRx ! appsink drop=true max-buffers=1 sync=false"
)


class Camera(LiveSource):
    """A camera that OpenCV has opened. Frames are timed by the system's monotonic clock as they arrive, from 0.

    Args:
        capture: an opened capture; it is released with this source.
        name: what the camera is called in messages.

    Raises:
        InputError: it is open but sends nothing.
    """

    patience = 10.0

    def __init__(self, capture: cv2.VideoCapture, name: str) -> None:
        super().__init__()
        self._capture = capture
        pixels = self._read()
        if pixels is None:
            capture.release()
            raise InputError(f"{name}: opens but sends no picture; unplug it and plug it in again, or try another camera")
        rate = capture.get(cv2.CAP_PROP_FPS)
        height, width = pixels.shape[:2]
        self.info = SourceInfo(
            name=name,
            kind="camera",
            width=width,
            height=height,
            frame_rate=Fraction(rate).limit_denominator(1001) if 0 < rate < 1000 else None,
            frames=None,
            live=True,
        )

    def _produce(self) -> Iterator[Frame]:
        index, begun, last = 0, monotonic_ns(), -(10**5)
        while not self._closing.is_set():
            pixels = self._read()
            if pixels is None:
                raise ProcessingError(f"{self.info.name}: the camera has stopped sending; check its cable. What came before is kept")
            now = max(monotonic_ns() - begun, last + 10**5)  # frames that were waiting come at once; no two share a tick of the output
            yield Frame(pixels, index, Fraction(now, 10**9), self.info.name, f"{index:06d}")
            index, last = index + 1, now

    def _read(self) -> NDArray[np.uint8] | None:
        """The next picture, (H, W, 3) BGR; None when there is none."""
        good, pixels = self._capture.read()
        if not good:
            return None
        if pixels.shape[2] == 4:  # GStreamer's BGRx
            pixels = cv2.cvtColor(pixels, cv2.COLOR_BGRA2BGR)
        return pixels  # type: ignore[return-value]

    def _release(self) -> None:
        self._capture.release()


def open_camera(text: str) -> Camera:
    """A USB camera by number (`0`) or device (`/dev/video0`).

    Raises:
        InputError: there is none of that name, it is in use, or it may not be opened.
    """
    if sys.platform.startswith("linux"):
        device = Path(f"/dev/video{text}" if text.isdecimal() else text)
        if not device.exists():
            found = ", ".join(sorted(str(other) for other in Path("/dev").glob("video*")))
            raise InputError(f"{device}: no such camera; " + (f"those here are {found}" if found else "none is connected to this machine"))
        if not os.access(device, os.R_OK | os.W_OK):
            raise InputError(f"{device}: no permission to use the camera; add yourself to the group `video` and log in again")
        name, capture = str(device), cv2.VideoCapture(str(device), cv2.CAP_V4L2)
    else:
        name, capture = f"camera {text}", cv2.VideoCapture(int(text) if text.isdecimal() else text)  # type: ignore[call-overload]
    if not capture.isOpened():
        raise InputError(
            f"{name}: the camera cannot be opened; another program may be using it, or it gives no pictures (try the next number)"
        )
    for setting, value in (
        (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),
        (cv2.CAP_PROP_FRAME_WIDTH, WIDTH),
        (cv2.CAP_PROP_FRAME_HEIGHT, HEIGHT),
        (cv2.CAP_PROP_FPS, FRAME_RATE),
    ):
        capture.set(setting, value)
    return Camera(capture, name)


def open_csi(text: str) -> Camera:
    """A Jetson's CSI camera by its sensor's number: `csi://0`.

    Raises:
        InputError: no number, no GStreamer in this OpenCV, or no such camera.
    """
    sensor = text.removeprefix("csi://") or "0"
    if not sensor.isdecimal():
        raise InputError(f"{text}: not a sensor's number; give csi://0 or csi://1")
    if not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
        raise InputError(f"{text}: this OpenCV is built without GStreamer, which CSI cameras need; on a Jetson use the system's own OpenCV")
    pipeline = _CSI.format(sensor=sensor, width=WIDTH, height=HEIGHT, rate=FRAME_RATE)
    capture = cv2.VideoCapture(pipeline, cv2.CAP_GSTREAMER)
    if not capture.isOpened():
        raise InputError(f"{text}: the camera cannot be opened; check its ribbon cable, and that no other program uses it")
    return Camera(capture, text)
