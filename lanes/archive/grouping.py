"""Which files are one drive."""

from __future__ import annotations

from collections.abc import Sequence

from lanes.archive.drive import Drive, SourceFile
from lanes.dashcam import Piece, find_chains


def group(files: Sequence[SourceFile]) -> list[Drive]:
    """The drives in these files, ordered by `Drive.key`. Nothing is read.

    Recordings that a camera cut into pieces are one drive by their names, see `lanes.dashcam.find_chains`; a file whose name fits no
    camera's pattern is a drive by itself. Every file is in one drive, but small copies of recordings that are there too, which some cameras
    make for telephones.
    """
    by_path = {file.path.replace("\\", "/"): file for file in files}
    pieces = [Piece(path) for path in by_path]
    whole = {_moment(piece) for piece in pieces if piece.name is not None and not piece.name.copy}
    chains = find_chains(piece for piece in pieces if piece.name is None or not piece.name.copy or _moment(piece) not in whole)
    return sorted((Drive(tuple(by_path[piece.path] for piece in chain.pieces)) for chain in chains), key=lambda drive: drive.key)


def _moment(piece: Piece) -> tuple[object, ...]:
    """What a recording and its small copy have in common."""
    name = piece.name
    return () if name is None else (piece.folder, name.maker, name.lens, name.start, name.kind)
