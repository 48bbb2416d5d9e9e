"""U-Net as its authors drew it, small (Ronneberger, Fischer and Brox 2015, https://arxiv.org/abs/1505.04597).

The way down halves the maps and doubles the channels, so that what lies deep sees far and knows *what* is there. The way up doubles the
maps again. What got lost on the way down, *where* exactly an edge lies, comes across: each level of the way up gets the map of the same
size from the way down, beside its own. These are the skip connections; `unet_noskip` is the same network without them.

Two things differ from the paper: convolutions are padded, so that the mask has the image's size, and each has a batch normalisation, which
had not become usual when the paper was written. At export it vanishes into the convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from lanes.models.base import LaneNetwork
from lanes.models.deploy import LaneModel
from lanes.models.layers import ConvBlock, initialise


class PlainUNet(LaneNetwork):
    """Two convolutions a level, 2x2 max pooling down, 2x2 up-convolution and the skip's map up, a 1x1 convolution at the end.

    Args:
        widths: channels at each resolution, finest first; its length less one is the depth.
        outputs: maps predicted, one for lane paint.

    Shape:
        (N, 3, H, W) float32 -> (N, outputs, H, W) logits; H and W must be multiples of `divisor`.
    """

    arch = "unet_plain"
    skips: ClassVar[bool] = True
    """Whether the way up gets the maps of the way down."""

    def __init__(self, widths: Sequence[int] = (8, 16, 32, 48, 64), *, outputs: int = 1) -> None:
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(f"widths must name at least two levels of one channel or more, not {tuple(widths)}")
        super().__init__({"widths": list(widths), "outputs": outputs})
        self.divisor = 2 ** (len(widths) - 1)
        self.down = nn.ModuleList(ConvBlock(inputs, width) for inputs, width in pairwise((3, *widths)))
        upward = list(pairwise(reversed(widths)))
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(deep, width, 2, stride=2) for deep, width in upward)
        self.up = nn.ModuleList(ConvBlock(2 * width if self.skips else width, width) for _, width in upward)
        self.head = nn.Conv2d(widths[0], outputs, 1)
        initialise(self, self.head)

    def forward(self, images: Tensor) -> Tensor:
        self.check_size(images)
        maps = [self.down[0](images)]
        for block in list(self.down)[1:]:
            maps.append(block(functional.max_pool2d(maps[-1], 2)))
        result = maps.pop()
        for enlarge, block in zip(self.enlarge, self.up, strict=True):
            result, skip = enlarge(result), maps.pop()
            result = block(torch.cat([skip, result], dim=1) if self.skips else result)
        logits: Tensor = self.head(result)
        return logits

    def deploy(self) -> LaneModel:
        return LaneModel(self, "down.0.0")
