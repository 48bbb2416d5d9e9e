"""From what a user writes after `--source` to the sources that it means."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from glob import glob, has_magic
from pathlib import Path

from lanes.capture.address import check_address, public_address, scheme_of
from lanes.capture.camera_format import split_format
from lanes.capture.images import ImageFiles
from lanes.capture.kinds import kind_of, sort_files
from lanes.capture.live import LiveSource
from lanes.capture.paced import Paced
from lanes.capture.reconnecting import Reconnecting
from lanes.capture.source import Source
from lanes.capture.video import VideoFile
from lanes.errors import InputError

_log = logging.getLogger(__name__)

VIDEO4LINUX = 81
"""Major number of Linux's cameras (https://www.kernel.org/doc/html/latest/admin-guide/devices.html). Of any other device no frame ever
comes, and it would be waited for."""


class Sources:
    """What a request names: one source, or several videos. Iterating gives each, not open yet; close each before you open the next."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self.skipped = 0

    def __len__(self) -> int:
        return len(self._sources)

    def __iter__(self) -> Iterator[Source]:
        return iter(self._sources)

    def opened(self) -> Iterator[Source]:
        """The sources, each opened when its turn comes. Of several, one that cannot be opened is named in the log, skipped, and
        counted in `skipped`.

        Raises:
            InputError: the only source cannot be opened, or none of several.
        """
        opened = 0
        failure: InputError | None = None
        for source in self:
            try:
                source.open()
            except InputError as error:
                failure = error
                if len(self) > 1:
                    _log.error("%s; skipped", error)
                    self.skipped += 1
                continue
            except BaseException:  # Ctrl-C, and what is left of the opening must not go on unseen
                source.close()
                raise
            opened += 1
            yield source
        if failure is not None and not opened:
            raise failure


def open_source(text: str, *, live: bool = False) -> Source:
    """The one source that `text` names, open; see `find_sources`.

    Raises:
        InputError: it cannot be used, or names several videos.
    """
    sources = find_sources(text, live=live)
    if len(sources) > 1:
        raise InputError(f"{text}: {len(sources)} videos, where one is wanted; give one of them")
    return next(sources.opened())


def find_sources(text: str, *, live: bool = False, reconnect: bool = False) -> Sources:
    """Find out what `text` means: a video file; a folder or glob of images (one source) or of videos (one each); a camera's number or
    device; `csi://0`; an address with one of `network.SCHEMES`; `synthetic://`. Nothing is opened.

    Args:
        text: as the user wrote it.
        live: treat files as if they were live (`Paced`).
        reconnect: wait for a camera or an address that is lost, or is not there yet (`Reconnecting`).

    Raises:
        InputError: it means nothing, there is nothing there, or it mixes images and videos.
    """
    try:
        sources = _sources(text.strip(), Reconnecting if reconnect else _once)
    except OSError as error:
        raise InputError(f"{text}: cannot be read ({error.strerror}); check the path and its permissions") from error
    return Sources([source if isinstance(source, LiveSource) else Paced(source) for source in sources] if live else sources)


Make = Callable[[], LiveSource]
"""Makes a live source, not open yet."""


def _once(make: Make) -> LiveSource:
    return make()


def _sources(text: str, live: Callable[[Make], LiveSource]) -> list[Source]:
    if not text:
        raise InputError("--source is empty; give a video file, a folder, a camera or an address")
    if scheme := scheme_of(text):
        return [_addressed(scheme, text, live)]
    path = Path(text).expanduser()
    if not path.exists():
        _check_no_address(text)
    if device := _device(text):
        return [live(_camera(device))]
    if path.is_dir():
        return _of_files(sorted(path.iterdir(), key=_natural), path.resolve().name or "root", f"{path}: the folder")
    if has_magic(text) and not path.exists():
        found = glob(str(path), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
        return _of_files(sorted(map(Path, found), key=_natural), _fixed_part(path), f"{text}: the pattern")
    if path.is_file() and kind_of(path) == "image":
        return [ImageFiles([path], path.stem)]
    return [VideoFile(path)]


def _of_files(files: Sequence[Path], name: str, what: str) -> list[Source]:
    found = sort_files(file for file in files if file.is_file() and not file.name.startswith("."))
    images, videos = found.images, found.videos
    if images and videos:
        both = f"images ({images[0].name}) and videos ({videos[0].name})"
        raise InputError(f"{what} gives both {both}; narrow it with a pattern such as *{images[0].suffix}")
    if found.others and (images or videos):
        names = ", ".join(file.name for file in found.others[:3]) + (", ..." if len(found.others) > 3 else "")
        _log.warning("%s: %d left out that are no %s: %s", name, len(found.others), "images" if images else "videos", names)
    if images:
        return [ImageFiles(images, name)]
    if videos:
        return [VideoFile(video) for video in videos]
    raise InputError(f"{what} gives no images and no videos (sub-folders are not searched); give one that does")


def _device(text: str) -> str | None:
    """The text where it names a camera, by number or any name of its device, and perhaps what is asked of it; else None.

    Raises InputError where it is a device of another kind.
    """
    name, _, query = text.partition("?")
    if re.fullmatch(r"\d+|/dev/video\d+|/dev/v4l/.+", name):
        return text
    path = Path(name).expanduser()
    if not path.is_char_device():
        return None
    if sys.platform.startswith("linux") and os.major(path.stat().st_rdev) != VIDEO4LINUX:
        raise InputError(f"{path}: a device, but no camera (those are /dev/video0 and so on); give one, or a file")
    return f"{path}?{query}"


def _camera(text: str) -> Make:
    from lanes.capture.usb import USBCamera

    return partial(USBCamera, *split_format(text))


def _addressed(scheme: str, text: str, live: Callable[[Make], LiveSource]) -> Source:
    if scheme == "synthetic":
        from lanes.capture.synthetic import SyntheticRoad  # the renderer is not needed otherwise

        return SyntheticRoad(text)
    if scheme == "csi":
        from lanes.capture.csi import CSICamera

        return live(partial(CSICamera, *split_format(text)))
    from lanes.capture.network import SCHEMES, NetworkStream

    if scheme in SCHEMES:
        check_address(text)
        return live(partial(NetworkStream, text))
    understood = ", ".join(f"{known}://" for known in (*SCHEMES, "csi", "synthetic"))
    raise InputError(f"{public_address(text)}: {scheme}:// is not understood; give one of {understood}, or a file")


def _check_no_address(text: str) -> None:
    """Refuses an address without its `//` or its scheme before it is taken for the name of a file and shown with its password."""
    from lanes.capture.network import SCHEMES

    scheme, colon, _ = text.partition(":")
    if colon and scheme.lower() in SCHEMES:
        raise InputError(f"{scheme.lower()}: an address begins with {scheme.lower()}://; put two slashes behind the colon")
    if re.match(r"[^/\\\s]*:.*@", text):
        raise InputError("--source looks like an address without its beginning; put rtsp:// or http:// before it")


def _natural(path: Path) -> tuple[list[tuple[int, int | str]], str]:
    """Sort key in which frame2 comes before frame10."""
    pieces = re.split(r"(\d+)", str(path).casefold())
    return [(0, int(piece)) if piece.isdecimal() else (1, piece) for piece in pieces if piece], str(path)


def _fixed_part(pattern: Path) -> str:
    """The innermost folder of a glob that is no pattern itself."""
    fixed = next(parent for parent in pattern.parents if not has_magic(str(parent)))
    return fixed.resolve().name or "images"
