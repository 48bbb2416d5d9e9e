"""ImageFiles: still images in name order, each a frame."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from lanes.arrays import BGRImage
from lanes.capture.decoder import Decoder
from lanes.capture.source import FileInfo, Source, SourceInfo
from lanes.errors import InputError
from lanes.results import Frame

FRAME_RATE = Fraction(30)
"""Images carry no times; they are taken as that many frames a second."""

# In a JPEG, 0xFF begins a marker, unless 0x00 follows (a byte 0xFF of the image data), another 0xFF (fill) or 0xD0 to 0xD7 (restart).
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)
_SOI, _EOI, _TEM = 0xD8, 0xD9, 0x01

_LARGEST = 2**30  # bytes: an image is read as a whole

_log = logging.getLogger(__name__)


class ImageFiles(Source):
    """Images of any size and depth, as upright 8-bit BGR (EXIF orientation applied, alpha dropped, 16 bits scaled to 8).

    Image n (counted from 0) has time n/30 s. One that cannot be read is named in a warning, counted in `corrupt` and passed
    over; its number and time stay unused. One of another size than the one before has `cut=True`.

    Args:
        files: in the order in which they are wanted.
        name: what the source is called in messages.

    Opening raises:
        InputError: not one of them can be read.
    """

    def __init__(self, files: Sequence[Path], name: str) -> None:
        super().__init__(name)
        self._files = tuple(files)
        self._failure: InputError | None = None

    def _open(self) -> SourceInfo:
        self._images = self._read_all()
        self._first = next(self._images, None)
        if self._first is None:
            if len(self._files) == 1 and self._failure:
                raise self._failure
            count = len(self._files)
            raise InputError(f"{self.name}: not one of its {count} images can be read; give PNG, JPEG, BMP, WebP, AVIF or TIFF files")
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
        size = None
        while (frame := self._first or next(self._images, None)) is not None:
            self._first = None
            frame.cut = size not in (None, frame.size)
            size = frame.size
            yield frame

    def _read_all(self) -> Iterator[Frame]:
        for index, file in enumerate(self._files):
            if self._is_late((index + 1) / FRAME_RATE) and index + 1 < len(self._files):
                self._skip(1)
                continue
            try:
                pixels = read_image(file)
            except InputError as error:
                self._failure = error
                self._corrupt += 1
                _log.warning("%s; skipped", error)
            else:
                yield Frame(pixels, index, index / FRAME_RATE, file.name, file.stem, path=file)


def read_image(file: Path) -> BGRImage:
    """(H, W, 3) uint8 BGR, upright.

    Raises:
        InputError: the file cannot be read, or only in part.
    """
    try:
        if file.stat().st_size > _LARGEST:
            raise InputError(f"{file}: is too large for an image ({file.stat().st_size / 2**30:.1f} GiB)")
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); check the path and its permissions") from error
    if not data:
        raise InputError(f"{file}: the file is empty (0 bytes)")
    if data.startswith(b"\xff\xd8") and not _whole_jpeg(data):  # OpenCV fills the missing part with grey and calls it read
        raise InputError(f"{file}: cannot be read as an image; its end is missing, copy it anew")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None and data[4:8] == b"ftyp":
        return _read_heif(file)
    if image is None:
        raise InputError(f"{file}: cannot be read as an image; it is damaged, or of a format that is not known here")
    return image  # type: ignore[return-value]


def _whole_jpeg(data: bytes) -> bool:
    """Whether a JPEG's own end follows its scans, whatever comes after it: phones append videos, cameras more images."""
    at = 2
    while (marker := _MARKER.search(data, at)) is not None:
        code, at = marker[1][0], marker.end()
        if code == _EOI:
            return True
        if code not in (_SOI, _TEM):  # a segment: its length, and what it holds, where markers mean nothing
            at += int.from_bytes(data[at : at + 2], "big")
    return False


def _read_heif(file: Path) -> BGRImage:
    """A phone's HEIC, which OpenCV does not know: FFmpeg sees a video of one frame in it."""
    try:
        with av.open(f"file:{file}", container_options={"format_whitelist": "mov"}, metadata_errors="replace") as container:
            return next(iter(Decoder(container, str(file)))).pixels
    except av.FFmpegError as error:
        raise InputError(f"{file}: cannot be read as an image ({error.strerror}); convert it to JPEG or PNG") from error
