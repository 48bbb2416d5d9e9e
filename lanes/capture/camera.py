"""Camera: a USB camera (V4L2) or a Jetson's CSI camera (GStreamer), through OpenCV."""

from __future__ import annotations

import os
import sys
from abc import abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from time import monotonic_ns

import cv2

from lanes.arrays import BGRImage
from lanes.capture.live import LiveSource
from lanes.capture.source import SourceInfo
from lanes.errors import InputError, SourceLostError
from lanes.results import Frame

# What is asked of a camera; it takes the nearest that it can do. Without Motion JPEG, USB 2 has room for about 10 such frames a second.
WIDTH, HEIGHT, FRAME_RATE = 1280, 720, 30

_CSI = (
    "nvarguscamerasrc sensor-id={sensor} ! video/x-raw(memory:NVMM),width={width},height={height},format=NV12,framerate={rate}/1 ! "
    "nvvidconv ! video/x-raw,format=BGRx ! appsink drop=true max-buffers=1 sync=false"
)


class Camera(LiveSource):
    """A camera through OpenCV. Frames are timed by the system's monotonic clock as they arrive, from 0.

    A subclass says how it is opened in `_connect`.

    Opening raises:
        InputError: there is no such camera, it cannot be opened, or it is open and sends nothing.
    """

    patience = 10.0
    _capture: cv2.VideoCapture | None = None

    @abstractmethod
    def _connect(self) -> cv2.VideoCapture:
        """The opened capture. Raises InputError."""

    def _open(self) -> SourceInfo:
        self._capture = self._connect()
        pixels = self._grab_pixels()
        if pixels is None:
            raise InputError(f"{self.name}: opens but sends no picture; unplug it and plug it in again, or try another camera")
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        height, width = pixels.shape[:2]
        return SourceInfo(
            name=self.name,
            kind="camera",
            width=width,
            height=height,
            frame_rate=Fraction(rate).limit_denominator(1001) if 0 < rate < 1000 else None,
            frames=None,
            live=True,
        )

    def _frames(self) -> Iterator[Frame]:
        index, begun, last = 0, monotonic_ns(), -(10**5)
        while not self._closing.is_set():
            pixels = self._grab_pixels()
            if pixels is None:
                raise SourceLostError(f"{self.name}: the camera has stopped sending; check its cable. What came before is kept")
            now = max(monotonic_ns() - begun, last + 10**5)  # frames that were waiting come at once; no two share a tick of the output
            yield Frame(pixels, index, Fraction(now, 10**9), self.name, f"{index:06d}")
            index, last = index + 1, now

    def _grab_pixels(self) -> BGRImage | None:
        """The next picture; None when there is none."""
        assert self._capture is not None
        good, pixels = self._capture.read()
        if not good:
            return None
        if pixels.shape[2] == 4:  # GStreamer's BGRx
            pixels = cv2.cvtColor(pixels, cv2.COLOR_BGRA2BGR)
        return pixels  # type: ignore[return-value]

    def _release(self) -> None:
        if self._capture is not None:
            self._capture.release()


class USBCamera(Camera):
    """A USB camera by number (`0`) or device (`/dev/video0`)."""

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
                f"{self.name}: the camera cannot be opened; another program may be using it, or it gives no pictures (try the next number)"
            )
        for setting, value in (
            (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),
            (cv2.CAP_PROP_FRAME_WIDTH, WIDTH),
            (cv2.CAP_PROP_FRAME_HEIGHT, HEIGHT),
            (cv2.CAP_PROP_FPS, FRAME_RATE),
        ):
            capture.set(setting, value)
        return capture


class CSICamera(Camera):
    """A Jetson's CSI camera by its sensor's number: `csi://0`."""

    def _connect(self) -> cv2.VideoCapture:
        sensor = self.name.removeprefix("csi://") or "0"
        if not sensor.isdecimal():
            raise InputError(f"{self.name}: not a sensor's number; give csi://0 or csi://1")
        if not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
            raise InputError(
                f"{self.name}: this OpenCV is built without GStreamer, which CSI cameras need; on a Jetson use the system's own"
            )
        pipeline = _CSI.format(sensor=sensor, width=WIDTH, height=HEIGHT, rate=FRAME_RATE)
        capture = cv2.VideoCapture(pipeline, cv2.CAP_GSTREAMER)
        if not capture.isOpened():
            raise InputError(f"{self.name}: the camera cannot be opened; check its ribbon cable, and that no other program uses it")
        return capture
