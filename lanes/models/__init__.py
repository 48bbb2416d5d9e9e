"""The networks. torch lives here and in training; no running video needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)
"""Mean and standard deviation of RGB in 0 to 1 by which a network's input is normalised: ImageNet's, as nearly every network uses."""


@dataclass(frozen=True)
class Network:
    """The shape of a bundled model.

    Attributes:
        config: the architecture and its arguments, as `lanes.models.registry.create_model` takes them.
        size: width and height of its input, pixels.
    """

    config: dict[str, Any]
    size: tuple[int, int]


_ENCODER: dict[str, Any] = {"arch": "pretrained_unet", "encoder": "efficientnet-lite0", "blocks": 13}

NETWORKS = {
    "unet": Network(_ENCODER | {"widths": [16, 32, 64, 96]}, (704, 224)),
    "unet-large": Network(_ENCODER | {"widths": [32, 64, 128, 192]}, (896, 512)),
}
"""The bundled models by name: for real time on a CPU or a small GPU, and for a GPU."""
