"""Boxes of ISO base media files (ISO/IEC 14496-12, 4.2): found by their types, without reading what is in others."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

MOST_BOXES = 100_000
"""In one box, or beside one another in the file: a file that has more is damaged, or was made to keep us busy."""


class Box(NamedTuple):
    """A box: its type, and where its content lies in the file, bytes."""

    kind: bytes
    start: int
    end: int


def boxes(file: BinaryIO, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes of a file, or those in a box's content; ends where what follows is no box."""
    end = _size(file) if end is None else end
    for _ in range(MOST_BOXES):
        if end - start < 8:
            return
        file.seek(start)
        header = file.read(16)
        if len(header) < 8:
            return
        size, kind = struct.unpack_from(">I4s", header)
        head = 8
        if size == 1 and len(header) == 16:
            head, size = 16, struct.unpack_from(">Q", header, 8)[0]
        elif size == 0:  # to the end
            size = end - start
        if size < head or start + size > end:
            return
        yield Box(kind, start + head, start + size)
        start += size


def find_box(file: BinaryIO, path: Sequence[bytes]) -> Box | None:
    """The first box that is reached by this path of types from the file's top; None where there is none."""
    candidates = list(_top(file))
    for depth, kind in enumerate(path):
        matching = [box for box in candidates if box.kind == kind]
        if not matching:
            return None
        if depth == len(path) - 1:
            return matching[0]
        candidates = [inner for box in matching[:16] for inner in boxes(file, box.start, box.end)]
    return None


def read_box(file: BinaryIO, box: Box, limit: int) -> bytes:
    """The content of a box, `limit` bytes of it at most."""
    file.seek(box.start)
    return file.read(min(box.end - box.start, limit))


def _top(file: BinaryIO) -> Iterator[Box]:
    """The boxes of the file, if it is one of such boxes at all: another kind of file may look like one for a while."""
    for index, box in enumerate(boxes(file)):
        if index == 0 and box.kind not in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"uuid"):
            return
        yield box


def _size(file: BinaryIO) -> int:
    file.seek(0, 2)
    return file.tell()
