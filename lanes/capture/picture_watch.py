"""PictureWatch: notices that a source sends frames, but that its picture is frozen or black."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import BGRImage
from lanes.capture.events import Black, Event, Frozen, PictureBack
from lanes.results import Frame

# FFmpeg's defaults: of `freezedetect` a mean difference of -60 dB for 2 s, of `blackdetect` 98 % of the pixels below 10 % for 2 s.
_STILL, _BLACK, _BLACK_SHARE = 0.001 * 255, 0.10 * 255, 0.98
_SECONDS = 2

# Every n-th pixel of every n-th row, so that about so many rows remain: 0.1 ms a frame.
_ROWS = 90


class PictureWatch:
    """Looks at each frame of a source in turn."""

    def __init__(self) -> None:
        self._reference: NDArray[np.uint8] | None = None
        self._still_since = Fraction(0)
        self._black_since: Fraction | None = None
        self._fault: type[Frozen | Black] | None = None
        self._fault_since = Fraction(0)

    def look(self, frame: Frame) -> Event | None:
        """What changes with this frame: `Frozen`, `Black`, `PictureBack`, or nothing."""
        time, sample = frame.time, _sample(frame.pixels)
        reference = self._reference
        still = reference is not None and reference.shape == sample.shape and _difference(reference, sample) < _STILL
        if not still or frame.cut:
            self._reference, self._still_since = sample, time
        if not _is_black(sample):
            self._black_since = None
        elif self._black_since is None or frame.cut:
            self._black_since = time
        if self._black_since is not None and time - self._black_since >= _SECONDS:
            return self._found(Black, self._black_since, time)
        if time - self._still_since >= _SECONDS:
            return self._found(Frozen, self._still_since, time)
        if self._fault is None or self._black_since is not None:
            return None
        self._fault = None
        return PictureBack(float(time - self._fault_since))

    def _found(self, fault: type[Frozen | Black], since: Fraction, now: Fraction) -> Event | None:
        if self._fault is fault:
            return None
        self._fault, self._fault_since = fault, since
        return fault(float(now - since))


def _sample(pixels: BGRImage) -> NDArray[np.uint8]:
    """(about 90, ..., 3) uint8, a copy."""
    stride = max(1, min(pixels.shape[:2]) // _ROWS)
    return np.ascontiguousarray(pixels[::stride, ::stride])


def _difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Mean absolute difference, 0 to 255."""
    return float(cv2.norm(one, other, cv2.NORM_L1)) / one.size


def _is_black(sample: NDArray[np.uint8]) -> bool:
    luma = cv2.cvtColor(sample, cv2.COLOR_BGR2GRAY)
    return int(np.count_nonzero(luma < _BLACK)) >= _BLACK_SHARE * luma.size
