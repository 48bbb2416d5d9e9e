"""What stands in the view and hides the road: the labels follow it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.random import Generator

from lanes.data.augment import Sample


def with_bonnet(sample: Sample, rng: Generator) -> Sample:
    """The sample behind the bonnet of another car: a body at the frame's bottom, or in a corner of it, that mirrors the sky.

    Where the sky is far brighter than the road, as at dusk, the bonnet is the brightest thing beside the lane. No paint is under it.
    """
    height, width = sample.target.shape
    columns = np.linspace(-1, 1, 33)
    share, bow, middle = rng.uniform(0.03, 0.18), rng.uniform(0.1, 0.9), rng.normal(0, 0.6)
    edge = height * (1 - share * (1 - bow * (columns - middle) ** 2))
    top = int(np.clip(edge.min(), 0, height - 1))
    outline = np.stack([np.linspace(-1, width, 33), edge - top], axis=-1)
    corners = np.concatenate([outline, [(width, 2 * height), (-1, 2 * height)]])
    mask = np.zeros((height - top, width), np.uint8)
    cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 255.0)

    sky = sample.pixels[: max(1, height // 3)].mean(axis=(0, 1))
    across = np.exp(-(((np.linspace(-1, 1, width) - rng.uniform(-1, 1)) / rng.uniform(0.1, 1.0)) ** 2))[None]
    down = (1 - np.linspace(0, 1, height - top)[:, None]) ** rng.uniform(0, 2)
    sheen = rng.uniform(0, 1.2) * across * down + rng.uniform(0, 0.3)
    body = np.clip(sheen[..., None] * sky + rng.uniform(0, 50, 3), 0, 255).astype(np.uint8)

    pixels, target, weight = sample.pixels.copy(), sample.target.copy(), sample.weight.copy()
    cv2.copyTo(body, mask, pixels[top:])
    target[top:][mask > 0] = 0
    weight[top:][mask > 0] = 255
    return replace(sample, pixels=pixels, target=target, weight=weight)


def with_wiper(sample: Sample, rng: Generator) -> Sample:
    """The sample with a wiper blade before it: dark, out of focus, from below the view across it. What it hides is no paint."""
    height, width = sample.target.shape
    pivot = np.array((rng.uniform(-0.2, 1.2) * width, rng.uniform(1.05, 1.6) * height))
    angle = rng.uniform(0.1, 0.9) * np.pi
    tip = pivot + rng.uniform(0.9, 2.0) * height * np.array((np.cos(angle), -np.sin(angle)))
    blade = np.zeros((height, width), np.uint8)
    cv2.line(
        blade, np.round(pivot).astype(int).tolist(), np.round(tip).astype(int).tolist(), 255.0, int(rng.integers(3, max(4, height // 12)))
    )
    blade = cv2.GaussianBlur(blade, (0, 0), rng.uniform(0.8, 3.5)).astype(np.uint8, copy=False)
    opacity = blade[..., None] * (rng.uniform(0.75, 1.0) / 255)
    pixels = (sample.pixels * (1 - opacity) + rng.uniform(0, 45) * opacity).astype(np.uint8)
    target, weight = sample.target.copy(), sample.weight.copy()
    target[blade > 127] = 0
    weight[blade > 127] = 255
    # Where the road shows through the blurred edge, whether its paint can be seen is a matter of taste.
    weight[(blade > 40) & (blade <= 127)] = 0
    return replace(sample, pixels=pixels, target=target, weight=weight)
