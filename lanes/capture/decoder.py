"""Decoder: a container's video stream as upright BGR pictures with exact times. Files and network streams share it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from lanes.capture.source import Colour
from lanes.errors import InputError

Pixels = NDArray[np.uint8]

# The display matrix turns counter-clockwise; the key is how far, in degrees.
_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}

SWSCALE_DEFAULT = 5
SWSCALE_MATRICES = {1: 1, 5: 5, 6: 5, 7: 7, 9: 9}
"""The matrices of ITU-T H.273 that YUV 4:2:0 can have, to swscale's numbers for them."""

_DAMAGE = (av.InvalidDataError, av.PatchWelcomeError, av.UnknownError, av.BugError, av.ExternalError)

# Damage makes a demuxer raise without moving on in some formats: that often in a row, and the file has ended.
_FRUITLESS_READS = 50

# Time that runs backward by less is jitter and by more a clock that was set anew (recordings joined byte by byte).
_JITTER = Fraction(1)


class Decoder:
    """Decodes the first video stream of an open container, passing over what cannot be decoded.

    Attributes:
        stream: the PyAV stream that is decoded.
        width, height: of the upright picture, pixels.
        frame_rate: average, frames per second; None where the container does not say.
        time_base: seconds; every time is a multiple of it.
        first_time: seconds on the container's clock.
        colour, pixel_aspect: see `SourceInfo`.
        corrupt: pictures that could not be decoded so far.

    Raises:
        InputError: no video stream, no decoder for it, or not one picture in it can be decoded.
    """

    def __init__(self, container: Any, name: str) -> None:
        self._container = container
        self.stream = _video_stream(container, name)
        self.stream.thread_type = "AUTO"
        self._reformatter = VideoReformatter()
        self._last: Fraction | None = None
        self._shift = Fraction(0)
        self.corrupt = 0

        codec = self.stream.codec_context
        self.time_base: Fraction = self.stream.time_base
        self.frame_rate: Fraction | None = self.stream.average_rate or self.stream.guessed_rate or None
        self.colour = Colour(int(codec.colorspace), int(codec.color_range), int(codec.color_primaries), int(codec.color_trc))

        matrix = SWSCALE_MATRICES.get(self.colour.matrix, SWSCALE_DEFAULT)
        self._conversion = {
            "src_colorspace": matrix,
            "dst_colorspace": SWSCALE_DEFAULT,
            "src_color_range": self.colour.range,
            "threads": 1,  # the others are busy, and splitting a picture costs more than it saves
        }

        self._interlaced = False
        self._decoded = self._decode()
        first = next(self._decoded, None)
        if first is None:
            raise InputError(f"{name}: not one frame of it can be decoded; the file is damaged or incomplete, try to export it anew")
        self._first: av.VideoFrame | None = first
        self._interlaced = first.interlaced_frame
        self._coded_size = first.width, first.height
        self._rotation = round(first.rotation / 90) * 90 % 360
        upright = self._rotation in (0, 180)
        self.width, self.height = self._coded_size if upright else self._coded_size[::-1]
        self.first_time = self._time(first)
        self._last = None  # it will be given out again
        aspect = Fraction(self.stream.sample_aspect_ratio or 1)
        self.pixel_aspect = aspect if upright else 1 / aspect

    def __iter__(self) -> Iterator[tuple[Pixels, Fraction]]:
        """(pixels, time): (H, W, 3) uint8 BGR, contiguous and writable, and seconds on the container's clock."""
        while (frame := self._first or next(self._decoded, None)) is not None:
            self._first = None
            time = self._time(frame)
            yield self._pixels(frame), time

    def _decode(self) -> Iterator[av.VideoFrame]:
        packets = self._container.demux(self.stream)
        sent = given = fruitless = 0
        while fruitless < _FRUITLESS_READS:
            try:
                packet = next(packets, None)
            except _DAMAGE:
                self.corrupt += 1
                fruitless += 1
                packets = self._container.demux(self.stream)  # a generator that raised is spent
                continue
            if packet is None:
                break
            fruitless = 0
            sent += packet.size > 0 and not packet.is_discard
            self.corrupt += packet.is_corrupt
            try:
                frames = packet.decode()
            except av.EOFError:
                break
            except _DAMAGE:
                self.corrupt += 1
                continue
            for frame in frames:
                if frame.is_corrupt:
                    self.corrupt += 1
                    continue
                given += 1
                yield frame
        # Some decoders leave a damaged picture out without a word. In these codecs each packet is a picture (a field, if interlaced).
        if self.stream.codec_context.name in ("h264", "hevc") and not self._interlaced:
            self.corrupt = max(self.corrupt, sent - given)

    def _time(self, frame: av.VideoFrame) -> Fraction:
        """Presentation time of `frame`, always later than the one before it."""
        period = 1 / self.frame_rate if self.frame_rate else self.time_base
        last = self._last
        if frame.pts is None or frame.time_base is None:
            time = Fraction(0) if last is None else last + period
        else:
            time = frame.pts * frame.time_base + self._shift
        if last is not None and time <= last:
            if last - time < _JITTER:
                time = last + self.time_base
            else:
                self._shift += last + period - time
                time = last + period
        self._last = time
        return time

    def _pixels(self, frame: av.VideoFrame) -> Pixels:
        width, height = self._coded_size
        bgr = self._reformatter.reformat(frame, width, height, "bgr24", **self._conversion)
        plane = bgr.planes[0]
        lines: Pixels = np.frombuffer(plane, np.uint8).reshape(height, plane.line_size)  # type: ignore[call-overload]
        # The plane is the frame's own memory; it is copied only where its lines are padded.
        pixels = np.ascontiguousarray(lines[:, : 3 * width]).reshape(height, width, 3)
        if self._rotation:
            return cv2.rotate(pixels, _TURNS[self._rotation])  # type: ignore[return-value]
        return pixels


def _video_stream(container: Any, name: str) -> Any:
    """The first stream that is a moving picture (a cover picture of a music file is none)."""
    for stream in container.streams.video:
        if stream.disposition & av.stream.Disposition.attached_pic:
            continue
        if stream.codec_context is None:
            raise InputError(f"{name}: there is no decoder for its video here; convert it to H.264 or HEVC")
        return stream
    raise InputError(f"{name}: there is no video stream in it; give a file that has pictures")
