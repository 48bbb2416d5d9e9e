"""VideoSink: the overlay as an H.264 MP4 that every browser plays."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from fractions import Fraction
from pathlib import Path

import av

from lanes.capture.source import FileInfo, SourceInfo
from lanes.errors import InputError, OutputError
from lanes.files import Draft, check_file, make_folder, remove_empty
from lanes.output.claim import Claim
from lanes.output.encoder import Encoder, letterboxed
from lanes.output.fragments import FragmentWriter
from lanes.output.mp4 import finish_mp4
from lanes.output.publish import publish
from lanes.output.sink import Sink
from lanes.output.track_clock import ClockStep
from lanes.output.tracks import Sound
from lanes.results import Frame, FrameResult

_log = logging.getLogger(__name__)

_TICKS = 90_000  # a second, where the source's own times have no common unit


class VideoSink(Sink):
    """Encodes `FrameResult.frame.pixels`. Times, length, colours, sound, subtitles, data tracks and tags are the source's.

    A run writes fragments, one a second, into a draft beside the target: after a crash, it plays up to its last whole fragment.
    `close` turns them into an ordinary MP4 with its index in front and the source's other tracks beside the video; where the disk is
    too full for that, the fragments themselves get the name: they play as well.
    The video has the size of its first frame; later ones of another size are scaled into it, their proportions kept, on black.

    Args:
        path: ends in `.mp4`. Missing folders are made.
        info: of the source.
        overwrite: replace an existing file, when the new one is complete.
        encoder: one of `lanes.output.encoder.ENCODERS`.

    Raises:
        InputError: the path cannot be written, another run writes there, the name does not end in `.mp4`, or the encoder does not
            work here.
    """

    def __init__(self, path: Path, info: SourceInfo, overwrite: bool = False, encoder: str = "auto") -> None:
        if path.suffix.lower() != ".mp4":
            raise InputError(f"{path}: an overlay video is an MP4; give a name that ends in .mp4")
        self._path, self._info, self._overwrite = path, info, overwrite
        self._file = info.file or FileInfo()
        self._size = info.width, info.height
        self._begin = self._last = self._longest = Fraction(0)
        self._gap: Fraction | None = None
        self._shift = Fraction(0)
        self._steps: list[ClockStep] = []
        self._frames = 0
        self._resized = self._failed = self._closed = False
        self._drafts: list[Draft] = []
        self._encoder: Encoder | None = None
        self._writer: FragmentWriter | None = None
        self._made: list[Path] = []
        self._claim = Claim(path)
        try:
            check_file(path, self._file.files, overwrite)
            self._made = make_folder(path.parent)
            self._encoder = Encoder(
                self._size,
                info.frame_rate or Fraction(30),
                Fraction(1, info.time_base.denominator if info.time_base else _TICKS),
                info.colour,
                info.pixel_aspect,
                encoder,
            )
            self._fragments = self._draft()
            self._writer = FragmentWriter(self._fragments.path, self._encoder.stream)
        except (OSError, av.FFmpegError) as error:
            self.discard()
            raise InputError(f"{path}: cannot be written ({error.strerror}); give another path") from error
        except BaseException:
            self.discard()
            raise

    def write(self, result: FrameResult) -> None:
        if self._failed or self._encoder is None or self._writer is None:
            return
        frame = result.frame
        pixels = frame.pixels
        if frame.size != self._size:
            self._warn_of_size(frame)
            pixels = letterboxed(pixels, self._size)
        self._note_time(frame)
        try:
            self._writer.mux(self._encoder.encode(pixels, frame.time - self._begin))
        except (OSError, av.FFmpegError) as error:
            self._failed = True
            raise OutputError(f"{self._path}: cannot write on ({error.strerror}); what was finished is kept") from error

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            if self._frames and self._encoder and self._writer:
                self._complete(self._encoder, self._writer)
        finally:
            self._release()

    def discard(self) -> None:
        self._frames = 0
        self.close()

    def _draft(self) -> Draft:
        self._drafts.append(Draft(self._path))
        return self._drafts[-1]

    def _note_time(self, frame: Frame) -> None:
        if not self._frames:
            self._begin, self._shift = frame.time, frame.clock_shift
        else:
            self._gap = frame.time - self._last
            self._longest = max(self._longest, self._gap)
            if frame.clock_shift != self._shift:
                step = ClockStep(self._last - self._shift, frame.time - frame.clock_shift, frame.clock_shift)
                self._steps.append(step)
                self._shift = frame.clock_shift
        self._frames += 1
        self._last = frame.time

    def _warn_of_size(self, frame: Frame) -> None:
        if not self._resized:
            self._resized = True
            this, video = ("{}x{}".format(*size) for size in (frame.size, self._size))
            _log.warning(
                "%s: frame %d is %s, the video %s; frames of another size are scaled into it", frame.source, frame.index, this, video
            )

    def _complete(self, encoder: Encoder, writer: FragmentWriter) -> None:
        """Makes what was written the file that was asked for, or the next best.

        Raises:
            OutputError: it is less than was asked for, and `write` has not reported it.
        """
        reported = self._failed
        try:
            if not self._failed:
                writer.mux(encoder.flush())
        except (OSError, av.FFmpegError):
            self._failed = True
        try:
            whole, lost = writer.end()
        except OSError as error:
            raise OutputError(f"{self._path}: was taken away while it was being written ({error.strerror}); nothing is left") from error
        if not whole:
            raise OutputError(f"{self._path}: the disk took not one second of it; nothing is left. Free some space or give another path")
        problem = self._finish()
        if self._failed or lost:
            problem = "the disk was full before the last frames; what came before is kept and plays"
        if problem and not reported:
            raise OutputError(f"{self._path}: {problem}")

    def _finish(self) -> str | None:
        """Adds the source's tracks and gives the file its name. Returns what is wrong with it, or None."""
        try:
            if 0 < shutil.disk_usage(self._path.parent).free < self._fragments.path.stat().st_size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            final = self._draft()
            self._write_final(final.path)
        except (OSError, ValueError, av.FFmpegError) as error:
            self._publish(self._fragments)
            return f"plays, but could not be completed with sound and fast start ({getattr(error, 'strerror', error)})"
        except BaseException:
            self._publish(self._fragments)
            raise
        self._publish(final)
        return None

    def _write_final(self, target: Path) -> None:
        """The finished file. Tracks that the muxer refuses when it sees their packets are encoded, and if that fails left out."""
        info, source = self._info, self._file.path
        last = self._last_duration()
        ended = self._last + last
        complete = self._file.end is None or self._file.end - ended < max(self._longest, last)
        attempts: list[tuple[Path | None, Sound]] = [(source, "copy"), (source, "encode"), (None, "copy")] if source else [(None, "copy")]
        for tracks, sound in attempts:
            try:
                finish_mp4(
                    self._fragments.path,
                    target,
                    begin=self._begin - info.start,
                    last=last,
                    source=tracks,
                    sound=sound,
                    steps=self._steps,
                    origin=info.start,
                    until=None if complete else ended - info.start,
                )
                return
            except (ValueError, av.FFmpegError) as error:
                if tracks is None or isinstance(error, OSError):
                    raise
                if sound == "encode":
                    _log.warning("%s: its sound cannot be read (%s) and is left out", info.name, getattr(error, "strerror", error))

    def _publish(self, draft: Draft) -> None:
        self._drafts.remove(draft)  # whatever happens, it is not removed
        publish(draft, self._overwrite)

    def _last_duration(self) -> Fraction:
        """Up to the source's end, unless that is far longer than any frame so far: then the run stopped before it."""
        usual = self._gap or (1 / self._info.frame_rate if self._info.frame_rate else Fraction(1, 30))
        if self._file.end is None:
            return usual
        rest = self._file.end - self._last
        return rest if 0 < rest < Fraction(3, 2) * (self._longest or usual) else usual

    def _release(self) -> None:
        """Gives everything back. Never raises: there may be an error on its way."""
        for held in (self._writer, self._encoder):
            if held is not None:
                held.close()
        for draft in self._drafts:
            draft.discard()
        remove_empty(self._made)
        self._claim.release()
