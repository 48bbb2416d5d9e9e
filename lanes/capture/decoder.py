"""Decoder: a container's video stream as upright frames with times that make sense. Files and network streams share it."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from lanes.arrays import BGRImage
from lanes.capture.coded import CodedFrame, CodedFrames
from lanes.capture.container import frame_rate, video_stream
from lanes.capture.deinterlace import Deinterlacer
from lanes.capture.display import UPRIGHT, Orientation
from lanes.capture.source import Colour
from lanes.errors import InputError
from lanes.results import Frame

SWSCALE_DEFAULT = 5
SWSCALE_MATRICES = {1: 1, 5: 5, 6: 5, 7: 7, 9: 9}
"""The matrices of ITU-T H.273 that YUV 4:2:0 can have, to swscale's numbers for them."""

_LIMITED = 1  # AVCOL_RANGE_MPEG
_SMALLEST_INTERLACED = 4  # pixels; the filter takes no smaller ones


class Shape(NamedTuple):
    """Size of the upright frame in pixels, and width of a pixel over its height."""

    width: int
    height: int
    pixel_aspect: Fraction


class _Progressive(NamedTuple):
    """A frame as it is coded, deinterlaced, its upright shape, and what is known of it."""

    image: av.VideoFrame
    shape: Shape
    coded: CodedFrame


class Decoder:
    """Decodes the video stream of an open container that players show, skipping what cannot be decoded.

    Every frame is turned, deinterlaced and converted by what it says of itself, which may change under way.

    Args:
        container: opened by PyAV.
        name: what the source is called in messages.
        source: `Frame.source` of its frames; by default the same.
        low_delay: see `CodedFrames`.

    Attributes:
        stream: the PyAV stream that is decoded.
        shape: of the frame given last; before that, of the first.
        frame_rate: average, frames per second; None where the container does not say.
        time_base: seconds; every time is a multiple of it.
        first_time: seconds on the container's clock.
        colour: of the first frame; see `SourceInfo`.
        wanted_from: of the frames up to that time only the newest is wanted, see `Source.skip_to`. The others are not converted, which
            takes about as long as decoding does, but for one a second.
        late: frames that were skipped for that.

    Raises:
        InputError: no video stream, no decoder for it, or not one frame in it can be decoded.
    """

    def __init__(self, container: Any, name: str, source: str | None = None, low_delay: bool = False) -> None:
        self._source = name if source is None else source
        self.stream = video_stream(container, name)
        self._reformatter = VideoReformatter()
        self._deinterlacer: Deinterlacer | None = None
        self._waiting: deque[tuple[Shape, CodedFrame]] = deque()  # what the deinterlacer still has
        self._facts: tuple[object, ...] = ()
        self._orientation = UPRIGHT
        self._mislabelled = False
        self._index = 0
        self.wanted_from: Fraction | None = None
        self.late = 0
        self.shape: Shape

        codec = self.stream.codec_context
        self.time_base: Fraction = self.stream.time_base
        self.frame_rate = frame_rate(container, self.stream)
        self.colour = Colour(int(codec.colorspace), int(codec.color_range), int(codec.color_primaries), int(codec.color_trc))
        self._aspect = Fraction(self.stream.sample_aspect_ratio or 1), codec.sample_aspect_ratio

        self._coded_frames = CodedFrames(container, self.stream, self.frame_rate, low_delay)
        self._decoded = self._converted()
        first = next(self._decoded, None)
        if first is None:
            raise InputError(f"{name}: not one frame of it can be decoded; the file is damaged or incomplete, try to export it anew")
        self._first: Frame | None = first
        self.first_time = first.time

    @property
    def corrupt(self) -> int:
        """Frames that could not be decoded so far."""
        return self._coded_frames.corrupt

    def __iter__(self) -> Iterator[Frame]:
        """The frames, once; `time` is on the container's clock, as `Clock` gives it."""
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        yield from self._decoded

    def close(self) -> None:
        """Ends it, so that nothing refers to the codec any more: its memory and threads are given back at once."""
        self._decoded.close()

    def _converted(self) -> Generator[Frame, None, None]:
        held: _Progressive | None = None  # wanted only if it turns out to be the last
        cut, given, before = False, Fraction(0), Fraction(0)
        for frame in self._progressive():
            time = frame.coded.time
            if held is not None:
                self._index += 1
                self.late += 1
                cut |= held.coded.cut
                held = None
            successor = time + (1 / self.frame_rate if self.frame_rate else time - before)
            before = time
            if self.wanted_from is not None and successor <= self.wanted_from and time < given + 1:
                held = frame
                continue
            yield self._to_frame(frame, cut)
            cut, given = False, time
        if held is not None:
            yield self._to_frame(held, cut)

    def _progressive(self) -> Iterator[_Progressive]:
        """Frames as they are coded, deinterlaced."""
        for coded in self._coded_frames:
            image = coded.image
            aspect, kind = self.stream.codec_context.sample_aspect_ratio, image.format.name
            facts = image.width, image.height, kind, image.color_range, image.rotation, aspect
            if coded.cut or facts != self._facts:
                yield from self._deinterlaced(None)
                self._deinterlacer, self._facts = None, facts
                # Not at each frame: PyAV frees one late whose side data was looked at, which costs a tenth of the speed.
                self._orientation = Orientation.of_frame(image)
                # A decoder that began in full range keeps these formats when the stream goes over to limited range.
                self._mislabelled = kind in ("yuvj420p", "yuvj444p") and int(image.color_range) == _LIMITED
            if image.interlaced_frame and not self._deinterlacer and min(image.width, image.height) >= _SMALLEST_INTERLACED:
                self._deinterlacer = Deinterlacer(image)
            if self._deinterlacer:
                self._waiting.append((self._shape_of(image), coded))
                yield from self._deinterlaced(image)
            else:
                yield _Progressive(image, self._shape_of(image), coded)
        yield from self._deinterlaced(None)

    def _deinterlaced(self, image: av.VideoFrame | None) -> Iterator[_Progressive]:
        for frame in self._deinterlacer.push(image) if self._deinterlacer else ():
            yield _Progressive(frame, *self._waiting.popleft())

    def _shape_of(self, image: av.VideoFrame) -> Shape:
        # The container's aspect, unless the codec has changed its own since.
        declared, coded = self._aspect
        now = self.stream.codec_context.sample_aspect_ratio
        aspect = declared if now == coded else Fraction(now or 1)
        return Shape(image.height, image.width, 1 / aspect) if self._orientation.transposed else Shape(image.width, image.height, aspect)

    def _to_frame(self, frame: _Progressive, cut: bool) -> Frame:
        """The frame, converted. `cut`: whether there was a cut in frames that were skipped before it."""
        image, shape, coded = frame
        index, self._index = self._index, self._index + 1
        cut = cut or coded.cut or (index > 0 and shape != self.shape)
        self.shape = shape
        return Frame(
            self._orientation.apply(self._pixels(image)),
            index,
            coded.time,
            self._source,
            f"{index:06d}",
            cut=cut,
            suspect=coded.suspect,
            clock_shift=coded.clock_shift,
        )

    def _pixels(self, image: av.VideoFrame) -> BGRImage:
        """The image as it is coded, in BGR, by its own matrix and range."""
        width, height = image.width, image.height
        if self._mislabelled:
            image = av.VideoFrame.from_ndarray(image.to_ndarray(), image.format.name.replace("j", ""))
        bgr = self._reformatter.reformat(
            image,
            width,
            height,
            "bgr24",
            src_colorspace=SWSCALE_MATRICES.get(int(image.colorspace), SWSCALE_DEFAULT),
            dst_colorspace=SWSCALE_DEFAULT,
            src_color_range=_LIMITED if self._mislabelled else int(image.color_range),
            threads=1,  # the others are busy, and splitting a frame costs more than it saves
        )
        plane = bgr.planes[0]
        lines: NDArray[np.uint8] = np.frombuffer(plane, np.uint8).reshape(height, plane.line_size)  # type: ignore[call-overload]
        # The plane is the image's own memory; it is copied only where its lines are padded.
        return np.ascontiguousarray(lines[:, : 3 * width]).reshape(height, width, 3)
