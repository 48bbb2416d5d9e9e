"""Photographs of a printed board, rendered through a known lens by the project's own camera model."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import BGRImage
from lanes.geometry.camera_file import CameraFile
from lanes.geometry.distortion import Distortion

WIDTH, HEIGHT = 640, 480
SQUARE = 0.025
"""Side of a square, metres."""

LENS = CameraFile("known", WIDTH, HEIGHT, 512.0, 509.0, 322.4, 236.1, Distortion(-0.28, 0.09, 0.0008, -0.0005, -0.01))
SAMPLES = 3
"""Rays a pixel, along each side."""


@lru_cache(maxsize=4)
def _rays(width: int, height: int, fx: float, fy: float, cx: float, cy: float, lens: Distortion) -> NDArray[np.float32]:
    """(height * SAMPLES, width * SAMPLES, 2): directions x / z, y / z of the rays."""
    inside = (np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5
    u = (np.arange(width)[:, None] + inside).ravel()
    v = (np.arange(height)[:, None] + inside).ravel()
    points = np.stack(np.meshgrid((u - cx) / fx, (v - cy) / fy), axis=-1)
    return lens.undistort(points).astype(np.float32)


def photograph(
    camera: CameraFile,
    rotation: tuple[float, float, float],
    place: tuple[float, float, float],
    corners: tuple[int, int] = (9, 6),
    blur: float = 0.6,
    noise: float = 2.0,
    bend: float = 0.0,
    seed: int = 0,
) -> BGRImage:
    """One picture of a board with a white border before a grey wall.

    Args:
        camera: whose lens it is.
        rotation: of the board, as a rotation vector, radians; zero faces the camera.
        place: of the board's middle in the camera's frame, metres: right, down, ahead.
        corners: inner corners of the board.
        blur: standard deviation of the lens's blur, pixels. noise: of the sensor's, grey values.
        bend: how far a column of the board is off its place in the board's middle, squares: a board that is not what it says.
        seed: of the noise.
    """
    rays = _rays(camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy, camera.distortion)
    turn = cv2.Rodrigues(np.array(rotation, np.float64))[0].astype(np.float32)
    centre = np.array(place, np.float32)
    # A ray d t meets the plane normal . (p - centre) = 0.
    normal = turn[:, 2]
    ahead = rays[..., 0] * normal[0] + rays[..., 1] * normal[1] + normal[2]
    distance = (normal @ centre) / ahead
    # The board's axes, columns of `turn`, meet a ray at (axis . ray) distance - axis . centre.
    across, down = (
        ((rays[..., 0] * axis[0] + rays[..., 1] * axis[1] + axis[2]) * distance - axis @ centre) / np.float32(SQUARE) for axis in turn.T[:2]
    )
    columns, rows = corners[0] + 1, corners[1] + 1
    if bend:
        across = across + bend * np.cos(np.clip(across / columns, -0.5, 0.5) * np.pi)
    x, y = across + columns / 2, down + rows / 2
    on_board = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    on_paper = (x >= -1) & (x < columns + 1) & (y >= -1) & (y < rows + 1)
    black = on_board & ((np.floor(x) + np.floor(y)) % 2 == 0)
    light = np.where(black, np.float32(30), np.where(on_paper, np.float32(215), np.float32(120)))
    grey = light.reshape(camera.height, SAMPLES, camera.width, SAMPLES).mean(axis=(1, 3))
    grey = cv2.GaussianBlur(grey, (0, 0), blur) + np.random.default_rng(seed).normal(0, noise, grey.shape)
    return cv2.cvtColor(np.clip(grey, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)  # type: ignore[return-value]


def poses(count: int, seed: int = 0) -> Iterator[tuple[tuple[float, float, float], tuple[float, float, float]]]:
    """Boards all over the picture, turned every way, at 0.33 to 0.5 m from a camera like `LENS`."""
    rng = np.random.default_rng(seed)
    for index in range(count):
        ahead = rng.uniform(0.38, 0.55)
        column, row = index % 3 - 1, index // 3 % 3 - 1
        tilt = rng.uniform(0.3, 0.6) * np.array([np.sin(2.4 * index), np.cos(2.4 * index), 0])
        tilt[2] = rng.uniform(-0.3, 0.3)
        place = (column * 0.28 * ahead + rng.uniform(-0.01, 0.01), row * 0.23 * ahead + rng.uniform(-0.01, 0.01), ahead)
        yield tuple(tilt.tolist()), place  # type: ignore[misc]


def take(folder: Path, count: int = 12, camera: CameraFile = LENS, seed: int = 0, name: str = "board") -> list[Path]:
    """Photographs in a folder: `board_00.png` and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for index, (rotation, place) in enumerate(poses(count, seed)):
        files.append(folder / f"{name}_{index:02d}.png")
        cv2.imwrite(str(files[-1]), photograph(camera, rotation, place, seed=1000 * seed + index))
    return files
