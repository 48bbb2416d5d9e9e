"""One network over the whole image, with pooling: the output is smaller than the input (Long, Shelhamer and Darrell 2015, FCN-32s' way).

Pooling makes it cheap and lets it see far. What it costs is where things are: a line of paint that is thinner than an element of the
output is a shade of that element, and the shade is scaled up again by interpolation.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from lanes.models.base import LaneNetwork
from lanes.models.deploy import LaneModel
from lanes.models.layers import ConvBlock, initialise


class PooledFCN(LaneNetwork):
    """Convolutions with a 2x2 max pooling between the blocks, a 1x1 convolution, and bilinear interpolation to the image's size.

    Args:
        widths: channels of the blocks, of which each but the first sees half the resolution of the one before.
        convolutions: 3x3 convolutions in a block.
        outputs: maps predicted, one for lane paint.

    Shape:
        (N, 3, H, W) float32 -> (N, outputs, H, W) logits; H and W must be multiples of `divisor`.
    """

    arch = "fcn_pooled"

    def __init__(self, widths: Sequence[int] = (16, 32, 48), *, convolutions: int = 2, outputs: int = 1) -> None:
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(f"widths must name at least two blocks of one channel or more, not {tuple(widths)}")
        super().__init__({"widths": list(widths), "convolutions": convolutions, "outputs": outputs})
        self.divisor = 2 ** (len(widths) - 1)
        self.blocks = nn.ModuleList(ConvBlock(inputs, width, convolutions) for inputs, width in pairwise((3, *widths)))
        self.head = nn.Conv2d(widths[-1], outputs, 1)
        initialise(self, self.head)

    def small(self, images: Tensor) -> Tensor:
        """What it predicts, (N, outputs, H / divisor, W / divisor) logits: the share of paint in `divisor` x `divisor` pixels."""
        self.check_size(images)
        maps = self.blocks[0](images)
        for block in list(self.blocks)[1:]:
            maps = block(functional.max_pool2d(maps, 2))
        logits: Tensor = self.head(maps)
        return logits

    def forward(self, images: Tensor) -> Tensor:
        return functional.interpolate(self.small(images), scale_factor=float(self.divisor), mode="bilinear", align_corners=False)

    def deploy(self) -> LaneModel:
        return LaneModel(self, "blocks.0.0")
