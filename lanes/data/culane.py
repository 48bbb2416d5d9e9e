"""Reads CULane: Beijing from six cars, by day and night, 1640x590.

list/train_gt.txt, val_gt.txt, test.txt ...       an image a line; in `*_gt.txt` also its label image and which of four lines there are
driver_*/<clip>.MP4/00000.jpg                     the images
driver_*/<clip>.MP4/00000.lines.txt               a line a row: x y x y ..., pixels; points may lie outside the image
laneseg_label_w16/<same path>.png                 the same drawn 16 pixels wide, 1 to 4 = which line; read where there is no .lines.txt

The two nearest lines on either side are labelled with splines, behind vehicles and where the paint cannot be seen too, and none beyond a
barrier. Format: https://xingangpan.github.io/projects/CULane.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from lanes.arrays import Mask
from lanes.data.frames import Format, Polyline, as_polyline, inside, read_image
from lanes.data.polylines import PolylineFrame
from lanes.errors import InputError

SOURCE = "culane"


@dataclass(frozen=True, slots=True)
class CULaneFrame(PolylineFrame):
    """One line of a list file.

    Attributes:
        image: the image, relative to the root.
        label_image: the label drawn, relative to the root; None where the list names none.
    """

    image: str
    label_image: str | None

    @property
    def licence(self) -> str:
        return "CULane: non-commercial research"

    @property
    def image_path(self) -> Path:
        return self.root / self.image

    @property
    def _lines_file(self) -> Path:
        return self.image_path.with_suffix(".lines.txt")

    def polylines(self) -> list[Polyline] | None:
        if self.label_image is not None and not self._lines_file.exists():
            return None
        try:
            text = self._lines_file.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise InputError(f"cannot read {self._lines_file}: {error.strerror}") from None
        return [_parse(row, f"{self._lines_file}:{number}") for number, row in enumerate(text.splitlines(), 1) if row.strip()]

    def stored_mask(self) -> Mask:
        return read_image(self.root / str(self.label_image), cv2.IMREAD_GRAYSCALE)


def _parse(row: str, where: str) -> Polyline:
    try:
        values = [float(value) for value in row.split()]
    except ValueError:
        raise InputError(f"{where}: {row.strip()[:40]!r} is no row of numbers x y x y ...") from None
    if len(values) % 2:
        raise InputError(f"{where}: {len(values)} numbers are no pairs of x and y")
    return as_polyline(list(zip(values[::2], values[1::2], strict=True)), where)


def _lists(root: Path) -> Iterator[tuple[str, Path]]:
    """Split and list file; the lists that name the label images before those that do not."""
    for split in ("train", "val", "test"):
        found = sorted((root / "list").glob(f"{split}*.txt"), key=lambda path: ("_gt" not in path.stem, path.name))
        yield from ((split, path) for path in found)


def _list_frames(root: Path) -> list[CULaneFrame]:
    frames: dict[str, CULaneFrame] = {}
    for split, path in _lists(root):
        with path.open(encoding="utf-8", errors="replace") as rows:
            for number, row in enumerate(rows, 1):
                names = row.split()
                if not names:
                    continue
                where = f"{path}:{number}"
                image = inside(root, names[0], where)
                label = str(inside(root, names[1], where)) if len(names) > 1 and names[1].endswith(".png") else None
                stem = str(image.with_suffix(""))
                if stem in frames and frames[stem].split != split:
                    raise InputError(f"{where}: {image} is in the lists of {frames[stem].split} and of {split}")
                frames.setdefault(stem, CULaneFrame(root, SOURCE, split, str(image.parent), stem, str(image), label))
    return list(frames.values())


FORMAT = Format(
    "CULane",
    "list/train_gt.txt, list/val_gt.txt ... beside driver_*/",
    lambda root: any(True for _ in _lists(root)),
    _list_frames,
)
