"""The board, and what one photograph shows of it: corners to a fraction of a pixel, or the cause why it cannot be used."""

from __future__ import annotations

import argparse
import glob
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import BGRImage
from lanes.capture.images import read_image
from lanes.errors import InputError
from lanes.files import IMAGE_SUFFIXES

FLAGS = cv2.CALIB_CB_EXHAUSTIVE | cv2.CALIB_CB_ACCURACY
"""Of the sector-based detector, which finds boards that the older one misses, and places corners more exactly."""

BLUR_LIMIT = 0.25
"""Width of an edge, as a share of a square's side, above which corners are no longer exact: on rendered boards their error is 0.04 to
0.1 px below it, doubles at a third, and is several times that at a half."""

REFINED = 0.4
"""Half the window in which a corner is placed by the grey values' gradients, as a share of a square's shorter side. The detector draws a
board's corners towards a common curve: 0.10 to 0.15 px of error on rendered boards that a lens bends, against 0.03 to 0.08 px so."""

WIDEST = 15
"""Half of that window in pixels, at most: in a wider one the lens bends the edges."""

PART = (4, 4)
"""Inner corners of the smallest part of a board that is looked for. Smaller ones are found in leaves and fences."""

THUMBNAIL_WIDTH = 320
SEARCH_WIDTH = 1280
"""Pixels that a picture is reduced to where only a part of a board is looked for, to say why the whole was not found."""


@dataclass(frozen=True)
class Board:
    """A chessboard by its inner corners: 9x6 has 10 by 7 squares."""

    columns: int
    rows: int

    def __str__(self) -> str:
        return f"{self.columns}x{self.rows}"

    @property
    def size(self) -> tuple[int, int]:
        return self.columns, self.rows

    def points(self, square: float) -> NDArray[np.float32]:
        """(columns * rows, 3): the inner corners on the board, row by row, in the unit of `square`."""
        across, down = np.meshgrid(np.arange(self.columns), np.arange(self.rows))
        places = np.stack([across.ravel(), down.ravel(), np.zeros(self.columns * self.rows)], axis=1) * square
        return places.astype(np.float32)


def board(text: str) -> Board:
    """A board as the command line has it: COLUMNSxROWS."""
    found = re.fullmatch(r"(\d{1,3})[xX](\d{1,3})", text.strip())
    if found is None or not all(3 <= int(side) <= 60 for side in found.groups()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a board: give its inner corners, as in 9x6, from 3 to 60 along a side")
    return Board(int(found[1]), int(found[2]))


@dataclass(frozen=True, eq=False)
class View:
    """A photograph with the whole board in it.

    Attributes:
        name: of the file.
        size: (width, height), pixels.
        corners: (N, 2) float32, pixels of this photograph, in the order of `Board.points`.
        edge_px: how many pixels an edge between black and white takes.
        square_px: the shorter side of a square as it is seen, pixels.
        thumbnail: the photograph, small.
    """

    name: str
    size: tuple[int, int]
    corners: NDArray[np.float32]
    edge_px: float
    square_px: float
    thumbnail: BGRImage

    def corners_in(self, size: tuple[int, int]) -> NDArray[np.float32]:
        """The corners in a picture of another size and the same shape."""
        scale = np.array(size) / self.size
        return ((self.corners + 0.5) * scale - 0.5).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Rejected:
    """A photograph that cannot be used.

    Attributes:
        name: of the file.
        cause: why, as a clause. kind: the same in a word or two, to be counted.
        thumbnail: the photograph, small; None where it cannot be read.
        grid: inner corners of another board, or of a part of this one, that was found instead.
    """

    name: str
    cause: str
    kind: str
    thumbnail: BGRImage | None = None
    grid: tuple[int, int] | None = None


def list_photographs(images: str) -> list[Path]:
    """The image files of a folder or a glob, in name order.

    Raises:
        InputError: there is none.
    """
    path = Path(images)
    try:
        found = path.iterdir() if path.is_dir() else map(Path, glob.glob(images))  # noqa: PTH207 - a pattern may be absolute
        files = sorted(file for file in found if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith("."))
    except (OSError, ValueError) as error:
        raise InputError(f"{images}: cannot be read ({getattr(error, 'strerror', None) or error}); give a folder of photographs") from None
    if not files:
        if not path.is_dir() and not glob.has_magic(images):
            what = "is a file" if path.is_file() else "there is no such folder"
            raise InputError(f"{images}: {what}; give a folder of photographs")
        raise InputError(f"{images}: holds no photographs; give a folder of JPEG or PNG files that show the board")
    return files


def look(file: Path, wanted: Board) -> View | Rejected:
    """What one photograph shows."""
    try:
        image = read_image(file)
    except InputError as error:
        return Rejected(file.name, str(error).removeprefix(f"{file}: "), "unreadable")
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    small = _thumbnail(image)
    found = find_corners(grey, wanted)
    if found is None:
        return _missing(file.name, grey, wanted, small)
    square = square_px(found, wanted)
    sharpness, _ = cv2.estimateChessboardSharpness(grey, wanted.size, found.reshape(-1, 1, 2))
    edge = float(np.ravel(sharpness)[0])
    if not edge <= BLUR_LIMIT * square:
        cause = f"blurred: an edge takes {edge:.1f} pixels and a square {square:.0f}, where at most a quarter of it is sharp enough"
        return Rejected(file.name, cause, "blurred", small)
    return View(file.name, (image.shape[1], image.shape[0]), found, edge, square, small)


def find_corners(grey: NDArray[np.uint8] | cv2.typing.MatLike, wanted: Board) -> NDArray[np.float32] | None:
    """(N, 2) float32 pixels, in the order of `Board.points`; None where the board is not whole in the picture."""
    found, corners, _ = cv2.findChessboardCornersSBWithMeta(grey, wanted.size, FLAGS)
    if not found:
        return None
    placed = np.asarray(corners, np.float32).reshape(-1, 2)  # OpenCV 4 gives (N, 1, 2), OpenCV 5 (N, 2)
    half = int(np.clip(round(REFINED * square_px(placed, wanted)), 2, WIDEST))
    until = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 50, 1e-4)
    refined = cv2.cornerSubPix(grey, placed.reshape(-1, 1, 2).copy(), (half, half), (-1, -1), until).reshape(-1, 2)
    return refined.astype(np.float32)


def square_px(corners: NDArray[np.float32], wanted: Board) -> float:
    """The shorter side of a square as it is seen, pixels."""
    grid = corners.reshape(wanted.rows, wanted.columns, 2)
    sides = [np.median(np.linalg.norm(np.diff(grid, axis=axis), axis=-1)) for axis in (0, 1)]
    return float(min(sides))


def same_views(views: list[View]) -> Iterator[tuple[View, View]]:
    """Pairs of a view and an earlier one with the same corners within a pixel: a photograph that was copied says nothing new."""
    for index, view in enumerate(views):
        for other in views[:index]:
            if view.size == other.size and float(np.abs(view.corners - other.corners).mean()) < 1:
                yield view, other
                break


def _missing(name: str, grey: cv2.typing.MatLike, wanted: Board, thumbnail: BGRImage) -> Rejected:
    """Why the whole board was not found."""
    scale = min(1.0, SEARCH_WIDTH / max(grey.shape))
    reduced = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found, corners, meta = cv2.findChessboardCornersSBWithMeta(reduced, PART, FLAGS | cv2.CALIB_CB_LARGER)
    if not found:
        return Rejected(name, f"no board of {wanted} inner corners in it", "no board", thumbnail)
    rows, columns = np.asarray(meta).shape[:2]
    part = Board(max(columns, rows), min(columns, rows))
    if part.columns > max(wanted.size) or part.rows > min(wanted.size):
        return Rejected(name, f"shows a board of {part} inner corners, not of {wanted}", "another board", thumbnail, part.size)
    if sorted(part.size) == sorted(wanted.size):
        return Rejected(name, "shows the board, whose corners cannot be placed: blurred or too small", "blurred", thumbnail)
    seen = np.asarray(corners, np.float32).reshape(-1, 2)
    reach = 1.5 * square_px(seen, Board(columns, rows))
    if (seen.min(axis=0) < reach).any() or (seen.max(axis=0) > np.array(reduced.shape[1::-1]) - 1 - reach).any():
        cause = f"the picture's border cuts the board off: {part} of its {wanted} inner corners can be found"
        return Rejected(name, cause, "cut off", thumbnail, part.size)
    cause = f"only {part} of {wanted} inner corners can be found: the rest is covered, in glare or blurred, or the board is another one"
    return Rejected(name, cause, "in part", thumbnail, part.size)


def _thumbnail(image: BGRImage) -> BGRImage:
    height, width = image.shape[:2]
    size = (THUMBNAIL_WIDTH, max(1, round(height * THUMBNAIL_WIDTH / width)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
