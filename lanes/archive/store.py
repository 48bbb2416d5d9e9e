"""Store: the folder with an archive's results, on this machine's file systems or in an object store.

Names are relative, with `/`. A file is there whole or not at all, whatever happens to the process that writes it.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from lanes.errors import InputError, OutputError
from lanes.files import Draft

ABANDONED_S = 3600.0
"""A draft that was not written to for so long is of a process that is gone."""

Content = bytes | Path
"""What is written: bytes, or those of a file of this machine."""


class Store(ABC):
    """The folder. Writing raises `OutputError` where nothing can be written, as on a full disk.

    Args:
        place: its path, or its address.
    """

    def __init__(self, place: str) -> None:
        self.place = place

    @abstractmethod
    def write(self, name: str, content: Content) -> None:
        """Writes a file, also over one that is there."""

    @abstractmethod
    def create(self, name: str, content: Content) -> bool:
        """Writes a file where there is none of the name, and says whether it did. Of several at once, one does."""

    @abstractmethod
    def open(self, name: str) -> BinaryIO:
        """A file, to be read from any place in it. Raises FileNotFoundError."""

    @abstractmethod
    def names(self, folder: str) -> list[str]:
        """The files right in a folder, sorted, without the folder's name; empty where there is no such folder."""

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Whether there is a file of this name."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Removes a file, where it is there."""

    @abstractmethod
    @contextmanager
    def lock(self, name: str) -> Iterator[bool]:
        """Within the block this process alone holds the lock of that name: True; or False at once, where another one does.

        A process that is killed holds it no longer; in an object store that takes a minute or two to show.
        """
        yield False

    @abstractmethod
    def copies(self, names: Sequence[str], folder: Path) -> list[Path]:
        """These files as files of this machine, copied into a folder where they are not; not to be written to."""

    def read(self, name: str) -> bytes:
        """A file's bytes. Raises FileNotFoundError."""
        with self.open(name) as file:
            return file.read()

    def sweep(self, folder: str) -> None:  # noqa: B027 - an object store has no drafts
        """Removes the drafts that processes left which were killed while they wrote into a folder."""

    def check(self) -> None:
        """Makes sure that something can be written.

        Raises:
            InputError: it cannot.
        """
        try:
            self.write(".check", b"")
            self.delete(".check")
        except OutputError as error:
            raise InputError(f"--out: {error}") from None


class LocalStore(Store):
    """A folder of a file system. Files become visible by a rename; where there must be none, by a hard link."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self.folder = folder

    def write(self, name: str, content: Content) -> None:
        with self._draft(name, content) as draft:
            draft.publish()

    def create(self, name: str, content: Content) -> bool:
        if self.exists(name):
            return False
        with self._draft(name, content) as draft:
            try:
                draft.publish(overwrite=False)
            except FileExistsError:
                return False
        return True

    @contextmanager
    def _draft(self, name: str, content: Content) -> Iterator[Draft]:
        target, draft = self.folder / name, None
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            draft = Draft(target)
            with draft.path.open("wb") as file:
                if isinstance(content, bytes):
                    file.write(content)
                else:
                    with content.open("rb") as original:
                        shutil.copyfileobj(original, file, 1 << 20)
                file.flush()
                os.fsync(file.fileno())  # the name must not outlive the bytes where the power fails
            yield draft
        except OSError as error:
            raise OutputError(cannot_write(str(target), error)) from None
        finally:
            if draft is not None:
                draft.discard()

    def open(self, name: str) -> BinaryIO:
        return (self.folder / name).open("rb")

    def names(self, folder: str) -> list[str]:
        try:
            with os.scandir(self.folder / folder) as entries:
                return sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file())
        except FileNotFoundError:
            return []

    def exists(self, name: str) -> bool:
        return (self.folder / name).exists()

    def delete(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)

    def copies(self, names: Sequence[str], folder: Path) -> list[Path]:  # noqa: ARG002 - they are here
        return [self.folder / name for name in names]

    @contextmanager
    def lock(self, name: str) -> Iterator[bool]:
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / f".{name}.lock", timeout=0, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def sweep(self, folder: str) -> None:
        for path in (self.folder / folder).glob(".*.part"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > ABANDONED_S:
                    path.unlink()


def open_store(place: str) -> Store:
    """The store at a path or an address, `s3://bucket/prefix`. Nothing is read or written yet.

    Raises:
        InputError: there is no such kind of address, or its library is not installed.
    """
    if "://" in place:
        from lanes.archive.objects import ObjectStore

        return ObjectStore(place)
    return LocalStore(Path(place).expanduser())


def cannot_write(what: str, error: OSError) -> str:
    """The message about a file that could not be written."""
    cure = (
        "free some space and give the same command again: it goes on where it stopped"
        if is_full(error)
        else "check the folder and its permissions"
    )
    return f"cannot write {what}: {error.strerror or error}; {cure}"


def is_full(error: OSError) -> bool:
    """Whether it says that a disk is full, or a user's share of it."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
