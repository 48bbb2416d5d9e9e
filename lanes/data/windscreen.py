"""What a windscreen does to the view. Each takes an image, (H, W, 3) uint8 BGR, and gives a new one of the same form."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from lanes.arrays import BGRImage


def drops(pixels: BGRImage, rng: Generator) -> BGRImage:
    """Drops on the windscreen: discs through which the road is blurred."""
    height, width = pixels.shape[:2]
    where = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(10, 80))):
        cv2.circle(where, (int(rng.integers(width)), int(rng.integers(height))), int(rng.integers(2, 10)), 255, -1)
    blurred = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(3, 8))
    return np.where(where[..., None] > 0, blurred, pixels).astype(np.uint8)


def reflection(pixels: BGRImage, rng: Generator) -> BGRImage:
    """The edges of the dashboard mirrored in the windscreen: thin bright lines across the image, wherever the road goes."""
    height, width = pixels.shape[:2]
    light = np.zeros((height, width), np.uint8)
    row, slope = rng.uniform(0.2, 1) * height, rng.normal(0, 0.05)
    for _ in range(int(rng.integers(1, 4))):
        row += rng.normal(0, 0.06) * height
        start, end = np.sort(rng.uniform(-0.3, 1.3, 2)) * width
        points = (round(start), round(row + slope * start)), (round(end), round(row + slope * end))
        cv2.line(light, *points, float(rng.uniform(15, 90)), int(rng.integers(1, 3)), cv2.LINE_AA)
    light = cv2.GaussianBlur(light, (0, 0), rng.uniform(0.3, 1.2)).astype(np.uint8, copy=False)
    return cv2.add(pixels, cv2.merge([light] * 3)).astype(np.uint8, copy=False)


def rain(pixels: BGRImage, rng: Generator) -> BGRImage:
    """Rain on the glass: drops that show the view small and upside down, each with a bright rim, and threads that run down."""
    height, width = pixels.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    rim = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(15, 90))):
        radius = float(rng.uniform(2, max(3, 0.03 * width)))
        cx, cy = float(rng.uniform(0, width)), float(rng.uniform(0, height))
        axes = (max(1, round(radius * rng.uniform(0.7, 1))), max(1, round(radius * rng.uniform(0.9, 1.6))))
        rows = slice(max(0, int(cy) - axes[1]), int(cy) + axes[1] + 1)
        columns = slice(max(0, int(cx) - axes[0]), int(cx) + axes[0] + 1)
        inside = ((x[rows, columns] - cx) / axes[0]) ** 2 + ((y[rows, columns] - cy) / axes[1]) ** 2 < 1
        # A drop is a short lens: it shows a stretch several times as wide as itself, turned round.
        strength = float(rng.uniform(1.5, 5))
        for plane, centre in ((x, cx), (y, cy)):
            part = plane[rows, columns]
            part[inside] = centre - strength * (part[inside] - centre)
        cv2.ellipse(rim, (round(cx), round(cy)), axes, 0, 200, 340, float(rng.uniform(10, 70)), 1, cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 12))):
        column, top = int(rng.integers(width)), int(rng.integers(height))
        end = (column + round(float(rng.normal(0, 4))), top + int(rng.integers(10, 60)))
        cv2.line(rim, (column, top), end, float(rng.uniform(8, 40)), int(rng.integers(1, 4)), cv2.LINE_AA)
    seen = cv2.remap(pixels, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return cv2.add(seen, cv2.merge([rim] * 3)).astype(np.uint8, copy=False)
