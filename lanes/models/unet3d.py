"""A U-Net with time as its third dimension: V-Net (Milletari, Navab and Ahmadi 2016, https://arxiv.org/abs/1606.04797), made causal.

V-Net is the U-Net for volumes: convolutions over three dimensions, residual blocks, and strided convolutions in the place of pooling. Here
the third dimension is time, and what differs is what a running camera asks for:

- *causal*: a frame is convolved with the one before it, never with the next, which is not there yet;
- a convolution over two frames and 3x3 pixels is the sum of two flat ones, over the maps of this frame and over those of the frame before.
  The maps of the frame before are kept: a frame costs one pass, whatever the number of frames it is seen with, and the exported
  graph has the operators of a U-Net. `Conv3d` is slow or not to be quantised in many engines;
- before its first frame a camera is taken to have stood still: what the first frame shows is what was before it, as an image is often
  continued beyond its edge. So a still teaches both halves of a convolution, and a network that has learnt from stills needs memory, and
  has only to learn how it moves. With zeros before the first frame, it learnt to see without, and made hardly any use of it afterwards;
- the deeper a level, the more convolutions, up to three in V-Net, two here;
- the finest level has no memory: from frame to frame paint moves there by many times the 3 pixels that a convolution reaches.

Each block with memory adds a frame to what a pixel depends on: with five levels, seven frames before its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from lanes.models.base import LaneNetwork
from lanes.models.deploy import LaneModel
from lanes.models.layers import initialise

DEEP = 2
"""Levels, the coarsest, that have one convolution more on the way down: there it costs little and sees far."""

Recall: TypeAlias = Callable[[Tensor], Tensor]
"""What a block saw one frame ago, (M, C, H, W), given what it sees now, (N, C, H, W): of the last M of the N, the others are first frames.
It is asked once a block, in the order of the blocks."""

FOLLOWS = ("follows_before", "follows_after")
"""The state that says whether there was a frame before, (N, 1, 1, 1): 0 at first, then 1."""


class CausalBlock(nn.Module):
    """Residual block over two frames: ReLU(maps + convolution of maps and of the frame before's). (N, channels, H, W), all.

    The sum of the two convolutions is one over the maps of both frames side by side. The maps before are those of the last M of N frames;
    the others are first frames. What they show is what was before them, and two convolutions of the same maps are one of their sum.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.both = _convolution(2 * channels, channels, 3)

    def forward(self, maps: Tensor, before: Tensor) -> Tensor:
        convolution, norm = self.both
        assert isinstance(convolution, nn.Conv2d)
        first, channels = maps.shape[0] - before.shape[0], maps.shape[1]  # of len() the export would make a constant
        seen = []
        if first:
            weight = convolution.weight[:, :channels] + convolution.weight[:, channels:]
            seen.append(functional.conv2d(maps[:first], weight, padding=1))
        if before.shape[0]:
            seen.append(convolution(torch.cat([maps[first:], before], dim=1)))
        return torch.relu(maps + norm(seen[0] if len(seen) == 1 else torch.cat(seen)))


class UNet3D(LaneNetwork):
    """A causal V-Net: maps clips of normalised RGB to one logit a pixel, all frames at once or one after the other.

    Args:
        widths: channels at each resolution, finest first; its length less one is the depth.

    Attributes:
        state: the maps of the frame before, of each block with memory, and `FOLLOWS`.
    """

    arch = "unet3d"

    def __init__(self, widths: Sequence[int] = (8, 16, 24, 40, 64)) -> None:
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(f"widths must name at least two levels of one channel or more, not {tuple(widths)}")
        super().__init__({"widths": list(widths)})
        self.divisor = 2 ** (len(widths) - 1)
        self.stem = nn.Sequential(*_convolution(3, widths[0], 3), nn.ReLU(inplace=True))
        self.first = nn.Sequential(*_convolution(widths[0], widths[0], 3), nn.ReLU(inplace=True))
        self.downs = nn.ModuleList(
            _down(finer, coarser, deep=level >= len(widths) - DEEP) for level, (finer, coarser) in enumerate(pairwise(widths), 1)
        )
        self.encoders = nn.ModuleList(CausalBlock(width) for width in widths[1:])
        upwards = list(pairwise(reversed(widths)))
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(deep, skip, 2, stride=2) for deep, skip in upwards)
        self.merges = nn.ModuleList(nn.Sequential(*_convolution(2 * skip, skip, 3), nn.ReLU(inplace=True)) for _, skip in upwards)
        self.decoders = nn.ModuleList(CausalBlock(width) for width in widths[-2:0:-1])
        self.head = nn.Conv2d(widths[0], 1, 1)
        initialise(self, self.head)
        blocks = [("encoder", level) for level in range(1, len(widths))] + [("decoder", level) for level in range(len(widths) - 2, 0, -1)]
        self.state = {f"{part}{level}_before": f"{part}{level}_after" for part, level in blocks} | dict([FOLLOWS])
        self._memories = [(widths[level], 2**level) for _, level in blocks]

    def initial_state(self, batch: int, height: int, width: int) -> tuple[Tensor, ...]:
        like = self.head.weight
        memories = (like.new_zeros(batch, channels, height // stride, width // stride) for channels, stride in self._memories)
        return (*memories, like.new_zeros(batch, 1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        if images.ndim == 4:
            return self._logits(images, lambda maps: maps[:0])
        clips = images.shape[:2]

        def shift(maps: Tensor) -> Tensor:
            frames = maps.reshape(*clips, *maps.shape[1:])
            return torch.cat([frames[:, :1], frames[:, :-1]], dim=1).flatten(0, 1)

        logits = self._logits(images.flatten(0, 1), shift)
        return logits.reshape(*clips, *logits.shape[1:])

    def step(self, images: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        recall = _Memory(state)
        return (self._logits(images, recall), *recall.kept, state[-1] * 0 + 1)

    def remember(self, images: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """The next state alone, (N, 3, H, W) and the state before it given: what is calculated for the logits only is left out."""
        recall = _Memory(state)
        self._road(images, recall)
        return (*recall.kept, images.new_ones(len(images), 1, 1, 1))

    def _logits(self, images: Tensor, recall: Recall) -> Tensor:
        maps, finest = self._road(images, recall)
        logits: Tensor = self.head(self.merges[-1](torch.cat([self.enlarge[-1](maps), finest], dim=1)))
        return logits

    def _road(self, images: Tensor, recall: Recall) -> tuple[Tensor, Tensor]:
        """All levels but the last one upward: the maps at half resolution, and the finest of the way down."""
        self.check_size(images)
        maps = self.first(self.stem(images))
        skips = []
        for down, encoder in zip(self.downs, self.encoders, strict=True):
            skips.append(maps)
            maps = down(maps)
            maps = encoder(maps, recall(maps))
        for enlarge, merge, decoder in zip(self.enlarge[:-1], self.merges[:-1], self.decoders, strict=True):
            maps = merge(torch.cat([enlarge(maps), skips.pop()], dim=1))
            maps = decoder(maps, recall(maps))
        return maps, skips.pop()

    def deploy(self) -> LaneModel:
        return LaneModel(self, "stem.0")


class _Memory:
    """A `Recall` of a state, one tensor a block and `FOLLOWS`, that keeps what each block saw: the next state."""

    def __init__(self, state: Sequence[Tensor]) -> None:
        *self._state, self._follows = state
        self.kept: list[Tensor] = []

    def __call__(self, maps: Tensor) -> Tensor:
        self.kept.append(maps)
        before = self._state[len(self.kept) - 1]
        return before + (1 - self._follows) * maps[maps.shape[0] - before.shape[0] :]


def _down(finer: int, coarser: int, *, deep: bool) -> nn.Sequential:
    """From a level to the next: a strided convolution, and where it is `deep` one more to see further."""
    layers: list[nn.Module] = [*_convolution(finer, coarser, 2, stride=2), nn.ReLU(inplace=True)]
    if deep:
        layers += [*_convolution(coarser, coarser, 3), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution and batch norm, which the export folds into it."""
    padding = kernel // 2 if stride == 1 else 0
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False), nn.BatchNorm2d(outputs))
