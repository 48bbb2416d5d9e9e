"""What runs that were killed have left of their recordings: found, and made whole files."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from lanes.errors import OutputError
from lanes.output.live.part import UNFINISHED, finish_file

_log = logging.getLogger(__name__)

_DRAFT = re.compile(r"\.(.+)\.[0-9a-f]{8}\.part")

SETTLE_S = 10.0
"""Seconds without a change after which nobody writes a file any more: a run elsewhere adds a fragment each fifth of a second."""


def drafts_in(folder: Path) -> list[Path]:
    """The drafts of MP4 files in a folder, by name. Empty where it cannot be listed."""
    with suppress(OSError):
        return sorted(each for each in folder.iterdir() if target_of(each) is not None)
    return []


def target_of(draft: Path) -> Path | None:
    """What a draft was to become, or None where it is none of an MP4: `.drive.mp4.1a2b3c4d.part` is one of `drive.mp4`."""
    found = _DRAFT.fullmatch(draft.name)
    return draft.with_name(found[1]) if found and found[1].lower().endswith(".mp4") else None


def is_copy(draft: Path) -> bool:
    """Whether it is the half of a finished file; the fragments that it was made of lie beside it."""
    target = target_of(draft)
    return target is not None and target.stem.endswith(UNFINISHED)


def recording_of(target: Path) -> Path:
    """What the recording is called that a file is, or is a segment, of: `drive.mp4` for `drive-000001-20261125T235619Z.mp4`."""
    found = re.fullmatch(r"(.+)-\d{6,}-\d{8}T\d{6}Z(-\d+)?", target.stem)
    return target.with_name(found[1] + target.suffix) if found else target


class Finished(NamedTuple):
    """What became of drafts: the whole files, and in words what was deleted and what went wrong."""

    files: list[Path]
    deleted: list[str]
    problems: list[str]


def finish_all(drafts: Sequence[Path]) -> Finished:
    """Makes drafts that no run is writing whole files. Halves of such, and drafts in which nothing is yet, are deleted."""
    found = Finished([], [], [])
    for draft in drafts:
        target = target_of(draft)
        if target is None:
            continue
        if is_copy(draft):
            with suppress(OSError):
                draft.unlink()
                found.deleted.append(f"{draft}: was an unfinished copy of what is kept, and is deleted")
            continue
        try:
            if (file := finish_file(draft, target)) is not None:
                found.files.append(file)
            else:
                found.deleted.append(f"{draft}: the run was cut off before a frame was in it, and it is deleted")
        except OutputError as error:
            found.problems.append(str(error))
    return found


class Finisher(threading.Thread):
    """Finishes what earlier runs left in a folder, once it is certain that nobody writes it: it has not changed for a while.

    Args:
        folder: where.
        names: of what becomes of it, as a regular expression.
        over: ends the waiting.
        settle_s: how long that while is, seconds.
    """

    def __init__(self, folder: Path, names: str, over: threading.Event, settle_s: float = SETTLE_S) -> None:
        super().__init__(name="lanestream-finish-earlier", daemon=True)
        self._over, self._settle_s = over, settle_s
        self._found = [each for each in drafts_in(folder) if re.fullmatch(names, str((target_of(each) or each).name))]
        self._sizes = [self._state(each) for each in self._found]
        if self._found:
            self.start()

    def run(self) -> None:
        if self._over.wait(self._settle_s):
            return
        left = [each for each, state in zip(self._found, self._sizes, strict=True) if self._state(each) == state]
        found = finish_all(left)
        for file in found.files:
            _log.info("%s: was left by an earlier run that was cut off, and is whole now", file)
        for words in found.deleted:
            _log.info("%s", words)
        for problem in found.problems:
            _log.warning("%s", problem)

    @staticmethod
    def _state(path: Path) -> tuple[int, int] | None:
        try:
            stat = path.stat()
        except OSError:
            return None
        return stat.st_size, stat.st_mtime_ns
