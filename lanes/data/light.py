"""The same view in another light. Each takes an image, (H, W, 3) uint8 BGR, and gives a new one of the same form."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lanes.arrays import BGRImage
from lanes.data.recording import noise


def tone(pixels: BGRImage, rng: Generator) -> BGRImage:
    """Exposure, contrast, gamma, white balance and saturation."""
    levels = np.arange(256, dtype=np.float32) / 255
    gamma = np.exp(rng.normal(0, 0.25))
    contrast = np.exp(rng.normal(0, 0.2))
    brightness = rng.normal(0, 0.08)
    cast = np.exp(rng.normal(0, 0.06, 3))
    curves = ((levels[:, None] ** gamma - 0.5) * contrast + 0.5 + brightness) * cast
    table = np.clip(curves * 255, 0, 255).astype(np.uint8)[None]
    toned = cv2.LUT(pixels, table)
    saturation = float(np.clip(rng.normal(1, 0.3), 0, 1.8))
    grey = cv2.cvtColor(cv2.cvtColor(toned, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return cv2.addWeighted(toned, saturation, grey, 1 - saturation, 0).astype(np.uint8, copy=False)


def shadow(pixels: BGRImage, rng: Generator) -> BGRImage:
    """Hard or soft shadows: a few quadrilaterals, as of a bridge, a tree or a lorry."""
    height, width = pixels.shape[:2]
    shade = np.zeros((height // 4 + 1, width // 4 + 1), np.uint8)
    for _ in range(int(rng.integers(1, 9))):
        centre = rng.uniform((0, 0), (shade.shape[1], shade.shape[0]))
        size = rng.uniform(0.03, 0.5, 2) * shade.shape[1]
        corners = centre + rng.uniform(-1, 1, (4, 2)) * size
        cv2.fillConvexPoly(shade, cv2.convexHull(corners.astype(np.int32)), 255)
    if rng.random() < 0.7:
        shade = cv2.GaussianBlur(shade, (0, 0), rng.uniform(0.5, 4)).astype(np.uint8, copy=False)
    depth = rng.uniform(0.25, 0.75)
    return _scale_by(pixels, 1 - depth * cv2.resize(shade, (width, height)).astype(np.float32) / 255)


def dusk(pixels: BGRImage, rng: Generator) -> BGRImage:
    """The last light, or an exposure set by a bright sky: the road dark and bluish, the paint a little less dark."""
    gain = np.exp(rng.uniform(np.log(0.15), np.log(0.6))) * np.array([1 + rng.uniform(-0.05, 0.25), 1.0, 1 - rng.uniform(-0.05, 0.15)])
    levels = np.arange(256, dtype=np.float32)[:, None]
    return cv2.LUT(pixels, np.clip(levels * gain, 0, 255).astype(np.uint8)[None]).astype(np.uint8, copy=False)


def night(pixels: BGRImage, rng: Generator) -> BGRImage:
    """Darkness with the light of our own lamps on the road, often of others' too, and a camera that amplifies."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    pool = np.exp(
        -(((x / width - rng.uniform(0.4, 0.6)) / rng.uniform(0.2, 0.5)) ** 2)
        - ((y / height - rng.uniform(0.6, 0.95)) / rng.uniform(0.2, 0.4)) ** 2
    )
    light = rng.uniform(0.08, 0.35) + rng.uniform(0.15, 0.6) * pool
    dark = _scale_by(pixels, light)
    return noise(headlights(dark, rng) if rng.random() < 0.5 else dark, rng)


def headlights(pixels: BGRImage, rng: Generator) -> BGRImage:
    """The lamps of other vehicles and of streets: burnt-out discs with a glow, and their mirror images below on a road that is wet."""
    height, width = pixels.shape[:2]
    lamps, glow = np.zeros((height, width, 3), np.uint8), np.zeros((height // 4 + 1, width // 4 + 1, 3), np.uint8)
    wet = rng.random() < 0.4
    for _ in range(int(rng.integers(1, 5))):
        x, y, radius = rng.uniform(0, width), rng.uniform(0.05, 0.5) * height, rng.uniform(0.004, 0.018) * width
        colour = np.array([(255, 250, 240), (200, 225, 255), (60, 60, 255)][int(rng.integers(3))]) * rng.uniform(0.8, 1)
        for side in (-1, 1) if rng.random() < 0.7 else (0,):
            centre = (round(x + side * 3 * radius), round(y))
            cv2.circle(lamps, centre, max(1, round(radius)), colour.tolist(), -1, cv2.LINE_AA)
            cv2.circle(glow, (centre[0] // 4, centre[1] // 4), max(1, round(radius)), (0.9 * colour).tolist(), -1)
            if wet:
                reach = (centre[0] // 4, round((y + rng.uniform(0.1, 0.5) * height) / 4))
                cv2.line(glow, (centre[0] // 4, centre[1] // 4), reach, (0.6 * colour).tolist(), max(1, round(radius / 3)))
    glow = cv2.GaussianBlur(glow, (0, 0), width * rng.uniform(0.003, 0.01)).astype(np.uint8, copy=False)
    lit = cv2.add(pixels, cv2.resize(glow, (width, height)))
    return cv2.add(lit, lamps).astype(np.uint8, copy=False)


def veil(pixels: BGRImage, rng: Generator) -> BGRImage:
    """Fog, spray or a dirty windscreen: contrast lost to a grey veil, more so far away."""
    height = pixels.shape[0]
    density = np.linspace(rng.uniform(0.3, 0.8), rng.uniform(0.0, 0.4), height, dtype=np.float32)[:, None, None]
    veil = rng.uniform(90, 235)
    return np.clip(pixels * (1 - density) + veil * density, 0, 255).astype(np.uint8)


def glare(pixels: BGRImage, rng: Generator) -> BGRImage:
    """A low sun or an oncoming lamp: light added around one point."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    distance = np.hypot(x - rng.uniform(0, width), y - rng.uniform(0, 0.8 * height))
    light = rng.uniform(60, 220) * np.exp(-distance / (width * rng.uniform(0.05, 0.4)))
    return np.asarray(np.clip(pixels + light[..., None], 0, 255), np.uint8)


def _scale_by(pixels: BGRImage, factor: NDArray[np.floating[Any]]) -> BGRImage:
    """Every channel times an (H, W) factor of 0 to 1."""
    return np.asarray(pixels * factor[..., None]).astype(np.uint8)
