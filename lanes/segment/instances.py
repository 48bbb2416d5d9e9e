"""Lane lines one by one, from a model that gives regions besides the probability of paint: scores, boxes and a mask for each.

The graph gives a fixed number of regions, some of them of one line twice. Here those are suppressed, by how much of their paint is the
same: the boxes of two neighbouring lines overlap nearly entirely, their masks do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.geometry.instances import InstanceMap
from lanes.segment.transform import Placement

OUTPUTS = ("boxes", "scores", "masks")
"""Names of the outputs that make a model one of instances; `lanes.models.maskrcnn` says what each is."""

STRIDE = 2
"""Pixels of the model's input between two of the map that masks are compared on: they are no finer."""

MOST_SHARED = 0.4
"""Share of the paint of the lesser of two regions that they may have in common, and be two lines."""


@dataclass(frozen=True, slots=True)
class Regions:
    """Where lines may be in one image, in pixels of the model's input.

    Attributes:
        boxes: (K, 4) float, left, top, right, bottom; the image's top left corner is (0, 0).
        scores: (K,) float, 0 to 1.
        masks: (K, h, w) float, 0 to 1, the probability that a cell of the box is paint of the line.
    """

    boxes: NDArray[Any]
    scores: NDArray[Any]
    masks: NDArray[Any]

    @classmethod
    def of(cls, outputs: Mapping[str, NDArray[Any]], index: int = 0) -> Regions:
        """Those of one image of a batch, from what an engine's `run` gives."""
        return cls(*(outputs[name][index].astype(np.float32, copy=False) for name in OUTPUTS))


def find_instances(regions: Regions, size: tuple[int, int], threshold: float) -> InstanceMap:
    """Tell the lines in an image apart.

    Args:
        regions: what the model gives.
        size: height and width of the model's input.
        threshold: probability, 0 to 1: a region with a higher score is a line, and its paint are the cells above it.

    Returns:
        (height, width) uint8, the number of the line of each pixel, 1 for the likeliest; 0 for none. What a suppressed region alone has
        seen is paint of the line that suppresses it.
    """
    height, width = -(-size[0] // STRIDE), -(-size[1] // STRIDE)
    labels = np.zeros((height, width), np.uint8)
    best = np.zeros((height, width), np.float32)
    lines: list[NDArray[np.bool_]] = []
    for index in np.argsort(-regions.scores, kind="stable"):
        if regions.scores[index] <= threshold:
            break
        probability = _paste(regions.masks[index], regions.boxes[index], (width, height))
        paint = probability > threshold
        area = np.count_nonzero(paint)
        if not area:
            continue
        shared = [np.count_nonzero(paint & line) / min(area, np.count_nonzero(line)) for line in lines]
        if shared and max(shared) > MOST_SHARED:
            number = int(np.argmax(shared))
            lines[number] |= paint
        else:
            number = len(lines)
            lines.append(paint)
        mine = paint & (probability > best)
        labels[mine] = number + 1
        best[mine] = probability[mine]
    return np.asarray(cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


def to_frame(labels: InstanceMap, placement: Placement) -> InstanceMap:
    """Instances of the model's input at the frame's size; 0 where the model has not looked."""
    labels = np.where(labels == 0, cv2.dilate(labels, np.ones((3, 3), np.uint8)), labels).astype(np.uint8)  # as far as blurred edges reach
    size = (placement.frame_width, placement.frame_height)
    moved = cv2.warpAffine(labels, placement.matrix, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    top, bottom = placement.band
    moved[:top] = 0
    moved[bottom:] = 0
    return np.asarray(moved, np.uint8)


def _paste(mask: NDArray[Any], box: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float32]:
    """The mask of a region in an image of `size` (width, height), in which `STRIDE` pixels are one."""
    cells = np.array(mask.shape[::-1]) * STRIDE / (box[2:] - box[:2])
    shift = (STRIDE / 2 - box[:2]) * cells / STRIDE - 0.5
    matrix = np.column_stack([np.diag(cells), shift]).astype(np.float64)
    return np.asarray(cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP), np.float32)
