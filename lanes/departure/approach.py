"""Approach: one side of the vehicle and the boundary there, from coming near to being warned of, once, and being armed again."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

from lanes.results import Estimate

TIME_TO_CROSSING_S = 1.0
"""Before a tyre crosses the marking. Drivers need at least 0.9 s, and in normal driving a time to crossing below 1.0 s occurs in 0.5 % of
the time (SWOV, C 22994): sooner would warn of driving as it is."""

WARN_DISTANCE_M = 0.0
"""Of the tyre's outer edge from the marking's inner edge (DTLM of EU 2021/646): the tyre has reached the marking. ISO 17361 leaves the
place to the maker between an earliest line, 0.75 m inside at up to 0.5 m/s, and a latest one, for cars 0.3 m outside (both as others
cite it)."""

LEAST_SPEED_MPS = 0.1
"""The slowest rate of departure that UN R130 has a warning tested at; what is slower is a drift, of which only the distance warns."""

LONGEST_WARNING_S = 2.5
"""Of one approach: a warning that goes on is switched off by its driver (manuals of cars on the market)."""

REARM_DISTANCE_M = 0.2
REARM_TIME_S = 2.0
"""Back inside the lane: the tyre so far from the marking, and so long from reaching it. Twice the time that warns, so that a vehicle that
moves on towards the line with a speed that wavers is on the same approach still."""

LONGEST_UNSEEN_S = 2.5
"""After which a marking that is seen again is approached anew."""

ANOTHER_MARKING_M = 1.2
"""Lanes are twice as wide at least; a marking that is lost and found again, under another id or not, is where it was."""

CERTAINTY = 0.67
"""Standard deviations that must speak for a crossing: three to one that it is real, if the estimates' errors are what they say. More would
be paid for in time: at 0.2 m/s, two centimetres are a tenth of a second."""


@dataclass(frozen=True, slots=True)
class TyreGap:
    """One side's tyre and the marking it may cross.

    Attributes:
        distance_m: from the tyre's outer edge to the marking's inner edge, metres, negative beyond it.
        closing_mps: speed towards the marking, m/s.
    """

    distance_m: Estimate
    closing_mps: Estimate

    def after(self, seconds: float, closing_mps2: float = 0.0) -> TyreGap:
        """The gap so many seconds later, if the vehicle goes on as it does, its closing speed rising at a steady rate."""
        distance, closing = self.distance_m, self.closing_mps
        covered = seconds * (closing.value + seconds * closing_mps2 / 2)
        return TyreGap(
            Estimate(distance.value - covered, hypot(distance.std, seconds * closing.std)),
            Estimate(closing.value + seconds * closing_mps2, closing.std),
        )

    @property
    def is_departing(self) -> bool:
        """The tyre will cross the marking within the time to crossing, or has reached it and does not come back; both surely enough."""
        closing = self.closing_mps
        by_time = closing.value > LEAST_SPEED_MPS and _surely_below(self.after(TIME_TO_CROSSING_S).distance_m, 0.0)
        by_distance = _surely_below(self.distance_m, WARN_DISTANCE_M) and closing.value > -CERTAINTY * closing.std
        return by_time or by_distance

    @property
    def is_inside(self) -> bool:
        """The vehicle is back in its lane and does not approach the marking."""
        left = self.distance_m.value - REARM_TIME_S * max(0.0, self.closing_mps.value)
        return self.distance_m.value > REARM_DISTANCE_M and left > 0


class Approach:
    """The warning for one side."""

    def __init__(self) -> None:
        self._armed = True
        self._warned_s: float | None = None
        self._last: TyreGap | None = None
        self._seen_s = 0.0

    def forget(self) -> None:
        """What was seen of this side means nothing any more."""
        self._armed, self._warned_s, self._last = True, None, None

    def follow(self, gap: TyreGap | None, now_s: float) -> bool:
        """Take in the gap at `now_s` seconds, None where it is not known. Returns whether to warn now."""
        if gap is None:
            return False
        if self._last is None or now_s - self._seen_s > LONGEST_UNSEEN_S or _is_another(gap, self._last):
            # A marking that is met with the tyre already on it was crossed from its other side, or before anyone looked.
            self._armed, self._warned_s = gap.distance_m.value > WARN_DISTANCE_M, None
        self._last, self._seen_s = gap, now_s
        if not self._armed and gap.is_inside:
            self._armed, self._warned_s = True, None
        if self._armed and gap.is_departing:
            self._armed, self._warned_s = False, now_s
        return self._warned_s is not None and now_s - self._warned_s <= LONGEST_WARNING_S


def _is_another(gap: TyreGap, last: TyreGap) -> bool:
    """Whether this is the marking of another lane: nothing else is so far from the one before."""
    return abs(gap.distance_m.value - last.distance_m.value) > ANOTHER_MARKING_M


def _surely_below(estimate: Estimate, limit: float) -> bool:
    return estimate.value + CERTAINTY * estimate.std < limit
