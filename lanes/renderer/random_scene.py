"""Random scenes: every road that a camera may meet, in realistic proportions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lanes.renderer.draws import Rng, chance, pick
from lanes.renderer.elements import Weather
from lanes.renderer.random_light import random_lens, random_light, random_sky
from lanes.renderer.random_road import random_course, random_lines, random_markings, random_side, random_surface
from lanes.renderer.random_traffic import random_vehicles
from lanes.renderer.scene import Scene


def random_scene(rng: Rng) -> Scene:
    """A scene from wide but realistic ranges: see `Scene.random`."""
    setting = pick(rng, highway=0.42, country=0.28, city=0.3)
    hour = pick(rng, day=0.45, overcast=0.2, dusk=0.18, night=0.17)
    lines, ego_lane, two_way = random_lines(rng, setting)
    lane_width = float(rng.uniform(*{"highway": (3.3, 3.9), "country": (2.6, 3.6), "city": (2.6, 3.6)}[setting]))
    wet = float(rng.uniform(0.2, 1.0)) if chance(rng, 0.35 if hour in ("overcast", "night") else 0.04) else 0.0
    visibility = float(rng.uniform(80, 800)) if chance(rng, 0.08) else float(rng.uniform(2000, 12000))
    snow = chance(rng, 0.05)
    scene = Scene(
        seed=int(rng.integers(1 << 31)),
        course=random_course(rng, setting),
        lines=lines,
        lane_width=lane_width,
        ego_lane=ego_lane,
        markings=random_markings(rng, len(lines), lane_width, setting),
        surface=random_surface(rng),
        left=random_side(rng, setting, snow),
        right=random_side(rng, setting, snow),
        light=random_light(rng, hour, setting),
        weather=Weather(wet, visibility, int(rng.integers(5, 60)) if wet > 0.5 and chance(rng, 0.5) else 0),
        sky=random_sky(rng, hour, setting),
        lens=random_lens(rng, hour),
        field_of_view=float(np.radians(rng.uniform(40, 110))),
        horizon=float(np.clip(rng.normal(0.45, 0.09), 0.25, 0.65)),
        camera_height=float(rng.choice([rng.uniform(1.0, 1.6), rng.uniform(1.5, 2.6)], p=[0.75, 0.25])),
        roll=float(rng.normal(0, 0.012)),
        yaw=float(rng.normal(0, 0.03)),
        offset=float(rng.normal(0, 0.3)),
        speed=float(rng.uniform(*{"highway": (18, 35), "country": (10, 25), "city": (3, 15)}[setting])),
        sway=1.0,
    )
    return replace(scene, vehicles=random_vehicles(rng, scene, two_way))
