"""What the files of a recording are called, how long they get, and which of them give way to new ones."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from fractions import Fraction
from pathlib import Path

from lanes.files import shortened
from lanes.output.live.part import UNFINISHED

_log = logging.getLogger(__name__)

_LONGEST_STEM = 200  # bytes; number, time and the draft's ending follow


@dataclass(frozen=True, slots=True)
class Limits:
    """When the next file of a recording is begun, and when the oldest one is deleted. None for never.

    Attributes:
        segment_s: seconds of video in a file; the next one begins with the key frame after that, within a second.
        segment_bytes: bytes of a file, likewise.
        keep_bytes: bytes of all files of the recording together, those of earlier runs included.
    """

    segment_s: Fraction | None = None
    segment_bytes: int | None = None
    keep_bytes: int | None = None

    @property
    def segmented(self) -> bool:
        """Whether there is more than one file."""
        return self.segment_s is not None or self.segment_bytes is not None


class Segments:
    """The files of one recording: `drive-000001-20261125T235619Z.mp4`. Their order is that of their numbers, for clocks are set.

    Args:
        path: what the recording is called, `drive.mp4`.
        keep_bytes: see `Limits`.
    """

    def __init__(self, path: Path, keep_bytes: int | None) -> None:
        self._folder, self._keep_bytes, self._warned = path.parent, keep_bytes, False
        self._stem, self._suffix = shortened(path.stem, _LONGEST_STEM), path.suffix
        name = rf"{re.escape(self._stem)}-(\d{{6,}})-\d{{8}}T\d{{6}}Z(-\d+)?"
        self._whole = re.compile(rf"{name}{re.escape(path.suffix)}")
        self._any = re.compile(rf"\.?{name}({re.escape(UNFINISHED)})?{re.escape(path.suffix)}(\.[0-9a-f]{{8}}\.part)?")
        self._number = max((int(self._any.fullmatch(each.name)[1]) for each in self._files(self._any)), default=0)  # type: ignore[index]

    def next(self) -> Path:
        """The name of the next one."""
        self._number += 1
        return self._folder / f"{self._stem}-{self._number:06d}-{utc_now()}{self._suffix}"

    def prune(self) -> None:
        """Deletes the oldest whole files until all that there is of the recording is within the limit, but never the newest of them.

        Never raises.
        """
        if self._keep_bytes is None:
            return
        with suppress(OSError):
            total = sum(_size(each) for each in self._files(self._any))
            whole = sorted(self._files(self._whole), key=self._number_of)
            if whole and _size(whole[-1]) > self._keep_bytes and not self._warned:
                self._warned = True
                _log.warning("%s: is larger than --keep-size; the newest segment is kept all the same", whole[-1])
            for oldest in whole[:-1]:
                if total <= self._keep_bytes:
                    return
                total -= _size(oldest)
                try:
                    oldest.unlink()
                except OSError as error:
                    _log.warning("%s: cannot be deleted (%s); the recording grows past its limit", oldest, error.strerror)

    def _number_of(self, path: Path) -> int:
        found = self._whole.fullmatch(path.name)
        return int(found[1]) if found else 0

    def _files(self, names: re.Pattern[str]) -> Iterator[Path]:
        with suppress(FileNotFoundError):
            yield from [each for each in self._folder.iterdir() if names.fullmatch(each.name)]


def utc_now() -> str:
    """The wall clock, for names alone: `20261125T235619Z`."""
    return datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # it was renamed meanwhile
        return 0
