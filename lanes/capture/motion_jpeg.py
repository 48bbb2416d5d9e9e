"""Motion JPEG over HTTP: a response in many parts, each an image (`multipart/x-mixed-replace`), as most cheap cameras send it."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from time import perf_counter_ns

import cv2
import numpy as np

from lanes.capture.arrival import ArrivalClock
from lanes.errors import InputError, SourceLostError
from lanes.results import Frame

# No camera sends a larger image; a server that never ends one must not fill the memory.
_LARGEST = 64 << 20
_LONGEST_LINE = 1 << 16


class MotionJPEG:
    """The images of a response, each as soon as its last byte has come. Times are those of arrival, from 0.

    FFmpeg's reader of this format invents 25 frames a second, buffers seconds of them and loses the last one.

    Attributes:
        width, height: of the first image, pixels.
        corrupt: images that could not be decoded so far.

    Args:
        response: its head is read, its body is not.
        name: what the source is called in messages.

    Raises:
        InputError: it ends before an image came.
    """

    def __init__(self, response: http.client.HTTPResponse, name: str) -> None:
        self._response = response
        self._name = name
        self.corrupt = 0
        # Some cameras name the boundary with its dashes, some without.
        self._boundary = str(response.headers.get_param("boundary") or "").strip("-").encode("latin-1", "replace")
        self._frames = self._decode()
        try:
            self._first: Frame | None = next(self._frames, None)
        except SourceLostError:
            self._first = None
        if self._first is None:
            response.close()
            raise InputError(f"{name}: answers as a camera with Motion JPEG, but sends no image; check the address")
        self.width, self.height = self._first.size

    def __iter__(self) -> Iterator[Frame]:
        """The frames, once; ends where the server ends the response between two images. Raises SourceLostError where it breaks off."""
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        yield from self._frames

    def close(self) -> None:
        """Ends the connection."""
        self._response.close()

    def _decode(self) -> Iterator[Frame]:
        clock, index, size = ArrivalClock(), 0, None
        for data in self._parts():
            arrived = perf_counter_ns()
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
            if pixels is None:
                self.corrupt += 1
                continue
            cut = size not in (None, pixels.shape)
            size = pixels.shape
            yield Frame(pixels, index, clock.time(arrived), self._name, f"{index:06d}", arrived_ns=arrived, cut=cut)  # type: ignore[arg-type]
            index += 1

    def _parts(self) -> Iterator[bytes]:
        try:
            while (length := self._head()) is not None:
                yield self._until_boundary() if length < 0 else self._exactly(length)
        except (OSError, http.client.HTTPException, ValueError) as error:
            cause = getattr(error, "strerror", None) or "it broke off inside an image"
        else:
            return
        raise SourceLostError(f"{self._name}: the connection was lost ({cause}); what came before is kept")

    def _head(self) -> int | None:
        """Reads the head of a part. Its `Content-Length`, -1 where it gives none; None at the end of the response."""
        length, inside = -1, False
        while line := self._response.readline(_LONGEST_LINE):
            key, colon, value = line.strip().partition(b":")
            if not key and inside:
                return length
            if colon and key.lower() == b"content-length":
                length = int(value)
                if not 0 <= length <= _LARGEST:
                    raise ValueError("a part of an impossible length")
            inside = inside or bool(colon)
        return None

    def _exactly(self, length: int) -> bytes:
        body = bytearray()
        while len(body) < length:
            piece = self._response.read(length - len(body))
            if not piece:
                raise ValueError("ended inside a part")
            body += piece
        return bytes(body)

    def _until_boundary(self) -> bytes:
        """A part of unknown length: up to the line that begins with the boundary, or the end of the response."""
        body = bytearray()
        while line := self._response.readline(_LONGEST_LINE):
            if line.startswith(b"--") and line.lstrip(b"-").startswith(self._boundary):
                break
            body += line
            if len(body) > _LARGEST:
                raise ValueError("a part without an end")
        return bytes(body.removesuffix(b"\n").removesuffix(b"\r"))
