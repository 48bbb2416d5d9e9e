"""Which line of paint belongs to which boundary of the road."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lanes.tracking.filter import RoadFilter
from lanes.tracking.paint import Places
from lanes.tracking.road import OFFSET, OWN, SHARED, Floats

NEAREST_GATE_M, WIDEST_GATE_M = 0.45, 1.1
"""How far beside a boundary its paint may lie: by what is known of both, but no less and no more than this."""

SAME_LINE_M = 0.5
"""Lines side by side that are both taken for one boundary lie no further apart: those of a double line are 0.3 m apart."""

GREATEST_SHIFT_M = 1.4
"""Of all boundaries at once between two frames: less than half a lane."""

DIRECTION_ERROR = 0.01
"""rad that a line may point beside the road."""


def beside(places: Places, near: Floats, residuals: Floats) -> tuple[Floats, Floats]:
    """How far lines lie to the left of boundaries.

    Args:
        places: of L lines. near, residuals: (L, P) and (L, P, K), as from `RoadFilter.residuals`.

    Returns:
        (L, K) metres; (L,) their standard deviation, metres, as far as it comes from the lines.
    """
    trust = places.weight * near / np.maximum(places.std, 1e-5) ** 2
    square = (trust * near).sum(axis=1) + 1e-9
    offsets = (trust[:, None] @ residuals)[:, 0] / square[:, None]
    mean = (places.weight * near).sum(axis=1) / np.maximum(places.weight.sum(axis=1), 1.0) + 1e-9
    return offsets, np.sqrt(1.0 / square + (DIRECTION_ERROR / mean) ** 2)


def _common_shift(offsets: Floats, confidence: Floats) -> float:
    """By how much all boundaries seem to have moved to the left at once, beyond what was foreseen: a swerve.

    Of the shifts that bring some line onto its nearest boundary, the one that brings the most lines onto theirs; a small one if in doubt.
    """
    nearest = np.abs(offsets).argmin(axis=1)
    distance = offsets[np.arange(len(offsets)), nearest]
    shifts = np.append(distance[np.abs(distance) < GREATEST_SHIFT_M], 0.0)
    left = np.abs(offsets[..., None] - shifts).min(axis=1)
    score = confidence @ (left < NEAREST_GATE_M / 2) - 0.5 * np.abs(shifts)
    return float(shifts[int(score.argmax())])


def associate(road: RoadFilter, offsets: Floats, std: Floats, places: Places) -> NDArray[np.intp]:
    """The boundary of each line, (L,); -1 for none.

    Args:
        road: the boundaries. offsets, std: as from `beside`. places: of the lines.
    """
    lines, boundaries = offsets.shape
    found = np.full(lines, -1, np.intp)
    if not boundaries:
        return found
    own = road.covariance.diagonal()[SHARED + OFFSET :: OWN]
    gate = np.minimum(np.maximum(3.0 * np.sqrt(own + std[:, None] ** 2), NEAREST_GATE_M), WIDEST_GATE_M)
    shift = _common_shift(offsets, places.confidence)
    nearest = np.abs(offsets - shift).argmin(axis=1)
    distance = offsets[np.arange(lines), nearest] - shift
    inside = np.abs(distance) < gate[np.arange(lines), nearest]
    low = np.where(places.weight > 0, places.down, -1.0).max(axis=1)
    high = np.where(places.weight > 0, places.down, 9.0).min(axis=1)
    taken: dict[int, list[int]] = {}
    for line in np.argsort(np.abs(distance), kind="stable").tolist():
        if not inside[line]:
            continue
        others = taken.setdefault(int(nearest[line]), [])
        # Lines one behind the other are parts of one; side by side they must be one double line.
        alone = all(
            min(low[line], low[other]) <= max(high[line], high[other]) or abs(distance[line] - distance[other]) < SAME_LINE_M
            for other in others
        )
        if alone:
            found[line] = nearest[line]
            others.append(line)
    return found
