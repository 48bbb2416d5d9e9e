"""The naive way to segment: divide the image into a patch around every pixel and classify each (Ciresan et al. 2012).

The classifier is an ordinary one, as for digits: convolution, pooling, convolution, pooling, a fully connected layer, one logit. Run as it
is taught, it calculates for neighbouring pixels almost everything anew, since their patches overlap all but one column.

The same weights as a *dense* network calculate each feature once (Masci et al. 2013, https://arxiv.org/abs/1302.1690). A pooling of
stride 2 becomes one of stride 1, and whatever comes after it takes its inputs twice as far apart: a dilation. The heatmap is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from lanes.models.base import LaneNetwork
from lanes.models.deploy import LaneModel
from lanes.models.layers import initialise

KERNELS = (4, 4, 7)
"""Sides of the convolutions; the last is the fully connected layer, over all that two poolings leave of a patch."""

PATCH = 37
"""Side of a patch, pixels: (37 - 3) / 2 = 17, (17 - 3) / 2 = 7, 7 - 6 = 1. The pixel in its middle is the one that is classified."""


class PatchClassifier(LaneNetwork):
    """Classifies the pixel in the middle of a patch; called with whole images, the dense twin.

    Args:
        widths: channels of the two convolutions and of the fully connected layer.
        outputs: maps predicted, one for lane paint.

    Shape:
        (N, 3, H, W) float32 -> (N, outputs, H, W) logits. Beyond its edge an image goes on in its mean colour.
    """

    arch = "patch"

    def __init__(self, widths: Sequence[int] = (16, 24, 32), *, outputs: int = 1) -> None:
        if len(widths) != len(KERNELS) or min(widths) < 1:
            raise ValueError(f"widths must name {len(KERNELS)} layers of one channel or more, not {tuple(widths)}")
        super().__init__({"widths": list(widths), "outputs": outputs})
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(inputs, width, kernel, padding=0 if depth else PATCH // 2, dilation=2**depth, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            )
            for depth, ((inputs, width), kernel) in enumerate(zip(pairwise((3, *widths)), KERNELS, strict=True))
        )
        self.head = nn.Conv2d(widths[-1], outputs, 1)
        initialise(self, self.head)

    def forward(self, images: Tensor) -> Tensor:
        maps = images
        for depth, block in enumerate(self.blocks):
            maps = block(maps)
            if depth < len(self.blocks) - 1:
                maps = _pool_densely(maps, 2**depth)
        logits: Tensor = self.head(maps)
        return logits

    def classify(self, patches: Tensor) -> Tensor:
        """(M, 3, PATCH, PATCH) float32 -> (M, outputs) logits of the pixels in the middle."""
        maps = patches
        for depth, block in enumerate(self.blocks):
            convolution, *others = block.children()
            assert isinstance(convolution, nn.Conv2d)
            # The blocks have the dense twin's padding and dilation; of a patch, pooling has left out every second column already.
            maps = functional.conv2d(maps, convolution.weight, convolution.bias)
            for layer in others:
                maps = layer(maps)
            if depth < len(self.blocks) - 1:
                maps = functional.max_pool2d(maps, 2)
        logits: Tensor = self.head(maps)
        return logits[:, :, 0, 0]

    def by_patches(self, images: Tensor, stride: int = 1) -> Tensor:
        """The heatmap as it is taught: a patch for every `stride`-th pixel of every `stride`-th row, row by row.

        Args:
            images: (N, 3, H, W) float32.
            stride: 1 for all pixels.

        Returns:
            (N, outputs, ceil(H / stride), ceil(W / stride)) logits, those of `forward` at the same pixels.
        """
        around = functional.pad(images, (PATCH // 2,) * 4)
        rows = []
        for top in range(0, images.shape[2], stride):
            patches = around[:, :, top : top + PATCH].unfold(3, PATCH, stride)  # (N, 3, PATCH, columns, PATCH)
            count, columns = len(images), patches.shape[3]
            logits = self.classify(patches.permute(0, 3, 1, 2, 4).reshape(count * columns, 3, PATCH, PATCH))
            rows.append(logits.view(count, columns, -1).transpose(1, 2))
        return torch.stack(rows, dim=2)

    def deploy(self) -> LaneModel:
        return LaneModel(self, "blocks.0.0")


def _pool_densely(maps: Tensor, dilation: int) -> Tensor:
    """Max pooling over 2x2 elements that lie `dilation` apart, of stride 1.

    Written as maxima of shifted maps: TensorRT has no pooling with gaps.
    """
    maps = torch.maximum(maps[:, :, dilation:], maps[:, :, :-dilation])
    return torch.maximum(maps[..., dilation:], maps[..., :-dilation])
