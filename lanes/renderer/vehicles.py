"""Other road users: simple shaded bodies with windows, lamps, wheels and a shadow, drawn from far to near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lanes.renderer.canvas import Canvas
from lanes.renderer.elements import Colour, Vehicle, dim

Corner = tuple[float, float, float]
"""(s, y, z): along the road from the camera, to the left, up."""


@dataclass(frozen=True)
class Body:
    """Outer measures in metres: windows begin at the waist, the roof is narrower by `taper` on each side."""

    width: float
    height: float
    length: float
    waist: float
    taper: float
    clearance: float = 0.25
    wheel: float = 0.32


BODIES = {
    "car": Body(1.8, 1.47, 4.4, 0.92, 0.22),
    "van": Body(2.0, 2.2, 5.2, 1.2, 0.12),
    "truck": Body(2.5, 3.7, 11.0, 3.7, 0.0, 0.6, 0.5),
    "motorbike": Body(0.7, 1.6, 2.0, 1.0, 0.15, 0.3),
}
LOOP = 320.0
"""Metres after which traffic repeats: who has been passed comes up again far ahead."""
GLASS: Colour = (0.2, 0.18, 0.16)
DARK: Colour = (0.05, 0.05, 0.05)


def draw_vehicles(canvas: Canvas, vehicles: Sequence[Vehicle], travelled: float, time_s: float) -> None:
    """Draw the vehicles that are ahead, the farthest first."""
    ahead = [((vehicle.s + vehicle.speed * time_s - travelled) % LOOP, vehicle) for vehicle in vehicles]
    for s, vehicle in sorted(ahead, key=lambda pair: -pair[0]):
        body = BODIES[vehicle.kind]
        # The nearer end must be in front of the lens; crests hide what is behind them.
        if s - body.length / 2 > 2.0 and not canvas.road.hidden(s, canvas.camera):
            _draw(canvas, vehicle, body, s)


def _draw(canvas: Canvas, vehicle: Vehicle, body: Body, s: float) -> None:
    """One vehicle with its middle `s` ahead."""
    near, far = s - body.length / 2, s + body.length / 2
    left, right = vehicle.y + body.width / 2, vehicle.y - body.width / 2
    for margin, strength in ((0.3, 0.35), (0.05, 0.75)):
        s_, y = np.array([near - margin, near - margin, far, far]), np.array([left, right, right, left]) + margin * np.array([1, -1, -1, 1])
        # Paint in the dark under a car is not visible.
        canvas.darken(canvas.project(s_, y, 0.02), strength, cover=strength > 0.5)
    sides = _side(vehicle, body, near, far, vehicle.y > canvas.camera.lateral, canvas.scene.sky.horizon)
    shapes = sides + _back(vehicle, body, near)
    canvas.assemble(shapes, near)
    _lamps(canvas, vehicle, body, near)


def _side(vehicle: Vehicle, body: Body, near: float, far: float, to_right: bool, sky: Colour) -> list[tuple[Colour, list[Corner]]]:
    """The side that shows, with windows and wheels, and the roof."""
    sign = -1 if to_right else 1
    side, inner = vehicle.y + sign * body.width / 2, vehicle.y + sign * (body.width / 2 - body.taper)
    waist, top = body.waist, body.height
    roof_near, roof_far = near + 0.12 * body.length, far - 0.3 * body.length
    shapes: list[tuple[Colour, list[Corner]]] = [
        (dim(vehicle.colour, 0.72), [(near, side, body.clearance), (far, side, body.clearance), (far, side, waist), (near, side, waist)])
    ]
    if waist < top:
        shapes.append(
            (
                dim(vehicle.colour, 0.85),
                [(near + 0.1, side, waist), (far - 0.8, side, waist), (roof_far, inner, top), (roof_near, inner, top)],
            )
        )
        for start, stop in ((0.16, 0.46), (0.5, 0.78)):
            low, high = (near + share * body.length for share in (start, stop))
            shapes.append(
                (
                    GLASS,
                    [(low, side, waist + 0.05), (high, side, waist + 0.05), (high - 0.1, inner, top - 0.1), (low + 0.2, inner, top - 0.1)],
                )
            )
    if vehicle.gloss:
        # A crease at half height and one at the sill, each as thin and as bright as a stroke of paint.
        for z, height in ((body.clearance + 0.6 * (waist - body.clearance), 0.06), (body.clearance + 0.1, 0.08)):
            low, high = near + 0.05 * body.length, far - 0.08 * body.length
            blue, green, red = (c + vehicle.gloss * max(0.0, h - c) for c, h in zip(vehicle.colour, sky, strict=True))
            shapes.append(
                ((blue, green, red), [(low, side, z), (high, side, z + 0.08), (high, side, z + 0.08 + height), (low, side, z + height)])
            )
    for wheel in (near + 0.18 * body.length, far - 0.2 * body.length):
        ring = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        shapes.append((DARK, [(wheel + body.wheel * float(np.cos(a)), side, body.wheel * (1 + float(np.sin(a)))) for a in ring]))
    roof_y = vehicle.y + body.width / 2 - body.taper, vehicle.y - body.width / 2 + body.taper
    shapes.append(
        (
            dim(vehicle.colour, 1.2),
            [(roof_near, roof_y[0], top), (roof_near, roof_y[1], top), (roof_far, roof_y[1], top), (roof_far, roof_y[0], top)],
        )
    )
    return shapes


def _back(vehicle: Vehicle, body: Body, near: float) -> list[tuple[Colour, list[Corner]]]:
    """The end that faces us: tyres, body, window, bumper."""
    left, right, waist, top = vehicle.y + body.width / 2, vehicle.y - body.width / 2, body.waist, body.height

    def pane(y0: float, y1: float, z0: float, z1: float) -> list[Corner]:
        return [(near, y0, z0), (near, y1, z0), (near, y1, z1), (near, y0, z1)]

    shapes: list[tuple[Colour, list[Corner]]] = [(DARK, pane(left, left - 0.22, 0, 0.5)), (DARK, pane(right + 0.22, right, 0, 0.5))]
    if waist < top:
        roof = near + 0.12 * body.length
        shapes.append(
            (
                dim(vehicle.colour, 1.05),
                [(near, left, waist), (near, right, waist), (roof, right + body.taper, top), (roof, left - body.taper, top)],
            )
        )
        inset = body.taper + 0.1
        shapes.append(
            (
                GLASS,
                [
                    (near, left - 0.14, waist + 0.05),
                    (near, right + 0.14, waist + 0.05),
                    (roof, right + inset, top - 0.1),
                    (roof, left - inset, top - 0.1),
                ],
            )
        )
    shapes.append((dim(vehicle.colour, 0.95), pane(left, right, body.clearance, waist)))
    if waist < top:
        shapes.append((dim(vehicle.colour, 1.1), pane(left, right, waist - 0.1, waist)))
    else:
        middle = vehicle.y
        shapes += [
            (dim(vehicle.colour, 0.6), pane(middle + 0.03, middle - 0.03, 1.0, top - 0.15)),
            (DARK, pane(left, right, body.clearance, 1.0)),
        ]
    shapes.append((dim(vehicle.colour, 0.55), pane(left, right, body.clearance, body.clearance + 0.22)))
    return shapes


def _lamps(canvas: Canvas, vehicle: Vehicle, body: Body, near: float) -> None:
    """Rear lamps, or headlights of one that comes towards us, with their glow at night."""
    dark, oncoming = canvas.light < 0.6, vehicle.speed < 0
    alight = dark or vehicle.braking
    colour: Colour = (0.95, 1.0, 1.0) if oncoming else (0.15, 0.12, 1.0 if alight else 0.6)
    offset = body.width / 2 - 0.17 if vehicle.kind != "motorbike" else 0.0
    z = body.clearance + 0.42
    panes = [
        [(y + 0.16, z), (y - 0.16, z), (y - 0.16, z + 0.17), (y + 0.16, z + 0.17)] for y in sorted({vehicle.y + offset, vehicle.y - offset})
    ]
    if not oncoming:
        panes.append(
            [(vehicle.y + 0.26, z - 0.05), (vehicle.y - 0.26, z - 0.05), (vehicle.y - 0.26, z + 0.07), (vehicle.y + 0.26, z + 0.07)]
        )
    pixels = canvas.project(near, *np.array(panes).T).swapaxes(0, 1)
    canvas.fill(pixels[:-1] if not oncoming else pixels, canvas.seen(colour, near, 1.0 if alight else 0.8))
    if not oncoming:
        canvas.fill(pixels[-1:], canvas.seen((0.8, 0.85, 0.85), near))
    if dark:
        for y in {vehicle.y + offset, vehicle.y - offset}:
            canvas.glow(near, y, z + 0.08, colour, (2.4 if oncoming else 0.7) * min(1.0, 0.3 + near / 50))
