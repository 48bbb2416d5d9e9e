"""The last step of writing an MP4: from the fragments that a run leaves to a file that starts playing at once, with the source's tracks."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from lanes.output.fragments import MuxedFile
from lanes.output.track_clock import ClockStep
from lanes.output.tracks import Sound, Tracks


def finish_mp4(
    fragments: Path,
    target: Path,
    *,
    begin: Fraction,
    last: Fraction,
    source: Path | None = None,
    sound: Sound = "copy",
    steps: Sequence[ClockStep] = (),
    origin: Fraction = Fraction(0),
    until: Fraction | None = None,
    reserve: int | None = None,
) -> None:
    """Copy the video of `fragments`, and what lies beside the video in `source`, into `target`, its index at the front (fast start).

    The source's tags are kept: when and where it was recorded, the camera's make, titles, languages.

    Args:
        fragments: MP4 with one video stream whose first frame has time 0.
        target: the file to write.
        begin: when the first frame is shown, seconds.
        last: how long the last frame stays, seconds.
        source: a file whose sound, subtitles and data are wanted, see `Tracks`.
        sound: `copy` what can be, or `encode` all of it.
        steps: of the clock of the video in `source`.
        origin: the time in `source` that is 0 in `target`, seconds.
        until: from this time of `target` on nothing of `source` is wanted, seconds; None keeps all.
        reserve: bytes in front that the index is written into. None moves the whole file to make space for it, which takes long, and
            FFmpeg keeps Python's other threads waiting meanwhile.

    Raises:
        av.FFmpegError, OSError, ValueError: a file cannot be read or written.
    """
    with av.open(f"file:{fragments}") as video:
        video_stream = video.streams.video[0]
        options = {
            # Without the second flag, an MP4 takes only the tags that music has.
            "movflags": "+use_metadata_tags" + ("+faststart" if reserve is None else ""),
            # Edit lists count in the movie's own time scale, which is milliseconds by default: too coarse for exact times.
            "movie_timescale": str(video_stream.time_base.denominator),
            # A tag `timecode` stays a tag. The muxer would make a track of it, and fails where a recording's rate is not declared.
            "write_tmcd": "0",
        }
        if reserve is not None:
            options["moov_size"] = str(reserve)
        with MuxedFile(target) as file, av.open(file, "w", format="mp4", options=options) as output:
            out = output.add_stream_from_template(video_stream, opaque=True)
            inputs = [_video_packets(video, video_stream, out, begin, last)]
            if source is None:
                _mux(output, inputs)
                return
            with av.open(f"file:{source}", metadata_errors="replace") as beside:
                inputs.append(Tracks(beside, output, steps, sound).packets(origin, until))
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
