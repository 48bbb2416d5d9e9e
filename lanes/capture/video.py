"""VideoFile: a video file, decoded with PyAV (FFmpeg)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from threading import Lock
from typing import Any

import av

from lanes.capture.decoder import Decoder
from lanes.capture.source import Source, SourceInfo
from lanes.errors import InputError, ProcessingError
from lanes.results import Frame

# FFmpeg would show text as a terminal film and read lists that name other files: neither is a video that somebody recorded.
_NO_VIDEO = {"tty", "concat", "image2", "hls", "lavfi", "ass", "srt", "webvtt"}


class VideoFile(Source):
    """A video file, frame by frame.

    Times are the container's own, exact, at constant or variable frame rate; rotation metadata is applied. A stretch that
    cannot be decoded is counted in `corrupt` and passed over, and a file that stops early ends there.

    Iterating raises `ProcessingError` when the file cannot be read on, as from a failing disk.

    Raises:
        InputError: no such file, no permission, empty, no video in it, or nothing in it can be decoded.
    """

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        self._container = _open(path)
        try:
            self._decoder = Decoder(self._container, str(path))
            self.info = self._describe(path)
        except BaseException as error:
            self._container.close()
            if isinstance(error, av.FFmpegError):
                raise InputError(f"{path}: cannot be read ({error.strerror}); give a file that a video player can play") from error
            raise
        self._closed = False

    @property
    def corrupt(self) -> int:  # type: ignore[override]
        """Frames that could not be decoded so far, and were passed over."""
        return self._decoder.corrupt

    def __iter__(self) -> Iterator[Frame]:
        pictures = iter(self._decoder)
        name, index = self.info.name, 0
        while True:
            with self._lock:  # never decode from a container that `close` is freeing
                try:
                    picture = None if self._closed else next(pictures, None)
                except av.FFmpegError as error:
                    raise ProcessingError(f"{self.info.path}: cannot be read on ({error.strerror}); what came before is kept") from error
            if picture is None:
                return
            yield Frame(picture[0], index, picture[1], name, f"{index:06d}")
            index += 1

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._container.close()

    def _describe(self, path: Path) -> SourceInfo:
        container, decoder = self._container, self._decoder
        stream = decoder.stream
        tracks: list[Any] = [*container.streams.video, *container.streams.audio]
        begin = min((track.start_time * track.time_base for track in tracks if track.start_time is not None), default=Fraction(0))
        # In the MP4 family the clock starts at 0, so a first frame that comes late is meant to; elsewhere the origin means nothing.
        start = min(begin, Fraction(0)) if "mp4" in container.format.name else begin
        first, length = decoder.first_time, None
        if stream.duration:
            first, length = (stream.start_time or 0) * stream.time_base, stream.duration * stream.time_base
        elif container.duration:
            length = Fraction(container.duration, av.time_base) - (first - begin)
        # Not the number of packets that the container names: an edit list may leave some of them out.
        frames = round(length * decoder.frame_rate) if length and decoder.frame_rate else stream.frames or None
        return SourceInfo(
            name=path.name,
            kind="video",
            width=decoder.width,
            height=decoder.height,
            frame_rate=decoder.frame_rate,
            frames=frames,
            path=path,
            files=(path,),
            time_base=decoder.time_base,
            start=start,
            end=None if length is None else first + length,
            colour=decoder.colour,
            pixel_aspect=decoder.pixel_aspect,
        )


def _open(path: Path) -> av.container.InputContainer:
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder; give a video file")
        if path.stat().st_size == 0:
            raise InputError(f"{path}: the file is empty (0 bytes); give a video file")
        with path.open("rb"):
            pass
    except OSError as error:
        raise InputError(f"{path}: {_reason(error)}") from error
    try:
        # The prefix keeps FFmpeg from reading a colon in a file's name as a protocol.
        container = av.open(f"file:{path}", metadata_errors="replace")
    except av.FFmpegError as error:
        raise InputError(
            f"{path}: not a video, or damaged from its start ({error.strerror}); give a file that a video player can play"
        ) from error
    if _NO_VIDEO & set(container.format.name.split(",")) or container.format.name.endswith("_pipe"):
        container.close()
        raise InputError(f"{path}: not a video; give a file that a video player can play")
    return container


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "no such file; check the path"
    if isinstance(error, PermissionError):
        return "no permission to read it; change the file's permissions"
    return f"cannot be read ({error.strerror})"
