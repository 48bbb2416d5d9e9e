"""Samples as tensors: small as bytes while they wait, normalised floats for the network."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from lanes.data.augment import Sample
from lanes.models import IMAGE_MEAN, IMAGE_STD

Batch: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Pixels (N, 3, H, W) uint8 RGB, target and weight (N, 1, H, W) uint8, as loaders give them: a quarter of the bytes that floats are."""


def to_tensors(sample: Sample) -> Batch:
    """A sample as one item of a `Batch`, without the first axis."""
    rgb = torch.from_numpy(np.ascontiguousarray(sample.pixels[..., ::-1].transpose(2, 0, 1)))
    return rgb, torch.from_numpy(sample.target)[None], torch.from_numpy(sample.weight)[None]


def normalise(batch: Batch) -> Batch:
    """A batch as the network and the loss take it, on the device it lies on: float32, normalised RGB, target and weight 0 to 1."""
    rgb, target, weight = batch
    return normalise_pixels(rgb), target.float() / 255, weight.float() / 255


def normalise_pixels(rgb: Tensor) -> Tensor:
    """Pixels (N, 3, H, W) uint8 RGB -> float32, normalised, channels last."""
    mean, std = (torch.tensor(values, device=rgb.device).view(3, 1, 1) for values in (IMAGE_MEAN, IMAGE_STD))
    return (rgb.to(torch.float32, memory_format=torch.channels_last) / 255 - mean) / std
