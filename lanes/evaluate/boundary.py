"""How far the edges of a mask are from the edges of the ground truth: what overlap hides when strokes are thin.

The mean distance between two contours, both ways, as medicine measures segmentations (average symmetric surface distance, Heimann et al.
2009, https://doi.org/10.1109/TMI.2009.2013851). Here no distance counts for more than `FARTHEST`, so that a stroke that is missed, or
seen where there is none, costs the same wherever it lies.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import Mask

FARTHEST = 20.0
"""The most that an edge pixel counts, in pixels of a frame 1280 wide."""


@dataclass(slots=True)
class BoundaryError:
    """Distances pooled over frames; two of them add up.

    Attributes:
        distance: sum over the edge pixels of prediction and ground truth, each to the nearest of the other, in pixels of a frame 1280 wide.
        pixels: how many edge pixels there were.
    """

    distance: float = 0.0
    pixels: int = 0

    def __add__(self, other: BoundaryError) -> BoundaryError:
        return BoundaryError(self.distance + other.distance, self.pixels + other.pixels)

    @property
    def mean(self) -> float | None:
        """Mean distance, 0 to `FARTHEST`; None where neither mask has an edge."""
        return self.distance / self.pixels if self.pixels else None


def boundary_error(predicted: Mask, ground_truth: Mask, ignore: Mask | None = None) -> BoundaryError:
    """Distances between the edges of two masks of one frame.

    Args:
        predicted, ground_truth: (H, W) uint8, non-zero = lane paint.
        ignore: (H, W) uint8, non-zero = counts neither for nor against, or None.

    Raises:
        ValueError: the shapes differ.
    """
    if predicted.shape != ground_truth.shape or (ignore is not None and ignore.shape != ground_truth.shape):
        raise ValueError(f"masks of one frame must have one shape, not {predicted.shape} and {ground_truth.shape}")
    known = np.ones(ground_truth.shape, bool) if ignore is None else ignore == 0
    edges = [_edge((mask > 0) & known) for mask in (predicted, ground_truth)]
    scale = 1280 / ground_truth.shape[1]
    total = BoundaryError()
    for edge, other in (edges, edges[::-1]):
        count = int(np.count_nonzero(edge))
        if not count:
            continue
        if other.any():
            distances = cv2.distanceTransform((~other).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[edge] * scale
            total += BoundaryError(float(np.minimum(distances, FARTHEST).sum(dtype=np.float64)), count)
        else:
            total += BoundaryError(FARTHEST * count, count)
    return total


def _edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of the mask with one beside them, to the left, right, above or below, that is not of it; beyond the frame counts as mask."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    inner = cv2.erode(mask.astype(np.uint8), cross, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    edge: NDArray[np.bool_] = mask & (inner == 0)
    return edge
