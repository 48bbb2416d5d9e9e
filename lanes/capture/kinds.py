"""What a file is: an image, a video, or neither; by its suffix, and where that says nothing, by its first bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lanes.files import IMAGE_SUFFIXES, VIDEO_SUFFIXES

Kind = Literal["image", "video"]

# Thumbnails of videos, which a folder has beside these.
_SIDE_FILES = frozenset({".thm"})

_HEAD = 1024

_IMAGE = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|BM.{4}\0{4}|RIFF.{4}WEBP|II\*\0|MM\0\*|P[1-6]\s"
    rb"|\0\0\0\x0cjP  |.{4}ftyp(?:avif|hei[cfx]|mif1)",
    re.DOTALL,
)
_VIDEO = re.compile(
    rb".{4}(?:ftyp|moov|mdat|pnot|wide|skip|free)|\x1a\x45\xdf\xa3|RIFF.{4}AVI |FLV\x01|\x30\x26\xb2\x75\x8e\x66\xcf\x11|\0\0\x01[\xb3\xba]"
    rb"|\x47.{187}\x47.{187}\x47|.{4}\x47.{191}\x47.{191}\x47|OggS|\.RMF|DHAV|GIF8[79]a|YUV4MPEG2|DKIF|nut/multimedia|\x06\x0e\x2b\x34"
    rb"|\0?\0\0\x01(?:[\x06\x09\x27\x47\x67]|[\x40\x42\x46]\x01)",
    re.DOTALL,
)


@dataclass
class Sorted:
    """Files by what they are."""

    images: list[Path] = field(default_factory=list)
    videos: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)


def kind_of(path: Path) -> Kind | None:
    """What a file is; None for neither. It is read only where its suffix is unknown, and only if it is a regular file."""
    return _by_suffix(path) or _by_content(path)


def sort_files(files: Iterable[Path]) -> Sorted:
    """Images, videos and others, each in the order given.

    A file of an unknown suffix counts as what it contains, unless that mixes the kinds: then the suffixes decide.
    """
    known = {path: _by_suffix(path) for path in files}
    kinds = {kind for kind in known.values() if kind}
    result = Sorted()
    for path, kind in known.items():
        if kind is None:
            inside = None if path.suffix.lower() in _SIDE_FILES else _by_content(path)
            kind = inside if not kinds or inside in kinds else None
        {"image": result.images, "video": result.videos}.get(kind or "", result.others).append(path)
    return result


def _by_suffix(path: Path) -> Kind | None:
    suffix = path.suffix.lower()
    return "image" if suffix in IMAGE_SUFFIXES else "video" if suffix in VIDEO_SUFFIXES else None


def _by_content(path: Path) -> Kind | None:
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:  # whoever opens it says why
        return None
    return "image" if _IMAGE.match(head) else "video" if _VIDEO.match(head) else None
