"""PaintLine: what one mask shows of one line painted on the road. What finds lines gives it, what estimates lanes takes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lanes.results import LaneType


@dataclass(frozen=True, slots=True)
class PaintLine:
    """Strokes of paint that make one line on the road, seen in one mask.

    Attributes:
        points: (N, 2) float64, N >= 2, source-frame pixels (x, y): middles of the paint, from the bottom of the frame upward. Only where
            there is paint: gaps between dashes have no points.
        widths: (N,) float64, pixels along the row: how wide the paint is at each point, from outer edge to outer edge of a double line.
        std_px: of the points' error along the row, pixels of the source frame.
        type: as far as this one mask tells. A double line of which one is solid is solid.
        confidence: 0 to 1, that this is a lane boundary.
    """

    points: NDArray[np.float64]
    widths: NDArray[np.float64]
    std_px: float
    type: LaneType
    confidence: float
