"""What a drive is: the files that hold it, and an id that comes from their content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ID_LENGTH = 32
"""Hexadecimal digits of a drive's id: 128 bits of SHA-256."""

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A recorded file, as it was listed.

    Attributes:
        path: where it lies: a path of this machine, or the address of an object, `s3://bucket/key`.
        size: bytes.
        stamp: changes when the content does: the time of the last change, or an object's ETag.
    """

    path: str
    size: int
    stamp: str

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.replace("\\", "/").rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Drive:
    """One drive: a recording, in the order of time in several files where the camera cut it.

    Attributes:
        files: at least one.
    """

    files: tuple[SourceFile, ...]

    @property
    def name(self) -> str:
        """What messages call it: its first file's name, and how many there are."""
        more = f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
        return self.files[0].name + more

    @property
    def key(self) -> tuple[str, ...]:
        """Orders drives: the paths of the files."""
        return tuple(file.path for file in self.files)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def drive_id(paths: Sequence[Path]) -> str:
    """The id of a drive by the content of its files, wherever they lie and whatever they are called.

    Of one file: the first `ID_LENGTH` digits of its SHA-256, as `sha256sum` prints it; of several: of the SHA-256 of their hexadecimal
    digests, one a line. Every byte is read: a gigabyte takes about a second, of the minutes that decoding it takes.

    Raises:
        OSError: a file cannot be read.
    """
    digests = [_digest(path) for path in paths]
    whole = digests[0] if len(digests) == 1 else hashlib.sha256("".join(f"{digest}\n" for digest in digests).encode()).hexdigest()
    return whole[:ID_LENGTH]


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
