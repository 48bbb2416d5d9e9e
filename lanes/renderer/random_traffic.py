"""Random traffic: other road users, moving and parked."""

from __future__ import annotations

import numpy as np

from lanes.renderer.draws import Rng, chance, jitter, pick
from lanes.renderer.elements import Colour, Vehicle
from lanes.renderer.scene import Scene

VEHICLE_COLOURS: tuple[Colour, ...] = (
    (0.85, 0.85, 0.85), (0.1, 0.1, 0.1), (0.45, 0.45, 0.45), (0.62, 0.62, 0.6),
    (0.15, 0.12, 0.5), (0.5, 0.25, 0.12), (0.25, 0.3, 0.2), (0.2, 0.5, 0.7),
)  # fmt: skip


def random_vehicles(rng: Rng, scene: Scene, two_way: bool) -> tuple[Vehicle, ...]:
    """Traffic in the lanes of a scene; on a two-way road half of it comes towards the camera."""
    vehicles = []
    for lane in range(len(scene.lines) - 1):
        y = (scene.boundaries[lane] + scene.boundaries[lane + 1]) / 2
        # Where the road is two-way, the half beyond its middle comes towards us.
        half = (len(scene.lines) - 1) / 2
        oncoming = two_way and (lane < half) != (scene.ego_lane < half)
        s = float(rng.uniform(8, 30) if lane == scene.ego_lane else rng.uniform(4, 40))
        for _ in range(int(rng.poisson(0.9))):
            kind = pick(rng, car=0.7, van=0.13, truck=0.12, motorbike=0.05)
            colour = jitter(rng, VEHICLE_COLOURS[int(rng.integers(len(VEHICLE_COLOURS)))], 0.1)
            speed = -scene.speed if oncoming else scene.speed
            gloss = float(rng.uniform(0, 1)) if chance(rng, 0.5) else 0.0
            vehicles.append(Vehicle(kind, s, y + float(rng.normal(0, 0.25)), speed, colour, chance(rng, 0.2), gloss))
            s += float(rng.uniform(12, 60))
    for edge, side, sign in ((scene.paved[1], scene.left, -1), (scene.paved[0], scene.right, 1)):
        # Parked at the kerb, where there is space and nobody drives fast.
        if side.shoulder > 1.4 and side.rail == "none" and scene.speed < 15 and chance(rng, 0.5):
            for s in np.cumsum(rng.uniform(5.5, 25, int(rng.integers(2, 14)))):
                colour = jitter(rng, VEHICLE_COLOURS[int(rng.integers(len(VEHICLE_COLOURS)))], 0.1)
                gloss = float(rng.uniform(0, 1)) if chance(rng, 0.5) else 0.0
                vehicles.append(Vehicle(pick(rng, car=0.85, van=0.15), float(s), edge + sign * 1.0, 0.0, colour, gloss=gloss))
    return tuple(vehicles)
