"""The palette and the opacities of everything that is drawn into frames. Colours are BGR, 0 to 255.

Cool light for what is inferred, warm for what was seen, and one hot colour for a warning and nothing else. A lane boundary keeps the
colour of its id; that it is the ego lane's shows by its width and its bright core, so colour never says it alone.
"""

from __future__ import annotations

Colour = tuple[int, int, int]

BOUNDARIES: tuple[Colour, ...] = ((180, 245, 40), (255, 140, 64), (70, 214, 242), (190, 70, 222), (250, 234, 222))
"""By id, one after the other. In CIELAB, any two differ by 19 or more to a colour-blind eye of any kind, and neighbours by 24 (simulated
after Machado et al. 2009). None is near the warning's."""

WARNING: Colour = (48, 72, 255)
FAINT: Colour = (168, 158, 150)
FILL_NEAR: Colour = (214, 206, 40)
FILL_FAR: Colour = (255, 150, 60)
PAINT: Colour = (190, 255, 150)
PILL: Colour = (30, 22, 16)
TEXT: Colour = (250, 248, 245)
TEXT_MUTED: Colour = (196, 184, 172)
RULE: Colour = (120, 108, 96)

PAINT_OPACITY = 0.55
FILL_OPACITY = 0.42
SHADOW_OPACITY = 0.5
PILL_OPACITY = 0.66
GLOW_OPACITY = 0.4
EDGE_OPACITY = 0.6


def colour_of(number: int) -> Colour:
    """Of the boundary with this id."""
    return BOUNDARIES[(number - 1) % len(BOUNDARIES)]


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """`share` of the one colour, the rest of the other."""
    b, g, r = (round(share * a + (1.0 - share) * c) for a, c in zip(one, other, strict=True))
    return b, g, r
