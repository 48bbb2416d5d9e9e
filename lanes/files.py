"""What files are called, where an output may go, and files that appear only when they are complete.

A bad place is refused before any work is done.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from lanes.errors import InputError

IMAGE_SUFFIXES = frozenset(
    ".avif .bmp .dib .heic .heif .jfif .jp2 .jpe .jpeg .jpg .mpo .pbm .pgm .png .pnm .ppm .ras .sr .tif .tiff .webp".split()  # noqa: SIM905 - a list has one entry a line
)
# GoPro's and DJI's previews (.lrv, .lrf), 360 degree cameras (.360, .insv), camcorders (.mod, .tod, .vob), recorders (.dav, .ifv, .264).
VIDEO_SUFFIXES = frozenset(
    """.264 .265 .266 .360 .3g2 .3gp .amv .apng .asf .av1 .avc .avi .dav .divx .dv .f4v .flv .gif .h261 .h263 .h264 .h265 .h266 .hevc .ifv
    .insv .ivf .k3g .lrf .lrv .m1v .m2t .m2ts .m2v .m4v .mj2 .mjpeg .mjpg .mkv .mod .mov .mp4 .mpe .mpeg .mpg .mpv .mts .mxf .nut .obu .ogm
    .ogv .qt .rm .rmvb .tod .trp .ts .vc1 .vob .vvc .webm .wmv .wtv .y4m""".split()  # noqa: SIM905
)


def check_file(path: Path, inputs: Sequence[Path] = (), overwrite: bool = False) -> None:
    """Make sure that `path` can be written as a file, and leave everything as it is.

    Raises:
        InputError: `path` is a folder, one of `inputs`, exists without `overwrite`, or lies where nothing can be written.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder; give a file name in it")
        if any(_same(path, file) for file in inputs):
            raise InputError(f"{path}: is the input itself; give another output")
        if path.exists():
            if not overwrite:
                raise InputError(f"{path}: exists already; give another name, or --overwrite to replace it")
            if not path.is_file():
                raise InputError(f"{path}: is not a regular file; give another name")
            if not os.access(path, os.W_OK):
                raise InputError(f"{path}: is write-protected; give another name, or change its permissions")
        _check_creatable(path, path.parent)
    except OSError as error:
        raise InputError(f"{path}: cannot be used ({error.strerror}); give another name") from error


def check_folder(folder: Path, inputs: Sequence[Path] = (), overwrite: bool = False) -> None:
    """Make sure that images named after the frames can be written into `folder`, and leave everything as it is.

    Raises:
        InputError: `folder` is a file, holds input images, holds images already without `overwrite`, cannot be written, or
            two inputs have the same stem, so that one's output would replace the other's.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder}: is a file; give a folder")
        _check_names(folder, [file for file in inputs if file.suffix.lower() in IMAGE_SUFFIXES])
        if folder.is_dir() and not overwrite:
            found = next((entry for entry in folder.iterdir() if entry.suffix.lower() in IMAGE_SUFFIXES), None)
            if found:
                raise InputError(f"{folder}: already holds images ({found.name}); give another folder, or --overwrite to replace them")
        _check_creatable(folder, folder)
    except OSError as error:
        raise InputError(f"{folder}: cannot be used ({error.strerror}); give another folder") from error


def check_is_folder(path: Path) -> None:
    """Refuse a name of a picture or a video where a folder is meant. Raises InputError."""
    if path.suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES and not path.is_dir():
        raise InputError(f"{path}: the outputs go into a folder; give one")


def make_folder(folder: Path) -> list[Path]:
    """Create `folder` with its parents, and return those that were made, innermost first.

    Raises:
        InputError: it cannot be made.
    """
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: this folder cannot be made ({error.strerror}); give another one") from error
    return missing


def remove_empty(folders: Sequence[Path]) -> None:
    """Take back `make_folder`, as far as the folders are empty still."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes a file whole or not at all; text as UTF-8. Folders on the way are made.

    Raises:
        InputError: it cannot be written; whatever was there before is there still.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):  # where a file stands in for a folder, there is nothing to take away
            part.unlink(missing_ok=True)
        raise InputError(f"cannot write {path}: {error.strerror}") from None


def _check_names(folder: Path, images: Sequence[Path]) -> None:
    """Images in `folder` named after the inputs neither replace these nor one another."""
    by_stem: dict[str, Path] = {}
    for file in images:
        if _same(folder, file.parent):
            raise InputError(f"{folder}: is the folder of the input images; give another folder")
        other = by_stem.setdefault(file.stem.casefold(), file)
        if other != file:
            raise InputError(f"{folder}: {other.name} and {file.name} would both become {file.stem}.png there; rename one of them")


def _check_creatable(place: Path, folder: Path) -> None:
    """`folder`, or the innermost one above it that exists, takes new entries."""
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    if not existing.is_dir():
        raise InputError(f"{place}: {existing} is a file, not a folder; give another place")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"{place}: no permission to write in {existing}; give another place, or change its permissions")


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them does not exist
        return False
