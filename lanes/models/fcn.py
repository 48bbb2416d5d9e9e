"""One network over the whole image, without pooling: stride 1 and padding keep every map, and so the output, at the image's size.

Each pixel gets an answer of its own. What it costs: every map has the full resolution, and each 3x3 convolution lets a pixel see but one
pixel further. Eight of them see 17 pixels, less than the gap between two dashes.
"""

from __future__ import annotations

from torch import Tensor, nn

from lanes.models.base import LaneNetwork
from lanes.models.deploy import LaneModel
from lanes.models.layers import ConvBlock, initialise


class FCN(LaneNetwork):
    """3x3 convolutions of stride 1 with padding, then a 1x1 convolution.

    Args:
        width: channels of every map.
        convolutions: 3x3 convolutions.
        outputs: maps predicted, one for lane paint.

    Shape:
        (N, 3, H, W) float32 -> (N, outputs, H, W) logits, for any H and W.
    """

    arch = "fcn"

    def __init__(self, width: int = 16, *, convolutions: int = 8, outputs: int = 1) -> None:
        if min(width, convolutions) < 1:
            raise ValueError(f"width and convolutions must be 1 or more, not {width} and {convolutions}")
        super().__init__({"width": width, "convolutions": convolutions, "outputs": outputs})
        self.block = ConvBlock(3, width, convolutions)
        self.head = nn.Conv2d(width, outputs, 1)
        initialise(self, self.head)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.block(images))
        return logits

    def deploy(self) -> LaneModel:
        return LaneModel(self, "block.0")
