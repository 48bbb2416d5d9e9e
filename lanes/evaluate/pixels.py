"""How well a mask fits the ground truth: strict overlap, and overlap within a tolerance that a hand-drawn line deserves."""

from __future__ import annotations

from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import Mask

TOLERANCE_PX = 5
"""How far a pixel may lie from the ground truth and still be correct, in pixels of a frame 1280 wide; narrower frames in proportion."""


@dataclass(slots=True)
class PixelCounts:
    """Counts pooled over frames, from which every score follows; two of them add up.

    Attributes:
        frames: how many frames were counted.
        intersection, union: pixels that prediction and ground truth share, and that either has.
        predicted, ground_truth: pixels of each.
        predicted_near, ground_truth_near: those of each that lie within the tolerance of the other.
        far: predicted pixels further than three tolerances from any of the ground truth: paint seen where there is none.
        known: pixels of which the labels speak.
    """

    frames: int = 0
    intersection: int = 0
    union: int = 0
    predicted: int = 0
    ground_truth: int = 0
    predicted_near: int = 0
    ground_truth_near: int = 0
    far: int = 0
    known: int = 0

    def __add__(self, other: PixelCounts) -> PixelCounts:
        return PixelCounts(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    @property
    def iou(self) -> float:
        """Intersection over union."""
        return _ratio(self.intersection, self.union)

    @property
    def precision(self) -> float:
        """Share of predicted pixels that are in the ground truth, to the pixel."""
        return _ratio(self.intersection, self.predicted)

    @property
    def recall(self) -> float:
        """Share of the ground truth that is predicted, to the pixel."""
        return _ratio(self.intersection, self.ground_truth)

    @property
    def dice(self) -> float:
        """Dice coefficient: the F1 of `precision` and `recall`."""
        return _ratio(2 * self.intersection, self.predicted + self.ground_truth)

    @property
    def relaxed_precision(self) -> float:
        """Share of predicted pixels within the tolerance of the ground truth."""
        return _ratio(self.predicted_near, self.predicted)

    @property
    def relaxed_recall(self) -> float:
        """Share of the ground truth within the tolerance of a predicted pixel."""
        return _ratio(self.ground_truth_near, self.ground_truth)

    @property
    def relaxed_f1(self) -> float:
        """Harmonic mean of relaxed precision and recall."""
        precision, recall = self.relaxed_precision, self.relaxed_recall
        return _ratio(2 * precision * recall, precision + recall)

    @property
    def false_area(self) -> float:
        """Share of the known frame that is paint seen where there is none."""
        return _ratio(self.far, self.known)


def count_pixels(predicted: Mask, ground_truth: Mask, ignore: Mask | None = None) -> PixelCounts:
    """Compares two masks of one frame.

    Args:
        predicted, ground_truth: (H, W) uint8, non-zero = lane paint.
        ignore: (H, W) uint8, non-zero = counts neither for nor against, or None.

    Raises:
        ValueError: the shapes differ.
    """
    if predicted.shape != ground_truth.shape or (ignore is not None and ignore.shape != ground_truth.shape):
        raise ValueError(f"masks of one frame must have one shape, not {predicted.shape} and {ground_truth.shape}")
    known = np.ones(ground_truth.shape, bool) if ignore is None else ignore == 0
    prediction, lane = (predicted > 0) & known, (ground_truth > 0) & known
    radius = tolerance(ground_truth.shape[1])
    near_lane, near_prediction, around_lane = dilate(lane, radius), dilate(prediction, radius), dilate(lane, 3 * radius)
    counts = (
        prediction & lane,
        prediction | lane,
        prediction,
        lane,
        prediction & near_lane,
        lane & near_prediction,
        prediction & ~around_lane,
        known,
    )
    return PixelCounts(1, *(int(np.count_nonzero(pixels)) for pixels in counts))


def tolerance(width: int) -> int:
    """The tolerance in whole pixels of a frame of this width, 1 at least."""
    return max(1, round(TOLERANCE_PX * width / 1280))


def disc(radius: int) -> Mask:
    """OpenCV's ellipse as a kernel for dilation: (2 radius + 1) a side, uint8. At its widest rows it reaches a little beyond `radius`,
    by 0.4 px at a radius of 5."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)).astype(np.uint8, copy=False)


def dilate(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Which pixels lie within `radius` of one of the mask; (H, W) bool, as the mask."""
    return cv2.dilate(mask.astype(np.uint8), disc(radius)) > 0


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
