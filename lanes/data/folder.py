"""Reads a folder of images and a folder of masks: what most people have of their own roads.

images/<drive>/<name>.jpg         jpg, png, bmp or webp; without folders of drives, a name less its last number is taken for the drive
masks/<drive>/<name>.png          png or bmp of any depth, non-zero = lane marking
ignore/<drive>/<name>.png         the same, non-zero = not known; optional
dataset.json                      {"definition": "ALL_PAINT", "licence": "my own"}

`train`, `val` and `test` may stand above images/ and masks/ or below them. Where they do not, whole drives are held back as `val`.
What a mask means no program can see, so dataset.json has to say it, as `lanes.data.statement` has it. It may also give a `name`, which
the folder's is otherwise taken for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from lanes.arrays import Mask
from lanes.data.frames import TRAINING_IMAGE_SUFFIXES, Format, list_files, read_json, read_mask, split_by_drive
from lanes.data.labels import LabelDefinition
from lanes.data.statement import EXAMPLE, StatedFrame, Statement, parse_statement
from lanes.errors import InputError

STATEMENT = "dataset.json"
SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
MASK_SUFFIXES = (".png", ".bmp")


@dataclass(frozen=True, slots=True)
class FolderFrame(StatedFrame):
    """One image and its mask.

    Attributes:
        base: folder that holds images/ and masks/, relative to the root.
        image, mask: the files, relative to images/ and masks/.
        statement: what dataset.json says.
    """

    base: str
    image: str
    mask: str
    statement: Statement = field(repr=False, compare=False)

    @property
    def condition(self) -> str:
        return self.statement.conditions.get(self.drive, "")

    @property
    def image_path(self) -> Path:
        return self.root / self.base / "images" / self.image

    def label(self, width: int, height: int) -> tuple[Mask, Mask | None]:  # noqa: ARG002 - the mask has its size
        base = self.root / self.base
        ignores = [(base / "ignore" / self.mask).with_suffix(suffix) for suffix in MASK_SUFFIXES]
        mask = read_mask(base / "masks" / self.mask)
        ignore = next((read_mask(path) for path in ignores if path.exists()), None)
        if ignore is None and self.statement.incomplete:
            ignore = ~mask
        return mask, ignore


def _bases(root: Path) -> Iterator[str]:
    """Folders that hold images/ and masks/: the root, or one for each split."""
    for name in (".", *SPLITS):
        if (root / name / "images").is_dir() and (root / name / "masks").is_dir():
            yield name


def _list_frames(root: Path) -> Sequence[FolderFrame]:
    name, statement = _read_statement(root)
    frames = []
    for base in _bases(root):
        image_folder, mask_folder = root / base / "images", root / base / "masks"
        masks = _by_name(mask_folder, MASK_SUFFIXES)
        images = _by_name(image_folder, TRAINING_IMAGE_SUFFIXES)
        _check_pairs(image_folder, images, mask_folder, masks)
        for stem, image in images.items():
            split, drive = _place(PurePosixPath(base) / stem, name)
            if statement.one_split:
                drive = name
            frames.append(FolderFrame(root, name, split, drive, str(stem), base, str(image), str(masks[stem]), statement))
    made = [frame for frame in frames if frame.split]
    return made + split_by_drive([frame for frame in frames if not frame.split])


def _by_name(folder: Path, suffixes: Collection[str]) -> dict[PurePosixPath, PurePosixPath]:
    """Files of a folder by what they are called without their suffix. Raises InputError when two are called the same."""
    found: dict[PurePosixPath, PurePosixPath] = {}
    for path in list_files(folder, suffixes):
        name = path.with_suffix("")
        if name in found:
            raise InputError(f"{folder} has both {found[name]} and {path}: which of them is meant?")
        found[name] = path
    return found


def _place(path: PurePosixPath, otherwise: str) -> tuple[str, str]:
    """Split (empty = none made) and drive, from the folders that an image is in and from its name."""
    folders = list(path.parts[:-1])
    split = SPLITS[folders.pop(0)] if folders and folders[0] in SPLITS else ""
    drive = "/".join(folders) or re.sub(r"[\W_]*(?:frame|f)?\d+$", "", path.name)
    return split, drive or otherwise


def _check_pairs(
    image_folder: Path, images: dict[PurePosixPath, PurePosixPath], mask_folder: Path, masks: dict[PurePosixPath, PurePosixPath]
) -> None:
    for missing, folder, wanted in (
        (images.keys() - masks.keys(), mask_folder, "mask (png or bmp)"),
        (masks.keys() - images.keys(), image_folder, "image"),
    ):
        if missing:
            others = f", nor for {len(missing) - 1} more" if len(missing) > 1 else ""
            raise InputError(f"{folder} has no {wanted} for {min(missing)}{others}; each image needs its mask, of the same name")


def _read_statement(root: Path) -> tuple[str, Statement]:
    """The name of the source, and what dataset.json says of it."""
    path = root / STATEMENT
    if not path.is_file():
        kinds = "; ".join(f"{kind.name}: {kind.value}" for kind in LabelDefinition)
        raise InputError(f"what do the masks in {root} mark? Say so in {path}, for example {EXAMPLE} ({kinds})")
    values = read_json(path)
    statement = parse_statement(values, str(path))
    return str(values.get("name", root.resolve().name)), statement


FORMAT = Format(
    "image and mask folder",
    f"images/, masks/ of the same names, and {STATEMENT}, which says what the masks mark",
    lambda root: any(True for _ in _bases(root)),
    _list_frames,
)
