"""Power cuts while the mount is saved: a disk that keeps what was forced to it, and loses or tears what was not."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from lanes.files import Draft
from lanes.mount.store import SavedMount, load, save

CUTS = 1000

MOMENTS = 8
"""Of one saving: before and after each time that something is forced to the disk or renamed, and after all of it."""

Saving = Callable[[Path, SavedMount], None]


class PowerCut(BaseException):
    """Ends the program where it is, as no `except` in it expects."""


class Disk:
    """Records what reaches the disk when: content of an open file only by `fsync`, a name only by the folder's.

    At a cut, content that was not forced there may be there in part, and names may be the old or the new ones.

    Args:
        cut_at: after so many moments, see `MOMENTS`. rng: draws what is left.
    """

    def __init__(self, cut_at: int, rng: np.random.Generator) -> None:
        self._left, self._rng = cut_at, rng
        self._synced: dict[int, int] = {}
        self._unsafe: list[tuple[Path, bytes | None]] = []
        self._fsync, self._publish = os.fsync, Draft.publish

    def run(self, saving: Saving, path: Path, mount: SavedMount) -> None:
        """Save onto this disk until the power goes."""
        disk = self

        def renamed(draft: Draft, overwrite: bool = True) -> None:
            disk._rename(draft, overwrite)

        # Nothing is tidied up by a machine without power.
        patches = (
            patch.object(os, "fsync", self._force),
            patch.object(Draft, "publish", renamed),
            patch.object(Draft, "discard", lambda _: None),
        )
        with patches[0], patches[1], patches[2], suppress(PowerCut):
            saving(path, mount)
        self._settle()

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise PowerCut

    def _force(self, handle: int) -> None:
        self._count()
        self._fsync(handle)
        self._synced[os.fstat(handle).st_ino] = os.fstat(handle).st_size
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            self._unsafe.clear()
        self._count()

    def _rename(self, draft: Draft, overwrite: bool) -> None:
        self._count()
        before = draft.target.read_bytes() if draft.target.exists() else None
        self._unsafe.append((draft.target, before))
        self._publish(draft, overwrite)
        self._count()

    def _settle(self) -> None:
        """What the disk holds when the power is back."""
        for target, before in self._unsafe:
            whole = self._synced.get(target.stat().st_ino, 0)
            content = target.read_bytes()
            if whole < len(content):
                target.write_bytes(content[: int(self._rng.integers(whole, len(content)))])
            if self._rng.random() < 0.5:  # the renaming itself was lost
                target.unlink() if before is None else target.write_bytes(before)


def numbered(number: int) -> SavedMount:
    """A mount that tells which saving it is of."""
    return SavedMount(number / 1000, 0.001, -0.01, 0.002, 1.7e9)


def cut_power(path: Path, number: int, saving: Saving = save) -> SavedMount | None:
    """Save the mount of a number while the power goes at a moment drawn by that number.

    Returns:
        What is read from the file after that; None where nothing can be.
    """
    rng = np.random.default_rng(number)
    Disk(int(rng.integers(0, MOMENTS)), rng).run(saving, path, numbered(number))
    for draft in path.parent.glob(".*.part"):
        draft.unlink()
    return load(path)


def cut_power_often(folder: Path, cuts: int = CUTS) -> dict[str, Any]:
    """Saves once, and then a new mount again and again while the power goes.

    Returns:
        `cuts`; `unreadable`: after which the file held neither the former mount nor the new one; `new`: after which it held the new one.
    """
    path = folder / "mount.json"
    save(path, numbered(0))
    known, unreadable, new = load(path), 0, 0
    for number in range(1, cuts + 1):
        found = cut_power(path, number)
        unreadable += found not in (known, numbered(number))
        new += found == numbered(number)
        if found is None:
            save(path, numbered(number))
        known = load(path)
    return {"cuts": cuts, "unreadable": unreadable, "new": new}
