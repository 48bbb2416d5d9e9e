"""The drive of the demonstration clip."""

from __future__ import annotations

from dataclasses import replace

from lanes.renderer.course import Course
from lanes.renderer.elements import LaneMarking, Lens, Light, Side, Sky, Surface, Vehicle
from lanes.renderer.random_road import PAINTS, VERGES
from lanes.renderer.scene import Scene


def demo_scene() -> Scene:
    """A three-lane motorway through hills on a fine afternoon, some traffic, a camera behind the windscreen."""
    white, yellow = PAINTS["white"], PAINTS["yellow"]
    lines = (
        LaneMarking("solid", yellow, 0.15, wear=0.1),
        LaneMarking("dashed", white, 0.15, dash=3.0, gap=9.0, wear=0.1),
        LaneMarking("dashed", white, 0.15, dash=3.0, gap=9.0, wear=0.1),
        LaneMarking("solid", white, 0.15, wear=0.1),
    )
    verge = Side(shoulder=2.6, shoulder_shade=1.06, verge=VERGES["grass"], beyond=(0.2, 0.42, 0.36), rail="guardrail", trees=0.5)
    scene = Scene(
        seed=25,
        course=Course(winding=0.0016, winding_length=420, winding_phase=0.4, hill=3.0, hill_length=520),
        lines=lines,
        lane_width=3.6,
        ego_lane=1,
        surface=Surface((0.45, 0.45, 0.455), grain=0.07, blotches=0.1, cracks=2, tracks=0.05, oil=0.08),
        left=replace(verge, shoulder=1.2, rail="barrier"),
        right=verge,
        light=Light(1.05, (0.95, 0.99, 1.0), shadow=0.4),
        sky=Sky((0.88, 0.62, 0.38), (0.97, 0.92, 0.85), 0.42, 1.08, "hills", 0.07, (0.26, 0.4, 0.3)),
        lens=Lens(
            exposure=1.05, contrast=1.1, saturation=1.15, blur=0.5, noise=1.0, vignette=0.1, bonnet=0.045, bonnet_colour=(0.08, 0.07, 0.07)
        ),
        field_of_view=1.1,
        horizon=0.46,
        camera_height=1.35,
        speed=27.0,
        sway=1.0,
    )
    vehicles = (
        Vehicle("car", 38, 0.1, 27.5, (0.2, 0.18, 0.55)),
        Vehicle("truck", 75, -3.7, 24.0, (0.78, 0.76, 0.74)),
        Vehicle("car", 24, 3.5, 29.0, (0.75, 0.74, 0.72)),
        Vehicle("van", 120, 3.5, 28.0, (0.7, 0.7, 0.7)),
        Vehicle("car", 150, -3.6, 25.0, (0.45, 0.25, 0.12)),
    )
    return replace(scene, vehicles=vehicles)
