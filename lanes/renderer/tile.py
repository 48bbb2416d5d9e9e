"""The ground tile: a stretch of road seen from above, repeated along it, with patches, cracks, shadows and painted symbols.

Four channels, uint8: relief (brightness against the bare surface, 128 is 1), wear (noise that decides where paint has gone), shade (255 is
full shadow) and markings (255 is paint that is no lane line). Row 0 is nearest to the start of the road; column 0 is at the right edge.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.renderer.elements import Marking
from lanes.renderer.scene import Scene
from lanes.renderer.textures import CLOUD_SIZE, FINE, MIDDLE, SMOOTH, cloud_window

TILE_LENGTH = 48.0
TILE_WIDTH = 24.0
# As long as clouds are, so that they run on from the tile's end to its beginning.
ROWS, COLUMNS = CLOUD_SIZE, 640
LEVELS = 7


def ground_tile(scene: Scene, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """An atlas of the tile at LEVELS lengths, each half the last, with the first row and the number of rows of each.

    Returns:
        (rows, COLUMNS, 4) uint8 with one row of wrap-around before and after each level; (LEVELS,) first rows, ready for a coordinate
        that counts whole turns times the number of rows; (LEVELS,) numbers of rows.
    """
    channels = [_relief(scene, rng), cloud_window(rng, ROWS, COLUMNS, FINE), _shade(scene, rng), _markings(scene)]
    lengths = [ROWS >> level for level in range(LEVELS)]
    starts = np.concatenate([[0], np.cumsum(np.array(lengths) + 2)[:-1]]) + 1
    atlas = np.empty((sum(lengths) + 2 * LEVELS, COLUMNS, 4), np.uint8)
    for level, (start, length) in enumerate(zip(starts, lengths, strict=True)):
        part = atlas[start : start + length]
        if level:
            finer = atlas[starts[level - 1] : starts[level - 1] + 2 * length]
            cv2.addWeighted(finer[0::2], 0.5, finer[1::2], 0.5, 0, dst=part)
        else:
            cv2.merge(channels, dst=part)
        atlas[start - 1], atlas[start + length] = part[-1], part[0]
    return atlas, (starts - 0.5).astype(np.float32), np.array(lengths, np.float32)


def _texel(s: float, y: float) -> tuple[int, int]:
    """(column, row) of a place on the tile, in 1/16 texels as cv2's `shift=4` wants them."""
    return round((y / TILE_WIDTH + 0.5) * COLUMNS * 16), round((s % TILE_LENGTH) / TILE_LENGTH * ROWS * 16)


def _walk(rng: np.random.Generator, along: bool, jitter: float) -> NDArray[np.int32]:
    """A crack's course over the tile, in 1/16 texels."""
    steps = int(rng.integers(6, 20))
    if along:
        y0, s0, length = rng.uniform(-9, 9), rng.uniform(0, 45), rng.uniform(4, 40)
        s = s0 + np.linspace(0, length, steps)
        y = y0 + np.cumsum(rng.normal(0, jitter * 0.3, steps))
    else:
        y0, s0, length = rng.uniform(-8, 4), rng.uniform(2, 46), rng.uniform(2, 9)
        y = y0 + np.linspace(0, length, steps)
        s = s0 + np.cumsum(rng.normal(0, jitter, steps))
    points = np.stack([(y / TILE_WIDTH + 0.5) * COLUMNS, s / TILE_LENGTH * ROWS], axis=-1)
    return (points * 16).astype(np.int32)[:, None]


def _seal(rng: np.random.Generator, y: float) -> NDArray[np.int32]:
    """The course of a tar seal along the whole tile, which ends where it began, in 1/16 texels."""
    s = np.linspace(0, TILE_LENGTH, 49)
    walk = np.cumsum(rng.normal(0, 0.03, 49))
    waver = y + walk - walk[-1] * s / TILE_LENGTH
    points = np.stack([(waver / TILE_WIDTH + 0.5) * COLUMNS, s / TILE_LENGTH * ROWS], axis=-1)
    return (points * 16).astype(np.int32)[:, None]


def _relief(scene: Scene, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Stains, patches, cracks, tar seals and slab joints."""
    surface = scene.surface
    stains = cloud_window(rng, ROWS, COLUMNS, SMOOTH)
    gain = 2 * 128 * surface.blotches / 255
    relief = np.asarray(cv2.convertScaleAbs(stains, alpha=gain, beta=128 - gain * 127.5), np.uint8)
    for _ in range(surface.patches):
        s, y = rng.uniform(0, 46), rng.uniform(-9, 8)
        # Patches are cut with a saw, square to the road; trenches run along or across it.
        length, width = (rng.uniform(0.4, 20), rng.uniform(0.4, 2)) if rng.random() < 0.6 else (rng.uniform(0.4, 2), rng.uniform(2, 8))
        shade = float(128 * rng.choice([rng.uniform(0.6, 0.95), rng.uniform(1.03, 1.3)]))
        cv2.rectangle(relief, _texel(s, y), _texel(min(s + length, TILE_LENGTH - 0.1), y + width), shade, -1, cv2.LINE_AA, 4)
        if rng.random() < 0.5:
            cv2.rectangle(relief, _texel(s, y), _texel(min(s + length, TILE_LENGTH - 0.1), y + width), shade * 0.7, 2, cv2.LINE_AA, 4)
    if surface.slab:
        for s in np.arange(0, TILE_LENGTH - surface.slab / 2, TILE_LENGTH / max(1, round(TILE_LENGTH / surface.slab))):
            cv2.line(relief, _texel(s, -11.9), _texel(s, 11.9), float(rng.uniform(50, 100)), 1, cv2.LINE_AA, 4)
    for _ in range(surface.cracks):
        cv2.polylines(relief, [_walk(rng, rng.random() < 0.6, 0.25)], False, float(rng.uniform(60, 100)), 1, cv2.LINE_AA, 4)
    for _ in range(surface.seals):
        shade = float(rng.uniform(60, 105) if rng.random() < 0.8 else rng.uniform(140, 170))
        cv2.polylines(relief, [_walk(rng, rng.random() < 0.6, 0.15)], False, shade, int(rng.integers(2, 6)), cv2.LINE_AA, 4)
    if surface.sealed:
        for boundary in scene.boundaries:
            if rng.random() < 0.6:
                course = _seal(rng, boundary + rng.normal(0, 0.2))
                thickness = max(1, round(surface.sealed * rng.uniform(0.6, 1.4) / TILE_WIDTH * COLUMNS))
                cv2.polylines(relief, [course], False, float(rng.uniform(35, 95)), thickness, cv2.LINE_AA, 4)
    return relief


def _shade(scene: Scene, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Shadows of trees, dappled, from one side or both."""
    cover = scene.light.tree_shade
    if not cover:
        return np.zeros((ROWS, COLUMNS), np.uint8)
    leaves = cloud_window(rng, ROWS, COLUMNS, MIDDLE).astype(np.float32)
    # Crowns are far larger than leaves; mirrored, so that the end of the tile meets its beginning.
    half = cloud_window(rng, ROWS // 16, COLUMNS // 8, SMOOTH)
    crowns = cv2.resize(np.concatenate([half, half[::-1]]), (COLUMNS, ROWS), interpolation=cv2.INTER_LINEAR)
    y = np.linspace(-1, 1, COLUMNS, dtype=np.float32)[None]
    lean = rng.choice([-1.0, 1.0, 0.0]) * 0.5
    field = leaves * np.float32(0.45) + crowns * np.float32(0.55)
    field += (lean * y + 0.15 * (abs(lean) < 0.1) * np.abs(y)) * 255
    edge = 255 * (1 - cover)
    sharp = rng.uniform(3, 10)
    field -= np.float32(edge)
    shade: NDArray[np.uint8] = np.clip(field * np.float32(sharp), 0, 255).astype(np.uint8)
    return shade


ARROW = np.array([(0, -0.08), (3.2, -0.08), (3.2, -0.4), (5, 0), (3.2, 0.4), (3.2, 0.08), (0, 0.08)])
TURN = np.array([(0, -0.08), (2.4, -0.08), (3.0, 0.35), (2.6, 0.35), (3.8, 0.95), (4.6, 0.35), (4.0, 0.35), (3.2, 0.08), (0, 0.08)])
DIAMOND = np.array([(0, 0), (1.6, 0.5), (3.2, 0), (1.6, -0.5)])


def _markings(scene: Scene) -> NDArray[np.uint8]:
    """Paint that is no lane line."""
    sheet = np.zeros((ROWS, COLUMNS), np.uint8)
    for marking in scene.markings:
        _draw_marking(sheet, marking, scene)
    return sheet


def _fill(sheet: NDArray[np.uint8], marking: Marking, outline: NDArray[np.float64], cover: float = 1.0) -> None:
    points = np.array([_texel(0, marking.y + y) for _, y in outline], np.int32)
    points[:, 1] = [round((marking.s % TILE_LENGTH + s) / TILE_LENGTH * ROWS * 16) for s, _ in outline]
    cv2.fillPoly(sheet, [points], 255 * cover * (1 - marking.wear), cv2.LINE_AA, 4)


def _box(s0: float, s1: float, y0: float, y1: float) -> NDArray[np.float64]:
    return np.array([(s0, y0), (s1, y0), (s1, y1), (s0, y1)])


def _draw_marking(sheet: NDArray[np.uint8], marking: Marking, scene: Scene) -> None:
    right, left = scene.boundaries[-1], scene.boundaries[0]
    half = scene.lane_width / 2
    if marking.kind.startswith("arrow"):
        _fill(sheet, marking, ARROW)
        if marking.kind != "arrow":
            _fill(sheet, marking, TURN * (1, 1 if marking.kind == "arrow_left" else -1))
    elif marking.kind == "diamond":
        _fill(sheet, marking, DIAMOND)
        _fill(sheet, marking, DIAMOND * (0.7, 0.66) + (0.48, 0), 0.0)
    elif marking.kind == "stop":
        _fill(sheet, marking, _box(0, 0.4, -half + 0.1, half - 0.1))
    elif marking.kind == "zebra":
        for y in np.arange(right + 0.3, left - 0.3, 1.0):
            _fill(sheet, marking, _box(0, 3.0, y - marking.y, y - marking.y + 0.5))
    elif marking.kind == "hatch":
        for s in np.arange(0.0, 30.0, 2.5):
            _fill(sheet, marking, np.array([(s, -half + 0.3), (s + 0.5, -half + 0.3), (s + 2.0, half - 0.3), (s + 1.5, half - 0.3)]))
    elif marking.kind == "word":
        _word(sheet, marking)


def _word(sheet: NDArray[np.uint8], marking: Marking) -> None:
    """Letters stretched along the road, as drivers need them."""
    (width, height), _ = cv2.getTextSize(marking.text, cv2.FONT_HERSHEY_SIMPLEX, 2.0, 8)
    plate = np.zeros((height + 16, width + 16), np.uint8)
    cv2.putText(plate, marking.text, (8, height + 8), cv2.FONT_HERSHEY_SIMPLEX, 2.0, 255.0, 8, cv2.LINE_AA)
    # Rows run away from the driver and columns to the left: seen so, a word stands on its head and is mirrored.
    letters = cv2.resize(
        plate[::-1, ::-1], (round(2.2 / TILE_WIDTH * COLUMNS), round(2.6 / TILE_LENGTH * ROWS)), interpolation=cv2.INTER_AREA
    )
    column, row = (value // 16 for value in _texel(marking.s, marking.y - 1.1))
    column, row = max(0, min(column, COLUMNS - letters.shape[1])), min(row, ROWS - letters.shape[0])
    part = sheet[row : row + letters.shape[0], column : column + letters.shape[1]]
    np.maximum(part, cv2.convertScaleAbs(letters, alpha=1 - marking.wear), out=part)
