"""Images in a folder, one PNG each: `ImagesSink` for the overlay of an image source, and what it shares with the masks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.errors import OutputError
from lanes.files import Draft, check_folder, make_folder, remove_empty
from lanes.output.claim import Claim
from lanes.output.sink import Sink
from lanes.results import FrameResult

# `cv2.IMWRITE_PNG_FILTER` and two of its values by number: OpenCV before 4.12 has no names for them, and skips what it does not know.
PNG_FILTER, PNG_FILTER_NONE, PNG_FILTER_UP = 19, 8, 32

PHOTOGRAPH = (cv2.IMWRITE_PNG_COMPRESSION, 1, PNG_FILTER, PNG_FILTER_UP)
"""Photographs hardly gain from more than the fastest level; one filter in place of a trial of several takes 40 % off."""


def write_png(path: Path, pixels: NDArray[np.uint8], options: Sequence[int] = PHOTOGRAPH) -> None:
    """Write an image under a temporary name and rename it, so that a program that watches the folder sees whole files only.

    Args:
        path: ends in `.png`.
        pixels: (H, W) grey or (H, W, 3) BGR, uint8.
        options: OpenCV's `IMWRITE_PNG_*` pairs.

    Raises:
        OutputError: the disk is full, or the folder is gone.
    """
    draft = None
    try:
        _, png = cv2.imencode(".png", pixels, options)
        draft = Draft(path)
        draft.path.write_bytes(png.data)
        draft.publish()
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); the images before it are kept") from error
    finally:
        if draft is not None:
            draft.discard()


class FolderSink(Sink):
    """Writes one PNG a frame, `<stem>.png`, into a folder. Images may be of any size.

    Args:
        folder: made if missing.
        inputs: files that must not be written over.
        overwrite: replace images of the same names.

    Raises:
        InputError: the folder cannot be written, another run writes there, or it holds images already.
    """

    OPTIONS: ClassVar[Sequence[int]]

    def __init__(self, folder: Path, inputs: Sequence[Path] = (), overwrite: bool = False) -> None:
        self._folder = folder
        self._made: list[Path] = []
        self._claim = Claim(folder)
        try:
            check_folder(folder, inputs, overwrite)
            self._made = make_folder(folder)
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def image(self, result: FrameResult) -> NDArray[np.uint8]:
        """What is written of a result: (H, W) or (H, W, 3) uint8."""

    def write(self, result: FrameResult) -> None:
        write_png(self._folder / f"{result.frame.stem}.png", self.image(result), self.OPTIONS)

    def close(self) -> None:
        remove_empty(self._made)
        self._claim.release()


class ImagesSink(FolderSink):
    """Writes `FrameResult.frame.pixels`, with the overlay in them."""

    OPTIONS = PHOTOGRAPH

    def image(self, result: FrameResult) -> NDArray[np.uint8]:
        return result.frame.pixels
