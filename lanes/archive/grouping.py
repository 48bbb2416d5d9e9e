"""Which files are one drive."""

from __future__ import annotations

from collections.abc import Sequence

from lanes.archive.drive import Drive, SourceFile
from lanes.dashcam import Piece, find_chains


def group(files: Sequence[SourceFile]) -> list[Drive]:
    """The drives in these files, ordered by `Drive.key`; every file is in one of them. Nothing is read.

    Recordings that a camera cut into pieces are one drive by their names, see `lanes.dashcam.find_chains`; a file whose name fits no
    camera's pattern is a drive by itself.
    """
    by_path = {file.path: file for file in files}
    chains = find_chains(Piece(path.replace("\\", "/")) for path in by_path)
    slashes = {path.replace("\\", "/"): file for path, file in by_path.items()}
    return sorted((Drive(tuple(slashes[piece.path] for piece in chain.pieces)) for chain in chains), key=lambda drive: drive.key)
