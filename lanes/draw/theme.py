"""The palette and the opacities of everything that is drawn into frames. Colours are BGR, 0 to 255.

Cool light for what is inferred, warm for what was seen, so that the two differ at a glance; left and right differ in hue as well as in
place, and all of it stays distinct to colour-blind eyes by its brightness.
"""

from __future__ import annotations

Colour = tuple[int, int, int]

EGO_LEFT: Colour = (208, 240, 64)
EGO_RIGHT: Colour = (255, 196, 72)
OTHER: Colour = (226, 208, 196)
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
