"""Noise that everything rough is made of: tiles that wrap around, made once a process and the same in every one."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

CLOUD_SIZE = 768
"""After how many texels a `cloud` repeats."""
NOISE_SIZE = 1024
"""Side of `sensor_noise`, pixels."""
NOISE_SPREAD = 32.0
"""Standard deviation of `sensor_noise`."""
GRAIN_SIZE = 512
"""Side of the `grain` tile, texels; a power of two, so that indices wrap with a mask."""


FINE, MIDDLE, SMOOTH = 0.8, 1.1, 1.5
"""Roughnesses of clouds, few, because each takes some memory."""


@lru_cache(maxsize=3)
def cloud(roughness: float) -> NDArray[np.uint8]:
    """(1536, 1536) uint8, read-only: noise with a spectrum of 1 / frequency ** roughness, its histogram flat from 0 to 255.

    It repeats after 768 texels both ways, and is there twice each way, so that a window at any place is a plain slice.
    """
    rng = np.random.default_rng(int(roughness * 10))
    spectrum = np.fft.rfft2(rng.standard_normal((CLOUD_SIZE, CLOUD_SIZE)))
    rows = np.fft.fftfreq(CLOUD_SIZE)[:, None]
    columns = np.fft.rfftfreq(CLOUD_SIZE)[None, :]
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = np.inf
    field = np.fft.irfft2(spectrum / frequency**roughness).astype(np.float32)
    ranks = np.empty(field.size, np.uint32)
    ranks[np.argsort(field, axis=None)] = np.arange(field.size, dtype=np.uint32)
    flat: NDArray[np.uint8] = (ranks.reshape(field.shape) * 256.0 / field.size).astype(np.uint8)
    flat = np.tile(flat, (2, 2))
    flat.setflags(write=False)
    return flat


@lru_cache(maxsize=1)
def grain() -> NDArray[np.float32]:
    """(512 * 512) float32, flattened tile of stone-like speckle: mean 0, standard deviation 1."""
    rng = np.random.default_rng(7)
    white = rng.standard_normal((GRAIN_SIZE, GRAIN_SIZE)).astype(np.float32)
    wrapped = cv2.copyMakeBorder(white, 8, 8, 8, 8, cv2.BORDER_WRAP)
    soft = cv2.GaussianBlur(wrapped, (0, 0), 0.7)[8:-8, 8:-8]
    speckle = np.ravel(soft / soft.std() + 0.6 * white)
    speckle /= speckle.std()
    speckle.setflags(write=False)
    return speckle.astype(np.float32)


@lru_cache(maxsize=1)
def sensor_noise() -> NDArray[np.uint8]:
    """(1024, 1024, 3) uint8: mean 128, standard deviation NOISE_SPREAD, mostly the same in all three channels."""
    rng = np.random.default_rng(11)
    grey = rng.standard_normal((NOISE_SIZE, NOISE_SIZE, 1), np.float32)
    colour = rng.standard_normal((NOISE_SIZE, NOISE_SIZE, 3), np.float32)
    noise: NDArray[np.uint8] = np.clip(128 + NOISE_SPREAD * (0.9 * grey + 0.44 * colour), 0, 255).astype(np.uint8)
    noise.setflags(write=False)
    return noise


def cloud_part(roughness: float, top: int, left: int, height: int, width: int) -> NDArray[np.uint8]:
    """(height, width) uint8, read-only: a part of a cloud, which goes on without end in every direction."""
    tile, top, left = cloud(roughness), top % CLOUD_SIZE, left % CLOUD_SIZE
    if height <= CLOUD_SIZE and width <= CLOUD_SIZE:
        return tile[top : top + height, left : left + width]
    rows, columns = (np.arange(start, start + count) % CLOUD_SIZE for start, count in ((top, height), (left, width)))
    return tile[rows[:, None], columns[None, :]]


def cloud_window(rng: np.random.Generator, height: int, width: int, roughness: float) -> NDArray[np.uint8]:
    """(height, width) uint8, read-only: a part of a cloud at a random place."""
    top, left = (int(value) for value in rng.integers(CLOUD_SIZE, size=2))
    return cloud_part(roughness, top, left, height, width)


def skyline(seed: int, roughness: float = 1.2) -> NDArray[np.float32]:
    """(4096,) float32 wrapping profile, 0 to 1: the height of hills, trees or roofs around the camera."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.standard_normal(4096))
    frequency = np.maximum(np.arange(len(spectrum)), 1.0)
    line = np.fft.irfft(spectrum * (frequency > 2) / frequency**roughness)
    line = (line - line.min()) / np.ptp(line)
    profile: NDArray[np.float32] = line.astype(np.float32)
    return profile
