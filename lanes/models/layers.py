"""What several networks are made of."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

RARE = -4.0
"""Logit of the share of paint in a frame, one or two in a hundred. A head that starts there need not unlearn a grey image first."""


class ConvBlock(nn.Sequential):
    """`convolutions` times: 3x3 convolution, batch norm, ReLU. (N, inputs, H, W) -> (N, outputs, H, W).

    Args:
        inputs, outputs: channels.
        convolutions: how many, the first of which changes the channels.
        dilation: distance between the nine pixels that a convolution sees.
        stride: of the first convolution.
    """

    def __init__(self, inputs: int, outputs: int, convolutions: int = 2, *, dilation: int = 1, stride: int = 1) -> None:
        layers: list[nn.Module] = []
        for index in range(convolutions):
            first = index == 0
            layers += [
                nn.Conv2d(
                    inputs if first else outputs,
                    outputs,
                    3,
                    stride=stride if first else 1,
                    padding=dilation,
                    dilation=dilation,
                    bias=False,
                ),
                nn.BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
            ]
        super().__init__(*layers)


class Merge(nn.Module):
    """Brings a coarse map to twice its size and joins it with a skip connection's, in `channels` channels.

    It calculates a 1x1 convolution of both, concatenated. As up-sampling works on each channel by itself, the coarse map's half of it is
    done before, on a quarter of the elements.

    Args:
        coarse, skip: channels of the two maps.
        channels: of what they become.

    Shape:
        (N, coarse, H, W) and (N, skip, 2H, 2W) -> (N, channels, 2H, 2W).
    """

    def __init__(self, coarse: int, skip: int, channels: int) -> None:
        super().__init__()
        self.coarse = nn.Conv2d(coarse, channels, 1, bias=False)
        self.skip = nn.Conv2d(skip, channels, 1, bias=False)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        merged: Tensor = double(self.coarse(coarse)) + self.skip(skip)
        return merged


class Concatenate(nn.Module):
    """Brings a coarse map to twice its size and puts the channels of a skip connection's behind its own.

    Shape:
        (N, A, H, W) and (N, B, 2H, 2W) -> (N, A + B, 2H, 2W).
    """

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        return torch.cat([double(coarse), skip], dim=1)


def double(maps: Tensor) -> Tensor:
    """Maps (N, C, H, W) at twice their height and width, bilinear."""
    return functional.interpolate(maps, scale_factor=2.0, mode="bilinear", align_corners=False)


def initialise(network: nn.Module, head: nn.Conv2d) -> None:
    """Gives every convolution of a network its first weights (He et al. 2015, for ReLU), and a head that says `RARE` everywhere."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    nn.init.zeros_(head.weight)
    assert head.bias is not None
    nn.init.constant_(head.bias, RARE)
