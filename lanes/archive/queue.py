"""The drives that are still to be done, in the order in which they are begun."""

from __future__ import annotations

import hashlib
import random
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from lanes.archive.drive import Drive
from lanes.archive.work import DriveTask
from lanes.capture.address import scheme_of

TRIES = 2
"""How often a drive is tried before it goes into quarantine."""

MOVES = 10
"""How often a drive is begun again because the machine under it has gone, which says nothing against it."""

_LOOK = 1 << 16


class Queue:
    """Drives to do. Each run takes them in an order of its own, so that two commands at once seldom do the same.

    Files that may be copies of each other are done one after the other, by path, so that every run has the first one's name in its tables.
    """

    def __init__(self, drives: Iterable[Drive], retried: bool = False) -> None:
        self._retried = retried
        self._copies: dict[object, deque[Drive]] = {}
        by_size: dict[tuple[int, ...], list[Drive]] = {}
        for drive in drives:
            by_size.setdefault(tuple(file.size for file in drive.files), []).append(drive)
        for size, some in by_size.items():
            for drive in sorted(some, key=lambda drive: drive.key):
                likeness = size if len(some) == 1 else (size, _likeness(drive))
                self._copies.setdefault(likeness, deque()).append(drive)
        self._likeness = {drive.key: likeness for likeness, some in self._copies.items() for drive in some}
        first = [some.popleft() for some in self._copies.values()]
        random.shuffle(first)
        self._waiting = deque(DriveTask(drive, retried) for drive in first)
        self._tries: dict[tuple[str, ...], int] = {}
        self._moves: dict[tuple[str, ...], int] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def take(self) -> DriveTask:
        """The next one; there must be one."""
        return self._waiting.popleft()

    def ended(self, task: DriveTask) -> None:
        """Nothing more is to be done about a drive."""
        key = task.drive.key
        self._tries.pop(key, None)
        self._moves.pop(key, None)
        if copies := self._copies.get(self._likeness.pop(key, None)):
            self._waiting.append(DriveTask(copies.popleft(), self._retried))

    def failed(self, task: DriveTask) -> int | None:
        """A drive has failed: it will be tried once more (None), or that was the last try; then how many there were."""
        key = task.drive.key
        self._tries[key] = tries = self._tries.get(key, 0) + 1
        if tries >= TRIES:
            return tries
        self._waiting.append(DriveTask(task.drive, retried=True))
        return None

    def moved(self, task: DriveTask) -> int | None:
        """A drive's machine has gone; as `failed`, with more patience."""
        key = task.drive.key
        self._moves[key] = moves = self._moves.get(key, 0) + 1
        if moves >= MOVES:
            return self.failed(task)
        self._waiting.appendleft(task)
        return None


def _likeness(drive: Drive) -> str:
    """What copies of a drive have in common, and drives of the same size seldom: the beginnings of the files, or their ETags."""
    digest = hashlib.sha256()
    for file in drive.files:
        if scheme_of(file.path):
            digest.update(file.stamp.encode())
            continue
        try:
            with Path(file.path).open("rb") as opened:
                digest.update(opened.read(_LOOK))
        except OSError:
            digest.update(file.path.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
