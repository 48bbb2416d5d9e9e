"""Which files are one drive."""

from __future__ import annotations

from collections.abc import Sequence

from lanes.archive.drive import Drive, SourceFile


def group(files: Sequence[SourceFile]) -> list[Drive]:
    """The drives in these files, ordered by `Drive.key`; every file is in one of them. Nothing is read."""
    return [Drive((file,)) for file in sorted(files, key=lambda file: file.path)]
