"""ImageFiles: still images in name order, each a frame."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.capture.source import Source, SourceInfo
from lanes.errors import InputError
from lanes.results import Frame

FRAME_RATE = Fraction(30)
"""Images carry no times; they are taken as that many frames a second."""

_log = logging.getLogger(__name__)


class ImageFiles(Source):
    """Images of any size and depth, as upright 8-bit BGR (EXIF orientation applied, alpha dropped, 16 bits scaled to 8).

    Image n (counted from 0) has time n/30 s. One that cannot be read is named in a warning, counted in `corrupt` and passed
    over; its number and time stay unused.

    Args:
        files: in the order in which they are wanted.
        name: what the source is called in messages.

    Raises:
        InputError: not one of them can be read.
    """

    def __init__(self, files: Sequence[Path], name: str) -> None:
        self._closed = False
        self._frames = self._read(files)
        self._first = next(self._frames, None)
        if self._first is None:
            raise InputError(f"{name}: not one of its {len(files)} images can be read; give PNG, JPEG, BMP, WebP or TIFF files")
        width, height = self._first.size
        self.info = SourceInfo(
            name=name,
            kind="images",
            width=width,
            height=height,
            frame_rate=FRAME_RATE,
            frames=len(files),
            files=tuple(files),
            time_base=1 / FRAME_RATE,
        )

    def __iter__(self) -> Iterator[Frame]:
        while not self._closed and (frame := self._first or next(self._frames, None)) is not None:
            self._first = None
            yield frame

    def close(self) -> None:
        self._closed = True

    def _read(self, files: Sequence[Path]) -> Iterator[Frame]:
        for index, file in enumerate(files):
            pixels = _read_image(file)
            if pixels is None:
                self.corrupt += 1
                _log.warning("%s: cannot be read as an image, passed over", file)
            else:
                yield Frame(pixels, index, index / FRAME_RATE, file.name, file.stem)


def _read_image(file: Path) -> NDArray[np.uint8] | None:
    """(H, W, 3) uint8 BGR, upright; None if the file cannot be read, or only in part."""
    try:
        data = file.read_bytes()
        # OpenCV fills the missing part of a JPEG with grey and calls it read. A whole one ends its last scan with a mark of its own.
        if data.startswith(b"\xff\xd8") and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
            return None
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        return None
    return image  # type: ignore[return-value]
