"""Reads CamVid with its 32 classes: an English town in 2005, three drives by day and one at dusk, 960x720.

701_StillsRaw_full/<stem>.png, LabeledApproved_full/<stem>_L.png      as its makers publish it
train/<stem>.png, train_labels/<stem>_L.png, val/ ... test/ ...       as it goes round with splits made

Labels are colour coded: LaneMkgsDriv (128, 0, 192) is all paint that a car may drive over, each dash by itself, with arrows, words,
stop lines and zigzags. LaneMkgsNonDriv (192, 0, 64) and Void (0, 0, 0) are ignored.
Classes: http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/, Brostow et al. 2009, https://doi.org/10.1016/j.patrec.2008.04.005

The splits that go round divide drives. Where they have not been made, the drive at dusk (0001TP) is `val`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lanes.arrays import Mask
from lanes.data.frames import Format, LabelledFrame, list_files, read_colours
from lanes.data.labels import LabelDefinition

SOURCE = "camvid"
DUSK = "0001TP"

LANE, OTHER_MARKING, VOID = 0x8000C0, 0xC00040, 0x000000
KNOWN = {LANE, OTHER_MARKING, 0x804080, 0x8080C0, 0x0000C0, 0x808080, 0x800000, 0x808000}
"""Of the 32 colours those of markings, road, shoulder, pavement, sky, building and tree: every frame has one of them."""


@dataclass(frozen=True, slots=True)
class CamVidFrame(LabelledFrame):
    """One frame; `images` and `labels` are the folders that it and its label lie in, relative to the root."""

    images: str
    labels: str

    @property
    def definition(self) -> LabelDefinition:
        return LabelDefinition.ALL_PAINT

    @property
    def licence(self) -> str:
        return "CamVid: research use"

    @property
    def image_path(self) -> Path:
        return self.root / self.images / f"{self.stem}.png"

    def label(self, width: int, height: int) -> tuple[Mask, Mask | None]:  # noqa: ARG002 - the label has its size
        return (self._colours() == LANE).astype(np.uint8) * 255, None

    def uncertain(self) -> Mask:
        return np.isin(self._colours(), (OTHER_MARKING, VOID)).astype(np.uint8) * 255

    def _colours(self) -> np.ndarray[tuple[int, ...], np.dtype[np.uint32]]:
        return read_colours(self.root / self.labels / f"{self.stem}_L.png", KNOWN)


def _folders(root: Path) -> Iterator[tuple[str, str, str]]:
    """Split (empty = none made), folder of images, folder of labels."""
    layouts = [
        ("", "701_StillsRaw_full", "LabeledApproved_full"),
        *((split, split, f"{split}_labels") for split in ("train", "val", "test")),
    ]
    return (layout for layout in layouts if (root / layout[1]).is_dir() and (root / layout[2]).is_dir())


def _list_frames(root: Path) -> list[CamVidFrame]:
    frames = []
    for split, images, labels in _folders(root):
        for name in list_files(root / labels, (".png",)):
            stem = name.stem.removesuffix("_L")
            drive = stem.partition("_")[0]
            frames.append(CamVidFrame(root, SOURCE, split or ("val" if drive == DUSK else "train"), drive, stem, images, labels))
    return frames


FORMAT = Format(
    "CamVid",
    "701_StillsRaw_full/ and LabeledApproved_full/, or train/ and train_labels/ ..., labels named *_L.png",
    lambda root: any(True for _ in _folders(root)),
    _list_frames,
)
