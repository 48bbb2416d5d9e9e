"""What a label marks, and what it ignores.

A lane label means one of four things, and a loss or a metric that takes one for another is wrong about real roads.
`supervise` turns a label of any definition into the one question this project asks, "is this pixel lane paint?", with a
weight of 0 wherever the label does not know. That an ego label knows nothing of lines beyond its lane is not in the label: its data set
says where they may be, in `ignore`, or they are taught as road.
"""

from __future__ import annotations

from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import BGRImage, Mask


class LabelDefinition(Enum):
    """Which paint a label marks, and how."""

    ALL_PAINT = "every painted stroke; each dash by itself"
    EGO_PAINT = "the ego lane's two boundaries; each dash by itself"
    EGO_CONTINUOUS = "the ego lane's two boundaries; continuous through the gaps between dashes"
    ALL_CONTINUOUS = "every lane line; continuous through gaps and behind vehicles, unpainted edges too; drawn width is a guess"

    @property
    def letter(self) -> str:
        """Its short name, A to D."""
        return "ABCD"[list(LabelDefinition).index(self)]

    @property
    def continuous(self) -> bool:
        """Whether the label runs on through gaps, so that it is no proof of paint."""
        return self in (LabelDefinition.EGO_CONTINUOUS, LabelDefinition.ALL_CONTINUOUS)


GUESSED_WIDTH_WEIGHT = 0.3
"""How much a pixel of a line of guessed width counts: it is there, but nobody measured where it ends."""


def supervise(pixels: BGRImage, mask: Mask, ignore: Mask | None, definition: LabelDefinition) -> tuple[Mask, NDArray[np.uint8]]:
    """What a label says of lane paint.

    Args:
        pixels: (H, W, 3) uint8 BGR.
        mask: (H, W) uint8, non-zero where the label is.
        ignore: (H, W) uint8, non-zero where nothing is known, or None.
        definition: what the label means.

    Returns:
        target: (H, W) uint8, 255 = lane paint.
        weight: (H, W) uint8, 0 = not known, 255 = known for sure.
    """
    target = np.where(mask > 0, 255, 0).astype(np.uint8)
    weight = np.full(mask.shape, 255, np.uint8)
    if definition.continuous:
        painted = brighter_than_surroundings(pixels, target)
        unproven = (target > 0) & ~painted
        if definition is LabelDefinition.ALL_CONTINUOUS:
            around = cv2.dilate(target, np.ones((5, 5), np.uint8))
            weight[(around > 0) & ~painted] = 0
            weight[painted] = round(255 * GUESSED_WIDTH_WEIGHT)
        weight[unproven] = 0
        target[unproven] = 0
    if ignore is not None:
        weight[ignore > 0] = 0
    return target, weight


def brighter_than_surroundings(pixels: BGRImage, mask: Mask) -> NDArray[np.bool_]:
    """Which pixels of `mask` stand out from the unmasked road beside them, as paint does and the gap between two dashes does not.

    Args:
        pixels: (H, W, 3) uint8 BGR.
        mask: (H, W) uint8, 255 = labelled.

    Returns:
        (H, W) bool, true inside the mask where the brightest channel exceeds the surroundings by their spread, and by 8 at least.
    """
    value = pixels.max(axis=2).astype(np.float32)
    beside = (mask == 0).astype(np.float32)
    window = (max(9, mask.shape[1] // 24) | 1, 5)  # wide and low: the road beside a line, not the road ahead of it
    count = np.maximum(cv2.blur(beside, window), 1e-3)
    mean = cv2.blur(value * beside, window) / count
    spread = np.sqrt(np.maximum(cv2.blur(value * value * beside, window) / count - mean * mean, 0))
    margin = np.maximum(8.0, spread)
    stands_out = cv2.medianBlur(((value - mean) > margin).astype(np.uint8), 3)
    painted: NDArray[np.bool_] = (stands_out > 0) & (mask > 0)
    return painted
