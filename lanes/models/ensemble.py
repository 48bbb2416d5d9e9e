"""Several networks that look at the same picture, each at a size of its own: what one overlooks, another may see.

Deep ensembles (Hansen and Salamon 1990; Lakshminarayanan et al. 2017, https://arxiv.org/abs/1612.01474): networks that were trained apart
err apart. It is their logits that are averaged, so that one that is sure outweighs one that is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import lcm
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from lanes.models.base import LaneNetwork
from lanes.models.deploy import LaneModel
from lanes.models.registry import create_model
from lanes.models.unet import EncoderDecoder


class Ensemble(LaneNetwork):
    """The mean of the logits of U-Nets that were trained by themselves.

    Args:
        members: `config` of each.
        scales: how large each sees the picture, 1 or less; its sides are rounded to multiples of the member's divisor.

    Raises:
        ValueError: there are no members, one is no U-Net, or there is not a scale for each.

    Shape:
        (N, 3, H, W) float32 -> (N, outputs, H, W) logits; H and W must be multiples of `divisor`.
    """

    arch = "ensemble"

    def __init__(self, *, members: Sequence[Mapping[str, Any]], scales: Sequence[float]) -> None:
        super().__init__({"members": [dict(member) for member in members], "scales": list(scales)})
        if not members or len(scales) != len(members) or not all(0 < scale <= 1 for scale in scales):
            raise ValueError(f"an ensemble needs members, and for each a scale of 1 or less, not {list(scales)}")
        self.scales = tuple(scales)
        networks = [_create(member) for member in members]
        self.members = nn.ModuleList(networks)
        self.divisor = lcm(*(network.divisor for network in networks))

    def forward(self, images: Tensor) -> Tensor:
        self.check_size(images)
        logits = [_look(member, images, scale) for member, scale in zip(self.members, self.scales, strict=True)]
        total = logits[0]
        for other in logits[1:]:
            total = total + other
        return total / len(logits)

    def deploy(self) -> LaneModel:
        return LaneModel(self, *(f"members.{index}.{member.first_convolution}" for index, member in enumerate(self.members)))


def _create(config: Mapping[str, Any]) -> EncoderDecoder:
    network = create_model(**config)
    if not isinstance(network, EncoderDecoder):
        raise ValueError(f"the architecture {network.arch} is no single U-Net")
    return network


def _look(network: nn.Module, images: Tensor, scale: float) -> Tensor:
    """The logits of images, (N, 3, H, W), that a network sees at a scale, at the images' own size."""
    assert isinstance(network, EncoderDecoder)
    height, width = (max(1, round(side * scale / network.divisor)) * network.divisor for side in images.shape[-2:])
    if (height, width) == images.shape[-2:]:
        seen: Tensor = network(images)
        return seen
    # By factors, not to sizes: those would hold the size of the batch, and of it the model file has any.
    down, up = _factors(images.shape[-2:], (height, width)), _factors((height, width), images.shape[-2:])
    smaller = functional.interpolate(images, scale_factor=down, mode="bilinear", align_corners=False)
    return functional.interpolate(network(smaller), scale_factor=up, mode="bilinear", align_corners=False)


def _factors(before: Sequence[int], after: Sequence[int]) -> tuple[float, ...]:
    """What sides are multiplied by, rounded up to a float32: engines drop the fraction of the product, of which none may be lost."""
    factors = []
    for given, wanted in zip(before, after, strict=True):
        nearest = np.float32(wanted / given)
        factors.append(float(nearest if float(nearest) * given >= wanted else np.nextafter(nearest, np.float32(np.inf))))
    return tuple(factors)
