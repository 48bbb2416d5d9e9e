"""The ground: a cross-section of the road that holds what runs along it, and a tile that holds what lies scattered on it.

Both are made once a scene, with coarser and coarser copies, and each pixel takes the one that suits how much ground it sees.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.renderer.elements import Side, Surface
from lanes.renderer.road import FLOAT, GroundView
from lanes.renderer.scene import Scene
from lanes.renderer.textures import GRAIN_SIZE, grain
from lanes.renderer.tile import TILE_LENGTH, TILE_WIDTH, ground_tile

PITCH = 0.025
"""Metres an entry of the cross-section."""
REACH = 40.0
"""Metres that the cross-section covers to each side."""
LEVELS = 8


def _band(section: NDArray[np.float32], right: float, left: float, colour: tuple[float, ...], road: float) -> None:
    """Paint the cross-section between two lateral positions."""
    start, stop = (int(np.clip((y + REACH) / PITCH, 0, len(section))) for y in (right, left))
    section[start:stop, :3] = colour
    section[start:stop, 3] = road


def _add(section: NDArray[np.float32], centre: float, half_width: float, amount: float, soft: bool = True) -> None:
    """Brighten (or darken) a strip by a share."""
    reach = (3 if soft else 1) * half_width
    start, stop = (int(np.clip(round((y + REACH) / PITCH), 0, len(section))) for y in (centre - reach, centre + reach))
    y = np.arange(start, stop) * PITCH - REACH - centre
    shape = np.exp(-0.5 * (y / half_width) ** 2) if soft else np.ones_like(y)
    section[start:stop, :3] *= 1 + amount * shape[:, None]


def _side(section: NDArray[np.float32], side: Side, edge: float, sign: int, road: tuple[float, ...]) -> None:
    """Shoulder, kerb and verge from the last line outward; `sign` is 1 to the left."""

    def band(near: float, far: float, colour: tuple[float, ...], roadness: float) -> None:
        low, high = sorted((edge + sign * near, edge + sign * far))
        _band(section, low, high, colour, roadness)

    at = side.shoulder
    band(at, 100, side.beyond, 0.0)
    band(at, at + side.kerb + side.verge_width, side.verge, 0.0)
    band(0.25, at, tuple(c * side.shoulder_shade for c in road), 1.0)
    if side.kerb:
        face = 0.35 * side.kerb
        band(at, at + face, tuple(c * 0.55 for c in side.kerb_colour), 0.6)
        band(at + face, at + side.kerb, side.kerb_colour, 0.6)


def cross_section(scene: Scene, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(LEVELS, entries, 4) uint8: BGR and how much of it is carriageway, by lateral position, each level twice as blurred."""
    section = np.zeros((round(2 * REACH / PITCH), 4), np.float32)
    surface: Surface = scene.surface
    right, left = scene.boundaries[-1], scene.boundaries[0]
    _band(section, right - 1, left + 1, surface.colour, 1.0)
    for lane in range(len(scene.lines) - 1):
        middle = (scene.boundaries[lane] + scene.boundaries[lane + 1]) / 2
        shade = 1 + 0.25 * surface.blotches * rng.uniform(-1, 1)
        start, stop = (int((y + REACH) / PITCH) for y in (scene.boundaries[lane + 1], scene.boundaries[lane]))
        section[start:stop, :3] *= shade
        for wheel in (-0.75, 0.75):
            _add(section, middle + wheel + rng.uniform(-0.1, 0.1), rng.uniform(0.18, 0.35), surface.tracks * rng.uniform(0.6, 1.3))
        _add(section, middle, 0.3, -surface.oil * rng.uniform(0.5, 1.5))
    _side(section, scene.left, left, 1, surface.colour)
    _side(section, scene.right, right, -1, surface.colour)
    if surface.joints:
        for boundary in scene.boundaries:
            _add(section, boundary + surface.joint_offset, rng.uniform(0.015, 0.04), surface.joints * rng.uniform(0.5, 1), soft=False)
    if scene.light.edge_shade:
        low, high = scene.paved
        dark = (low - 8, low - scene.light.edge_shade) if scene.light.edge_shade < 0 else (high - scene.light.edge_shade, high + 8)
        _add(section, (dark[0] + dark[1]) / 2, (dark[1] - dark[0]) / 2, -scene.light.shadow, soft=False)
    section[:, :3] *= 1 + 0.02 * rng.standard_normal((len(section), 1)).astype(np.float32)
    levels = [np.clip(section * 255, 0, 255)]
    for level in range(1, LEVELS):
        levels.append(cv2.blur(levels[0][None], (2**level + 1, 1))[0])
    return np.stack(levels).astype(np.uint8)


class Ground:
    """The ground of a scene, ready to be looked at from anywhere."""

    def __init__(self, scene: Scene, rng: np.random.Generator) -> None:
        self.scene = scene
        self.section = cross_section(scene, rng)
        self.atlas, self.starts, self.lengths = ground_tile(scene, rng)
        self.ragged = [0.0 if side.kerb else rng.uniform(4, 30) for side in (scene.left, scene.right)]
        self.grain_offset = int(rng.integers(GRAIN_SIZE**2))

    def sample(self, view: GroundView, travelled: float) -> tuple[FLOAT, FLOAT, FLOAT | None, FLOAT | None]:
        """Albedo (3, rows, width) in planes of blue, green and red; (rows, width) each: wear noise, shadow, other markings.

        All float32, 0 to 1; None for shadow and markings where the scene has none.
        """
        tile = cv2.split(self._scattered(view, travelled))
        relief, wear = tile[0].astype(np.float32), tile[1] * np.float32(1 / 255)
        shade = tile[2] * np.float32(1 / 255) if self.scene.light.tree_shade else None
        marks = tile[3] * np.float32(1 / 255) if self.scene.markings else None
        across_level = np.log2(view.across)
        across_level -= np.float32(np.log2(PITCH))
        np.maximum(across_level, 0, out=across_level)
        column = view.y * np.float32(1 / PITCH)
        column += np.float32(REACH / PITCH - 0.5)
        if any(self.ragged):
            column += self._ragged(view, wear)
        base = cv2.remap(self.section, column, across_level, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        blue, green, red, paved = cv2.split(base)
        road = paved.astype(np.float32)
        road *= np.float32(1 / 255)
        # On the carriageway the tile's relief counts, beside it only rough noise: grass, earth, paving.
        relief *= np.float32(1 / 128)
        rough = wear * np.float32(0.8)
        rough += np.float32(0.6)
        relief -= rough
        relief *= road
        relief += rough
        relief += self._speckle(view, travelled, road)
        relief *= np.float32(1 / 255)
        albedo = np.empty((3, *relief.shape), np.float32)
        for plane, colour in zip(albedo, (blue, green, red), strict=True):
            np.multiply(colour, relief, out=plane)
        return albedo, wear, shade, marks

    def _ragged(self, view: GroundView, wear: FLOAT) -> FLOAT:
        """By how many entries of the cross-section the ground is shifted: grass and earth creep over an edge without a kerb."""
        low, high = self.scene.paved
        reach: FLOAT = np.where(view.y > high - 0.3, np.float32(self.ragged[0]), np.float32(0))
        reach += np.where(view.y < low + 0.3, np.float32(self.ragged[1]), np.float32(0))
        reach *= wear - np.float32(0.5)
        return reach

    def _scattered(self, view: GroundView, travelled: float) -> NDArray[np.uint8]:
        """The tile's four channels at each pixel."""
        level = np.log2(view.along * np.float32(16.0))
        np.clip(level, 0, len(self.starts) - 1, out=level)
        index = level.astype(np.uint8)
        turns = view.s * np.float32(1 / TILE_LENGTH)
        turns += np.float32(travelled / TILE_LENGTH % 1.0)
        turns -= np.floor(turns)
        turns *= np.take(self.lengths, index)
        turns += np.take(self.starts, index)
        column = view.y * np.float32(self.atlas.shape[1] / TILE_WIDTH)
        column += np.float32(self.atlas.shape[1] / 2 - 0.5)
        scattered = cv2.remap(self.atlas, column, turns, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(scattered, np.uint8)

    def _speckle(self, view: GroundView, travelled: float, road: FLOAT) -> FLOAT:
        """Single stones and blades, fading where a pixel sees many of them."""
        texels = np.float32(80.0)
        row = ((view.s + np.float32(travelled % 6.4)) * texels).astype(np.int32)
        column = (view.y * texels).astype(np.int32)
        row <<= 9
        column &= GRAIN_SIZE - 1
        row += column
        row += self.grain_offset
        row &= GRAIN_SIZE**2 - 1
        speckle: FLOAT = np.take(grain(), row)
        contrast = road * np.float32(self.scene.surface.grain - 0.16)
        contrast += np.float32(0.16)
        stones = (view.along * texels + 1) * (view.across * texels + 1)
        speckle *= contrast
        # Not as fast as independent stones would: real ones come in clumps.
        speckle /= np.sqrt(np.sqrt(stones))
        return speckle
