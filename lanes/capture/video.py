"""VideoFile: a video file, decoded with PyAV (FFmpeg)."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from engines.cores import codec_threads
from lanes.capture.container import FORMATS, metadata
from lanes.capture.decoder import Decoder
from lanes.capture.source import FileInfo, Source, SourceInfo, Track
from lanes.errors import InputError, NotFoundError, ProcessingError
from lanes.results import Frame


class VideoFile(Source):
    """A video file, frame by frame.

    Times are the container's own, exact, at constant or variable frame rate, as far as they make sense (`Clock`). Frames are turned and
    mirrored as players do, and deinterlaced. Their size may change under way. A stretch that cannot be decoded is counted in `corrupt` and
    skipped, and a file that stops early ends there.

    Iterating raises `ProcessingError` when the file cannot be read on, as from a failing disk.

    Args:
        path: the file.
        threads: of the decoder; by default as many as serve it beside the rest of a run.

    Opening raises:
        InputError: no such file, no permission, empty, no video in it, or nothing in it can be decoded.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        super().__init__(path.name)
        self._path, self._threads = path, threads or codec_threads()
        self._container: Any = None
        self._decoder: Decoder | None = None

    def _open(self) -> SourceInfo:
        path = self._path
        self._container = _open(path)
        for stream in self._container.streams.video:
            if stream.codec_context is not None:  # there is a decoder
                stream.codec_context.thread_count = self._threads
        try:
            self._decoder = Decoder(self._container, str(path), path.name)
            return self._describe(self._decoder)
        except av.FFmpegError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); give a file that a video player can play") from error

    @property
    def corrupt(self) -> int:
        """Frames that could not be decoded so far, and were skipped."""
        return self._decoder.corrupt if self._decoder else 0

    def _frames(self) -> Iterator[Frame]:
        assert self._decoder is not None
        late = 0
        try:
            for frame in self._decoder:
                self._skip(self._decoder.late - late)
                late = self._decoder.late
                info = replace(self.info, **self._decoder.shape._asdict()) if frame.cut else self.info
                if info != self.info:
                    self._set_info(info)
                yield frame
        except av.FFmpegError as error:
            raise ProcessingError(f"{self._path}: cannot be read on ({error.strerror}); what came before is kept") from error

    def skip_to(self, time: Fraction) -> None:
        if self._decoder is not None:
            self._decoder.wanted_from = time

    def _release(self) -> None:
        if self._container is not None:
            self._container.close()

    def _describe(self, decoder: Decoder) -> SourceInfo:
        container = self._container
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
            name=self.name,
            kind="video",
            width=decoder.shape.width,
            height=decoder.shape.height,
            frame_rate=decoder.frame_rate,
            frames=frames,
            time_base=decoder.time_base,
            start=start,
            colour=decoder.colour,
            pixel_aspect=decoder.shape.pixel_aspect,
            file=FileInfo(
                path=self._path,
                files=(self._path,),
                end=None if length is None else first + length,
                tracks=_tracks(container),
                metadata=metadata(container),
            ),
        )


def _open(path: Path) -> av.container.InputContainer:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{path}: is a folder; give a video file")
        if not stat.S_ISREG(status.st_mode):  # to read from a pipe would wait for ever
            raise InputError(f"{path}: is a pipe or a device, not a file; give a video file")
        if status.st_size == 0:
            raise InputError(f"{path}: the file is empty (0 bytes); give a video file")
        with path.open("rb") as file:
            # FFmpeg would take bare Motion JPEG for one photo, which is none of the formats.
            form = "mjpeg" if file.read(3) == b"\xff\xd8\xff" else None
    except FileNotFoundError as error:
        raise NotFoundError(f"{path}: {_reason(error)}") from error
    except OSError as error:
        raise InputError(f"{path}: {_reason(error)}") from error
    try:
        # The prefix keeps FFmpeg from reading a colon in a file's name as a protocol.
        return av.open(f"file:{path}", format=form, container_options={"format_whitelist": FORMATS}, metadata_errors="replace")
    except (av.FFmpegError, UnicodeError) as error:
        reason = getattr(error, "strerror", "its name is in no encoding")
        raise InputError(f"{path}: not a video, or damaged from its start ({reason}); give a file that a video player can play") from error


def _tracks(container: Any) -> tuple[Track, ...]:
    """The streams beside the video."""
    beside = [stream for stream in container.streams if stream.type in ("audio", "subtitle", "data")]
    return tuple(Track(stream.index, stream.type, stream.codec_context and stream.codec_context.name) for stream in beside)


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "no such file; check the path"
    if isinstance(error, PermissionError):
        return "no permission to read it; change the file's permissions"
    return f"cannot be read ({error.strerror})"
