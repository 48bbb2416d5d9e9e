"""Light on the ground: day and night, shadows, headlights, street lamps, wet reflections and fog."""

from __future__ import annotations

import cv2
import numpy as np

from lanes.arrays import BGRImage
from lanes.geometry.camera import Camera
from lanes.renderer.elements import haze
from lanes.renderer.road import FLOAT, GroundView
from lanes.renderer.scene import BRIDGE_WIDTH, Scene

LAMP_SPACING = 35.0


def ground_light(scene: Scene, camera: Camera, view: GroundView, shade: FLOAT | None, travelled: float) -> FLOAT:
    """(rows, width) float32: what the ground's colour is multiplied by. `shade` is the tile's shadow, 0 to 1, if any."""
    light = scene.light
    amount = np.full_like(view.y, light.ambient)
    if shade is not None:
        amount -= shade * np.float32(light.shadow * light.ambient)
    ahead = scene.bridge_ahead(travelled)
    if ahead is not None:
        edge = np.maximum(view.along, np.float32(0.3))
        dark = np.clip(np.minimum((view.s - np.float32(ahead)) / edge, (np.float32(ahead + BRIDGE_WIDTH) - view.s) / edge), 0, 1)
        amount *= 1 - dark * np.float32(light.shadow)
    if light.headlights:
        amount += _headlights(camera, view) * np.float32(light.headlights)
    if light.lamps:
        turns = (view.s + np.float32(travelled % LAMP_SPACING)) * np.float32(2 * np.pi / LAMP_SPACING)
        amount += np.float32(light.lamps) * (np.float32(0.6) + np.float32(0.4) * np.cos(turns))
    return amount


def _headlights(camera: Camera, view: GroundView) -> FLOAT:
    """Two dipped beams blended into one: bright close by, a cut-off ahead, wider towards the kerb."""
    bearing = (view.y - np.float32(camera.lateral)) / (view.distance + 2)
    near = np.exp(-((view.distance - 9) ** 2) * np.float32(1 / 500))
    far = np.exp(view.distance * np.float32(-1 / 30))
    spread = np.exp(-(bearing**2) * np.float32(1 / 0.18))
    beam: FLOAT = (np.float32(0.55) * near + np.float32(0.65) * far) * spread
    return beam


def reflect(image: BGRImage, view: GroundView, scene: Scene, camera: Camera, wear: FLOAT) -> FLOAT | None:
    """(3, rows, width) float32, 0 to 1, premultiplied: what a wet road mirrors of what stands above it. None on a dry one."""
    if not scene.weather.wet:
        return None
    height, width = image.shape[:2]
    horizon = int(np.clip(sum(camera.horizon()) / 2, 2, height - 1))
    rows = view.y.shape[0]
    small = cv2.resize(image[:horizon], (max(1, width // 4), max(1, horizon // 4)), interpolation=cv2.INTER_AREA)
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


def sun_glare(image: BGRImage, scene: Scene, camera: Camera, heading: float) -> None:
    """Add a sun in the sky, its halo, and the streak it lays on the road below it."""
    sun = scene.light.sun
    if sun is None:
        return
    bearing = sun[0] - heading
    centre = camera.project((1000 * np.cos(bearing), camera.lateral + 1000 * np.sin(bearing), camera.mount_height + 1000 * np.tan(sun[1])))
    if not np.all(np.isfinite(centre)):
        return
    height, width = image.shape[:2]
    u = (np.arange(0, 80) * width / 80 - centre[0])[None]
    v = (np.arange(0, 48) * height / 48 - centre[1])[:, None]
    squared = (u**2 + v**2) / width**2
    horizon = sum(camera.horizon()) / 2
    below = np.clip((np.arange(0, 48)[:, None] * height / 48 - horizon) / (0.08 * height), 0, 1)
    streak = (
        below
        * np.exp(-((u / width) ** 2) / (0.006 + 0.02 * scene.weather.wet))
        * (0.35 + 0.4 * scene.weather.wet)
        / (1 + np.abs(v) / height)
    )
    field = (1.3 * np.exp(-squared / 0.002) + 0.7 * np.exp(-squared / 0.03) + 0.35 * np.exp(-squared / 0.3) + streak) * scene.light.glare
    tint = (0.85, 0.95, 1.0) if sun[1] > 0.12 else (0.55, 0.8, 1.0)
    small = cv2.merge([cv2.convertScaleAbs(field, alpha=255 * share) for share in tint])
    cv2.add(image, cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), dst=image)
