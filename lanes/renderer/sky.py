"""Everything far away: sky, clouds, hills, woods and towns along the horizon, the sun."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import BGRImage
from lanes.geometry.camera import Camera
from lanes.renderer.elements import Colour, haze
from lanes.renderer.scene import Scene
from lanes.renderer.textures import CLOUD_SIZE, FINE, SMOOTH, cloud, cloud_part, skyline

TURN = 4096
"""Entries of a skyline profile around the whole horizon."""


class Backdrop:
    """The far surroundings of a scene."""

    def __init__(self, scene: Scene, rng: np.random.Generator) -> None:
        self.scene = scene
        kind = scene.sky.skyline
        roughness = {"hills": 1.9, "trees": 0.8, "city": 0.6, "none": 1.0}[kind]
        self.far = skyline(int(rng.integers(1 << 30)), 1.8)
        self.near = skyline(int(rng.integers(1 << 30)), roughness)
        if kind == "city":
            # Roofs are level: hold each height for the width of a house.
            starts = np.sort(rng.choice(TURN, 300, replace=False))
            self.near = self.near[starts[np.maximum(np.searchsorted(starts, np.arange(TURN), side="right") - 1, 0)]]
        self.shift = int(rng.integers(CLOUD_SIZE))

    def paint(self, image: BGRImage, camera: Camera, heading: float, rows: int, drift_s: float) -> None:
        """Fill the first `rows` rows; `heading` is where the road points, `drift_s` how long the clouds have been moving."""
        scene = self.scene
        left, right = camera.horizon()
        horizon = np.linspace(left, right, camera.width, dtype=np.float32)
        self._sky(image[:rows], float(horizon.mean()), camera, drift_s)
        if scene.sky.skyline == "none":
            return
        bearing = heading + camera.yaw + np.arctan((camera.cx - np.arange(camera.width)) / camera.fx)
        entry = (bearing * (TURN / (2 * np.pi)) * 4).astype(np.int64) % TURN
        size = scene.sky.skyline_height * camera.fy
        shift = round(-(heading + camera.yaw) * camera.fx)
        fade = float(np.exp(-haze(scene.weather.visibility) * 250))
        if scene.sky.skyline != "city":
            self._ridge(image[:rows], horizon - size * (0.7 + 1.2 * self.far[entry]), self._mixed(0.45 * fade), 0.1, shift)
        self._ridge(
            image[:rows],
            horizon - size * (0.35 + 0.9 * self.near[entry]),
            self._mixed(fade),
            0.12 if scene.sky.skyline == "city" else 0.45,
            shift,
        )

    def _mixed(self, share: float) -> Colour:
        """The skyline's colour seen through the air."""
        near, far = self.scene.sky.skyline_colour, self.scene.sky.horizon
        light = self.scene.light.ambient
        blue, green, red = (share * n * light + (1 - share) * f for n, f in zip(near, far, strict=True))
        return blue, green, red

    def _sky(self, part: BGRImage, horizon: float, camera: Camera, drift_s: float) -> None:
        sky = self.scene.sky
        rows, width = part.shape[:2]
        if not rows:
            return
        height = np.clip((horizon - np.arange(rows)) / camera.fy, 0, None)[:, None]
        blend = np.exp(-height * 3.0)
        column = np.asarray(sky.zenith) * (1 - blend) + np.asarray(sky.horizon) * blend
        if not sky.clouds:
            part[:] = (np.clip(column, 0, 1) * 255).astype(np.uint8)[:, None]
            return
        # Clouds hang on a ceiling: their pattern tightens towards the horizon. A quarter of the resolution is enough for them.
        small_rows, small_width = max(1, rows // 3), max(1, width // 3)
        reach = 1 / (np.linspace(max(horizon, 1) / camera.fy, 0.02, small_rows) + 0.12)
        u = np.linspace(-0.5, 0.5, small_width) * camera.width / camera.fx
        tile = cloud(SMOOTH)
        across = (u[None] * reach[:, None] * 90 + self.shift + 2 * drift_s).astype(np.int32) % CLOUD_SIZE
        depth = (reach[:, None] * 90 + self.shift).astype(np.int32) % CLOUD_SIZE
        density = np.clip((tile[depth, across].astype(np.float32) / 255 - (1 - sky.clouds)) * 3.0, 0, 1)
        # The underside of a thick cloud is darker than its edge.
        shade = sky.cloud_shade * (1 - 0.25 * density)[:, :, None] * np.array([1.0, 0.99, 0.98], np.float32)
        base = cv2.resize(column[:, None].astype(np.float32), (1, small_rows))[:, :, :]
        base = base.reshape(small_rows, 1, 3)
        mixed = base + (shade - base) * (density * 0.9)[:, :, None]
        small = (np.clip(mixed, 0, 1) * 255).astype(np.uint8)
        cv2.resize(small, (width, rows), dst=part, interpolation=cv2.INTER_LINEAR)

    def _ridge(self, part: BGRImage, line: NDArray[np.floating], colour: Colour, relief: float, shift: int) -> None:
        """Fill below a skyline with a rough texture."""
        rows, width = part.shape[:2]
        top = int(np.clip(line.min(), 0, rows))
        if top >= rows:
            return
        below = np.arange(top, rows, dtype=np.float32)[:, None] > line[None].astype(np.float32)
        noise = cloud_part(FINE, top, shift, rows - top, width)
        gain = [(255 * level * 2 * relief / 255, 255 * level * (1 - relief)) for level in colour]
        texture = cv2.merge([cv2.convertScaleAbs(noise, alpha=alpha, beta=beta) for alpha, beta in gain])
        cv2.copyTo(texture, below.view(np.uint8), part[top:])
