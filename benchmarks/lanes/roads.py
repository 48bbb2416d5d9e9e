"""The roads of the rendered drives, by kind: made for this benchmark, from seeds of its own, so that no training has seen them.

Training draws whole scenes by `Scene.random`. Here a kind says what a drive is about, and only what it is not about is drawn.
"""

from __future__ import annotations

from dataclasses import replace
from math import atan, pi, radians, tan

import numpy as np

from lanes.renderer import LaneChange, Scene
from lanes.renderer.course import Course
from lanes.renderer.draws import Rng, chance
from lanes.renderer.elements import LaneMarking, Lens, Light, Sky, Surface, Vehicle, Weather
from lanes.renderer.random_light import random_light, random_sky
from lanes.renderer.random_road import PAINTS, random_side

SEED = 160_000_000
"""Added to every number of a drive. Training counts its scenes from 0."""

LATERAL_MPS2 = 2.5
"""Of a car that takes a bend briskly."""

CAMERA_ASPECT = 540 / 960


def road(kind: str, number: int) -> Scene:
    """The scene of a drive.

    Args:
        kind: one of `KINDS`. number: of the drive among those of its kind, from 0.
    """
    rng = np.random.default_rng((SEED, sorted(KINDS).index(kind), number))
    return KINDS[kind](rng, _highway(rng), number)


def _highway(rng: Rng) -> Scene:
    """A motorway of three lanes by day, American dashes, and a camera that somebody stuck behind a windscreen."""
    white = PAINTS["white"]
    dashed = LaneMarking("dashed", white, float(rng.uniform(0.1, 0.15)), dash=3.0, gap=9.0, phase=float(rng.uniform(0, 12)), wear=0.1)
    solid = LaneMarking("solid", white if chance(rng, 0.6) else PAINTS["yellow"], float(rng.uniform(0.12, 0.2)), wear=0.1)
    field_of_view, pitch = radians(rng.uniform(50, 75)), radians(rng.uniform(-1, 3))
    return Scene(
        seed=int(rng.integers(1 << 31)),
        course=Course(),
        lines=(solid, dashed, dashed, solid),
        lane_width=float(rng.uniform(3.4, 3.75)),
        ego_lane=int(rng.integers(3)),
        surface=Surface((0.42, 0.42, 0.42), grain=0.06, blotches=0.1, cracks=2, tracks=0.05, oil=0.06),
        left=random_side(rng, "highway", snow=False),
        right=random_side(rng, "highway", snow=False),
        light=random_light(rng, "day", "highway"),
        sky=random_sky(rng, "day", "highway"),
        lens=Lens(blur=0.5, noise=2.0, bonnet=float(rng.uniform(0.03, 0.1)) if chance(rng, 0.3) else 0.0),
        field_of_view=field_of_view,
        horizon=horizon_at(pitch, field_of_view),
        camera_height=float(rng.uniform(1.2, 1.6)),
        roll=float(rng.normal(0, radians(0.3))),
        yaw=float(rng.uniform(-1, 1) * radians(1.5)),
        offset=float(rng.normal(0, 0.1)),
        speed=float(rng.uniform(22, 33)),
        sway=1.0,
    )


def horizon_at(pitch: float, field_of_view: float) -> float:
    """Row of the horizon, as a share of the height, for a camera pitched down by so many radians."""
    return 0.5 - tan(pitch) / (2 * CAMERA_ASPECT * tan(field_of_view / 2))


def pitch_of(scene: Scene) -> float:
    """Of a scene's camera, standing still, radians: the inverse of `horizon_at`."""
    return atan((0.5 - scene.horizon) * 2 * CAMERA_ASPECT * tan(scene.field_of_view / 2))


def _straight(rng: Rng, scene: Scene, number: int) -> Scene:  # noqa: ARG001 - one signature for all kinds
    return scene


def _bends(rng: Rng, scene: Scene, number: int) -> Scene:
    """From 150 m to 600 m at the tightest, in both directions; the curvature grows and goes steadily."""
    radius = (150.0, 150.0, 200.0, 250.0, 400.0, 600.0)[number % 6]
    side = 1 if number % 2 else -1
    course = Course(
        bend=side * 0.5 / radius,
        winding=0.5 / radius,
        winding_length=float(rng.uniform(180, 320)),
        winding_phase=float(rng.uniform(0, 2 * pi)),
    )
    return replace(scene, course=course, speed=min(scene.speed, (LATERAL_MPS2 * radius) ** 0.5))


def _hills(rng: Rng, scene: Scene, number: int) -> Scene:
    """Slopes of up to 6 %, on which the road's height bends by a radius of 800 m to 3 km."""
    length = float(rng.uniform(250, 450))
    course = Course(
        winding=(0.0, 0.0005, 0.001, 0.0015)[number % 4],
        winding_length=400.0,
        hill=float(rng.uniform(0.03, 0.06)) * length / (2 * pi),
        hill_length=length,
        hill_phase=float(rng.uniform(0, 2 * pi)),
    )
    return replace(scene, course=course, camera_height=2.3 if number == 3 else scene.camera_height)


def _lane_changes(rng: Rng, scene: Scene, number: int) -> Scene:
    """There and back, in both directions, as fast as people do it."""
    there, back = ("left", "right") if number % 2 else ("right", "left")
    duration = float(rng.uniform(3.5, 6))
    changes = (LaneChange(4.0, there, duration), LaneChange(12.5, back, duration))  # type: ignore[arg-type]
    course = Course(winding=0.0006 * (number % 3), winding_length=350.0)
    return replace(scene, ego_lane=1, lane_changes=changes, course=course)


def _occlusion(rng: Rng, scene: Scene, number: int) -> Scene:
    """A lorry close ahead, cars beside it on the lines, and some that overtake."""
    scene = replace(scene, ego_lane=1)
    middle = [scene.lane_centre(lane) for lane in range(3)]
    gap = float(rng.uniform(9, 16))
    vehicles = (
        Vehicle("truck" if number % 2 else "van", gap, middle[1] + 0.2, scene.speed, (0.7, 0.7, 0.68)),
        Vehicle("car", 6.0, middle[0] - 0.7, scene.speed, (0.2, 0.18, 0.5)),
        Vehicle("truck", 14.0, middle[2] + 0.5, scene.speed + 0.3, (0.75, 0.74, 0.72)),
        Vehicle("car", -15.0, middle[0], scene.speed + 2.5, (0.45, 0.25, 0.12)),
        Vehicle("car", 70.0, middle[2], scene.speed - 2.0, (0.1, 0.1, 0.1)),
    )
    return replace(scene, vehicles=vehicles)


def _rain(rng: Rng, scene: Scene, number: int) -> Scene:  # noqa: ARG001
    return replace(
        scene,
        weather=Weather(wet=float(rng.uniform(0.5, 1)), visibility=float(rng.uniform(250, 900)), drops=int(rng.integers(10, 50))),
        light=random_light(rng, "overcast", "highway"),
        sky=random_sky(rng, "overcast", "highway"),
        lens=replace(scene.lens, noise=3.0, blur=0.8),
    )


def _night(rng: Rng, scene: Scene, number: int) -> Scene:
    return replace(
        scene,
        light=Light(ambient=0.06, headlights=0.9, lamps=0.3 if number % 2 else 0.0, shadow=0.0, tint=(0.8, 0.93, 1.0)),
        sky=Sky((0.02, 0.015, 0.01), (0.06, 0.05, 0.05), 0.0),
        lens=replace(scene.lens, noise=6.0, metering=0.6, blur=0.8),
        course=Course(winding=0.0008 * (number % 3), winding_length=float(rng.uniform(300, 500))),
    )


def _slab_joints(rng: Rng, scene: Scene, number: int) -> Scene:
    """Concrete whose joints, tarred or bright, run beside the dashes."""
    return replace(
        scene,
        surface=Surface(
            (0.62, 0.63, 0.64),
            grain=0.05,
            blotches=0.15,
            cracks=3,
            slab=4.57,
            joints=(-0.4, 0.35, -0.25)[number % 3],
            joint_offset=float(rng.uniform(0.2, 0.5)) * (1 if number % 2 else -1),
            sealed=0.12 if number == 2 else 0.0,
        ),
    )


def _any(rng: Rng, scene: Scene, number: int) -> Scene:
    """What hours of driving are made of: mostly gentle roads, all weathers."""
    course = Course(
        bend=float(rng.normal(0, 0.0004)),
        winding=float(rng.uniform(0, 0.0015)),
        winding_length=float(rng.uniform(250, 500)),
        winding_phase=float(rng.uniform(0, 2 * pi)),
        hill=float(rng.uniform(0, 2.0)) if chance(rng, 0.4) else 0.0,
        hill_length=float(rng.uniform(300, 600)),
    )
    kind = ("straight", "night", "straight", "rain", "straight", "slab_joints", "straight", "occlusion")[number % 8]
    return replace(KINDS[kind](rng, scene, number // 8), course=course)


KINDS = {
    "straight": _straight,
    "bends": _bends,
    "hills": _hills,
    "lane_changes": _lane_changes,
    "occlusion": _occlusion,
    "rain": _rain,
    "night": _night,
    "slab_joints": _slab_joints,
    "any": _any,
}
