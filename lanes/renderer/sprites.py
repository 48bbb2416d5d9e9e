"""Trees as small images with a mask, made once a process: crowns of many leaf blobs on a stem."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from lanes.arrays import BGRImage, Mask
from lanes.renderer.textures import FINE, MIDDLE, cloud_window

SIZE = 256
"""Side of a sprite, pixels; the tree stands on the middle of the lower edge and is as wide as it is tall."""
LEAVES = ((0.16, 0.32, 0.22), (0.22, 0.42, 0.3), (0.14, 0.24, 0.2), (0.18, 0.36, 0.45), (0.26, 0.3, 0.32))
"""BGR: dark green, light green, fir, autumn, bare."""


@lru_cache(maxsize=1)
def trees() -> list[tuple[BGRImage, Mask]]:
    """(SIZE, SIZE, 3) BGR and (SIZE, SIZE) mask, to be cut at 128, of a dozen trees."""
    rng = np.random.default_rng(5)
    return [_tree(rng, LEAVES[index % len(LEAVES)], conifer=index % len(LEAVES) == 2) for index in range(15)]


def _tree(rng: np.random.Generator, leaf: tuple[float, float, float], conifer: bool) -> tuple[BGRImage, Mask]:
    crown = np.zeros((SIZE, SIZE), np.uint8)
    for _ in range(100):
        height = rng.uniform(0, 1)
        reach = (0.42 * (1 - height) if conifer else 0.4 * np.sqrt(1 - (2 * height - 1) ** 2)) * SIZE
        x = SIZE / 2 + rng.uniform(-1, 1) * reach
        y = SIZE * (0.82 - 0.72 * height)
        cv2.circle(crown, (int(x), int(y)), int(SIZE * rng.uniform(0.03, 0.1)), 255.0, -1)
    ragged = cloud_window(rng, SIZE, SIZE, FINE).astype(np.int16)
    density = cv2.blur(crown, (19, 19)).astype(np.int16)
    # A soft edge, so that the outline can be cut sharply at any size.
    mask = np.clip((np.minimum(density + ragged - 250, density - 70)) * 3 + 128, 0, 255).astype(np.uint8)
    # Lit from above: dark below and inside, with clumps of leaves standing out.
    clumps = cloud_window(rng, SIZE, SIZE, MIDDLE).astype(np.float32) / 255
    lit = (0.55 + 0.9 * clumps) * np.linspace(1.3, 0.6, SIZE, dtype=np.float32)[:, None]
    image = np.clip(lit[:, :, None] * np.asarray(leaf, np.float32) * 255, 0, 255).astype(np.uint8)
    stem = np.zeros_like(mask)
    cv2.line(stem, (SIZE // 2, int(SIZE * 0.5)), (SIZE // 2, SIZE - 1), 255.0, int(SIZE * rng.uniform(0.012, 0.03)) + 1)
    image[(stem > 0) & (mask < 128)] = (34, 42, 50)
    return image, np.maximum(mask, stem)
