"""LaneSides: how far the boundaries of the ego lane are to either side, and how fast the vehicle moves between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lanes.results import Estimate, Lane

MARKING_WIDTH_M = 0.15
"""Of a lane line where it is not measured: most countries have 0.10 to 0.20 m, so the inner edge is wrong by 2.5 cm at most."""


@dataclass(frozen=True, slots=True)
class Side:
    """One boundary of the ego lane, beside the camera.

    Attributes:
        distance_m: from the camera across the lane to the inner edge of the marking, metres; negative beyond it.
        confidence: 0 to 1, that there is such a boundary.
    """

    distance_m: Estimate
    confidence: float


@dataclass(frozen=True, slots=True)
class LaneSides:
    """The vehicle between the boundaries of its lane, at a frame's own time.

    Attributes:
        left, right: the ego lane's boundaries; None where one is not known.
        lateral_mps: speed across the lane, m/s, positive to the right: the rate of `Ego.offset_m`.
        lateral_mps2: its rate, as far as it is known: a vehicle that drifts out of its lane seldom does so steadily.
    """

    left: Side | None
    right: Side | None
    lateral_mps: Estimate
    lateral_mps2: float = 0.0

    @classmethod
    def of(cls, lanes: Sequence[Lane], lateral_mps: Estimate, marking_width_m: float = MARKING_WIDTH_M) -> LaneSides:
        """The sides of the ego lane among lanes with curves in metres.

        Args:
            lanes: of one frame; those of positions -1 and 1 count, where they have a curve.
            lateral_mps: see the class.
            marking_width_m: of the lines; a curve is the middle of its line.
        """

        def side(position: int) -> Side | None:
            lane = next((lane for lane in lanes if lane.position == position), None)
            if lane is None or lane.curve is None:
                return None
            offset = lane.curve.offset_m
            return Side(Estimate(-position * offset.value - marking_width_m / 2, offset.std), lane.confidence)

        return cls(side(-1), side(1), lateral_mps)
