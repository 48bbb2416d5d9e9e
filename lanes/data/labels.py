"""What a label speaks of, and what it leaves open.

A lane label means one of four things, and a loss or a metric that takes one for another is wrong about real roads.
`supervise` turns a label of any definition into the one question this project asks, "is this pixel lane paint?", with a
weight of 0 wherever the label does not know.
"""

from __future__ import annotations

from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray


class LabelDefinition(Enum):
    """Which paint a label marks, and how."""

    ALL_PAINT = "every painted stroke; each dash by itself"
    EGO_PAINT = "the ego lane's two boundaries; each dash by itself"
    EGO_CONTINUOUS = "the ego lane's two boundaries; continuous through the gaps between dashes"
    ALL_CONTINUOUS = "every lane line; continuous through gaps and behind vehicles, unpainted edges too; drawn width is a guess"

    @property
    def continuous(self) -> bool:
        """Whether the label runs on through gaps, so that it is no proof of paint."""
        return self in (LabelDefinition.EGO_CONTINUOUS, LabelDefinition.ALL_CONTINUOUS)

    @property
    def ego(self) -> bool:
        """Whether the label keeps silent about every line but the ego lane's two."""
        return self in (LabelDefinition.EGO_PAINT, LabelDefinition.EGO_CONTINUOUS)


GUESSED_WIDTH_WEIGHT = 0.3
"""How much a pixel of a line of guessed width counts: it is there, but nobody measured where it ends."""


def supervise(
    pixels: NDArray[np.uint8], mask: NDArray[np.uint8], ignore: NDArray[np.uint8] | None, definition: LabelDefinition
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
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
    if definition.ego:
        weight[unlabelled_stripes(pixels, mask)] = 0
    if ignore is not None:
        weight[ignore > 0] = 0
    return target, weight


def brighter_than_surroundings(pixels: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
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


def unlabelled_stripes(pixels: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pixels beside a labelled ego lane may well be paint of other lines, that its label keeps silent about.

    Stripes are narrow, long, and brighter than what lies beside them along the row (a white top-hat; Serra 1982). Within the lane, above
    its far end and below its near end the label does know: a seam between the two boundaries, a tree or a bonnet is no line.

    Args:
        pixels: (H, W, 3) uint8 BGR.
        mask: (H, W) uint8, non-zero where the label is.

    Returns:
        (H, W) bool, true on such stripes; nowhere when nothing is labelled.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    stripes = np.zeros(mask.shape, np.bool_)
    if not len(rows):
        return stripes
    width = max(9, mask.shape[1] // 24) | 1
    near = slice(int(rows[0]), int(rows[-1]) + 1)
    value = cv2.GaussianBlur(pixels[near].max(axis=2), (0, 0), 1.0)
    proud = cv2.morphologyEx(value, cv2.MORPH_TOPHAT, np.ones((1, width), np.uint8))
    found = (proud > max(10.0, 3.0 * float(np.median(proud)))).astype(np.uint8)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(found)
    reach = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    reach[0] = 0  # what is no stripe
    long = np.asarray(reach >= 1.5 * width)[np.asarray(pieces, np.intp)]

    labelled = mask[near] > 0
    columns = np.arange(mask.shape[1])
    left, right = labelled.argmax(axis=1)[:, None], mask.shape[1] - 1 - labelled[:, ::-1].argmax(axis=1)[:, None]
    halo = 3  # pixels that the blur carries a labelled stroke's own light beyond its edge
    lane: NDArray[np.bool_] = labelled.any(axis=1, keepdims=True) & (left - halo <= columns) & (columns <= right + halo)
    stripes[near] = long & ~lane
    return stripes
