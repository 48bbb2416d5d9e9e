"""Decoder: a container's video stream as upright frames with times that make sense. Files and network streams share it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from lanes.arrays import BGRImage
from lanes.capture.clock import Clock
from lanes.capture.container import video_stream
from lanes.capture.deinterlace import Deinterlacer
from lanes.capture.display import UPRIGHT, Orientation
from lanes.capture.source import Colour
from lanes.errors import InputError
from lanes.results import Frame

SWSCALE_DEFAULT = 5
SWSCALE_MATRICES = {1: 1, 5: 5, 6: 5, 7: 7, 9: 9}
"""The matrices of ITU-T H.273 that YUV 4:2:0 can have, to swscale's numbers for them."""

_LIMITED = 1  # AVCOL_RANGE_MPEG

_DAMAGE = (av.InvalidDataError, av.PatchWelcomeError, av.UnknownError, av.BugError, av.ExternalError)

# Damage makes a demuxer raise without moving on in some formats: that often in a row, and the file has ended.
_FRUITLESS_READS = 50

# That many frames may come out of a decoder yet from before a damaged stretch that the demuxer has met: by its threads and reordering.
_DELAY = 64

# A hole between two packets as large as that many is damage, in which the demuxer has found nothing.
_HOLE = 50

# With this flag FFmpeg makes presentation stamps up where a container has none (AVI), in the order of decoding.
_MAKE_UP_PTS = 0x0001


class Shape(NamedTuple):
    """Size of the upright picture in pixels, and width of a pixel over its height."""

    width: int
    height: int
    pixel_aspect: Fraction


class _Stamp(NamedTuple):
    """What is known of a frame beside its pixels, while the deinterlacer has it."""

    shape: Shape
    time: Fraction
    cut: bool
    suspect: bool


class Decoder:
    """Decodes the video stream of an open container that players show, passing over what cannot be decoded.

    Every frame is turned, deinterlaced and converted by what it says of itself, which may change under way.

    Args:
        container: opened by PyAV.
        name: what the source is called in messages.
        source: `Frame.source` of its frames; by default the same.

    Attributes:
        stream: the PyAV stream that is decoded.
        shape: of the frame given last; before that, of the first.
        frame_rate: average, frames per second; None where the container does not say.
        time_base: seconds; every time is a multiple of it.
        first_time: seconds on the container's clock.
        colour: of the first frame; see `SourceInfo`.
        corrupt: frames that could not be decoded so far.

    Raises:
        InputError: no video stream, no decoder for it, or not one picture in it can be decoded.
    """

    def __init__(self, container: Any, name: str, source: str | None = None) -> None:
        self._container = container
        self._source = name if source is None else source
        container.flags &= ~_MAKE_UP_PTS
        self.stream = video_stream(container, name)
        self.stream.thread_type = "AUTO"
        self._reformatter = VideoReformatter()
        self._deinterlacer: Deinterlacer | None = None
        self._waiting: deque[_Stamp] = deque()  # what the deinterlacer still has
        self._coded: tuple[object, ...] = ()
        self._orientation = UPRIGHT
        self._interlaced = self._mislabelled = self._hole = False
        self._time = Fraction(0)
        self._lost = 0  # frames for which it holds that some before them were lost
        self._index = 0
        self.shape: Shape
        self.corrupt = 0

        codec = self.stream.codec_context
        self.time_base: Fraction = self.stream.time_base
        self.frame_rate: Fraction | None = self.stream.average_rate or self.stream.guessed_rate or None
        self.colour = Colour(int(codec.colorspace), int(codec.color_range), int(codec.color_primaries), int(codec.color_trc))
        self._aspect = Fraction(self.stream.sample_aspect_ratio or 1), codec.sample_aspect_ratio
        self._clock = Clock(self.time_base, self.frame_rate)

        self._decoded = self._decode()
        first = next(self._decoded, None)
        if first is None:
            raise InputError(f"{name}: not one frame of it can be decoded; the file is damaged or incomplete, try to export it anew")
        self._first: Frame | None = first
        self.first_time = first.time

    def __iter__(self) -> Iterator[Frame]:
        """The frames, once; `time` is on the container's clock, as `Clock` gives it."""
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        yield from self._decoded

    def _decode(self) -> Iterator[Frame]:
        for frame, suspect in self._coded_frames():
            last = self._time
            self._time, cut = self._clock.time(frame.pts, frame.dts, self._lost > 0)
            self._lost -= 1
            if cut and self._hole and self.frame_rate:
                self.corrupt += max(0, round((self._time - last) * self.frame_rate) - 1)
                self._hole = False
            aspect, kind = self.stream.codec_context.sample_aspect_ratio, frame.format.name
            coded = frame.width, frame.height, kind, frame.color_range, frame.rotation, aspect
            if cut or coded != self._coded:
                yield from self._rest_of_deinterlaced()
                self._coded = coded
                # Not at each frame: PyAV frees one late whose side data was looked at, which costs a tenth of the speed.
                self._orientation = Orientation.of_frame(frame)
                # A decoder that began in full range keeps these formats when the stream goes over to limited range.
                self._mislabelled = kind in ("yuvj420p", "yuvj444p") and int(frame.color_range) == _LIMITED
            if frame.interlaced_frame and not self._deinterlacer:
                self._deinterlacer = Deinterlacer(frame)
            stamp = _Stamp(self._shape_of(frame), self._time, cut, suspect)
            if self._deinterlacer:
                self._waiting.append(stamp)
                for whole in self._deinterlacer.push(frame):
                    yield self._finished(whole, self._waiting.popleft())
            else:
                yield self._finished(frame, stamp)
        yield from self._rest_of_deinterlaced()

    def _rest_of_deinterlaced(self) -> Iterator[Frame]:
        if self._deinterlacer:
            for whole in self._deinterlacer.push(None):
                yield self._finished(whole, self._waiting.popleft())
            self._deinterlacer = None

    def _coded_frames(self) -> Iterator[tuple[av.VideoFrame, bool]]:
        """Frames as they are coded, in the order of presentation, and whether each is suspect."""
        sent = given = 0
        damaged = False  # since the last key frame that came out
        for packet in self._packets():
            sent += packet.size > 0 and not packet.is_discard
            lost = self.corrupt
            try:
                frames = packet.decode()
            except av.EOFError:
                break
            except _DAMAGE:
                self.corrupt += 1
                frames = []
            for frame in frames:
                self._interlaced |= frame.interlaced_frame
                if frame.is_corrupt:
                    self.corrupt += 1
                    damaged = True
                    continue
                damaged &= not frame.key_frame
                given += 1
                yield frame, damaged or frame.opaque is not None
            damaged |= self.corrupt > lost and not frames
            if self.corrupt > lost:
                self._lost = _DELAY
        # Some decoders leave a damaged picture out without a word. In these codecs each packet is a picture (a field, if interlaced).
        if self.stream.codec_context.name in ("h264", "hevc") and not self._interlaced:
            self.corrupt = max(self.corrupt, sent - given)

    def _packets(self) -> Iterator[Any]:
        """The stream's packets; those that depend on lost ones have an `opaque` that is not None, which their frames inherit."""
        self.stream.codec_context.copy_opaque = True
        broken = torn = False
        end = size = count = 0
        for packet in self._demuxed():
            if packet is None:
                broken = True
                continue
            if packet.pos is not None:
                if end and count * (packet.pos - end) > _HOLE * size:
                    self._hole, self._lost = True, _DELAY
                end, size, count = packet.pos + packet.size, size + packet.size, count + 1
            broken &= not packet.is_keyframe
            if broken:
                packet.opaque = True
            # A part is missing, the demuxer says, while it holds the packet after this one. Where that is whole and a key frame comes next,
            # nothing was lost: so it is at every seam of two recordings.
            broken |= torn
            torn = packet.is_corrupt
            self._clock.lasting(packet.duration or 0)
            yield packet

    def _demuxed(self) -> Iterator[Any]:
        """The stream's packets; None where the container is damaged. The clock hears of the sound in between."""
        fruitless = 0
        streams = [self.stream, *self._container.streams.audio]
        packets = self._container.demux(streams)
        while fruitless < _FRUITLESS_READS:
            try:
                packet = next(packets, None)
            except _DAMAGE:
                self.corrupt += 1
                self._lost = _DELAY
                fruitless += 1
                packets = self._container.demux(streams)  # a generator that raised is spent
                yield None
                continue
            if packet is None:
                return
            fruitless = 0
            if packet.stream.index == self.stream.index:
                yield packet
            elif packet.pts is not None:
                self._clock.heard(int(packet.pts * packet.time_base))

    def _shape_of(self, frame: av.VideoFrame) -> Shape:
        # The container's word on the aspect, unless the codec has changed its own since.
        said, coded = self._aspect
        now = self.stream.codec_context.sample_aspect_ratio
        aspect = said if now == coded else Fraction(now or 1)
        return Shape(frame.height, frame.width, 1 / aspect) if self._orientation.transposed else Shape(frame.width, frame.height, aspect)

    def _finished(self, frame: av.VideoFrame, stamp: _Stamp) -> Frame:
        index, self._index = self._index, self._index + 1
        cut = stamp.cut or (index > 0 and stamp.shape != self.shape)
        self.shape = stamp.shape
        pixels = self._orientation.apply(self._pixels(frame))
        return Frame(pixels, index, stamp.time, self._source, f"{index:06d}", cut=cut, suspect=stamp.suspect)

    def _pixels(self, frame: av.VideoFrame) -> BGRImage:
        """The frame as it is coded, in BGR, by its own matrix and range."""
        width, height = frame.width, frame.height
        if self._mislabelled:
            frame = av.VideoFrame.from_ndarray(frame.to_ndarray(), frame.format.name.replace("j", ""))
        bgr = self._reformatter.reformat(
            frame,
            width,
            height,
            "bgr24",
            src_colorspace=SWSCALE_MATRICES.get(int(frame.colorspace), SWSCALE_DEFAULT),
            dst_colorspace=SWSCALE_DEFAULT,
            src_color_range=_LIMITED if self._mislabelled else int(frame.color_range),
            threads=1,  # the others are busy, and splitting a picture costs more than it saves
        )
        plane = bgr.planes[0]
        lines: NDArray[np.uint8] = np.frombuffer(plane, np.uint8).reshape(height, plane.line_size)  # type: ignore[call-overload]
        # The plane is the frame's own memory; it is copied only where its lines are padded.
        return np.ascontiguousarray(lines[:, : 3 * width]).reshape(height, width, 3)
