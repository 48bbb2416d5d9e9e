"""StillSink: one frame of the overlay as an image."""

from __future__ import annotations

from pathlib import Path

from lanes.files import check_file
from lanes.output.images import write_png
from lanes.output.sink import Sink
from lanes.results import FrameResult


class StillSink(Sink):
    """Writes `FrameResult.frame.pixels` of one frame as a PNG, over what is there.

    Args:
        path: ends in `.png`.
        at: the frame's number.
    """

    def __init__(self, path: Path, at: int) -> None:
        check_file(path, overwrite=True)
        self._path, self._at = path, at

    def write(self, result: FrameResult) -> None:
        if result.frame.index == self._at:
            write_png(self._path, result.frame.pixels)

    def close(self) -> None:
        """Nothing is left open."""
