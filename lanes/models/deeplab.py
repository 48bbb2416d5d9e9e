"""DeepLab v3+ on a light backbone (Chen et al. 2018, https://arxiv.org/abs/1802.02611).

Instead of shrinking its maps ever further, the backbone stops at an eighth of the resolution and spreads its convolutions out: with gaps
between the pixels that they see (*atrous*, dilated) they see as far as smaller maps would. Atrous spatial pyramid pooling then looks at the
deepest map with several gaps at once, and at the mean of the whole image; a small decoder adds one finer map, as one of U-Net's skips.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lanes.models.base import LaneNetwork
from lanes.models.deploy import LaneModel
from lanes.models.layers import ConvBlock, initialise

OUTPUT_STRIDE, FINE_STRIDE = 8, 4
"""Pixels in an element of the deepest map and of the one that the decoder adds."""


def _convolve_1x1(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class PyramidPooling(nn.Module):
    """Atrous spatial pyramid pooling: one map seen with several gaps, and its mean. (N, inputs, H, W) -> (N, outputs, H, W).

    Args:
        inputs, outputs: channels.
        width: channels of each branch.
        rates: dilations of the 3x3 branches.
    """

    def __init__(self, inputs: int, width: int, outputs: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.point = _convolve_1x1(inputs, width)
        self.atrous = nn.ModuleList(ConvBlock(inputs, width, 1, dilation=rate) for rate in rates)
        # Without a batch norm: there is one element an image, too few to normalise by.
        self.image = nn.Conv2d(inputs, width, 1)
        self.project = _convolve_1x1((2 + len(rates)) * width, outputs)

    def forward(self, maps: Tensor) -> Tensor:
        # A mean and an expansion export for any size, which adaptive pooling and a resize of one element do not.
        mean = functional.relu(self.image(maps.mean((2, 3), keepdim=True)))
        branches = [self.point(maps), *(branch(maps) for branch in self.atrous), mean.expand(-1, -1, *maps.shape[2:])]
        projected: Tensor = self.project(torch.cat(branches, dim=1))
        return projected


class DeepLab(LaneNetwork):
    """A backbone of strided and dilated convolutions, pyramid pooling, and the decoder with one finer map.

    Args:
        widths: channels at a half, a quarter and an eighth of the resolution.
        rates: dilations of the pyramid's branches, in elements of the deepest map.
        outputs: maps predicted, one for lane paint.

    Shape:
        (N, 3, H, W) float32 -> (N, outputs, H, W) logits; H and W must be multiples of `divisor`.
    """

    arch = "deeplab"

    def __init__(self, widths: Sequence[int] = (16, 32, 64), *, rates: Sequence[int] = (2, 4, 8), outputs: int = 1) -> None:
        if len(widths) != 3 or min(widths) < 1 or not rates or min(rates) < 1:
            raise ValueError(f"widths must name three stages and rates one branch or more, not {tuple(widths)} and {tuple(rates)}")
        super().__init__({"widths": list(widths), "rates": list(rates), "outputs": outputs})
        self.divisor = OUTPUT_STRIDE
        half, quarter, eighth = widths
        self.fine = nn.Sequential(ConvBlock(3, half, 2, stride=2), ConvBlock(half, quarter, 2, stride=2))
        self.deep = nn.Sequential(ConvBlock(quarter, eighth, 2, stride=2), ConvBlock(eighth, eighth, 1, dilation=2))
        self.pyramid = PyramidPooling(eighth, quarter, quarter, rates)
        self.reduce = _convolve_1x1(quarter, half)
        self.decoder = ConvBlock(quarter + half, quarter)
        self.head = nn.Conv2d(quarter, outputs, 1)
        initialise(self, self.head)

    def forward(self, images: Tensor) -> Tensor:
        self.check_size(images)
        fine = self.fine(images)
        deep = _enlarge(self.pyramid(self.deep(fine)), OUTPUT_STRIDE // FINE_STRIDE)
        logits: Tensor = self.head(self.decoder(torch.cat([deep, self.reduce(fine)], dim=1)))
        return _enlarge(logits, FINE_STRIDE)

    def deploy(self) -> LaneModel:
        return LaneModel(self, "fine.0.0")


def _enlarge(maps: Tensor, factor: int) -> Tensor:
    return functional.interpolate(maps, scale_factor=float(factor), mode="bilinear", align_corners=False)
