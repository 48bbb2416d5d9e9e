"""Reads the lane masks of BDD100K: US cities and highways in all weathers, by day and night, one frame of each of 80,000 drives.

images/100k/<split>/<name>.jpg                1280x720
labels/lane/masks/<split>/<name>.png          a byte a pixel

Bits of the byte, from the highest: two unused, direction (1 = across the road), style (1 = dashed), background (1 = no marking), and
three for the category: 0 crosswalk, 1 double other, 2 double white, 3 double yellow, 4 road curb, 5 single other, 6 single white, 7
single yellow. https://doc.bdd100k.com/format.html#lane-marking,
https://github.com/bdd100k/bdd100k/blob/master/bdd100k/eval/lane.py

Every marking is drawn as thin lines along its edges, through the gaps of a dashed one (two lines for one stroke: Wu et al. 2021,
https://arxiv.org/abs/2108.11250, section 4.1). The gap between the edges of a stroke is filled here. Kerbs are no paint. Crosswalks and
markings across the road, stop lines above all, may be paint but mark no lane: ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import Mask
from lanes.data.frames import Format, LabelledFrame, list_files, read_image
from lanes.data.labels import LabelDefinition
from lanes.errors import InputError

SOURCE = "bdd100k"
IMAGES, MASKS = "images/100k", "labels/lane/masks"

BACKGROUND, ACROSS, CATEGORY = 0b001000, 0b100000, 0b000111
CROSSWALK, ROAD_CURB = 0, 4

STROKE_PER_ROW = 0.2
"""Widest stroke that is filled, double lines included, as a part of the rows below the highest marking: 25 cm from a height of 1.25 m.
The next line is a lane away, fifteen times as far."""


@dataclass(frozen=True, slots=True)
class BDD100KFrame(LabelledFrame):
    """One mask and its image."""

    @property
    def definition(self) -> LabelDefinition:
        return LabelDefinition.ALL_CONTINUOUS

    @property
    def licence(self) -> str:
        return "BDD100K: educational, research and not-for-profit use (https://doc.bdd100k.com/license.html)"

    @property
    def image_path(self) -> Path:
        return self.root / IMAGES / f"{self.stem}.jpg"

    def label(self, width: int, height: int) -> tuple[Mask, Mask | None]:  # noqa: ARG002 - the mask has its size
        byte = self._bytes()
        category = byte & CATEGORY
        lane = (byte & (BACKGROUND | ACROSS) == 0) & (category != CROSSWALK) & (category != ROAD_CURB)
        return fill_strokes(lane.astype(np.uint8) * 255), None

    def uncertain(self) -> Mask:
        byte = self._bytes()
        category = byte & CATEGORY
        across = (byte & ACROSS != 0) & (category != ROAD_CURB)
        return np.where((byte & BACKGROUND == 0) & (across | (category == CROSSWALK)), 255, 0).astype(np.uint8)

    def _bytes(self) -> NDArray[np.uint8]:
        path = self.root / MASKS / f"{self.stem}.png"
        byte = read_image(path, cv2.IMREAD_UNCHANGED)
        if byte.ndim != 2:
            raise InputError(f"{path} is a colour image; take the folder lane/masks, not lane/colormaps")
        return byte


def fill_strokes(mask: Mask) -> Mask:
    """Fills, row by row, the gaps of a mask (H, W) uint8 that are no wider than a stroke is there."""
    y, x = np.nonzero(mask)
    if not len(y):
        return mask
    limit = STROKE_PER_ROW * (y[1:] - y[0])
    gap = np.diff(x)
    narrow = np.flatnonzero((np.diff(y) == 0) & (gap > 1) & (gap - 1 <= limit))
    steps = np.zeros((mask.shape[0], mask.shape[1] + 1), np.int32)
    steps[y[narrow], x[narrow]] = 1
    steps[y[narrow + 1], x[narrow + 1]] -= 1
    return np.where(np.cumsum(steps, axis=1)[:, :-1] > 0, 255, mask).astype(np.uint8)


def _list_frames(root: Path) -> list[BDD100KFrame]:
    frames = []
    for name in list_files(root / MASKS, (".png",)):
        if len(name.parts) == 2:
            # The name is that of the video: each gives one frame.
            frames.append(BDD100KFrame(root, SOURCE, name.parts[0], name.stem, str(name.with_suffix(""))))
    return frames


FORMAT = Format("BDD100K", f"{MASKS}/ and {IMAGES}/, each with train/ and val/", lambda root: (root / MASKS).is_dir(), _list_frames)
