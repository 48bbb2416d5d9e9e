"""From what a user names, files, folders, globs and prefixes of object stores, to the files that are there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path, PurePosixPath
from typing import Any

from lanes.archive.drive import SourceFile
from lanes.capture.address import public_address, scheme_of
from lanes.errors import InputError
from lanes.files import VIDEO_SUFFIXES

PREVIEWS = frozenset({".lrv", ".lrf"})
"""Small copies of recordings, which cameras put beside them."""


def find_files(sources: Sequence[str], out: str) -> list[SourceFile]:
    """The recordings that `sources` name, each once, by path.

    A file is taken as it is named. Of folders, which are searched with all below them, globs and prefixes, what has the suffix of a video
    is taken, without hidden files and cameras' previews.

    Args:
        sources: paths, globs, or addresses such as `s3://bucket/prefix`.
        out: the folder of the results, in which nothing is searched.

    Raises:
        InputError: one of them names nothing.
    """
    found: dict[str, SourceFile] = {}
    for source in sources:
        files = _objects(source) if scheme_of(source) else _local(source, out)
        count = 0
        for count, file in enumerate(files, 1):  # noqa: B007 - how many there were
            found[file.path] = file
        if not count:
            raise InputError(f"{_shown(source)}: there are no videos; give a file, a folder, a glob or a prefix that has some")
    return [found[path] for path in sorted(found)]


def _local(source: str, out: str) -> Iterator[SourceFile]:
    path = Path(source).expanduser()
    excluded = None if scheme_of(out) else Path(out).expanduser().absolute()
    if has_magic(source) and not path.exists():
        matches = [Path(name) for name in glob(str(path), recursive=True)]  # noqa: PTH207 - Path.glob takes no absolute pattern
        candidates: Iterable[Path] = (file for match in matches for file in (_walk(match, excluded) if match.is_dir() else [match]))
        yield from (_describe(file) for file in candidates if _is_recording(file.name))
    elif path.is_dir():
        yield from (_describe(file) for file in _walk(path, excluded) if _is_recording(file.name))
    elif path.exists() or path.is_symlink():
        yield _describe(path)
    else:
        raise InputError(f"{source}: no such file or folder; check the path")


def _walk(folder: Path, excluded: Path | None) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and Path(place, name).absolute() != excluded)
        yield from (Path(place, name) for name in files)


def _describe(path: Path) -> SourceFile:
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - links are not followed: the path is as the user knows it
    try:
        status = absolute.stat()
    except OSError:  # a link that leads nowhere: whoever opens it says why
        return SourceFile(absolute.as_posix(), 0, "")
    return SourceFile(absolute.as_posix(), status.st_size, str(status.st_mtime_ns))


def _objects(source: str) -> Iterator[SourceFile]:
    from lanes.archive.objects import file_system

    scheme = scheme_of(source)
    system, root = file_system(source)
    try:
        found: dict[str, dict[str, Any]] = system.glob(root, detail=True) if has_magic(root) else system.find(root, detail=True)
    except Exception as error:  # those of the store's library have no common base
        reason = " ".join(str(error).split())
        raise InputError(f"{_shown(source)}: cannot be listed ({reason}); check the address, its region and your credentials") from None
    for key, facts in found.items():
        if facts.get("type") == "file" and (key == root or _is_recording(PurePosixPath(key).name)):
            stamp = next((str(facts[name]) for name in ("ETag", "etag", "md5Hash", "mtime", "created") if facts.get(name)), "")
            yield SourceFile(f"{scheme}://{key.lstrip('/')}", int(facts.get("size") or 0), stamp.strip('"'))


def _is_recording(name: str) -> bool:
    suffix = PurePosixPath(name).suffix.lower()
    return suffix in VIDEO_SUFFIXES - PREVIEWS and not name.startswith(".")


def _shown(source: str) -> str:
    return public_address(source) if scheme_of(source) else source
