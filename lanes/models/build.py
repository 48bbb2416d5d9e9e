"""From a model file's metadata, or a checkpoint, back to its network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lanes.models.base import LaneNetwork
from lanes.models.registry import create_model


def build_network(network: Mapping[str, Any]) -> LaneNetwork:
    """The network that has this `config`, with weights to be trained or loaded.

    Raises:
        TypeError, ValueError: no network has such arguments.
    """
    return create_model(**with_arch(network))


def with_arch(network: Mapping[str, Any]) -> dict[str, Any]:
    """The same `config` with its architecture: in files from before it was stored, it follows from what else they have."""
    guessed = "pretrained_unet" if "encoder" in network else "unet"
    return {"arch": guessed, **network}
