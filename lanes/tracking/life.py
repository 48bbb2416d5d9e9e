"""Life: what is known of a boundary besides where it is: whether there is one, since when it was not seen, how it is painted."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, log

import numpy as np

from lanes.results import LaneType

HELD_S = 0.5
"""For how long a boundary without paint is carried on."""

LIKELIEST = 4.0
"""Log-odds that no number of frames exceeds: a boundary that ends is to be believed soon."""

GAIN_PER_S, NEUTRAL_CONFIDENCE = 9.0, 0.15
"""Log-odds a second for a line of full confidence, and the confidence of a line that speaks neither for nor against a boundary."""

LOSS_PER_S = 3.0
"""Log-odds a second without paint."""

NEWCOMER = -1.2
"""Log-odds taken from a line that appears beside boundaries known: most lines that are new are of a frame or two."""

REACH_S = 0.25
"""Time constant of how far a boundary is seen."""

RECEDES_S = 1.5
"""Time constant with which its near end is taken to be farther away: of a dashed line there is a dash near by every second or so."""

BELIEFS = -3.0, 0.0, 2.0, 3.2, LIKELIEST
PROBABILITIES = 0.2, 0.5, 0.64, 0.76, 0.98
"""How often boundaries of such log-odds were right on 30 rendered drives, through the bundled model: of the right place, and within 20
pixels of 1280 over four fifths of the curve. Frames are no measurements of their own, so the log-odds promise too much."""

KIND_S = 0.7
"""Time constant of how a boundary is painted."""


@dataclass(slots=True)
class Life:
    """See the module.

    Attributes:
        id: of the track. belief: log-odds that it is a boundary. held_s: since paint of it was seen. near_m, far_m: the stretch seen.
        width_m: of the paint. is_left: of the camera. is_shown: it is one of the boundaries given.
    """

    id: int
    belief: float
    is_left: bool
    held_s: float = 0.0
    near_m: float = 0.0
    far_m: float = 0.0
    width_m: float = 0.15
    is_shown: bool = False
    kinds: dict[LaneType, float] = field(default_factory=lambda: {"solid": 0.0, "dashed": 0.0, "unknown": 0.1})

    @classmethod
    def born(cls, number: int, confidence: float, offset_m: float, *, among_others: bool) -> Life:
        """A boundary that a line of such confidence shows for the first time."""
        share = min(max(confidence, 0.05), 0.95)
        return cls(number, log(share / (1.0 - share)) + (NEWCOMER if among_others else 0.5), offset_m > 0)

    @property
    def probability(self) -> float:
        """That it is a boundary, 0 to 1."""
        return float(np.interp(self.belief, BELIEFS, PROBABILITIES))

    @property
    def kind(self) -> LaneType:
        """How it is painted."""
        return max(self.kinds, key=lambda kind: self.kinds[kind])

    def seen(self, confidence: float, kind: LaneType, near_m: float, far_m: float, width_m: float | None, dt: float) -> None:
        """Paint of it is in sight."""
        self.belief = min(self.belief + GAIN_PER_S * (confidence - NEUTRAL_CONFIDENCE) * dt, LIKELIEST)
        first = self.far_m == 0.0
        share = 1.0 if first else 1.0 - exp(-dt / REACH_S)
        slowly = 1.0 if first else 1.0 - exp(-dt / RECEDES_S)
        self.near_m += (1.0 if near_m < self.near_m else slowly) * (near_m - self.near_m)
        self.far_m += share * (far_m - self.far_m)
        slow = 1.0 - exp(-dt / KIND_S)
        if width_m is not None:
            self.width_m += (1.0 if first else slow) * (width_m - self.width_m)
        for each in self.kinds:
            self.kinds[each] += slow * ((each == kind) * (0.3 if kind == "unknown" else 1.0) - self.kinds[each])
        self.held_s = 0.0

    def unseen(self, dt: float) -> None:
        """No paint of it is in sight."""
        self.held_s += dt
        self.belief -= LOSS_PER_S * dt
