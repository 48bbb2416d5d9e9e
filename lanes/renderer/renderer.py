"""RoadRenderer: a scene and a time -> a picture and its exact labels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.renderer.camera import Camera
from lanes.renderer.canvas import Canvas
from lanes.renderer.lens import Optics
from lanes.renderer.light import clearness, ground_light, reflect
from lanes.renderer.paint import Stroke, strokes
from lanes.renderer.road import FLOAT, GroundView, RoadAhead, view_ground
from lanes.renderer.roadside import Roadside
from lanes.renderer.scene import Scene
from lanes.renderer.sky import Backdrop
from lanes.renderer.surface import Ground
from lanes.renderer.vehicles import draw_vehicles

BYTE = NDArray[np.uint8]
VISIBLE = 0.02
"""Least contrast between paint and road, of the full range, at which paint is labelled."""
CURVE_REACH = 120.0
"""How far ahead boundary curves are given, metres."""


@dataclass
class Boundary:
    """A lane boundary in the picture, continuous through gaps and behind vehicles.

    Attributes:
        position: -1 the ego lane's left, 1 its right, -2 and 2 the next ones outward.
        points: (n, 2) float64 pixels (u, v), from the bottom of the picture upward.
    """

    position: int
    points: NDArray[np.float64]


@dataclass
class Rendering:
    """A rendered frame with its labels, all of the frame's size.

    Attributes:
        pixels: (H, W, 3) uint8, BGR.
        paint: (H, W) uint8, 0 or 255: lane-line paint that is to be seen, stroke by stroke.
        other_paint: (H, W) uint8, 0 or 255: what training should leave out: arrows, words, stop lines, zebras, and lane paint too worn,
            too far or too faint for anyone to say whether it is there.
        lanes: the boundary curves, from left to right; unpainted boundaries have none.
    """

    pixels: NDArray[np.uint8]
    paint: NDArray[np.uint8]
    other_paint: NDArray[np.uint8]
    lanes: list[Boundary]


class RoadRenderer:
    """Renders a scene at one size. The same scene, size and time give the same pixels.

    Args:
        scene: what to render. width, height: of the frames, pixels, at least 2 each.
    """

    def __init__(self, scene: Scene, width: int, height: int) -> None:
        if width < 2 or height < 2:
            raise ValueError(f"a picture of {width}x{height} has no road in it; both sides must be 2 or more")
        self.scene, self.width, self.height = scene, width, height
        rng = np.random.default_rng(scene.seed)
        self.ground = Ground(scene, rng)
        self.backdrop = Backdrop(scene, rng)
        self.roadside = Roadside(scene, rng)
        self.optics = Optics(scene, width, height, rng)

    def render(self, time_s: float = 0.0) -> Rendering:
        """The frame at a time, in seconds."""
        scene = self.scene
        travelled = scene.travelled(time_s)
        camera = scene.camera(self.width, self.height, time_s)
        road = RoadAhead(scene.course, travelled)
        view = view_ground(camera, road)
        shape = self.height, self.width
        picture = np.zeros((*shape, 3), np.uint8)
        paint, other, covered = (np.zeros(shape, np.uint8) for _ in range(3))
        sky_rows = self.height if view is None else min(self.height, view.top + int(np.count_nonzero(~view.ground.all(axis=1))))
        self.backdrop.paint(picture, camera, float(scene.course.heading(travelled)), sky_rows, time_s)
        if view is not None:
            self._paint_ground(picture, paint, other, camera, view, travelled)
        canvas = Canvas(picture, covered, camera, road, scene)
        self.roadside.draw(canvas, travelled)
        draw_vehicles(canvas, scene.vehicles, travelled, time_s)
        pixels = self.optics.expose(picture, covered, time_s)
        hidden = covered > 127
        paint[hidden] = 0
        other[hidden] = 0
        return Rendering(pixels, paint, other, self._boundaries(camera, road))

    def _paint_ground(self, picture: BYTE, paint: BYTE, other: BYTE, camera: Camera, view: GroundView, travelled: float) -> None:
        """Draw the road and its paint into the picture's lower part, and the labels with it."""
        scene = self.scene
        albedo, wear, shade, marks = self.ground.look(view, travelled)
        light = ground_light(scene, view, shade, travelled)
        clear = clearness(scene, view)
        if scene.markings:
            _lay_markings(albedo, marks)
            other[view.top :][marks > 0.3] = 255
        for stroke in strokes(scene, view, wear, travelled):
            self._lay(stroke, albedo, light, clear, paint[view.top :].reshape(-1), other[view.top :].reshape(-1))
        mirrored = reflect(picture, view, scene, camera, wear)
        lower, planes = picture[view.top :], []
        for channel, plane in enumerate(albedo):
            plane *= light
            plane *= np.float32(scene.light.tint[channel])
            if mirrored is not None:
                plane *= np.float32(1 - 0.35 * scene.weather.wet)
                plane += mirrored[channel]
            if clear is not None:
                fog = np.float32(scene.sky.horizon[channel])
                plane -= fog
                plane *= clear
                plane += fog
            planes.append(cv2.convertScaleAbs(plane, alpha=255))
        if view.ground.all():
            cv2.merge(planes, dst=lower)
        else:
            cv2.copyTo(cv2.merge(planes), view.ground.astype(np.uint8), lower)
            paint[view.top :][~view.ground] = 0
            other[view.top :][~view.ground] = 0

    def _lay(self, stroke: Stroke, albedo: FLOAT, light: FLOAT, clear: FLOAT | None, paint: BYTE, other: BYTE) -> None:
        """Lay one stroke over the ground and label it where it can be told from the ground."""
        flat = albedo.reshape(3, -1)
        seen = np.zeros_like(stroke.cover)
        for plane, level in zip(flat, stroke.colour, strict=True):
            before = plane[stroke.index]
            change = (np.float32(level) - before) * stroke.cover
            plane[stroke.index] = before + change
            np.maximum(seen, np.abs(change), out=seen)
        seen *= light.reshape(-1)[stroke.index]
        if clear is not None:
            seen *= clear.reshape(-1)[stroke.index]
        faint = stroke.worn | (seen * np.float32(self.scene.lens.exposure * self.scene.lens.contrast) < VISIBLE)
        paint[stroke.index[stroke.core & ~faint]] = 255
        other[stroke.index[stroke.core & faint]] = 255

    def _boundaries(self, camera: Camera, road: RoadAhead) -> list[Boundary]:
        """Project the painted boundaries, up to where a crest hides them."""
        s = np.concatenate([np.linspace(0.3, 12, 60), np.geomspace(12.5, CURVE_REACH, 80)])
        hidden = road.hidden(s, camera)
        if hidden.any():
            s = s[: int(np.argmax(hidden))]
        found = []
        for index, (line, y) in enumerate(zip(self.scene.lines, self.scene.boundaries, strict=True)):
            pixels = camera.project(road.points(s, y))
            inside = np.all((pixels >= -0.5) & (pixels <= (self.width - 0.5, self.height - 0.5)), axis=1)
            if line.kind != "none" and np.count_nonzero(inside) > 1:
                found.append(Boundary(self.scene.position(index), pixels[inside]))
        return found


def _lay_markings(albedo: FLOAT, marks: FLOAT) -> None:
    """Lay arrows, words and their like over the ground."""
    flat = albedo.reshape(3, -1)
    inside = np.flatnonzero(marks.reshape(-1) > 0.02)
    cover = marks.reshape(-1)[inside] * np.float32(0.9)
    for plane in flat:
        plane[inside] += (np.float32(0.85) - plane[inside]) * cover
