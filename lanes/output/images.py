"""ImagesSink: the overlay pictures of an image source, one PNG each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.errors import ProcessingError
from lanes.files import check_folder, make_folder, remove_empty
from lanes.output.sink import Sink
from lanes.results import FrameResult

# `cv2.IMWRITE_PNG_FILTER` and two of its values by number: OpenCV before 4.12 has no names for them, and passes over what it does not know.
PNG_FILTER, PNG_FILTER_NONE, PNG_FILTER_UP = 19, 8, 32


def write_png(path: Path, pixels: NDArray[np.uint8], options: Sequence[int]) -> None:
    """Write an image under a temporary name and rename it, so that whoever watches the folder sees whole files only.

    Args:
        path: ends in `.png`.
        pixels: (H, W) grey or (H, W, 3) BGR, uint8.
        options: OpenCV's `IMWRITE_PNG_*` pairs.

    Raises:
        ProcessingError: the disk is full, or the folder is gone.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        _, png = cv2.imencode(".png", pixels, options)
        part.write_bytes(png.data)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ProcessingError(f"{path}: cannot be written ({error.strerror}); the images before it are kept") from error


class ImagesSink(Sink):
    """Writes `FrameResult.frame.pixels` as `<stem>.png` into a folder.

    Args:
        folder: made if missing.
        inputs: files that must not be written over.
        overwrite: replace images of the same names.
    """

    # Photographs hardly gain from more than the fastest level; one filter in place of a trial of several takes 40 % off.
    PNG_OPTIONS = (cv2.IMWRITE_PNG_COMPRESSION, 1, PNG_FILTER, PNG_FILTER_UP)

    def __init__(self, folder: Path, inputs: Sequence[Path] = (), overwrite: bool = False) -> None:
        check_folder(folder, inputs, overwrite)
        self._folder = folder
        self._made = make_folder(folder)

    def write(self, result: FrameResult) -> None:
        write_png(self._folder / f"{result.frame.stem}.png", result.frame.pixels, self.PNG_OPTIONS)

    def close(self) -> None:
        remove_empty(self._made)
