"""Canvas: drawing things that stand on the road or beside it, in metres, into the image and into what it hides."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import BGRImage, Mask
from lanes.geometry.camera import Camera
from lanes.renderer.elements import Colour, haze
from lanes.renderer.road import RoadAhead
from lanes.renderer.scene import Scene

FAR_OUT = 30000
"""Pixels beyond which a corner is out of the range that cv2 draws in."""


class Canvas:
    """An image and what has been covered in it: every shape goes into both.

    Attributes:
        image: (H, W, 3) uint8 BGR. covered: (H, W) uint8, 255 where something stands in front of the road.
    """

    def __init__(self, image: BGRImage, covered: Mask, camera: Camera, road: RoadAhead, scene: Scene) -> None:
        self.image, self.covered = image, covered
        self.camera, self.road, self.scene = camera, road, scene
        self.light = float(np.clip(scene.light.ambient + 0.5 * scene.light.lamps, 0.05, 1.2))

    def project(self, s: object, y: object, z: object) -> NDArray[np.float64]:
        """Road coordinates in metres -> (..., 2) pixels, NaN behind the camera."""
        return self.camera.project(self.road.points(s, y, z))  # type: ignore[arg-type]

    def seen(self, colour: Colour, distance: float, lit: float | None = None) -> tuple[float, float, float]:
        """A colour in the scene's light, seen through its air, 0 to 255. `lit` is the light on it where it is not the scene's."""
        clear = float(np.exp(-haze(self.scene.weather.visibility) * distance))
        light = self.light if lit is None else lit
        if lit is None and self.scene.light.headlights:
            light += 0.5 * self.scene.light.headlights * float(np.exp(-distance / 25))
        mixed = [
            clear * c * light * t + (1 - clear) * h for c, t, h in zip(colour, self.scene.light.tint, self.scene.sky.horizon, strict=True)
        ]
        blue, green, red = (float(min(255.0, 255 * c)) for c in mixed)
        return blue, green, red

    def fill(self, outlines: Sequence[NDArray[np.float64]] | NDArray[np.float64], colour: tuple[float, float, float]) -> None:
        """Fill polygons given in pixels, none over another, with one colour; those that reach behind the camera are left out."""
        if isinstance(outlines, np.ndarray):
            fixed = list(np.round(outlines[(np.abs(outlines) < FAR_OUT).all(axis=(1, 2))] * 16).astype(np.int32))
        else:
            fixed = [np.round(outline * 16).astype(np.int32) for outline in outlines if (np.abs(outline) < FAR_OUT).all()]
        if fixed:
            cv2.fillPoly(self.image, fixed, colour, cv2.LINE_AA, 4)
            cv2.fillPoly(self.covered, fixed, 255.0, cv2.LINE_AA, 4)

    def assemble(self, shapes: Sequence[tuple[Colour, Sequence[tuple[float, float, float]]]], distance: float) -> None:
        """Fill polygons given by (s, y, z), in order; together they hide their convex hull."""
        pixels = self.project(*np.array([corner for _, outline in shapes for corner in outline]).T)
        if not (np.abs(pixels) < FAR_OUT).all():
            return
        fixed, at = np.round(pixels * 16).astype(np.int32), 0
        for colour, outline in shapes:
            cv2.fillConvexPoly(self.image, fixed[at : at + len(outline)], self.seen(colour, distance), cv2.LINE_AA, 4)
            at += len(outline)
        cv2.fillConvexPoly(self.covered, cv2.convexHull(fixed), 255.0, cv2.LINE_AA, 4)

    def lines(self, paths: Sequence[NDArray[np.float64]], colour: tuple[float, float, float], width: float) -> None:
        """Draw open paths given in pixels."""
        fixed = [np.round(path * 16).astype(np.int32) for path in paths if (np.abs(path) < FAR_OUT).all()]
        if fixed:
            thickness = int(np.clip(round(width), 1, 200))
            cv2.polylines(self.image, fixed, False, colour, thickness, cv2.LINE_AA, 4)
            cv2.polylines(self.covered, fixed, False, 255.0, thickness, cv2.LINE_AA, 4)

    def stamp(self, sprite: tuple[BGRImage, Mask], foot: NDArray[np.float64], size: float, gain: float, veil: float, mirror: bool) -> None:
        """Put a square sprite `size` pixels tall on its foot; `gain` and `veil` are light and haze, out of 1 and 255."""
        height, width = self.covered.shape
        left, top = foot[0] - size / 2, foot[1] - size
        x0, y0, x1, y1 = max(0, int(left)), max(0, int(top)), min(width, int(left + size) + 1), min(height, int(foot[1]) + 1)
        if x1 - x0 < 1 or y1 - y0 < 1:
            return
        scale, across = sprite[1].shape[0] / size, (-1 if mirror else 1) * sprite[1].shape[0] / size
        placing = np.array([[across, 0, (x0 - left) * across + mirror * (sprite[1].shape[1] - 1)], [0, scale, (y0 - top) * scale]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        part = cv2.warpAffine(sprite[0], placing, (x1 - x0, y1 - y0), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        mask = cv2.warpAffine(sprite[1], placing, (x1 - x0, y1 - y0), flags=flags)
        cv2.threshold(mask, 127, 255, cv2.THRESH_BINARY, dst=mask)
        cv2.copyTo(cv2.convertScaleAbs(part, alpha=gain, beta=veil), mask, self.image[y0:y1, x0:x1])
        np.maximum(self.covered[y0:y1, x0:x1], mask, out=self.covered[y0:y1, x0:x1])

    def darken(self, outline: NDArray[np.float64], strength: float, cover: bool) -> None:
        """Multiply a polygon, given in pixels, down by a share."""
        if not (np.abs(outline) < FAR_OUT).all():
            return
        height, width = self.covered.shape
        x0, y0 = np.maximum(np.floor(outline.min(axis=0)).astype(int), 0)
        x1, y1 = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 1, (width, height))
        if x1 <= x0 or y1 <= y0:
            return
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.fillPoly(mask, [np.round((outline - (x0, y0)) * 16).astype(np.int32)], 255 * strength, cv2.LINE_AA, 4)
        region = self.image[y0:y1, x0:x1]
        cv2.multiply(region, cv2.merge([255 - mask] * 3), dst=region, scale=1 / 255)
        if cover:
            np.maximum(self.covered[y0:y1, x0:x1], mask, out=self.covered[y0:y1, x0:x1])

    def glow(self, s: float, y: float, z: float, colour: Colour, size: float) -> None:
        """Add a soft halo around a lamp, `size` metres across, and the streak that it draws on a wet road."""
        radius = size * self.camera.fx / max(s, 1.0) + 2
        self._halo(self.project(s, y, z), colour, radius, radius, 230)
        if self.scene.weather.wet:
            self._halo(self.project(s, y, -z), colour, 0.6 * radius, 0.2 * self.covered.shape[0], 110 * self.scene.weather.wet)

    def _halo(self, centre: NDArray[np.float64], colour: Colour, across: float, down: float, strength: float) -> None:
        """Add a spot that fades over `across` and `down` pixels."""
        if not (np.abs(centre) < FAR_OUT).all():
            return
        height, width = self.covered.shape
        across, down = (int(np.clip(reach, 3, max(height, width) / 4)) for reach in (across, down))
        u, v = (round(float(value)) for value in centre)
        x0, y0, x1, y1 = max(u - across, 0), max(v - down, 0), min(u + across + 1, width), min(v + down + 1, height)
        if x1 <= x0 or y1 <= y0:
            return
        rows = np.exp(-((np.arange(y0, y1) - v) ** 2) / (0.14 * down**2))
        columns = np.exp(-((np.arange(x0, x1) - u) ** 2) / (0.14 * across**2))
        fall = np.outer(rows, columns)
        region = self.image[y0:y1, x0:x1]
        cv2.add(region, cv2.merge([cv2.convertScaleAbs(fall, alpha=strength * share) for share in colour]), dst=region)
