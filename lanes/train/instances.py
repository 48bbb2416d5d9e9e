"""What a network that sees lane lines one by one learns from: instances of a mask, and which regions hold which of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lanes.geometry.instances import InstanceMap
from lanes.models.regions import box_iou

MOST_LINES = 8
"""Lines of an example that are taught, the longest ones."""

MARGIN = 4.0
"""Pixels between a line's paint and its box, so that an upright line has a box with something in it."""

LEAST_ROWS = 6
"""Rows that a line's paint must reach over: less has no direction."""

STEEP = 12.0
"""Pixels of sideways shift from its lower to its upper end below which a line might be said to lean either way."""

MATCHED, UNMATCHED, BEST = 0.5, 0.35, 3
"""Least overlap of a region that holds a line and greatest of one that does not; what is between teaches nothing. As many anchors as
the last says hold a line anyway, those that overlap it most: no anchor has quite the shape of an upright line."""

NOTHING, UNCERTAIN = -1, -2
"""What a region holds besides the numbers of lines: no line, or one might say either."""


@dataclass(frozen=True)
class Lines:
    """The lines of a batch, padded to the same number an image.

    Attributes:
        boxes: (N, L, 4), left, top, right, bottom in pixels.
        direction: (N, L), 1 for a line that leans to the right, -1 to the left, half of that where it is steep; 0 where there is no line.
    """

    boxes: Tensor
    direction: Tensor


def line_boxes(labels: InstanceMap) -> tuple[InstanceMap, NDArray[np.float32]]:
    """Boxes and directions of the lines of an instance map.

    Returns:
        The map with only those lines, numbered in the order of the boxes from 1; (MOST_LINES, 5) float32, left, top, right, bottom and
        direction, rows of 0 where there are fewer.
    """
    kept = np.zeros_like(labels)
    boxes = np.zeros((MOST_LINES, 5), np.float32)
    number = 0
    for label in range(1, int(labels.max(initial=0)) + 1):
        y, x = np.nonzero(labels == label)
        if number == MOST_LINES or not len(y) or y.max() - y.min() + 1 < LEAST_ROWS:
            continue
        slope = float(np.cov(x, y)[0, 1] / y.var(ddof=1))
        sure = 1.0 if abs(slope) * (y.max() - y.min()) >= STEEP else 0.5
        box = x.min() - MARGIN, y.min() - MARGIN, x.max() + 1 + MARGIN, y.max() + 1 + MARGIN
        boxes[number] = *box, -sure if slope > 0 else sure
        number += 1
        kept[y, x] = number
    return kept, boxes


def match(lines: Lines, boxes: Tensor, direction: Tensor, best: int = 0) -> Tensor:
    """Which line each region holds.

    Args:
        lines: L of each of N images.
        boxes: (N, R, 4), or (R, 4) where they are the same in all images.
        direction: (N, R) or (R,), -1 or 1, of the line that a region is to hold.
        best: of so many regions that overlap a line most, each holds it whatever the overlap.

    Returns:
        (N, R) int64, the number of the line from 0, `NOTHING` or `UNCERTAIN`.
    """
    iou = box_iou(boxes.expand(len(lines.boxes), -1, -1), lines.boxes) * (lines.direction != 0)[:, None]
    same = direction[..., None] * lines.direction[:, None] > 0
    steep = lines.direction[:, None].abs() < 1
    overlap, line = (iou * same).max(-1)
    found = torch.where(overlap >= MATCHED, line, NOTHING)
    found[(found < 0) & ((iou * (same | steep)).amax(-1) >= UNMATCHED)] = UNCERTAIN
    if best:
        most, regions = (iou * same).topk(best, dim=1)  # (N, best, L)
        image, _, number = torch.nonzero(most > 0, as_tuple=True)
        found[image, regions[most > 0]] = number
    return found
