"""A labelled frame: what training, evaluation and calibration need to know of it, whatever format it is stored in."""

from __future__ import annotations

import json
import os
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import BGRImage, Mask
from lanes.data.labels import LabelDefinition
from lanes.errors import InputError

Polyline = NDArray[np.float64]
"""(N, 2) x and y in pixels of the image, from either end; points may lie outside the image."""

TRAINING_IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")

VAL_SHARE = 0.2
"""Part of the frames that `split_by_drive` holds back, as nearly as whole drives allow."""


@dataclass(frozen=True, slots=True)
class LabelledFrame(ABC):
    """Where one labelled frame lies, and what its label means.

    Attributes:
        root: folder of the data set.
        source: what it is called in scores, mixes and reports.
        split: `train`, `val` or `test`.
        drive: the drive that it comes from. Frames of one drive are alike, so no drive should be in two splits.
        stem: name of the frame, unique within its source.
    """

    root: Path
    source: str
    split: str
    drive: str
    stem: str

    @property
    @abstractmethod
    def definition(self) -> LabelDefinition:
        """What the label marks."""

    @property
    @abstractmethod
    def licence(self) -> str:
        """What the makers of the data allow; it goes into the metadata of every model trained on it."""

    @property
    @abstractmethod
    def image_path(self) -> Path:
        """File of the image."""

    @property
    def share(self) -> float | None:
        """Share of the training examples that are not rendered, 0 to 1, that the source is to give; None = by its number of frames."""
        return None

    @property
    def for_validation(self) -> bool:
        """Whether a score on the label says anything. Labels that are good enough to train on may not be."""
        return True

    @property
    def condition(self) -> str:
        """Light and weather, as `night` or `rain`; empty where nobody noted it."""
        return ""

    def polylines(self) -> list[Polyline] | None:
        """The lane lines, in pixels of the image; None where the data set has none as lines. Raises InputError like `read`."""
        return None

    @abstractmethod
    def label(self, width: int, height: int) -> tuple[Mask, Mask | None]:
        """Mask and ignore (or None), (H, W) uint8, non-zero = lane marking and = not known; drawn at `width` x `height` where they are
        stored as lines, else of the size that they are stored in. Raises `InputError` like `read`."""

    def uncertain(self) -> Mask | None:
        """(H, W) uint8, non-zero where the mask decides one way and a lane mask might decide the other, as for arrows and zebras."""
        return None

    def read_as_labelled(self) -> tuple[BGRImage, Mask, Mask | None]:
        """Pixels (H, W, 3) BGR, mask (H, W) and ignore (H, W) or None, as the label gives them; all uint8 and of the image's size.

        Raises:
            InputError: a file is missing or broken, or mask and image differ in size.
        """
        pixels = read_image(self.image_path, cv2.IMREAD_COLOR)
        mask, ignore = self.label(pixels.shape[1], pixels.shape[0])
        self._check_size("mask", mask, pixels)
        self._check_size("ignore", ignore, pixels)
        return pixels, mask, ignore

    def read(self) -> tuple[BGRImage, Mask, Mask | None]:
        """The same, with the classes that a lane mask might decide either way added to what is ignored."""
        pixels, mask, ignore = self.read_as_labelled()
        uncertain = self.uncertain()
        self._check_size("class image", uncertain, pixels)
        if uncertain is not None:
            ignore = uncertain if ignore is None else ignore | uncertain
        return pixels, mask, ignore

    def _check_size(self, name: str, label: Mask | None, pixels: BGRImage) -> None:
        if label is not None and label.shape != pixels.shape[:2]:
            raise InputError(
                f"{self.source}/{self.stem}: the {name} is {label.shape[1]}x{label.shape[0]} but the image "
                f"{pixels.shape[1]}x{pixels.shape[0]}; save it at the image's size"
            )


@dataclass(frozen=True, slots=True)
class Format:
    """A layout in which people store labelled frames.

    Attributes:
        name: what it is called.
        layout: what such a folder holds, in words, for a person whose folder was not recognised.
        recognises: whether a folder holds it, by a few names in it.
        list_frames: all frames of such a folder, in a fixed order. Raises InputError where lists or names are wrong; the images
            and masks themselves are not opened.
    """

    name: str
    layout: str
    recognises: Callable[[Path], bool]
    list_frames: Callable[[Path], Sequence[LabelledFrame]]


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises InputError when it cannot be read as JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from None


def read_image(path: Path, flags: int) -> NDArray[np.uint8]:
    """An image as OpenCV decodes it by `flags`, of 8 bits. Raises InputError when it is missing or cannot be decoded."""
    return _decode(path, flags).astype(np.uint8, copy=False)


def read_mask(path: Path) -> Mask:
    """(H, W) uint8, 255 where any channel but alpha is not 0, however many bits the file has. Raises InputError like `read_image`."""
    values = _decode(path, cv2.IMREAD_UNCHANGED)
    if values.ndim == 3:
        values = values[..., :3].max(axis=2)
    return np.where(values != 0, 255, 0).astype(np.uint8)


def _decode(path: Path, flags: int) -> NDArray[Any]:
    if not path.is_file():
        raise InputError(f"{path} is missing")
    try:
        image = cv2.imread(str(path), flags)
    except cv2.error:  # beyond the size that OpenCV agrees to
        image = None
    if image is None:
        raise InputError(f"{path} cannot be decoded as an image")
    return image


def read_colours(path: Path, known: Collection[int]) -> NDArray[np.uint32]:
    """A colour-coded label as (H, W) 0xRRGGBB.

    Raises:
        InputError: the file is missing or broken, or has none of the `known` colours and so is coded in another way.
    """
    bgr = read_image(path, cv2.IMREAD_COLOR).astype(np.uint32)
    colours = (bgr @ np.array([1, 1 << 8, 1 << 16], np.uint32)).astype(np.uint32, copy=False)
    if not np.isin(colours, list(known)).any():
        raise InputError(f"{path} has none of the colours of its format; is it a mask in grey, or of another data set?")
    return colours


def as_polyline(points: Sequence[Sequence[float]], where: str) -> Polyline:
    """Points as an array; `where` says which line of which file. Raises InputError when one is not two finite numbers."""
    try:
        line = np.array(points, np.float64).reshape(len(points), 2)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{where}: a point is not two numbers") from None
    if not np.isfinite(line).all():
        raise InputError(f"{where}: a point is not finite")
    return line


def inside(root: Path, name: str, where: str) -> PurePosixPath:
    """A path that a list file gives, relative to `root`; a leading slash means the root itself, as CULane's lists have it.

    Raises:
        InputError: it is empty or climbs out of the root. `where` says which list and line.
    """
    path = PurePosixPath(name.lstrip("/"))
    if not path.name or ".." in path.parts or "\0" in name:
        raise InputError(f"{where}: {name!r} is no path inside {root}")
    return path


def list_files(folder: Path, suffixes: Collection[str]) -> Iterator[PurePosixPath]:
    """Files under `folder` and its subfolders with one of the suffixes (lower case), relative to it, in name order, without hidden ones."""
    for current, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        relative = PurePosixPath(Path(current).relative_to(folder).as_posix())
        for name in sorted(names):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in suffixes:  # noqa: PTH122 - Path takes five times as long
                yield relative / name


Frame = TypeVar("Frame", bound=LabelledFrame)


def by_source(frames: Sequence[LabelledFrame]) -> dict[str, list[LabelledFrame]]:
    """The frames of each source, in their order."""
    sources: dict[str, list[LabelledFrame]] = {}
    for frame in frames:
        sources.setdefault(frame.source, []).append(frame)
    return sources


def split_by_drive(frames: Sequence[Frame]) -> list[Frame]:
    """The frames with split `train` or `val`: whole drives, about `VAL_SHARE` of the frames held back; none where there is one drive."""
    held = sample_drives(frames, VAL_SHARE)
    return [replace(frame, split="val" if frame.drive in held else "train") for frame in frames]


def sample_drives(frames: Sequence[LabelledFrame], share: float) -> set[str]:
    """Names of drives that hold about `share` of the frames, one at least; none where there is one drive alone.

    Which drives they are is drawn by their names, so that it does not change from run to run.
    """
    sizes = Counter(frame.drive for frame in frames)
    drawn: set[str] = set()
    if len(sizes) > 1:
        left = max(share * len(frames), min(sizes.values()))
        for drive in sorted(sizes, key=lambda name: zlib.crc32(name.encode())):
            if sizes[drive] <= left:
                drawn.add(drive)
                left -= sizes[drive]
    return drawn
