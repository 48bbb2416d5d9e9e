"""Random draws that scenes are made of."""

from __future__ import annotations

import numpy as np

from lanes.renderer.elements import Colour

Rng = np.random.Generator


def chance(rng: Rng, share: float) -> bool:
    """True in `share` of all draws."""
    return bool(rng.random() < share)


def pick(rng: Rng, **weights: float) -> str:
    """One of the names, by weight."""
    mark = rng.random() * sum(weights.values())
    for name, weight in weights.items():
        mark -= weight
        if mark < 0:
            return name
    return name


def jitter(rng: Rng, colour: Colour, amount: float) -> Colour:
    """A colour near to another one."""
    light = 1 + rng.normal(0, amount)
    blue, green, red = (float(np.clip(c * light * (1 + rng.normal(0, amount / 3)), 0.02, 1)) for c in colour)
    return blue, green, red
