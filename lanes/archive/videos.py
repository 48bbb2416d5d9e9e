"""Videos of a drive, on request: its lanes drawn in, as a whole, and around each departure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av

from lanes.archive.observers import Wanted
from lanes.archive.pictures import Departures
from lanes.archive.small import SmallCopies, small_size
from lanes.capture.source import Colour, SourceInfo
from lanes.output.encoder import Encoder, letterboxed
from lanes.results import FrameResult

OVERLAY = "overlay.mp4"

LARGEST = (960, 540)
"""(width, height) of the videos at most, pixels."""

BEFORE_S, AFTER_S = Fraction(5), Fraction(5)
"""Seconds of a clip before a departure begins, from the key frame before that on, and after it ends."""

LONGEST_S = Fraction(60)
"""Of a clip: a drive on the line is in its overlay."""

MOST_CLIPS = 50
"""Of a drive."""

_TICKS = 90_000


def clip_name(departure: int) -> str:
    """The clip of a departure, by its number in the drive."""
    return f"departure-{departure:03d}.mp4"


class Coded(NamedTuple):
    """A frame as the encoder gave it: its time in ticks from the drive's first frame, and whether decoding can begin here."""

    data: bytes
    time: int
    is_key: bool


class Movie:
    """An MP4 while it is written. Its first frame is a key frame, and has time 0.

    Args:
        path: of the file. template: the encoder's stream.
    """

    def __init__(self, path: Path, template: Any) -> None:
        self.path = path
        # Neither the library's version nor the time of day gets into it: the same drive gives the same file.
        self._container: Any = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"})
        self._stream = self._container.add_stream_from_template(template, opaque=True)
        self._held: Coded | None = None
        self._begin = 0
        self._usual = _TICKS // 30

    def write(self, frame: Coded) -> None:
        """Takes the next frame."""
        if self._held is None:
            self._begin = frame.time
        else:
            self._usual = frame.time - self._held.time
            self._mux(self._held, self._usual)
        self._held = frame

    def close(self) -> None:
        """Completes it. May be called more than once."""
        if self._container is None:
            return
        if self._held is not None:
            self._mux(self._held, self._usual)
        self._container.close()
        self._container = self._held = None

    def _mux(self, frame: Coded, duration: int) -> None:
        packet: Any = av.Packet(frame.data)
        packet.stream, packet.time_base = self._stream, Fraction(1, _TICKS)
        packet.pts = packet.dts = frame.time - self._begin
        packet.duration, packet.is_keyframe = duration, frame.is_key
        self._container.mux_one(packet)


class DriveVideos:
    """Keeps videos of one drive in a folder; see `Observer`. Each frame is encoded once, whatever it goes into; sound is left out.

    Args:
        wanted: which of them.
        info: of the drive's source.
        folder: for the files.
    """

    def __init__(self, wanted: Wanted, info: SourceInfo, folder: Path) -> None:
        self._wanted, self._folder = wanted, folder
        self._size = small_size((info.width, info.height), LARGEST)
        self._copies = SmallCopies(LARGEST)
        # One thread: with more, the file depends on how many.
        self._encoder = Encoder(
            self._size, info.frame_rate or Fraction(30), Fraction(1, _TICKS), Colour(), info.pixel_aspect, low_delay=True, threads=1
        )
        self._overlay = Movie(folder / OVERLAY, self._encoder.stream) if wanted.overlays else None
        self._ring: deque[Coded] = deque()
        self._clips: list[tuple[Movie, int, Fraction]] = []  # each with when it began and when it ends
        self._departures = Departures()
        self._begin: Fraction | None = None

    def see(self, result: FrameResult) -> None:
        """Encodes a frame, and writes it into what it belongs to."""
        frame = result.frame
        self._begin = frame.time if self._begin is None else self._begin
        time = frame.time - self._begin
        pixels = self._copies.draw(result)
        if pixels.shape[1::-1] != self._size:
            pixels = letterboxed(pixels, self._size)
        coded = [Coded(bytes(packet), round(time * _TICKS), packet.is_keyframe) for packet in self._encoder.encode(pixels, time)]
        number = self._departures.begins(result)
        for each in coded:
            if self._overlay is not None:
                self._overlay.write(each)
            if self._wanted.clips:
                self._cut(each, number, result.departure in ("left", "right"))

    def finish(self, row: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Completes the files."""
        self.close()

    def close(self) -> None:
        """Lets go of the encoder and the files."""
        for movie, _, _ in self._clips:
            movie.close()
        self._clips.clear()
        if self._overlay is not None:
            self._overlay.close()
        self._encoder.close()

    def _cut(self, frame: Coded, number: int | None, departing: bool) -> None:
        """Takes a frame into the clips that are under way, and begins one where a departure begins."""
        self._ring.append(frame)
        keys = [index for index, each in enumerate(self._ring) if each.is_key and each.time <= frame.time - BEFORE_S * _TICKS]
        for _ in range(keys[-1] if keys else 0):
            self._ring.popleft()
        time = Fraction(frame.time, _TICKS)
        going = []
        for index, (movie, begin, end) in enumerate(self._clips):
            newest = index == len(self._clips) - 1
            until = max(end, time + AFTER_S) if departing and newest and number is None else end
            if time > min(until, Fraction(begin, _TICKS) + LONGEST_S):
                movie.close()
                continue
            movie.write(frame)
            going.append((movie, begin, until))
        self._clips = going
        if number is not None and number < MOST_CLIPS:
            movie = Movie(self._folder / clip_name(number), self._encoder.stream)
            for each in self._ring:
                movie.write(each)
            self._clips.append((movie, frame.time, time + AFTER_S))
