"""The architectures by name, and from a name and its arguments to a network: what metadata and recipes store."""

from __future__ import annotations

import importlib
from typing import Any

from lanes.models.base import LaneNetwork

ARCHITECTURES = {
    "unet": "lanes.models.unet:UNet",
    "pretrained_unet": "lanes.models.pretrained:PretrainedUNet",
    "ensemble": "lanes.models.ensemble:Ensemble",
    "patch": "lanes.models.patch:PatchClassifier",
    "fcn_pooled": "lanes.models.fcn_pooled:PooledFCN",
    "fcn": "lanes.models.fcn:FCN",
    "unet_plain": "lanes.models.unet_plain:PlainUNet",
    "unet_noskip": "lanes.models.unet_noskip:NoSkipUNet",
    "unet3d": "lanes.models.unet3d:UNet3D",
    "deeplab": "lanes.models.deeplab:DeepLab",
    "maskrcnn": "lanes.models.maskrcnn:MaskRcnn",
}
"""Module and class of each architecture; a module is imported when a network of it is made."""


def create_model(arch: str, **config: Any) -> LaneNetwork:
    """A network with weights to be trained or loaded.

    Args:
        arch: a name of `ARCHITECTURES`.
        config: arguments of its constructor.

    Raises:
        ValueError: there is no such architecture, or it cannot be made with such arguments.
        TypeError: it has no such arguments.

    >>> create_model("unet", widths=[8, 16], stem_stride=2).divisor
    4
    """
    if arch not in ARCHITECTURES:
        raise ValueError(f"no architecture is called {arch!r}: there are {', '.join(ARCHITECTURES)}")
    module, name = ARCHITECTURES[arch].split(":")
    network: LaneNetwork = getattr(importlib.import_module(module), name)(**config)
    return network
