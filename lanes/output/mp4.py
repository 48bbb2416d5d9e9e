"""The last step of writing an MP4: from the fragments that a run leaves to a file that starts playing at once, with the source's sound."""

from __future__ import annotations

import heapq
import logging
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

_log = logging.getLogger(__name__)


def whole_fragments(path: Path) -> int:
    """How many bytes at the start of a fragmented MP4 are complete (ISO/IEC 14496-12: a box is its size, its type, its content).

    That is all of it if every box is complete, else what ends with the last complete fragment (`moof` with its `mdat`); 0 if there is none.
    """
    good = at = 0
    size = path.stat().st_size
    with path.open("rb") as file:
        while at + 8 <= size:
            file.seek(at)
            length, kind = struct.unpack(">I4s", file.read(8))
            if length == 1:
                length = struct.unpack(">Q", file.read(8))[0]
            if length < 8 or at + length > size:
                break
            at += length
            if kind == b"mdat":
                good = at
    return size if good and at == size else good


def finish_mp4(
    fragments: Path,
    target: Path,
    *,
    begin: Fraction,
    last: Fraction,
    sound: Path | None = None,
    origin: Fraction = Fraction(0),
    until: Fraction | None = None,
) -> None:
    """Copy the video of `fragments`, and the sound of `sound`, into `target`, its index at the front (fast start). Nothing is encoded anew.

    Args:
        fragments: MP4 with one video stream whose first frame has time 0.
        target: the file to write.
        begin: when the first frame is shown, seconds.
        last: how long the last frame stays, seconds.
        sound: a file whose audio streams are wanted; those that MP4 cannot carry are left out, and said.
        origin: the time in `sound` that is 0 in `target`, seconds.
        until: audio from this time of `target` on is left out, seconds; None keeps all.

    Raises:
        av.FFmpegError, OSError: a file cannot be read or written.
    """
    with av.open(f"file:{fragments}") as video:
        picture = video.streams.video[0]
        # Edit lists count in the movie's own time scale, which is milliseconds by default: too coarse for exact times.
        options = {"movflags": "+faststart", "movie_timescale": str(picture.time_base.denominator)}
        with av.open(f"file:{target}", "w", format="mp4", options=options) as output:
            out = output.add_stream_from_template(picture, opaque=True)
            inputs = [_video_packets(video, picture, out, begin, last)]
            if sound is None:
                _mux(output, inputs)
                return
            with av.open(f"file:{sound}", metadata_errors="replace") as source:
                inputs += _audio_packets(source, output, origin, until)
                _mux(output, inputs)


def _mux(output: Any, inputs: list[Iterator[tuple[float, Any]]]) -> None:
    for _, packet in heapq.merge(*inputs, key=lambda item: item[0]):
        output.mux_one(packet)


def _video_packets(container: Any, stream: Any, out: Any, begin: Fraction, last: Fraction) -> Iterator[tuple[float, Any]]:
    unit = stream.time_base
    offset = round(begin / unit)
    held = None
    for packet in container.demux(stream):
        if packet.dts is None:
            continue
        packet.pts += offset
        packet.dts += offset
        packet.stream = out
        if held is not None:
            yield float(held.dts * unit), held
        held = packet
    if held is not None:
        held.duration = max(1, round(last / unit))
        yield float(held.dts * unit), held


def _audio_packets(source: Any, output: Any, origin: Fraction, until: Fraction | None) -> list[Iterator[tuple[float, Any]]]:
    outs = {}
    for stream in source.streams.audio:
        try:
            outs[stream.index] = output.add_stream_from_template(stream)
        except (ValueError, av.FFmpegError, AttributeError):
            codec = stream.codec_context.name if stream.codec_context else "unknown"
            _log.warning("%s: its sound (%s) does not fit into an MP4 and is left out", Path(source.name).name, codec)
    if not outs:
        return []

    def packets() -> Iterator[tuple[float, Any]]:
        for packet in source.demux([source.streams[index] for index in outs]):
            if packet.dts is None:
                continue
            time = packet.dts * packet.time_base - origin
            if until is not None and time >= until:
                continue
            shift = round(origin / packet.time_base)
            packet.dts -= shift
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.stream = outs[packet.stream.index]
            yield float(time), packet

    return [packets()]
