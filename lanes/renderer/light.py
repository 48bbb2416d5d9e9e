"""Light on the ground: day and night, shadows, headlights, street lamps, wet reflections and fog."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.renderer.camera import Camera
from lanes.renderer.road import FLOAT, GroundView
from lanes.renderer.scene import Scene, haze

LAMP_SPACING = 35.0


def ground_light(scene: Scene, view: GroundView, shade: FLOAT, travelled: float) -> FLOAT:
    """(rows, width) float32: what the ground's colour is multiplied by. `shade` is the tile's shadow, 0 to 1."""
    light = scene.light
    amount = np.full_like(shade, light.ambient)
    if light.tree_shade:
        amount -= shade * np.float32(light.shadow * light.ambient)
    if light.bridge is not None:
        ahead = light.bridge - travelled
        edge = np.maximum(view.along, np.float32(0.3))
        dark = np.clip(np.minimum((view.s - np.float32(ahead)) / edge, (np.float32(ahead + 14) - view.s) / edge), 0, 1)
        amount *= 1 - dark * np.float32(light.shadow)
    if light.headlights:
        amount += _headlights(scene, view) * np.float32(light.headlights)
    if light.lamps:
        turns = (view.s + np.float32(travelled % LAMP_SPACING)) * np.float32(2 * np.pi / LAMP_SPACING)
        amount += np.float32(light.lamps) * (np.float32(0.6) + np.float32(0.4) * np.cos(turns))
    return amount


def _headlights(scene: Scene, view: GroundView) -> FLOAT:
    """Two dipped beams blended into one: bright close by, a cut-off ahead, wider towards the kerb."""
    bearing = (view.y - np.float32(_camera_y(scene))) / (view.distance + 2)
    near = np.exp(-((view.distance - 9) ** 2) * np.float32(1 / 500))
    far = np.exp(view.distance * np.float32(-1 / 30))
    spread = np.exp(-(bearing**2) * np.float32(1 / 0.18))
    beam: FLOAT = (np.float32(0.55) * near + np.float32(0.65) * far) * spread
    return beam


def _camera_y(scene: Scene) -> float:
    lane = scene.ego_lane
    return (scene.boundaries[lane] + scene.boundaries[lane + 1]) / 2 + scene.offset


def reflect(picture: NDArray[np.uint8], view: GroundView, scene: Scene, camera: Camera, wear: FLOAT) -> FLOAT | None:
    """(3, rows, width) float32, 0 to 1, premultiplied: what a wet road mirrors of what stands above it. None on a dry one."""
    if not scene.weather.wet:
        return None
    height, width = picture.shape[:2]
    horizon = int(np.clip(sum(camera.horizon()) / 2, 2, height - 1))
    rows = view.y.shape[0]
    small = cv2.resize(picture[:horizon], (max(1, width // 4), max(1, horizon // 4)), interpolation=cv2.INTER_AREA)
    # Ripples stretch a mirror image towards the viewer and hardly at all across.
    small = cv2.blur(small[::-1], (3, max(3, height // 24) | 1))
    mirror = cv2.resize(small, (width, horizon))
    # Row 0 of the mirror lies at the horizon; beyond either end its last row goes on.
    mirror = mirror[np.clip(np.arange(view.top, view.top + rows) - horizon, 0, horizon - 1)]
    grazing = view.distance / (view.distance + np.float32(9.0))
    puddles = np.clip((wear - np.float32(0.75 - 0.6 * scene.weather.wet)) * 5, 0, 1)
    strength = grazing * (np.float32(0.25) + np.float32(0.6) * puddles) * np.float32(scene.weather.wet / 255)
    return np.stack([plane * strength for plane in cv2.split(mirror)])


def clearness(scene: Scene, view: GroundView) -> FLOAT | None:
    """(rows, width): share of the ground's own light that comes through the air, None where the air is clear."""
    if scene.weather.visibility > 3000:
        return None
    clear: FLOAT = np.exp(view.distance * np.float32(-haze(scene.weather.visibility)))
    return clear
