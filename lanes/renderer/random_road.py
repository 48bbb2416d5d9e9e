"""Random roads: their course, lines, surface, sides, and the symbols painted on them."""

from __future__ import annotations

from math import pi

import numpy as np

from lanes.renderer.course import Course
from lanes.renderer.draws import Rng, chance, jitter, pick
from lanes.renderer.elements import Colour, LaneMarking, Marking, Side, Surface, dim

WORDS = ("STOP", "SLOW", "BUS", "ONLY", "SCHOOL", "30", "50", "TAXI", "KEEP", "CLEAR", "XING")
VERGES: dict[str, Colour] = {
    "grass": (0.16, 0.36, 0.27),
    "dry": (0.33, 0.5, 0.55),
    "earth": (0.24, 0.34, 0.42),
    "sand": (0.5, 0.64, 0.7),
    "gravel": (0.45, 0.47, 0.48),
    "snow": (0.92, 0.9, 0.88),
    "paving": (0.52, 0.55, 0.56),
    "leaves": (0.14, 0.3, 0.42),
}
PAINTS: dict[str, Colour] = {"white": (0.9, 0.92, 0.92), "yellow": (0.2, 0.68, 0.88), "orange": (0.15, 0.5, 0.85)}


def random_course(rng: Rng, setting: str) -> Course:
    """A road as straight or winding, flat or hilly as those of the setting are."""
    tightest = {"highway": 0.0015, "country": 0.008, "city": 0.006}[setting]
    straight = chance(rng, 0.35)
    return Course(
        bend=0.0 if straight else float(rng.normal(0, tightest / 2)),
        winding=0.0 if straight else float(rng.normal(0, tightest / 2)),
        winding_length=float(rng.uniform(120, 500)),
        winding_phase=float(rng.uniform(0, 2 * pi)),
        hill=float(rng.uniform(0, 5)) if chance(rng, 0.4) else 0.0,
        hill_length=float(rng.uniform(250, 700)),
        hill_phase=float(rng.uniform(0, 2 * pi)),
    )


def _line(rng: Rng, kind: str, colour: str, wear: float, bright: float, width: float, dash: float, gap: float) -> LaneMarking:
    if kind == "dots":
        width, dash, gap = 0.11, 0.11, float(rng.choice([1.0, 1.2, 2.4]))
    return LaneMarking(
        kind,
        dim(jitter(rng, PAINTS[colour], 0.05), bright),
        width * (0.8 if kind.startswith("double") else 1.0),
        float(rng.uniform(0.2, 0.4)),
        dash,
        gap,
        float(rng.uniform(0, dash + gap)),
        float(np.clip(wear + rng.normal(0, 0.12), 0, 0.65)) if wear else 0.0,
    )


def random_lines(rng: Rng, setting: str) -> tuple[tuple[LaneMarking, ...], int, bool]:
    """The lines from left to right, the camera's lane, and whether the leftmost line (by the right-hand rule) is a road's middle."""
    lanes = int(rng.choice({"highway": [2, 3, 3, 4, 5], "country": [2, 2, 2, 1], "city": [1, 2, 2, 3, 4]}[setting]))
    two_way = setting != "highway" and lanes > 1
    ego = int(rng.integers(lanes // 2, lanes)) if two_way else int(rng.integers(lanes))
    # How worn and how bright paint is goes by the road, and by the line a little.
    wear = float(rng.choice([0.0, rng.uniform(0, 0.35), rng.uniform(0.3, 0.55)], p=[0.4, 0.42, 0.18]))
    bright = float(rng.choice([rng.uniform(0.85, 1.0), rng.uniform(0.55, 0.85)], p=[0.65, 0.35]))
    width = float(rng.uniform(0.09, 0.2))
    # From strokes of 1 m with gaps of 5 m, lane lines in British towns, over America's 3 m and 9 m to 9 m and 3 m.
    dash = float(rng.choice([1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 9.0], p=[0.12, 0.1, 0.14, 0.3, 0.14, 0.14, 0.06]))
    gap = float(np.clip(dash * rng.choice([1 / 3, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0]), 1.0, 12.0))
    middle_yellow, left_yellow = chance(rng, 0.5), chance(rng, 0.5)
    lines = []
    for index in range(lanes + 1):
        colour, line_width = "white", width
        if index in (0, lanes):
            kind = (
                pick(rng, solid=0.74, dashed=0.08, none=0.15, double=0.03)
                if setting != "highway"
                else pick(rng, solid=0.93, dashed=0.04, none=0.03)
            )
            if index == 0 and setting == "highway" and left_yellow:
                colour = "yellow"
            if setting == "city" and chance(rng, 0.25):
                # No waiting along a British kerb: one or two yellow lines as narrow as 50 mm.
                kind, colour, line_width = pick(rng, double=0.7, solid=0.3), "yellow", float(rng.uniform(0.05, 0.12))
        elif two_way and index == lanes // 2:
            kind = pick(
                rng, dashed=0.35, solid=0.15, double=0.25, solid_dashed=0.08, dashed_solid=0.1, double_dashed=0.03, dots=0.02, none=0.04
            )
            colour = "yellow" if middle_yellow else "white"
        else:
            kind = pick(rng, dashed=0.78, solid=0.1, dots=0.06, none=0.03, solid_dashed=0.015, double=0.015)
        if colour == "yellow" and chance(rng, 0.08):
            colour = "orange"
        lines.append(_line(rng, kind, colour, wear, bright, line_width, dash, gap))
    lines_out, lane = tuple(lines), ego
    if chance(rng, 0.35):
        # Left-hand traffic is the mirror image.
        lines_out, lane = tuple(reversed(lines_out)), lanes - 1 - ego
    return lines_out, lane, two_way


def random_surface(rng: Rng) -> Surface:
    """Asphalt, concrete or a fresh layer, with its seams, cracks and patches."""
    kind = pick(rng, asphalt=0.62, concrete=0.22, fresh=0.16)
    if kind == "concrete":
        grey = rng.uniform(0.5, 0.78)
    elif kind == "fresh":
        grey = rng.uniform(0.14, 0.26)
    else:
        grey = rng.uniform(0.25, 0.52)
    warmth = rng.normal(0.0, 0.035)
    damaged = 0 if kind == "fresh" else int(rng.choice([0, 1, 3], p=[0.45, 0.35, 0.2]))
    return Surface(
        colour=(float(grey * (1 - warmth)), float(grey), float(grey * (1 + warmth))),
        grain=float(rng.uniform(0.02, 0.14)),
        blotches=float(rng.uniform(0.03, 0.3)),
        patches=int(rng.poisson(1.5 * damaged)),
        cracks=int(rng.poisson(5.0 * damaged)),
        seals=int(rng.poisson(3.0 * damaged)),
        tracks=float(rng.normal(0, 0.09)),
        oil=float(rng.uniform(0, 0.14)),
        slab=float(rng.choice([4.57, 5.33, 8.0])) if kind == "concrete" and chance(rng, 0.7) else 0.0,
        joints=float(rng.choice([-0.4, -0.2, 0.2, 0.4])) if chance(rng, 0.4) else 0.0,
        joint_offset=float(rng.uniform(0.1, 0.6) * rng.choice([-1, 1])),
        sealed=float(rng.uniform(0.05, 0.25)) if chance(rng, 0.15) else 0.0,
    )


def random_side(rng: Rng, setting: str, snow: bool) -> Side:
    """What lies beside the road: verge, kerb, barrier, posts."""
    names = {
        "highway": ["grass", "dry", "earth", "gravel", "sand"],
        "country": ["grass", "grass", "dry", "earth", "leaves"],
        "city": ["paving", "paving", "grass", "earth"],
    }[setting]
    verge = "snow" if snow else str(rng.choice(names))
    rails = {
        "highway": {"none": 0.35, "guardrail": 0.3, "barrier": 0.25, "wall": 0.07, "hedge": 0.03},
        "country": {"none": 0.6, "guardrail": 0.15, "hedge": 0.15, "wall": 0.05, "fence": 0.05},
        "city": {"none": 0.65, "fence": 0.1, "wall": 0.1, "hedge": 0.05, "barrier": 0.1},
    }[setting]
    return Side(
        shoulder=float({"highway": rng.uniform(0.4, 3.5), "country": rng.uniform(0.05, 1.2), "city": rng.uniform(0.1, 2.5)}[setting]),
        shoulder_shade=float(rng.choice([1.0, rng.uniform(0.65, 1.35)])),
        kerb=float(rng.uniform(0.12, 0.35)) if chance(rng, 0.85 if setting == "city" else 0.15) else 0.0,
        kerb_colour=jitter(rng, (0.62, 0.63, 0.64), 0.2),
        verge=jitter(rng, VERGES[verge], 0.15),
        verge_width=float(rng.uniform(0.5, 4)),
        beyond=jitter(rng, VERGES["snow" if snow else str(rng.choice(["grass", "dry", "earth", verge]))], 0.2),
        rail=pick(rng, **rails),
        rail_gap=float(rng.uniform(0.1, 1.5)),
        rail_colour=jitter(rng, (0.62, 0.62, 0.62), 0.2),
        trees=float(rng.uniform(0, 1)) if chance(rng, {"highway": 0.5, "country": 0.75, "city": 0.4}[setting]) else 0.0,
        houses=float(rng.uniform(0.3, 1)) if setting == "city" and chance(rng, 0.7) else 0.0,
        poles=float(rng.uniform(0.2, 1)) if chance(rng, 0.5) else 0.0,
    )


def random_markings(rng: Rng, lines: int, lane_width: float, setting: str) -> tuple[Marking, ...]:
    """Arrows, words, stop lines and the like between so many lane lines, `lane_width` metres apart."""
    if not chance(rng, {"highway": 0.15, "country": 0.1, "city": 0.45}[setting]):
        return ()
    kinds = []
    for _ in range(int(rng.integers(1, 4))):
        kind = pick(rng, arrow=0.3, arrow_left=0.12, arrow_right=0.12, word=0.16, stop=0.08, zebra=0.08, diamond=0.08, hatch=0.06)
        lane = int(rng.integers(lines - 1))
        y = ((lines - 1) / 2 - lane - 0.5) * lane_width
        kinds.append(Marking(kind, float(rng.uniform(0, 44)), y, str(rng.choice(WORDS)), float(rng.uniform(0, 0.6))))
    return tuple(kinds)
