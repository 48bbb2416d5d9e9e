"""What several networks are made of."""

from __future__ import annotations

from torch import nn

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
