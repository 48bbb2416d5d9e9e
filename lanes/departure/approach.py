"""Approach: one side of the vehicle and the boundary there, from coming near to being warned of, once, and being armed again."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from math import hypot

import numpy as np

from lanes.results import Estimate

TIME_TO_CROSSING_S = 1.4
"""At the speed of the moment. Who leaves a lane gets faster on the way: so the tyre crosses about a second later. Drivers need at least
0.9 s, and in normal driving a time to crossing below 1.0 s occurs in 0.5 % of the time (SWOV, C 22994): much sooner would warn of driving
as it is."""

WARN_DISTANCE_M = 0.0
"""Of the tyre's outer edge from the marking's inner edge (DTLM of EU 2021/646): the tyre has reached the marking. ISO 17361 leaves the
place to the maker between an earliest line, 0.75 m inside at up to 0.5 m/s, and a latest one, for cars 0.3 m outside (both as others
cite it)."""

LEAST_SPEED_MPS = 0.1
"""The slowest rate of departure that UN R130 has a warning tested at; what is slower is a drift, of which only the distance warns."""

LONGEST_WARNING_S = 2.5
"""Of one approach: a warning that goes on is switched off by its driver (manuals of cars on the market)."""

REARM_DISTANCE_M, REARM_TIME_S, REARM_HOLD_S = 0.2, 2.8, 1.0
"""Back inside the lane: the tyre so far from the marking, so long from reaching it, and both for so long. Twice the time that warns, and
not for a moment only, so that a vehicle that moves on towards the line with a speed that wavers is on the same approach still."""

LONGEST_UNSEEN_S = 2.5
"""After which a marking that is seen again is approached anew."""

ANOTHER_MARKING_M = 1.2
"""Lanes are twice as wide at least; a marking that is lost and found again, under another id or not, is where it was."""

CERTAINTY = 0.3
"""Standard deviations that must speak for a crossing: more likely than not, if the estimates' errors are what they say. More would be paid
for in time: at 0.2 m/s, two centimetres are a tenth of a second."""

OWN_S, OWN_MPS, OWN_FRAMES = 0.6, 0.05, 4
"""The marking itself must come nearer: by no less than this below the closing speed, over the last so many seconds. That speed is the whole
road's, so that a line on the other side that is taken for another one moves it."""


@dataclass(frozen=True, slots=True)
class TyreGap:
    """One side's tyre and the marking it may cross.

    Attributes:
        distance_m: from the tyre's outer edge to the marking's inner edge, metres, negative beyond it.
        closing_mps: speed towards the marking, m/s. closing_mps2: its rate, as far as it is known.
    """

    distance_m: Estimate
    closing_mps: Estimate
    closing_mps2: float = 0.0

    def after(self, seconds: float) -> TyreGap:
        """The gap so many seconds later, if the vehicle goes on as it does.

        The standard deviations stay those of the frame: the certainty that is asked for is that of what was seen. Were they to grow with
        the frame's age, an older frame would warn later than a fresh one.
        """
        distance, closing, rate = self.distance_m, self.closing_mps, self.closing_mps2
        covered = seconds * (closing.value + seconds * rate / 2)
        return TyreGap(Estimate(distance.value - covered, distance.std), Estimate(closing.value + seconds * rate, closing.std), rate)

    @property
    def is_departing(self) -> bool:
        """The tyre will cross the marking within the time to crossing, or has reached it and does not come back; both surely enough."""
        distance, closing = self.distance_m, self.closing_mps
        left = Estimate(distance.value - TIME_TO_CROSSING_S * closing.value, hypot(distance.std, TIME_TO_CROSSING_S * closing.std))
        by_time = closing.value > LEAST_SPEED_MPS and _surely_below(left, 0.0)
        by_distance = _surely_below(distance, WARN_DISTANCE_M) and closing.value > -CERTAINTY * closing.std
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
        self._inside_s: float | None = None
        self._last: TyreGap | None = None
        self._seen_s = 0.0
        self._distances: deque[tuple[float, float]] = deque()

    def forget(self) -> None:
        """What was seen of this side means nothing any more."""
        self._armed, self._warned_s, self._inside_s, self._last = True, None, None, None
        self._distances.clear()

    def follow(self, gap: TyreGap | None, time_s: float, age_s: float = 0.0) -> bool:
        """Take in the next frame, and decide for now.

        Args:
            gap: at the frame's time; None where it is not known. time_s: of the frame, seconds. age_s: of the frame now.

        Returns:
            Whether to warn.
        """
        if gap is None:
            return False
        gap, now_s = self._checked(gap, time_s).after(age_s), time_s + age_s
        if self._last is None or now_s - self._seen_s > LONGEST_UNSEEN_S or _is_another(gap, self._last):
            # A marking that is met with the tyre already on it was crossed from its other side, or before anyone looked.
            self._armed, self._warned_s = gap.distance_m.value > WARN_DISTANCE_M, None
        self._last, self._seen_s = gap, now_s
        self._inside_s = None if not gap.is_inside else now_s if self._inside_s is None else self._inside_s
        if not self._armed and self._inside_s is not None and now_s - self._inside_s >= REARM_HOLD_S:
            self._armed, self._warned_s = True, None
        if self._armed and gap.is_departing:
            self._armed, self._warned_s = False, now_s
        return self._warned_s is not None and now_s - self._warned_s <= LONGEST_WARNING_S

    def _checked(self, gap: TyreGap, time_s: float) -> TyreGap:
        """The gap with no more speed than the distances of the last frames bear out."""
        seen, distance = self._distances, gap.distance_m.value
        if seen and abs(seen[-1][1] - distance) > ANOTHER_MARKING_M:
            seen.clear()
        seen.append((time_s, distance))
        while seen[0][0] < time_s - OWN_S - 1e-6:
            seen.popleft()
        if len(seen) < OWN_FRAMES:
            return gap
        times, distances = np.array(seen).T
        times = times - times.mean()
        own = -float(times @ distances) / max(float(times @ times), 1e-6)
        closing = gap.closing_mps
        return replace(gap, closing_mps=Estimate(min(closing.value, own + OWN_MPS), closing.std))


def _is_another(gap: TyreGap, last: TyreGap) -> bool:
    """Whether this is the marking of another lane: nothing else is so far from the one before."""
    return abs(gap.distance_m.value - last.distance_m.value) > ANOTHER_MARKING_M


def _surely_below(estimate: Estimate, limit: float) -> bool:
    return estimate.value + CERTAINTY * estimate.std < limit
