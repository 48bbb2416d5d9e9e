"""The six frames that every rung is shown: day, night, rain, bend, shadow, and a road without lane paint.

They are rendered, so that anyone can make them again and their ground truth is exact to the pixel; frames of one's own take their place
with `--frames`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2

from lanes.arrays import BGRImage, Mask
from lanes.data.frames import TRAINING_IMAGE_SUFFIXES, read_image, read_mask
from lanes.errors import InputError
from lanes.renderer import RoadRenderer, Scene
from lanes.renderer.course import Course
from lanes.renderer.elements import LaneMarking, Light, Side, Surface, Vehicle, Weather
from lanes.renderer.random_road import VERGES

WIDTH, HEIGHT = 1280, 720

WARM_UP_FRAMES = 8
"""Frames of the same drive before a picture, for a rung that remembers."""

RATE = 20.0
"""Frames a second of them."""


@dataclass(frozen=True)
class Shot:
    """One of the frames.

    Attributes:
        name: `day`, or the name of a file.
        pixels: (H, W, 3) uint8 BGR.
        ground_truth: (H, W) uint8, 255 = lane paint; None where the frame has no label.
        ignore: (H, W) uint8, non-zero = counts neither for nor against, or None.
        before: the frames of the drive before it, in order; none of a still.
    """

    name: str
    pixels: BGRImage
    ground_truth: Mask | None
    ignore: Mask | None = None
    before: tuple[BGRImage, ...] = ()


def _day(scene: Scene) -> tuple[Scene, float]:
    return scene, 1.2


def _night(scene: Scene) -> tuple[Scene, float]:
    light = Light(ambient=0.07, tint=(0.85, 0.95, 1.0), headlights=0.85, shadow=0.0)
    sky = replace(scene.sky, zenith=(0.03, 0.02, 0.02), horizon=(0.06, 0.05, 0.05), clouds=0.0, skyline_colour=(0.03, 0.04, 0.03))
    lens = replace(scene.lens, exposure=1.3, metering=0.4, noise=6.0, saturation=0.8, vignette=0.25, blur=0.8)
    vehicles = (Vehicle("car", 45, 0.1, 27.5, (0.1, 0.1, 0.3), braking=True), Vehicle("car", 90, 3.6, 29.0, (0.3, 0.3, 0.3)))
    return replace(scene, light=light, sky=sky, lens=lens, vehicles=vehicles), 1.2


def _rain(scene: Scene) -> tuple[Scene, float]:
    light = replace(scene.light, ambient=0.62, tint=(1.0, 0.97, 0.95), shadow=0.08)
    sky = replace(scene.sky, zenith=(0.62, 0.6, 0.58), horizon=(0.74, 0.72, 0.7), clouds=0.85, cloud_shade=0.6)
    lens = replace(scene.lens, exposure=1.0, contrast=0.9, saturation=0.7, blur=1.4, noise=2.5, reflection=0.1)
    weather = Weather(wet=0.95, visibility=350, drops=55)
    return replace(scene, light=light, sky=sky, lens=lens, weather=weather, surface=replace(scene.surface, colour=(0.3, 0.3, 0.3))), 2.4


def _bend(scene: Scene) -> tuple[Scene, float]:
    white = LaneMarking("solid", (0.85, 0.87, 0.87), 0.12, wear=0.25)
    middle = LaneMarking("dashed", (0.85, 0.87, 0.87), 0.12, dash=3.0, gap=4.0, wear=0.2)
    course = Course(bend=-0.009, winding=0.002, winding_length=160, hill=1.0, hill_length=260)
    side = Side(shoulder=0.4, verge=VERGES["dry"], rail="guardrail", trees=0.7, poles=0.3)
    surface = Surface((0.4, 0.4, 0.41), grain=0.09, blotches=0.14, cracks=5, seals=4, patches=1)
    oncoming = (Vehicle("van", 46, 1.6, -16, (0.7, 0.7, 0.7)),)
    lines = (white, middle, white)
    return (
        replace(
            scene,
            course=course,
            lines=lines,
            lane_width=3.2,
            ego_lane=1,
            surface=surface,
            left=side,
            right=side,
            vehicles=oncoming,
            speed=15.0,
        ),
        0.6,
    )


def _shadow(scene: Scene) -> tuple[Scene, float]:
    light = replace(scene.light, ambient=1.1, shadow=0.65, tree_shade=0.75, sun=(0.25, 0.35), glare=0.35)
    trees = replace(scene.right, trees=1.0, rail="none", shoulder=1.0)
    return replace(scene, light=light, left=trees, right=trees, surface=replace(scene.surface, tracks=0.12, blotches=0.2)), 1.2


def _none(scene: Scene) -> tuple[Scene, float]:
    bare = LaneMarking("none")
    surface = Surface((0.42, 0.42, 0.43), grain=0.1, blotches=0.2, cracks=9, seals=8, patches=2, tracks=0.1, oil=0.1, joints=0.12)
    kerb = Side(shoulder=0.1, kerb=0.14, kerb_colour=(0.68, 0.68, 0.68), verge=VERGES["grass"], trees=0.4, houses=0.5, poles=0.4)
    car = (Vehicle("car", 30, -1.6, 8.0, (0.5, 0.2, 0.15)),)
    light = replace(scene.light, shadow=0.5)
    return replace(scene, lines=(bare,) * 3, ego_lane=1, surface=surface, left=kerb, right=kerb, light=light, vehicles=car, speed=10.0), 1.0


SCENES: dict[str, Callable[[Scene], tuple[Scene, float]]] = {
    "day": _day,
    "night": _night,
    "rain": _rain,
    "bend": _bend,
    "shadow": _shadow,
    "none": _none,
}
"""By name: from the drive of the demo clip to the scene, and the second of it that is shown."""


def render_shots(width: int = WIDTH, height: int = HEIGHT) -> list[Shot]:
    """The six frames, each with the frames of its drive before it."""
    shots = []
    for name, make in SCENES.items():
        scene, time_s = make(Scene.demo())
        renderer = RoadRenderer(scene, width, height)
        before = tuple(renderer.render(time_s - number / RATE).pixels for number in range(WARM_UP_FRAMES, 0, -1))
        drawn = renderer.render(time_s)
        shots.append(Shot(name, drawn.pixels, drawn.paint, drawn.other_paint, before))
    return shots


def read_shots(folder: Path) -> list[Shot]:
    """Frames of one's own: every image of a folder in name order, with `masks/NAME.png` in it as the ground truth where it is there.

    Raises:
        InputError: there is no image, or one cannot be read.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in TRAINING_IMAGE_SUFFIXES)
    if not paths:
        raise InputError(f"{folder} holds no images: give a folder of frames, each as NAME.jpg or NAME.png")
    shots = []
    for path in paths:
        pixels, mask = read_image(path, cv2.IMREAD_COLOR), folder / "masks" / f"{path.stem}.png"
        shots.append(Shot(path.stem, pixels, read_mask(mask) if mask.is_file() else None))
    return shots
