"""Camera: what all cameras that OpenCV reads have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from fractions import Fraction

import cv2

from lanes.arrays import BGRImage
from lanes.capture.arrival import ArrivalClock
from lanes.capture.camera_format import CameraFormat
from lanes.capture.events import Notice
from lanes.capture.live import LiveSource
from lanes.capture.source import SourceInfo
from lanes.errors import InputError, SourceLostError
from lanes.results import Frame


class Camera(LiveSource):
    """A camera through OpenCV. Frames are timed by the system's monotonic clock as they arrive, from 0.

    A subclass says how it is opened in `_connect`.

    Args:
        name: see `SourceInfo.name`.
        asked: what it is asked for; what it sends instead is said in a `Notice`.

    Opening raises:
        InputError: there is no such camera, it cannot be opened, or it is open and sends nothing.
    """

    frame_timeout = 10.0

    def __init__(self, name: str, asked: CameraFormat) -> None:
        super().__init__(name)
        self._asked = asked
        self._capture: cv2.VideoCapture | None = None

    @abstractmethod
    def _connect(self) -> cv2.VideoCapture:
        """The opened capture. Raises InputError."""

    def _open(self) -> SourceInfo:
        self._capture = self._connect()
        pixels = self._grab_pixels()
        if pixels is None:
            raise InputError(f"{self.name}: opens but sends no frame; unplug it and plug it in again, or try another camera")
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        height, width = pixels.shape[:2]
        self._announce(Notice(f"{self.name}: {self._format(width, height, rate)} (asked for: {self._asked})"))
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
        clock, index = ArrivalClock(), 0
        while not self._closing.is_set():
            pixels = self._grab_pixels()
            if pixels is None:
                raise SourceLostError(f"{self.name}: the camera has stopped sending; check its cable. What came before is kept")
            yield Frame(pixels, index, clock.time(), self.name, f"{index:06d}")
            index += 1

    def _format(self, width: int, height: int, rate: float) -> str:
        """What it sends, `640x480 YUYV at 15`: frames a second where it says so."""
        assert self._capture is not None
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=True).decode("latin-1")
        words = [f"{width}x{height}", code if code.isprintable() else "", f"at {rate:g}" if 0 < rate < 1000 else ""]
        return " ".join(word for word in words if word)

    def _grab_pixels(self) -> BGRImage | None:
        """The next frame; None when there is none."""
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
