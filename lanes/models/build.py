"""From a model file's metadata, or a checkpoint, back to its network."""

from __future__ import annotations

from typing import Any

from lanes.models.pretrained import PretrainedUNet
from lanes.models.unet import EncoderDecoder, UNet


def build_network(config: dict[str, Any]) -> EncoderDecoder:
    """The network that has this `config`, with weights to be trained or loaded.

    Raises:
        TypeError, ValueError: no network has such arguments.
    """
    return PretrainedUNet(**config) if "encoder" in config else UNet(**config)
