"""What files are called, where an output may go, and files that appear only when they are complete.

A bad path is refused before any work is done.
"""

from __future__ import annotations

import errno
import itertools
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from lanes.errors import InputError, OutputError

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
        _check_name(path)
        if path.is_dir():
            raise InputError(f"{path}: is a folder; give a file name in it")
        if any(_same_file(path, file) for file in inputs):
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
        _check_name(folder)
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
    """Refuse a name of an image or a video where a folder is meant. Raises InputError."""
    if path.suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES and not path.is_dir():
        raise InputError(f"{path}: the outputs go into a folder; give one")


def check_distinct(paths: Sequence[Path]) -> None:
    """Make sure that no two outputs of a request have the same path.

    Raises:
        InputError: two have.
    """
    for index, path in enumerate(paths):
        if any(same_path(path, other) for other in paths[:index]):
            raise InputError(f"{path}: two outputs have the same path; give each its own")


def same_path(one: Path, other: Path) -> bool:
    """Whether two paths name one file or folder, which need not exist: through `..`, links, and letters where case means nothing."""
    return _same_file(one, other) or identity(one) == identity(other)


def identity(path: Path) -> str:
    """One text for all paths to the same file or folder: absolute, links followed, in lower case where case means nothing."""
    resolved = Path(os.path.realpath(path))
    return str(resolved).casefold() if _ignores_case(resolved) else str(resolved)


def make_folder(folder: Path) -> list[Path]:
    """Create `folder` with its parents, and return those that were made, innermost first.

    Raises:
        InputError: it cannot be made.
    """
    try:
        missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: this folder cannot be made ({error.strerror}); give another one") from error
    return missing


def remove_empty(folders: Sequence[Path]) -> None:
    """Take back `make_folder`, as far as the folders are empty still. Never raises."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def shortened(name: str, limit: int) -> str:
    """A file name cut to at most `limit` bytes of UTF-8; no letter is halved."""
    return name.encode("utf-8", "ignore")[:limit].decode("utf-8", "ignore")


def numbered(path: Path) -> Iterator[Path]:
    """A name, and those for what cannot have it any more: `drive.mp4`, `drive-2.mp4`, ..."""
    yield path
    for number in itertools.count(2):
        ending = f"-{number}{path.suffix}"
        yield path.with_name(shortened(path.stem, 255 - len(ending)) + ending)


class Draft:
    """A file of this process alone beside `target`, under a hidden name, which becomes `target` when it is complete.

    A process that is killed leaves its draft behind; no later one takes it for its own.

    Attributes:
        path: the draft, empty at first: `.NAME.XXXXXXXX.part`, NAME being the target's, cut where that would be too long a name.

    Raises:
        OSError: nothing can be written beside `target`.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        while True:
            ending = f".{secrets.token_hex(4)}.part"
            name = shortened(target.name, _longest_name(target.parent) - len(ending) - 1)
            self.path = target.with_name(f".{name}{ending}")
            with suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
                return

    @classmethod
    def left(cls, path: Path, target: Path) -> Draft:
        """A draft that an earlier process left, as this one's."""
        draft = cls.__new__(cls)
        draft.path, draft.target = path, target
        return draft

    def publish(self, overwrite: bool = True) -> None:
        """Give it the target's name.

        Raises:
            FileExistsError: there is a file of that name, and `overwrite` is not set. The draft stays.
            OSError: it cannot be renamed. The draft stays.
        """
        if not overwrite:
            try:
                os.link(self.path, self.target)  # unlike a renaming, it fails where there is a file
            except FileExistsError:
                raise
            except OSError:  # a file system without links, as on memory cards
                if self.target.exists():
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self.target)) from None
            else:
                self.discard()
                return
        self.path.replace(self.target)

    def discard(self) -> None:
        """Remove it. Never raises: where it is called, there is a worse error to report."""
        with suppress(OSError):
            self.path.unlink()


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes a file whole or not at all; text as UTF-8. Folders on the way are made.

    Raises:
        OutputError: it cannot be written; whatever was there before is there still.
    """
    draft = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Draft(path)
        draft.path.write_bytes(content.encode() if isinstance(content, str) else content)
        draft.publish()
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; free some space or give another path") from None
    finally:
        if draft is not None:
            draft.discard()


def _check_names(folder: Path, images: Sequence[Path]) -> None:
    """Images in `folder` named after the inputs neither replace these nor one another."""
    if any(_same_file(folder, parent) for parent in {file.parent for file in images}):
        raise InputError(f"{folder}: is the folder of the input images; give another folder")
    by_stem: dict[str, Path] = {}
    for file in images:
        other = by_stem.setdefault(file.stem.casefold(), file)
        if other != file:
            raise InputError(f"{folder}: {other.name} and {file.name} would both become {file.stem}.png there; rename one of them")


def _check_creatable(path: Path, folder: Path) -> None:
    """`folder`, or the innermost one above it that exists, takes new entries."""
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    if not existing.is_dir():
        raise InputError(f"{path}: {existing} is a file, not a folder; give another path")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"{path}: no permission to write in {existing}; give another path, or change its permissions")


def _check_name(path: Path) -> None:
    """Raises OSError where no file can have this name. Newer Pythons hide that in `exists` and `is_dir`."""
    with suppress(FileNotFoundError, NotADirectoryError):
        path.lstat()


def _longest_name(folder: Path) -> int:
    """Bytes that a file's name may have in `folder`."""
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):  # Windows has no such call
        return 255


def _same_file(one: Path, other: Path) -> bool:
    """Whether both exist and are one."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def _ignores_case(path: Path) -> bool:
    """Whether upper and lower case name the same file where `path` is or would be."""
    # Unlike `Path.is_dir`, this takes names that are too long.
    folder = next((parent for parent in path.parents if os.path.isdir(parent)), path)  # noqa: PTH112
    try:
        entry = next((entry for entry in folder.iterdir() if entry.name.swapcase() != entry.name), folder)
    except OSError:  # no permission to list it
        entry = folder
    return bool(entry.name) and _same_file(entry, entry.with_name(entry.name.swapcase()))
