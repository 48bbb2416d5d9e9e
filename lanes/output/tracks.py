"""What lies beside the video in a recording - sound, subtitles, data - and how it comes into the overlay video."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av

from lanes.output.aac import AACTrack
from lanes.output.track_clock import ClockStep, TrackClock

_log = logging.getLogger(__name__)

Sound = Literal["copy", "encode"]

# Tags that describe the source's file rather than what was recorded.
_OF_THE_FILE = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}

_KINDS = {"audio": "sound", "subtitle": "subtitles", "data": "data"}

# Before the origin by more than this nothing is needed. What comes less before it may be needed to decode what follows; it is not heard.
_LEAD_IN_S = Fraction(1)


class Tracks:
    """The tracks of an input container that go into an MP4 with the video: copied where it carries them, sound else encoded as AAC.

    What is encoded and what is left out is logged in one line each.

    Args:
        source: the input container.
        output: the container to write to; it gets the streams, the source's tags, and those of its tracks.
        steps: of the video's clock.
        sound: `copy` what can be, or `encode` all of it.
    """

    def __init__(self, source: Any, output: Any, steps: Sequence[ClockStep], sound: Sound) -> None:
        self._source = source
        self._outs: dict[int, Any] = {}
        self._encoded: dict[int, AACTrack] = {}
        self._clocks = {stream.index: TrackClock(steps) for stream in source.streams}
        self._last: dict[int, int] = {}
        output.metadata.update({name: text for name, text in source.metadata.items() if name not in _OF_THE_FILE})
        left_out = []
        for stream in source.streams:
            if stream.type not in _KINDS:
                continue
            codec = stream.codec_context.name if stream.codec_context else None
            encode = stream.type == "audio" and (sound == "encode" or (codec or "").startswith("pcm_"))
            if not encode and _fits(stream):
                self._outs[stream.index] = output.add_stream_from_template(stream)
                self._outs[stream.index].metadata.update(stream.metadata)
            elif stream.type == "audio" and codec and stream.codec_context.sample_rate:
                self._encoded[stream.index] = AACTrack(stream, output)
            else:
                left_out.append(f"{_KINDS[stream.type]} ({codec or stream.metadata.get('handler_name', 'unknown').strip()})")
        self._warn(left_out)

    def packets(self, origin: Fraction, until: Fraction | None) -> Iterator[tuple[float, Any]]:
        """The packets of all tracks for the output, each with its time there in seconds. They are in step, see `TrackClock`.

        Args:
            origin: the source's time that is 0 in the output, seconds.
            until: nothing begins from this time of the output on, seconds; None for no end.

        Raises:
            ValueError: sound that was to be copied changes its format under way; it can be encoded.
        """
        before: dict[int, int] = {}
        formats: dict[int, tuple[int, int] | None] = {}
        streams = [self._source.streams[index] for index in sorted({*self._outs, *self._encoded})]
        for packet in self._source.demux(streams) if streams else ():
            if packet.dts is None:
                continue
            index, unit = packet.stream.index, packet.time_base
            if packet.stream.type == "audio" and not packet.duration:  # a player drops a last packet that lasts no time
                packet.duration = max(0, packet.dts - before.get(index, packet.dts))
            before[index] = packet.dts
            time = self._clocks[index].time(packet.dts * unit, (packet.duration or 0) * unit)
            if time is None or time < origin - _LEAD_IN_S or (until is not None and time - origin >= until):
                continue
            if index in self._encoded:
                yield from _timed(self._encoded[index].packets(packet, time - origin))
                continue
            if formats.setdefault(index, _adts_format(packet)) != _adts_format(packet):
                raise ValueError("its format changes under way")
            shift = round((time - origin) / unit) - packet.dts
            packet.dts += shift
            packet.pts = None if packet.pts is None else packet.pts + shift
            if packet.dts <= self._last.get(index, packet.dts - 1):
                continue  # damage: the muxer would refuse it
            self._last[index] = packet.dts
            packet.stream = self._outs[index]
            yield float(time - origin), packet
        for track in self._encoded.values():
            yield from _timed(track.flush())

    def _warn(self, left_out: Sequence[str]) -> None:
        name = Path(self._source.name).name
        if self._encoded:
            codecs = ", ".join(self._source.streams[index].codec_context.name for index in self._encoded)
            _log.warning("%s: its sound (%s) is encoded as AAC: an MP4 does not carry it as it is", name, codecs)
        if left_out:
            _log.warning("%s: does not fit into an MP4 and is left out: %s", name, ", ".join(left_out))


def _fits(stream: Any) -> bool:
    """Whether an MP4 carries this stream as it is: found by writing a header for it."""
    try:
        with av.open(io.BytesIO(), "w", format="mp4") as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (ValueError, AttributeError, av.FFmpegError):
        return False
    return True


def _adts_format(packet: Any) -> tuple[int, int] | None:
    """Sampling rate and channels of a packet of AAC with a header of its own (ISO/IEC 13818-7, as numbers); an MP4 has one such pair."""
    context = packet.stream.codec_context
    head = bytes(packet)[:4] if context is not None and context.name == "aac" else b""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return None
    return head[2] >> 2 & 15, (head[2] & 1) << 2 | head[3] >> 6


def _timed(packets: Iterator[Any]) -> Iterator[tuple[float, Any]]:
    return ((float(packet.dts * packet.time_base), packet) for packet in packets)
