"""ImageFiles: still images in name order, each a frame."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.capture.source import FileInfo, Source, SourceInfo
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

    Opening raises:
        InputError: not one of them can be read.
    """

    def __init__(self, files: Sequence[Path], name: str) -> None:
        super().__init__(name)
        self._files = tuple(files)

    def _open(self) -> SourceInfo:
        self._images = self._read_all()
        self._first = next(self._images, None)
        if self._first is None:
            raise InputError(f"{self.name}: not one of its {len(self._files)} images can be read; give PNG, JPEG, BMP, WebP or TIFF files")
        width, height = self._first.size
        return SourceInfo(
            name=self.name,
            kind="images",
            width=width,
            height=height,
            frame_rate=FRAME_RATE,
            frames=len(self._files),
            time_base=1 / FRAME_RATE,
            file=FileInfo(files=self._files),
        )

    def _frames(self) -> Iterator[Frame]:
        while (frame := self._first or next(self._images, None)) is not None:
            self._first = None
            yield frame

    def _read_all(self) -> Iterator[Frame]:
        for index, file in enumerate(self._files):
            pixels = _read_image(file)
            if pixels is None:
                self._corrupt += 1
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
