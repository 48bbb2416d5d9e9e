"""What a label marks, and what it ignores.

A lane label means one of four things, and a loss or a metric that takes one for another is wrong about real roads.
`supervise` turns a label of any definition into the one question this project asks, "is this pixel lane paint?", with a
weight of 0 wherever the label does not know. An ego label knows nothing of what lies beside its lane: there are lines of other lanes
there, and no data set's `ignore` holds all of them.
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
    def of_ego_lane(self) -> bool:
        """Whether the label is of the ego lane alone, and says nothing of what lies beside it."""
        return self in (LabelDefinition.EGO_PAINT, LabelDefinition.EGO_CONTINUOUS)

    @property
    def continuous(self) -> bool:
        """Whether the label runs on through gaps, so that it is no proof of paint."""
        return self in (LabelDefinition.EGO_CONTINUOUS, LabelDefinition.ALL_CONTINUOUS)


GUESSED_WIDTH_WEIGHT = 0.3
"""How much a pixel of a line of guessed width counts: it is there, but nobody measured where it ends."""


BESIDE = 0.015
"""How far beside an ego lane's boundaries its label still knows, in the frame's width: the road on their outer side."""


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
    if definition.of_ego_lane:
        weight[beside_ego_lane(mask)] = 0
    if ignore is not None:
        weight[ignore > 0] = 0
    return target, weight


def beside_ego_lane(mask: Mask) -> NDArray[np.bool_]:
    """What lies left and right of the ego lane, further than `BESIDE`, in the rows that it covers.

    Args:
        mask: (H, W) uint8, non-zero where the two boundaries are, whole or in strokes. The lane is their convex hull.

    Returns:
        (H, W) bool; false everywhere where nothing is labelled.
    """
    beside = np.zeros(mask.shape, bool)
    points = cv2.findNonZero(mask)
    if points is None:
        return beside
    lane = cv2.fillConvexPoly(np.zeros(mask.shape, np.uint8), cv2.convexHull(points), 255)
    rows = lane.any(axis=1)
    beside[rows] = cv2.dilate(lane, np.ones((1, 2 * round(BESIDE * mask.shape[1]) + 1), np.uint8))[rows] == 0
    return beside


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
