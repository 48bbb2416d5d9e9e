"""How well a mask fits the truth: strict overlap, and overlap within a tolerance that a hand-drawn line deserves."""

from __future__ import annotations

from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]

TOLERANCE_PX = 5
"""How far a pixel may lie from the truth and still be right, in pixels of a frame 1280 wide; narrower frames in proportion."""


@dataclass(slots=True)
class PixelCounts:
    """Counts pooled over frames, from which every score follows; two of them add up.

    Attributes:
        frames: how many frames were counted.
        both, either: pixels that prediction and truth share, and that either has.
        predicted, true: pixels of each.
        predicted_near, true_near: those of each that lie within the tolerance of the other.
        far: predicted pixels further than three tolerances from any true one: paint seen where there is none.
        known: pixels of which the labels speak.
    """

    frames: int = 0
    both: int = 0
    either: int = 0
    predicted: int = 0
    true: int = 0
    predicted_near: int = 0
    true_near: int = 0
    far: int = 0
    known: int = 0

    def __add__(self, other: PixelCounts) -> PixelCounts:
        return PixelCounts(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    @property
    def iou(self) -> float:
        """Intersection over union."""
        return _ratio(self.both, self.either)

    @property
    def precision(self) -> float:
        """Share of predicted pixels that are true, to the pixel."""
        return _ratio(self.both, self.predicted)

    @property
    def recall(self) -> float:
        """Share of true pixels that are predicted, to the pixel."""
        return _ratio(self.both, self.true)

    @property
    def dice(self) -> float:
        """Dice coefficient: the F1 of `precision` and `recall`."""
        return _ratio(2 * self.both, self.predicted + self.true)

    @property
    def relaxed_precision(self) -> float:
        """Share of predicted pixels within the tolerance of a true one."""
        return _ratio(self.predicted_near, self.predicted)

    @property
    def relaxed_recall(self) -> float:
        """Share of true pixels within the tolerance of a predicted one."""
        return _ratio(self.true_near, self.true)

    @property
    def relaxed_f1(self) -> float:
        """Harmonic mean of relaxed precision and recall."""
        precision, recall = self.relaxed_precision, self.relaxed_recall
        return _ratio(2 * precision * recall, precision + recall)

    @property
    def false_area(self) -> float:
        """Share of the known frame that is paint seen where there is none."""
        return _ratio(self.far, self.known)


def count_pixels(predicted: Mask, truth: Mask, ignore: Mask | None = None) -> PixelCounts:
    """Compares two masks of one frame.

    Args:
        predicted, truth: (H, W) uint8, non-zero = lane paint.
        ignore: (H, W) uint8, non-zero = counts neither for nor against, or None.

    Raises:
        ValueError: the shapes differ.
    """
    if predicted.shape != truth.shape or (ignore is not None and ignore.shape != truth.shape):
        raise ValueError(f"masks of one frame must have one shape, not {predicted.shape} and {truth.shape}")
    known = np.ones(truth.shape, bool) if ignore is None else ignore == 0
    said, true = (predicted > 0) & known, (truth > 0) & known
    radius = tolerance(truth.shape[1])
    near_true, near_said, around_true = grown(true, radius), grown(said, radius), grown(true, 3 * radius)
    counts = (said & true, said | true, said, true, said & near_true, true & near_said, said & ~around_true, known)
    return PixelCounts(1, *(int(np.count_nonzero(pixels)) for pixels in counts))


def tolerance(width: int) -> int:
    """The tolerance in whole pixels of a frame of this width, 1 at least."""
    return max(1, round(TOLERANCE_PX * width / 1280))


def disc(radius: int) -> Mask:
    """What lies within `radius` of a pixel, as a kernel for dilation: (2 radius + 1) a side, uint8."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)).astype(np.uint8, copy=False)


def grown(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Which pixels lie within `radius` of one of the mask; (H, W) bool, as the mask."""
    return cv2.dilate(mask.astype(np.uint8), disc(radius)) > 0


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
