"""What a map of lane probability is worth at every threshold at once, and whether the probability means what it says.

A probability of a byte has 256 levels. Histograms over the levels, kept in one pass, give every score of `PixelCounts` at each of
the 256 thresholds exactly, because dilating a thresholded map is thresholding the dilated map. The histograms of two frames add up.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import Mask, ProbabilityMap
from lanes.evaluate.pixels import PixelCounts, dilate, disc, tolerance

LEVELS = 256
BINS = 15
"""Bins of equal width in a reliability diagram, as in Guo et al. 2017."""

Histogram = NDArray[np.int64]
Curve = NDArray[np.float64]


def _empty() -> Histogram:
    return np.zeros(LEVELS, np.int64)


@dataclass(slots=True)
class LevelCounts:
    """Histograms (256,) int64 over the levels 0 to 255 of lane probability, pooled over frames; two of them add up.

    Attributes:
        frames: how many frames were counted.
        lane, other: known pixels that are lane in the ground truth, and that are not, by their own level.
        near: known pixels within the tolerance of the ground truth, by their own level.
        far: known pixels further than three tolerances from it, by their own level.
        reached: pixels of the ground truth by the highest level of any known pixel within the tolerance.
    """

    frames: int = 0
    lane: Histogram = field(default_factory=_empty)
    other: Histogram = field(default_factory=_empty)
    near: Histogram = field(default_factory=_empty)
    far: Histogram = field(default_factory=_empty)
    reached: Histogram = field(default_factory=_empty)

    def __add__(self, that: LevelCounts) -> LevelCounts:
        return LevelCounts(*(getattr(self, each.name) + getattr(that, each.name) for each in fields(self)))

    def at(self, threshold: int) -> PixelCounts:
        """The counts of the mask whose pixels are those above `threshold`, 0 to 255: what `count_pixels` says of it."""
        right, false, near, far, reached = (
            int(levels[threshold + 1 :].sum()) for levels in (self.lane, self.other, self.near, self.far, self.reached)
        )
        lane = int(self.lane.sum())
        return PixelCounts(
            frames=self.frames,
            intersection=right,
            union=lane + false,
            predicted=right + false,
            ground_truth=lane,
            predicted_near=near,
            ground_truth_near=reached,
            far=far,
            known=lane + int(self.other.sum()),
        )

    def sweep(self) -> list[PixelCounts]:
        """The counts at each threshold from 0 to 255."""
        return [self.at(threshold) for threshold in range(LEVELS)]


def count_levels(probability: ProbabilityMap, ground_truth: Mask, ignore: Mask | None = None) -> LevelCounts:
    """Compares a probability map with the ground truth.

    Args:
        probability: (H, W) uint8, 0 to 255.
        ground_truth: (H, W) uint8, non-zero = lane paint.
        ignore: (H, W) uint8, non-zero = counts neither for nor against, or None.

    Raises:
        ValueError: the shapes differ.
    """
    if probability.shape != ground_truth.shape or (ignore is not None and ignore.shape != ground_truth.shape):
        raise ValueError(f"maps of one frame must have one shape, not {probability.shape} and {ground_truth.shape}")
    known = np.ones(ground_truth.shape, bool) if ignore is None else ignore == 0
    lane = (ground_truth > 0) & known
    radius = tolerance(ground_truth.shape[1])
    # Level 0 is above no threshold, so what is not known cannot reach anything.
    highest_near = cv2.dilate(np.where(known, probability, 0).astype(np.uint8), disc(radius))
    return LevelCounts(
        1,
        _histogram(probability[lane]),
        _histogram(probability[known & ~lane]),
        _histogram(probability[known & dilate(lane, radius)]),
        _histogram(probability[known & ~dilate(lane, 3 * radius)]),
        _histogram(highest_near[lane]),
    )


def precision_recall(counts: LevelCounts) -> tuple[Curve, Curve]:
    """Precision and recall, to the pixel, from the highest threshold at which anything is predicted down to all: recall rises.

    A last point at which every known pixel is predicted stands for the threshold below 0. Empty where the ground truth has no lane.
    """
    lane, every = np.cumsum(counts.lane[::-1]), np.cumsum((counts.lane + counts.other)[::-1])
    predicted = every > 0
    if not lane[-1]:
        return np.empty(0), np.empty(0)
    return lane[predicted] / every[predicted], lane[predicted] / lane[-1]


def average_precision(counts: LevelCounts) -> float:
    """Area under the precision-recall curve as a sum of steps, without interpolation: sum of (R_n - R_n-1) P_n.

    The definition of https://scikit-learn.org/stable/modules/generated/sklearn.metrics.average_precision_score.html; 0 where there is
    no lane in the ground truth.
    """
    precision, recall = precision_recall(counts)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


@dataclass(frozen=True, slots=True)
class Reliability:
    """Probability against the share that is lane, in bins of equal width over 0 to 1.

    Attributes:
        pixels: (BINS,) known pixels in each bin.
        probability: (BINS,) their mean probability; NaN in an empty bin.
        lane: (BINS,) share of them that is lane; NaN in an empty bin.
        error: expected calibration error: mean of |probability - lane| over all known pixels (Guo et al. 2017,
            https://arxiv.org/abs/1706.04599).
        error_lane: the same over the pixels above the lowest bin. Nearly all of a road is surely no lane, and hides the rest.
        brier: mean squared difference of probability and ground truth (Brier 1950), 0 at best.
        brier_skill: 1 - brier / that of always saying the share of lane; 1 at best, 0 for knowing no more than the share.
    """

    pixels: Histogram
    probability: Curve
    lane: Curve
    error: float
    error_lane: float
    brier: float
    brier_skill: float


def reliability(counts: LevelCounts) -> Reliability:
    """Calibration of the probability over the pixels that the labels know. Scores of nothing are 0."""
    levels = np.arange(LEVELS) / (LEVELS - 1)
    bins = np.minimum((levels * BINS).astype(np.int64), BINS - 1)
    every = counts.lane + counts.other
    pixels, lane, probability = (np.bincount(bins, weights, BINS) for weights in (every, counts.lane, every * levels))
    gaps, total = np.abs(probability - lane), every.sum()
    brier = float(counts.lane @ (1 - levels) ** 2 + counts.other @ levels**2)
    by_share = float(counts.lane.sum() * counts.other.sum() / total) if total else 0.0
    with np.errstate(invalid="ignore"):
        return Reliability(
            pixels=pixels.astype(np.int64),
            probability=probability / pixels,
            lane=lane / pixels,
            error=float(gaps.sum() / total) if total else 0.0,
            error_lane=float(gaps[1:].sum() / pixels[1:].sum()) if pixels[1:].any() else 0.0,
            brier=brier / total if total else 0.0,
            brier_skill=1 - brier / by_share if by_share else 0.0,
        )


def _histogram(levels: NDArray[np.uint8]) -> Histogram:
    return np.bincount(levels.ravel(), minlength=LEVELS).astype(np.int64)
