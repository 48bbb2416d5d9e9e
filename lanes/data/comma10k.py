"""Reads comma10k: US roads from thousands of drives, phones behind the windscreen, 1164x874 and 1928x1208.

imgs/<number>_<car>_<drive>_<segment>_<frame>.png, masks/<same name>           one camera
imgs2/<number>_<camera>_<car>_..., masks2/<same name>                          two at once: f forward, e wide with a fisheye lens

Masks are colour coded: #402020 road, #ff0000 lane markings (no arrows, no crosswalks), #808060 undrivable, #00ff66 movable, #cc00ff my
car. Each dash by itself. Any other colour says nothing. As its makers do, names that end in 9 are `val`; cameras that were triggered
together end alike. Wide frames are a source of their own, `comma10k_wide`: straight lines are curved in them.
https://github.com/commaai/comma10k
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lanes.arrays import Mask
from lanes.data.frames import Format, LabelledFrame, list_files, read_colours
from lanes.data.labels import LabelDefinition

SOURCE, WIDE_SOURCE = "comma10k", "comma10k_wide"
ROAD, LANE, UNDRIVABLE, MOVABLE, MY_CAR = 0x402020, 0xFF0000, 0x808060, 0x00FF66, 0xCC00FF
KNOWN = (ROAD, LANE, UNDRIVABLE, MOVABLE, MY_CAR)
NAME = re.compile(r"\d+_(?:(?P<camera>[a-z])_)?(?P<drive>[0-9a-f]{16}_[0-9-]+)_\d+_\d+")
FOLDERS = (("imgs", "masks"), ("imgs2", "masks2"))


@dataclass(frozen=True, slots=True)
class Comma10kFrame(LabelledFrame):
    """One frame; `images` and `masks` are the folders that it and its mask lie in, relative to the root."""

    images: str
    masks: str

    @property
    def definition(self) -> LabelDefinition:
        return LabelDefinition.ALL_PAINT

    @property
    def licence(self) -> str:
        return "comma10k: MIT"

    @property
    def image_path(self) -> Path:
        return self.root / self.images / f"{self.stem}.png"

    def label(self, width: int, height: int) -> tuple[Mask, Mask | None]:  # noqa: ARG002 - the mask has its size
        colours = read_colours(self.root / self.masks / f"{self.stem}.png", KNOWN)
        unknown = (~np.isin(colours, KNOWN)).astype(np.uint8) * 255
        return (colours == LANE).astype(np.uint8) * 255, unknown if unknown.any() else None


def _list_frames(root: Path) -> list[Comma10kFrame]:
    frames = []
    for images, masks in FOLDERS:
        for name in list_files(root / masks, (".png",)):
            found = NAME.fullmatch(name.stem)
            source = WIDE_SOURCE if found and found["camera"] == "e" else SOURCE
            split = "val" if name.stem.endswith("9") else "train"
            frames.append(Comma10kFrame(root, source, split, found["drive"] if found else name.stem, name.stem, images, masks))
    return frames


FORMAT = Format("comma10k", "imgs/ and masks/", lambda root: (root / "imgs").is_dir() and (root / "masks").is_dir(), _list_frames)
