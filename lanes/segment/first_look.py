"""The rows where the road is, from one look at the whole frame: what stands in for a video's estimate where there is no video.

A still, a labelled frame and a calibration frame have no frame before them. So the model sees the whole frame once, and the rows of the
paint it finds, with margins for what it missed, are the band that it then sees in more detail.
"""

from __future__ import annotations

import numpy as np

from lanes.arrays import Mask
from lanes.results import Band
from lanes.segment.transform import FrameTransform

ABOVE, BELOW = 0.04, 0.08
"""Margins above the farthest and below the nearest paint, shares of the frame's height: at least this much, and as much of the rows
between the two as `REACH` says. Paint far away is the first to be missed, and the nearest dash may be a gap's length away."""

REACH = 0.10

LEAST_ROWS = 0.08
"""Paint that reaches over a smaller share of the frame's height says nothing of where the road begins and ends."""

WORTH = 0.9
"""A band of a greater share of the frame's height shows no more than the whole frame."""

MULTIPLE = 8
"""A band begins and ends at multiples of it, so that large frames can be halved and halved again."""


def find_band(mask: Mask, transform: FrameTransform) -> Band | None:
    """The band of rows in which a mask's paint lies, for the model to look at again.

    Args:
        mask: (H, W) uint8, non-zero = lane paint, of the whole frame.
        transform: of the model that is to see the band: one lower than what fills its input would show no more.

    Returns:
        None where the paint is too little to tell, or nearly all rows are needed: the model then sees the whole frame.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    height = mask.shape[0]
    if not len(rows) or rows[-1] + 1 - rows[0] < LEAST_ROWS * height:
        return None
    return with_margins(int(rows[0]), int(rows[-1]) + 1, (mask.shape[1], height), transform)


def with_margins(
    first: int, end: int, size: tuple[int, int], transform: FrameTransform, scale: tuple[float, float] = (1, 1)
) -> Band | None:
    """The band around paint from row `first` to before row `end` of a frame of `size` (width, height); None as in `find_band`.

    Args:
        scale: of the margins above and below.
    """
    width, height = size
    reach = REACH * (end - first)
    top = first - scale[0] * (ABOVE * height + reach)
    bottom = end + scale[1] * (BELOW * height + reach)
    missing = width * transform.height / (transform.width * transform.max_stretch) - (bottom - top)
    if missing > 0:
        top, bottom = top - missing / 2, bottom + missing / 2
    whole_top, whole_bottom = max(0, int(top // MULTIPLE) * MULTIPLE), min(height, -int(-bottom // MULTIPLE) * MULTIPLE)
    return (whole_top, whole_bottom) if whole_bottom - whole_top <= WORTH * height else None
