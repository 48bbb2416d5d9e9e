"""JoinedFiles: video files that a camera wrote one after another, as one source."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from lanes.capture.source import FileInfo, Source, SourceInfo
from lanes.capture.video import VideoFile
from lanes.errors import InputError, ProcessingError
from lanes.results import Frame

_log = logging.getLogger(__name__)

_USUAL_PERIOD = Fraction(1, 30)


@dataclass(frozen=True)
class Part:
    """One of the files, as it was found when it was opened.

    Attributes:
        path: where it lies. info: of the source that it is by itself.
        follows: it goes on where the one before ended, without a frame missing: its first frame has no cut.
    """

    path: Path
    info: SourceInfo
    follows: bool = False

    @classmethod
    def look(cls, path: Path, follows: bool = False, threads: int | None = None) -> Part:
        """Opens a file to see what it is.

        Raises:
            InputError: it cannot be used.
        """
        with VideoFile(path, threads) as source:
            return cls(path, source.info, follows)

    @property
    def length(self) -> Fraction:
        """How long it plays, seconds, as far as it says; 0 where it does not."""
        end = self.info.file.end if self.info.file else None
        if end is not None:
            return max(end - self.info.start, Fraction(0))
        return self.info.frames / self.info.frame_rate if self.info.frames and self.info.frame_rate else Fraction(0)


class JoinedFiles(Source):
    """Files one after another on one clock, that of the first. Frame numbers go on; the first frame of a file has a cut before it, but
    where it is known to follow.

    A file that ends early, or cannot be read on, is left there, and the next one follows. One after the first that cannot be opened any
    more is left out; both are logged.

    Args:
        name: what the whole is called.
        parts: in order of time, one at least.
        threads: of the decoder, see `VideoFile`.

    Attributes:
        shifts: what is added to each file's own times to get the whole's, seconds.
    """

    def __init__(self, name: str, parts: Sequence[Part], threads: int | None = None) -> None:
        super().__init__(name)
        self._parts, self._threads = parts, threads
        self._current: VideoFile | None = None
        self._corrupt_before = 0
        begin = parts[0].info.start
        self.shifts: list[Fraction] = []
        for part in parts:
            self.shifts.append(begin - part.info.start)
            begin += part.length

    def _open(self) -> SourceInfo:
        self._current = VideoFile(self._parts[0].path, self._threads)
        self._current.open()
        infos = [part.info for part in self._parts]
        frames = [info.frames for info in infos]
        known = [count for count in frames if count is not None]
        first = infos[0]
        file = FileInfo(
            files=tuple(part.path for part in self._parts),
            end=first.start + sum((part.length for part in self._parts), Fraction(0)),
            metadata=first.file.metadata if first.file else {},
        )
        # Files of one camera have one unit of time, but where each begins is a multiple of none.
        return replace(first, name=self.name, frames=sum(known) if len(known) == len(frames) else None, time_base=None, file=file)

    @property
    def corrupt(self) -> int:
        """Frames of all files so far that could not be decoded, and were skipped."""
        return self._corrupt_before + (self._current.corrupt if self._current else 0)

    def _frames(self) -> Iterator[Frame]:
        period = 1 / self.info.frame_rate if self.info.frame_rate else _USUAL_PERIOD
        last: Fraction | None = None
        count = 0
        for part, shift in zip(self._parts, self.shifts, strict=True):
            cut = count > 0 and not part.follows
            for frame in self._of(part):
                time = frame.time + shift
                if last is not None and time <= last:  # it is longer than it said
                    shift += last + period - time
                    time = last + period
                if (frame.size != (self.info.width, self.info.height)) and count:
                    cut = True
                    self._set_info(replace(self.info, width=frame.size[0], height=frame.size[1]))
                yield replace(
                    frame,
                    index=count,
                    stem=f"{count:06d}",
                    source=self.name,
                    time=time,
                    cut=frame.cut or cut,
                    clock_shift=frame.clock_shift + shift,
                )
                last, cut = time, False
                count += 1

    def _of(self, part: Part) -> Iterator[Frame]:
        """The frames of one file, which is open already if it is the first."""
        source = self._current
        if part is not self._parts[0]:
            if source is not None:
                self._corrupt_before += source.corrupt
                source.close()
            source = self._current = VideoFile(part.path, self._threads)
        assert source is not None
        try:
            source.open()
            yield from source
        except (InputError, ProcessingError) as error:
            _log.warning("%s; the files after it follow", error)

    def _release(self) -> None:
        if self._current is not None:
            self._current.close()
