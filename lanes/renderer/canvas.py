"""Canvas: drawing things that stand on the road or beside it, in metres, into the picture and into what it hides."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.renderer.camera import Camera
from lanes.renderer.road import RoadAhead
from lanes.renderer.scene import Colour, Scene, haze

BYTE = NDArray[np.uint8]
FAR_OUT = 30000
"""Pixels beyond which a corner is out of the range that cv2 draws in."""


class Canvas:
    """A picture and what has been covered in it: every shape goes into both.

    Attributes:
        picture: (H, W, 3) uint8 BGR. covered: (H, W) uint8, 255 where something stands in front of the road.
    """

    def __init__(self, picture: BYTE, covered: BYTE, camera: Camera, road: RoadAhead, scene: Scene) -> None:
        self.picture, self.covered = picture, covered
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
        mixed = [clear * c * light * t + (1 - clear) * h for c, t, h in zip(colour, self.scene.light.tint, self.scene.sky.horizon, strict=True)]
        blue, green, red = (float(min(255.0, 255 * c)) for c in mixed)
        return blue, green, red

    def fill(self, outlines: Sequence[NDArray[np.float64]], colour: tuple[float, float, float]) -> None:
        """Fill polygons given in pixels with one colour; those that reach behind the camera are left out."""
        fixed = [np.round(outline * 16).astype(np.int32) for outline in outlines if np.all(np.abs(outline) < FAR_OUT)]
        if fixed:
            cv2.fillPoly(self.picture, fixed, colour, cv2.LINE_AA, 4)
            cv2.fillPoly(self.covered, fixed, 255.0, cv2.LINE_AA, 4)

    def lines(self, paths: Sequence[NDArray[np.float64]], colour: tuple[float, float, float], width: float) -> None:
        """Draw open paths given in pixels."""
        fixed = [np.round(path * 16).astype(np.int32) for path in paths if np.all(np.abs(path) < FAR_OUT)]
        if fixed:
            thickness = int(np.clip(round(width), 1, 200))
            cv2.polylines(self.picture, fixed, False, colour, thickness, cv2.LINE_AA, 4)
            cv2.polylines(self.covered, fixed, False, 255.0, thickness, cv2.LINE_AA, 4)

    def stamp(self, sprite: tuple[BYTE, BYTE], foot: NDArray[np.float64], size: float, gain: float, veil: float, mirror: bool) -> None:
        """Put a square sprite `size` pixels tall on its foot; `gain` and `veil` are light and haze, out of 1 and 255."""
        height, width = self.covered.shape
        left, top = foot[0] - size / 2, foot[1] - size
        x0, y0, x1, y1 = max(0, int(left)), max(0, int(top)), min(width, int(left + size) + 1), min(height, int(foot[1]) + 1)
        if x1 - x0 < 1 or y1 - y0 < 1:
            return
        scale = sprite[1].shape[0] / size
        placing = np.array([[-scale if mirror else scale, 0, (x0 - left) * (-scale if mirror else scale) + (sprite[1].shape[1] - 1 if mirror else 0)], [0, scale, (y0 - top) * scale]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        part = cv2.warpAffine(sprite[0], placing, (x1 - x0, y1 - y0), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        mask = cv2.warpAffine(sprite[1], placing, (x1 - x0, y1 - y0), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
        cv2.copyTo(cv2.convertScaleAbs(part, alpha=gain, beta=veil), mask, self.picture[y0:y1, x0:x1])
        np.maximum(self.covered[y0:y1, x0:x1], mask, out=self.covered[y0:y1, x0:x1])

    def darken(self, outline: NDArray[np.float64], strength: float, cover: bool) -> None:
        """Multiply a polygon, given in pixels, down by a share."""
        if not np.all(np.abs(outline) < FAR_OUT):
            return
        height, width = self.covered.shape
        x0, y0 = np.maximum(np.floor(outline.min(axis=0)).astype(int), 0)
        x1, y1 = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 1, (width, height))
        if x1 <= x0 or y1 <= y0:
            return
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.fillPoly(mask, [np.round((outline - (x0, y0)) * 16).astype(np.int32)], 255 * strength, cv2.LINE_AA, 4)
        region = self.picture[y0:y1, x0:x1]
        cv2.multiply(region, cv2.merge([255 - mask] * 3), dst=region, scale=1 / 255)
        if cover:
            np.maximum(self.covered[y0:y1, x0:x1], mask, out=self.covered[y0:y1, x0:x1])

    def glow(self, s: float, y: float, z: float, colour: Colour, size: float) -> None:
        """Add a soft halo around a lamp, `size` metres across."""
        centre = self.project(s, y, z)
        if not np.all(np.isfinite(centre)) or np.abs(centre).max() > FAR_OUT:
            return
        radius = int(np.clip(size * self.camera.focal / max(s, 1.0) + 2, 3, max(self.covered.shape) / 4))
        u, v = (int(round(value)) for value in centre)
        height, width = self.covered.shape
        x0, y0, x1, y1 = max(u - radius, 0), max(v - radius, 0), min(u + radius + 1, width), min(v + radius + 1, height)
        if x1 <= x0 or y1 <= y0:
            return
        fall = np.exp(-((np.arange(y0, y1)[:, None] - v) ** 2 + (np.arange(x0, x1)[None] - u) ** 2) / (0.14 * radius**2)).astype(np.float32)
        halo = [cv2.convertScaleAbs(fall, alpha=230 * c) for c in colour]
        region = self.picture[y0:y1, x0:x1]
        cv2.add(region, cv2.merge(halo), dst=region)
