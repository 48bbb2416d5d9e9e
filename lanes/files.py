"""What files are called, and files that appear only when they are complete."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from lanes.errors import RequestError

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".h264", ".hevc", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ts", ".webm", ".wmv"}
)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes a file whole or not at all; text as UTF-8. Folders on the way are made.

    Raises:
        RequestError: it cannot be written; whatever was there before is there still.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):  # where a file stands in for a folder, there is nothing to take away
            part.unlink(missing_ok=True)
        raise RequestError(f"cannot write {path}: {error.strerror}") from None
