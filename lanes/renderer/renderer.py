"""RoadRenderer: a scene and a time -> an image and its exact labels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import BGRImage, Mask
from lanes.geometry.camera import Camera
from lanes.renderer.canvas import Canvas
from lanes.renderer.ego import EgoMotion
from lanes.renderer.ground_truth import STATIONS, GroundTruth
from lanes.renderer.lens import Optics
from lanes.renderer.light import clearness, ground_light, reflect, sun_glare
from lanes.renderer.paint import Stroke, label, lay, lay_markings, strokes
from lanes.renderer.road import GroundView, RoadAhead, view_ground
from lanes.renderer.roadside import Roadside
from lanes.renderer.scene import Scene
from lanes.renderer.sky import Backdrop
from lanes.renderer.surface import Ground
from lanes.renderer.vehicles import draw_vehicles


@dataclass
class Boundary:
    """A lane boundary in the image, continuous through gaps and behind vehicles.

    Attributes:
        position: -1 the ego lane's left, 1 its right, -2 and 2 the next ones outward.
        points: (n, 2) float64 pixels (u, v), from the bottom of the image upward.
    """

    position: int
    points: NDArray[np.float64]


@dataclass
class Rendering:
    """A rendered frame with its labels, all of the frame's size.

    Attributes:
        pixels: (H, W, 3) uint8, BGR.
        paint: (H, W) uint8, 0 or 255: lane-line paint that is visible, stroke by stroke.
        other_paint: (H, W) uint8, 0 or 255: what training should leave out: arrows, words, stop lines, zebras, and lane paint too worn,
            too far or too faint to decide whether it is there.
        markings: (H, W) uint8, 0 or 255: the part of `other_paint` that is arrows, words, stop lines and zebras: paint, and no lane's.
        lanes: the boundary curves, from left to right; unpainted boundaries have none.
        ground_truth: the camera, the car's position in its lane and the boundaries, in metres.
    """

    pixels: BGRImage
    paint: Mask
    other_paint: Mask
    markings: Mask
    lanes: list[Boundary]
    ground_truth: GroundTruth


class RoadRenderer:
    """Renders a scene at one size. The same scene, size and time give the same pixels.

    Args:
        scene: what to render. width, height: of the frames, pixels, at least 2 each.
    """

    def __init__(self, scene: Scene, width: int, height: int) -> None:
        if width < 2 or height < 2:
            raise ValueError(f"an image of {width}x{height} has no road in it; both sides must be 2 or more")
        self.scene, self.width, self.height = scene, width, height
        self.ego = EgoMotion(scene)
        rng = np.random.default_rng(scene.seed)
        self.ground = Ground(scene, rng)
        self.backdrop = Backdrop(scene, rng)
        self.roadside = Roadside(scene, rng)
        self.optics = Optics(scene, width, height, rng)

    def render(self, time_s: float = 0.0) -> Rendering:
        """The frame at a time, in seconds."""
        scene = self.scene
        ego = self.ego.state(time_s)
        travelled = ego.s
        camera = self.ego.camera(self.width, self.height, time_s)
        road = RoadAhead(scene.course, travelled)
        view = view_ground(camera, road)
        shape = self.height, self.width
        image = np.zeros((*shape, 3), np.uint8)
        paint, other, markings, covered = (np.zeros(shape, np.uint8) for _ in range(4))
        sky_rows = self.height if view is None else min(self.height, view.top + int(np.count_nonzero(~view.ground.all(axis=1))))
        self.backdrop.paint(image, camera, float(scene.course.heading(travelled)), sky_rows, time_s)
        laid: list[Stroke] = [] if view is None else self._paint_ground(image, markings, camera, view, travelled)
        canvas = Canvas(image, covered, camera, road, scene)
        self.roadside.draw(canvas, travelled)
        draw_vehicles(canvas, scene.vehicles, travelled, time_s)
        sun_glare(image, scene, camera, float(scene.course.heading(travelled)))
        gain = self.optics.gain(image)
        pixels = self.optics.expose(image, covered, gain, time_s)
        if view is not None:
            for stroke in laid:
                label(stroke, gain * scene.lens.contrast, paint[view.top :].reshape(-1), other[view.top :].reshape(-1))
            covered[view.top :][~view.ground] = 255
            covered[: view.top] = 255
        hidden = covered > 127
        paint[hidden] = 0
        markings[hidden | (paint > 0)] = 0
        other[hidden | (paint > 0)] = 0
        other |= markings
        ground_truth = GroundTruth.of(scene, ego, camera, road, covered, time_s)
        return Rendering(pixels, paint, other, markings, _curves(ground_truth, road.hidden(STATIONS, camera)), ground_truth)

    def _paint_ground(self, image: BGRImage, markings: Mask, camera: Camera, view: GroundView, travelled: float) -> list[Stroke]:
        """Draw the road and its paint into the image's lower part, label what is no lane line, and give the strokes of what is."""
        scene = self.scene
        albedo, wear, shade, marks = self.ground.sample(view, travelled)
        light = ground_light(scene, camera, view, shade, travelled)
        clear = clearness(scene, view)
        if marks is not None:
            lay_markings(albedo, marks)
            markings[view.top :][marks > 0.3] = 255
        laid = strokes(scene, view, wear, travelled)
        for stroke in laid:
            lay(stroke, albedo)
            stroke.contrast *= light.reshape(-1)[stroke.index]
            if clear is not None:
                stroke.contrast *= clear.reshape(-1)[stroke.index]
        mirrored = reflect(image, view, scene, camera, wear)
        lower, planes = image[view.top :], []
        for channel, (plane, tint) in enumerate(zip(albedo, scene.light.tint, strict=True)):
            plane *= light
            if mirrored is not None:
                plane *= np.float32(1 - 0.35 * scene.weather.wet)
                plane += mirrored[channel] * np.float32(1 / tint)
            if clear is not None:
                # Divided by the tint, which comes last, so that the fog keeps its own colour.
                fog = np.float32(scene.sky.horizon[channel] / tint)
                plane -= fog
                plane *= clear
                plane += fog
            planes.append(cv2.convertScaleAbs(plane, alpha=255 * tint))
        if view.ground.all():
            cv2.merge(planes, dst=lower)
        else:
            cv2.copyTo(cv2.merge(planes), view.ground.astype(np.uint8), lower)
        return laid


def _curves(ground_truth: GroundTruth, hidden: NDArray[np.bool_]) -> list[Boundary]:
    """The painted boundaries in the image, up to where a crest first hides them."""
    reach = int(np.argmax(hidden)) if hidden.any() else len(hidden)
    size = np.array((ground_truth.camera.width, ground_truth.camera.height))
    curves = []
    for boundary in ground_truth.boundaries:
        pixels = boundary.pixels[:reach]
        inside = np.all((pixels >= -0.5) & (pixels <= size - 0.5), axis=-1)
        if boundary.painted and np.count_nonzero(inside) > 1:
            curves.append(Boundary(boundary.position, pixels[inside]))
    return curves
