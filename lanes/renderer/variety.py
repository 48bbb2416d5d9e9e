"""Drawing scenes: every road that a camera may meet, in honest proportions."""

from __future__ import annotations

from dataclasses import replace
from math import pi

import numpy as np

from lanes.renderer.scene import Colour, Course, Lens, Light, Line, Marking, Scene, Side, Sky, Surface, Vehicle, Weather, dim

Rng = np.random.Generator
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
VEHICLE_COLOURS: tuple[Colour, ...] = (
    (0.85, 0.85, 0.85), (0.1, 0.1, 0.1), (0.45, 0.45, 0.45), (0.62, 0.62, 0.6),
    (0.15, 0.12, 0.5), (0.5, 0.25, 0.12), (0.25, 0.3, 0.2), (0.2, 0.5, 0.7),
)  # fmt: skip


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


def _spread(rng: Rng, colour: Colour, amount: float) -> Colour:
    """A colour near to another one."""
    light = 1 + rng.normal(0, amount)
    blue, green, red = (float(np.clip(c * light * (1 + rng.normal(0, amount / 3)), 0.02, 1)) for c in colour)
    return blue, green, red


def _course(rng: Rng, setting: str) -> Course:
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


def _line(rng: Rng, kind: str, colour: str, wear: float, bright: float, width: float, dash: float, gap: float) -> Line:
    if kind == "dots":
        width, dash, gap = 0.11, 0.11, float(rng.choice([1.0, 1.2, 2.4]))
    return Line(
        kind,
        dim(_spread(rng, PAINTS[colour], 0.05), bright),
        width * (0.8 if kind.startswith("double") else 1.0),
        float(rng.uniform(0.2, 0.4)),
        dash,
        gap,
        float(rng.uniform(0, dash + gap)),
        float(np.clip(wear + rng.normal(0, 0.12), 0, 0.65)) if wear else 0.0,
    )


def _lines(rng: Rng, setting: str) -> tuple[tuple[Line, ...], int, bool]:
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


def _surface(rng: Rng) -> Surface:
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


def _side(rng: Rng, setting: str, snow: bool) -> Side:
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
        kerb_colour=_spread(rng, (0.62, 0.63, 0.64), 0.2),
        verge=_spread(rng, VERGES[verge], 0.15),
        verge_width=float(rng.uniform(0.5, 4)),
        beyond=_spread(rng, VERGES["snow" if snow else str(rng.choice(["grass", "dry", "earth", verge]))], 0.2),
        rail=pick(rng, **rails),
        rail_gap=float(rng.uniform(0.1, 1.5)),
        rail_colour=_spread(rng, (0.62, 0.62, 0.62), 0.2),
        trees=float(rng.uniform(0, 1)) if chance(rng, {"highway": 0.5, "country": 0.75, "city": 0.4}[setting]) else 0.0,
        houses=float(rng.uniform(0.3, 1)) if setting == "city" and chance(rng, 0.7) else 0.0,
        poles=float(rng.uniform(0.2, 1)) if chance(rng, 0.5) else 0.0,
    )


def _sun(rng: Rng, lowest: float, highest: float) -> tuple[float, float]:
    """Azimuth and elevation of a sun ahead."""
    return float(rng.normal(0, 0.45)), float(rng.uniform(lowest, highest))


def _light(rng: Rng, hour: str, setting: str) -> Light:
    if hour == "night":
        warm = float(rng.uniform(0, 0.45))
        return Light(
            ambient=float(rng.uniform(0.04, 0.2)),
            tint=(1 - warm, 1 - warm / 3, 1.0),
            headlights=float(rng.uniform(0.3, 1.0)),
            lamps=float(rng.uniform(0.1, 0.55)) if chance(rng, 0.6 if setting == "city" else 0.3) else 0.0,
            shadow=0.0,
        )
    if hour == "dusk":
        warm = float(rng.uniform(-0.1, 0.3))
        return Light(
            ambient=float(rng.uniform(0.15, 0.7)),
            tint=(1 - warm, 1 - warm / 3, 1.0),
            headlights=float(rng.uniform(0, 0.3)),
            shadow=float(rng.uniform(0.1, 0.4)),
            sun=_sun(rng, 0.0, 0.15) if chance(rng, 0.35) else None,
            glare=float(rng.uniform(0.1, 0.7)),
        )
    sunny = hour == "day"
    return Light(
        ambient=float(rng.uniform(0.95, 1.15) if sunny else rng.uniform(0.7, 0.95)),
        tint=_spread(rng, (1.0, 1.0, 1.0), 0.02),
        shadow=float(rng.uniform(0.3, 0.65) if sunny else rng.uniform(0.05, 0.2)),
        tree_shade=float(rng.uniform(0.2, 0.85)) if chance(rng, 0.3) else 0.0,
        bridge=float(rng.uniform(0, 300)) if chance(rng, 0.12) else None,
        edge_shade=float(rng.uniform(-4, 4)) if sunny and chance(rng, 0.25) else 0.0,
        sun=_sun(rng, 0.1, 0.5) if sunny and chance(rng, 0.2) else None,
        glare=float(rng.uniform(0.1, 0.6)),
    )


def _sky(rng: Rng, hour: str, setting: str) -> Sky:
    skyline = pick(rng, hills=0.25, trees=0.5, city=0.1, none=0.15) if setting != "city" else pick(rng, trees=0.3, city=0.6, none=0.1)
    zenith, horizon = (0.85, 0.58, 0.35), (0.96, 0.88, 0.8)
    clouds, shade = float(rng.choice([0, rng.uniform(0.1, 0.7)])), 0.95
    if hour == "night":
        glow = float(rng.uniform(0.01, 0.2))
        zenith, horizon, clouds = (glow * 0.4, glow * 0.3, glow * 0.25), (glow, glow * 0.8, glow * 0.8), 0.0
    elif hour == "dusk":
        zenith, horizon, clouds, shade = (0.6, 0.45, 0.38), (0.6, 0.72, 0.88), float(rng.uniform(0, 0.8)), float(rng.uniform(0.3, 0.7))
    elif hour == "overcast":
        grey = float(rng.uniform(0.6, 1.0))
        zenith, horizon, clouds, shade = (grey * 0.92,) * 3, (grey,) * 3, float(rng.uniform(0, 0.9)), grey * 0.85
    return Sky(
        _spread(rng, zenith, 0.12),
        _spread(rng, horizon, 0.06),
        clouds,
        shade,
        skyline,
        float(rng.uniform(0.01, {"hills": 0.12, "trees": 0.14, "city": 0.25, "none": 0.1}[skyline])),
        _spread(rng, (0.45, 0.45, 0.46) if skyline == "city" else (0.2, 0.32, 0.24), 0.25),
    )


def _lens(rng: Rng, hour: str) -> Lens:
    dark = hour in ("night", "dusk")
    stamp = f"{rng.integers(2010, 2026)}-{rng.integers(1, 13):02d}-{rng.integers(1, 29):02d}"
    stamp += f" {rng.integers(24):02d}:{rng.integers(60):02d}:{rng.integers(60):02d}"
    return Lens(
        exposure=float(np.exp(rng.normal(0.05, 0.2))),
        contrast=float(np.clip(rng.normal(1.08, 0.2), 0.6, 1.7)),
        saturation=float(np.clip(rng.normal(1.0, 0.35), 0.0, 2.0)),
        balance=(float(np.exp(rng.normal(0, 0.07))), 1.0, float(np.exp(rng.normal(0, 0.07)))),
        metering=float(rng.uniform(0.2, 0.9)),
        blur=float(rng.choice([rng.uniform(0.3, 1.0), rng.uniform(0.8, 2.5)], p=[0.75, 0.25])),
        sharpen=float(rng.uniform(0.3, 1.5)) if chance(rng, 0.4) else 0.0,
        noise=float(rng.uniform(0.5, 9.0 if dark else 4.0)),
        vignette=float(rng.uniform(0, 0.4)),
        jpeg=int(rng.integers(20, 85)) if chance(rng, 0.45) else 0,
        bonnet=float(rng.uniform(0.02, 0.2)) if chance(rng, 0.45) else 0.0,
        # The camera sits where its owner stuck it: often only a corner of the bonnet is to be seen.
        bonnet_middle=float(rng.normal(0, 0.5)),
        bonnet_colour=_spread(rng, VEHICLE_COLOURS[int(rng.integers(len(VEHICLE_COLOURS)))], 0.1)
        if chance(rng, 0.6)
        else (0.08, 0.08, 0.08),
        reflection=float(rng.uniform(0.05, 0.3)) if chance(rng, 0.25) else 0.0,
        dirt=float(rng.uniform(0.05, 0.5)) if chance(rng, 0.25) else 0.0,
        text=stamp if chance(rng, 0.2) else "",
        text_colour=((1.0, 1.0, 1.0), (0.1, 0.5, 1.0), (0.2, 0.9, 1.0))[int(rng.integers(3))],
        text_at_top=chance(rng, 0.4),
    )


def _markings(rng: Rng, lines: int, lane_width: float, setting: str) -> tuple[Marking, ...]:
    if not chance(rng, {"highway": 0.15, "country": 0.1, "city": 0.45}[setting]):
        return ()
    kinds = []
    for _ in range(int(rng.integers(1, 4))):
        kind = pick(rng, arrow=0.3, arrow_left=0.12, arrow_right=0.12, word=0.16, stop=0.08, zebra=0.08, diamond=0.08, hatch=0.06)
        lane = int(rng.integers(lines - 1))
        y = ((lines - 1) / 2 - lane - 0.5) * lane_width
        kinds.append(Marking(kind, float(rng.uniform(0, 44)), y, str(rng.choice(WORDS)), float(rng.uniform(0, 0.6))))
    return tuple(kinds)


def _vehicles(rng: Rng, scene: Scene, two_way: bool) -> tuple[Vehicle, ...]:
    vehicles = []
    for lane in range(len(scene.lines) - 1):
        y = (scene.boundaries[lane] + scene.boundaries[lane + 1]) / 2
        # Where the road is two-way, the half beyond its middle comes towards us.
        half = (len(scene.lines) - 1) / 2
        oncoming = two_way and (lane < half) != (scene.ego_lane < half)
        s = float(rng.uniform(8, 30) if lane == scene.ego_lane else rng.uniform(4, 40))
        for _ in range(int(rng.poisson(0.9))):
            kind = pick(rng, car=0.7, van=0.13, truck=0.12, motorbike=0.05)
            colour = _spread(rng, VEHICLE_COLOURS[int(rng.integers(len(VEHICLE_COLOURS)))], 0.1)
            speed = -scene.speed if oncoming else scene.speed
            gloss = float(rng.uniform(0, 1)) if chance(rng, 0.5) else 0.0
            vehicles.append(Vehicle(kind, s, y + float(rng.normal(0, 0.25)), speed, colour, chance(rng, 0.2), gloss))
            s += float(rng.uniform(12, 60))
    for edge, side, sign in ((scene.paved[1], scene.left, -1), (scene.paved[0], scene.right, 1)):
        # Parked at the kerb, where there is room and nobody drives fast.
        if side.shoulder > 1.4 and side.rail == "none" and scene.speed < 15 and chance(rng, 0.5):
            for s in np.cumsum(rng.uniform(5.5, 25, int(rng.integers(2, 14)))):
                colour = _spread(rng, VEHICLE_COLOURS[int(rng.integers(len(VEHICLE_COLOURS)))], 0.1)
                gloss = float(rng.uniform(0, 1)) if chance(rng, 0.5) else 0.0
                vehicles.append(Vehicle(pick(rng, car=0.85, van=0.15), float(s), edge + sign * 1.0, 0.0, colour, gloss=gloss))
    return tuple(vehicles)


def random_scene(rng: Rng) -> Scene:
    """A scene from wide but honest ranges: see `Scene.random`."""
    setting = pick(rng, highway=0.42, country=0.28, city=0.3)
    hour = pick(rng, day=0.45, overcast=0.2, dusk=0.18, night=0.17)
    lines, ego_lane, two_way = _lines(rng, setting)
    lane_width = float(rng.uniform(*{"highway": (3.3, 3.9), "country": (2.6, 3.6), "city": (2.6, 3.6)}[setting]))
    wet = float(rng.uniform(0.2, 1.0)) if chance(rng, 0.35 if hour in ("overcast", "night") else 0.04) else 0.0
    visibility = float(rng.uniform(80, 800)) if chance(rng, 0.08) else float(rng.uniform(2000, 12000))
    snow = chance(rng, 0.05)
    scene = Scene(
        seed=int(rng.integers(1 << 31)),
        course=_course(rng, setting),
        lines=lines,
        lane_width=lane_width,
        ego_lane=ego_lane,
        markings=_markings(rng, len(lines), lane_width, setting),
        surface=_surface(rng),
        left=_side(rng, setting, snow),
        right=_side(rng, setting, snow),
        light=_light(rng, hour, setting),
        weather=Weather(wet, visibility, int(rng.integers(5, 60)) if wet > 0.5 and chance(rng, 0.5) else 0),
        sky=_sky(rng, hour, setting),
        lens=_lens(rng, hour),
        field_of_view=float(np.radians(rng.uniform(40, 110))),
        horizon=float(np.clip(rng.normal(0.45, 0.09), 0.25, 0.65)),
        camera_height=float(rng.choice([rng.uniform(1.0, 1.6), rng.uniform(1.5, 2.6)], p=[0.75, 0.25])),
        roll=float(rng.normal(0, 0.012)),
        yaw=float(rng.normal(0, 0.03)),
        offset=float(rng.normal(0, 0.3)),
        speed=float(rng.uniform(*{"highway": (18, 35), "country": (10, 25), "city": (3, 15)}[setting])),
        sway=1.0,
    )
    return replace(scene, vehicles=_vehicles(rng, scene, two_way))
