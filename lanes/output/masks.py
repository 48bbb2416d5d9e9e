"""MasksSink: the lane masks, one 8-bit PNG each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2

from lanes.files import check_folder, make_folder, remove_empty
from lanes.output.images import PNG_FILTER, PNG_FILTER_NONE, write_png
from lanes.output.sink import Sink
from lanes.results import FrameResult


class MasksSink(Sink):
    """Writes `FrameResult.mask`, 0 or 255 at the source frame's size, as `<stem>.png` into a folder.

    Args:
        folder: made if missing.
        inputs: files that must not be written over.
        overwrite: replace masks of the same names.
    """

    # A mask is runs of equal bytes: with run-length coding and no filter it takes a quarter of the time and a third of the bytes
    # of the default (2.4 ms and 2.3 kB at 1280x720).
    _OPTIONS = (
        *(cv2.IMWRITE_PNG_COMPRESSION, 1),
        *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
        *(PNG_FILTER, PNG_FILTER_NONE),
    )

    def __init__(self, folder: Path, inputs: Sequence[Path] = (), overwrite: bool = False) -> None:
        check_folder(folder, inputs, overwrite)
        self._folder = folder
        self._made = make_folder(folder)

    def write(self, result: FrameResult) -> None:
        write_png(self._folder / f"{result.frame.stem}.png", result.mask, self._OPTIONS)

    def close(self) -> None:
        remove_empty(self._made)
