"""CodedFrames: a container's video stream, decoded but not yet converted, with the damage in it counted."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import av

from lanes.capture.clock import Clock

_DAMAGE = (av.InvalidDataError, av.PatchWelcomeError, av.UnknownError, av.BugError, av.ExternalError)

# Damage makes a demuxer raise without moving on in some formats: that often in a row, and the file has ended.
_MAX_FAILED_READS = 50

# That many frames may come out of a decoder yet from before a damaged stretch that the demuxer has met: by its threads and reordering.
_DELAY = 64

# A hole in the file in which the demuxer found nothing, in mean distances from packet to packet: from the first size on, frames are missing
# if none come for so many periods; from the second on, it shows that time has passed.
_HOLE, _LARGE_HOLE, _MISSING = 8, 50, 5

# With this flag FFmpeg invents presentation stamps where a container has none (AVI), in the order of decoding.
_GENERATE_PTS = 0x0001


class CodedFrame(NamedTuple):
    """A frame as it is coded.

    Attributes:
        image: of PyAV.
        time: seconds, as `Clock` gives it.
        cut: the first after a cut in time.
        suspect: decoded from data that depends on damaged data before it: it may be smeared.
        clock_shift: what was added to the container's clock, seconds.
    """

    image: av.VideoFrame
    time: Fraction
    cut: bool
    suspect: bool
    clock_shift: Fraction


class CodedFrames:
    """The frames of a stream in the order of presentation, once. What cannot be decoded is skipped and counted in `corrupt`.

    Frames are suspect from damage on until the next key frame. Two whole recordings joined byte by byte are no damage.

    Args:
        container: opened by PyAV.
        stream: a video stream of it.
        rate: nominal frames per second; None where it is not known.
        low_delay: give each frame as soon as it is decoded, at the price of throughput.
    """

    def __init__(self, container: Any, stream: Any, rate: Fraction | None, low_delay: bool = False) -> None:
        self.corrupt = 0
        self._container, self._stream = container, stream
        self._clock = Clock(stream.time_base, rate)
        self._failure: av.FFmpegError | None = None
        self._before_hole = 0  # `corrupt`, when the demuxer met it
        self._hole = self._lost = 0  # for so many frames still, it may lie before them; and some before them may be lost
        container.flags &= ~_GENERATE_PTS
        # Frame threads hold a frame back for each processor.
        stream.thread_type = "SLICE" if low_delay else "AUTO"
        stream.codec_context.copy_opaque = True  # see `_packets`

    def __iter__(self) -> Iterator[CodedFrame]:
        last: Fraction | None = None
        for image, suspect in self._decoded():
            time, cut = self._clock.time(image.pts, image.dts, self._lost > 0)
            self._lost -= self._lost > 0
            if self._hole:
                self._hole -= 1
                self._count_missing(time - (time if last is None else last))
            last = time
            yield CodedFrame(image, time, cut, suspect, self._clock.shift)

    def _count_missing(self, step: Fraction) -> None:
        """Frames that were in a hole show by the time that is missing alone."""
        periods = step / self._clock.period
        if periods >= _MISSING:
            self.corrupt = max(self.corrupt, self._before_hole + round(periods) - 1)
            self._hole = 0

    def _decoded(self) -> Iterator[tuple[av.VideoFrame, bool]]:
        """Frames, and whether each is suspect."""
        sent = given = 0
        interlaced = damaged = False  # damaged: since the last key frame that came out
        for packet in self._packets_to_the_end():
            sent += packet.size > 0 and not packet.is_discard
            before = self.corrupt
            try:
                frames = packet.decode()
            except av.EOFError:
                break
            except _DAMAGE:
                self.corrupt += 1
                damaged = True
                frames = []
            for frame in frames:
                interlaced |= frame.interlaced_frame
                if frame.is_corrupt:
                    self.corrupt += 1
                    damaged = True
                    continue
                damaged &= not frame.key_frame
                given += 1
                yield frame, damaged or frame.opaque is not None
            if self.corrupt > before:
                self._lost = _DELAY
        # Some decoders drop a damaged frame silently. In these codecs each packet is a frame (a field, if interlaced).
        if self._stream.codec_context.name in ("h264", "hevc") and not interlaced:
            self.corrupt = max(self.corrupt, sent - given)
        if self._failure is not None:
            raise self._failure

    def _packets_to_the_end(self) -> Iterator[Any]:
        """The stream's packets. Where reading fails, an empty one follows, which brings out of the decoder what it still has."""
        try:
            yield from self._packets()
        except av.FFmpegError as error:
            self._failure = error
            if self._stream.codec_context.is_open:
                last = av.Packet()
                last.stream = self._stream
                yield last

    def _packets(self) -> Iterator[Any]:
        """The stream's packets; those that depend on lost ones have an `opaque` that is not None, which their frames inherit."""
        broken = torn = False
        begin = end = count = 0
        for packet in self._demuxed():
            if packet is None:
                broken = True
                continue
            if packet.pos is not None:
                begin = begin or packet.pos
                hole = count * (packet.pos - end)
                if count and hole > _HOLE * (end - begin):
                    self._before_hole, self._hole = self.corrupt, _DELAY
                if count and hole > _LARGE_HOLE * (end - begin):
                    self._lost = _DELAY
                end, count = packet.pos + packet.size, count + 1
            broken &= not packet.is_keyframe
            if broken:
                packet.opaque = True
            # A part is missing, the demuxer says, while it holds the packet after this one. Where that is whole and a key frame comes next,
            # nothing was lost: so it is at every seam of two recordings.
            broken |= torn
            torn = packet.is_corrupt
            self._clock.note_duration(packet.duration or 0)
            yield packet

    def _demuxed(self) -> Iterator[Any]:
        """The stream's packets; None where the container is damaged. The clock takes note of the sound in between."""
        failed_reads = 0
        streams = [self._stream, *self._container.streams.audio]
        packets = self._container.demux(streams)
        while failed_reads < _MAX_FAILED_READS:
            try:
                packet = next(packets, None)
            except _DAMAGE:
                self.corrupt += 1
                self._lost = _DELAY
                failed_reads += 1
                packets = self._container.demux(streams)  # a generator that raised is spent
                yield None
                continue
            except IndexError:  # at the end PyAV looks for a stream that appeared under way, which it does not know; ours is through
                return
            if packet is None:
                return
            failed_reads = 0
            if packet.stream.index == self._stream.index:
                yield packet
            elif packet.pts is not None:
                self._clock.note_audio(int(packet.pts * packet.time_base))
