"""Hysteresis over the frames of a video: what was paint a moment ago needs less to stay paint than what was none needs to become it.

The probability of a thin line far away lies now above and now below any one threshold, and a mask with one blinks. Canny (1986) has two
thresholds along a line for the same reason; these are two in time, the circuit that Schmitt (1938) built.
"""

from __future__ import annotations

import cv2
import numpy as np

from lanes.arrays import ProbabilityMap
from lanes.segment.transform import PlacedMap, Placement

STAYS = 0.5
"""Share of the threshold above which what was paint in the frame before stays paint. On rendered drives a quarter less of the paint blinks
with it; strokes get wider by less than a pixel, and by more with a smaller share (docs/training-log.md)."""


class Hysteresis:
    """Raises the probability where the frame before had paint, so that one threshold serves for both.

    Nothing is painted where the model sees nothing now: what moves on leaves no trail.

    Args:
        stays: share of the threshold above which paint stays, 0 to 1; 1 for one threshold in all frames.
    """

    def __init__(self, stays: float = STAYS) -> None:
        self._stays = stays
        self._raised: PlacedMap | None = None
        """By how much, 0 to 255; None before the first frame."""

    def apply(self, probability: ProbabilityMap, placement: Placement, threshold: int) -> ProbabilityMap:
        """The next frame of a video.

        Args:
            probability: (model height, model width) uint8, as the model gave it; it stays as it is.
            placement: where the frame lies in it.
            threshold: 0 to 255, above which a pixel is paint.

        Returns:
            The probability to compare with the threshold, of the same shape.
        """
        raised = None if self._raised is None else self._raised.at(placement)
        judged = probability if raised is None else cv2.add(probability, raised)
        _, paint = cv2.threshold(judged, threshold, round((1 - self._stays) * threshold), cv2.THRESH_BINARY)
        # Softened, or the mask would end at the edges of the model's pixels, which are steps in a larger frame.
        self._raised = PlacedMap(cv2.blur(paint, (3, 3)).astype(np.uint8, copy=False), placement)
        return judged.astype(np.uint8, copy=False)

    def reset(self) -> None:
        """The next frame is the first of a video."""
        self._raised = None
