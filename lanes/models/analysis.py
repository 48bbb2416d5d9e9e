"""What a network costs and how far it sees: parameters, operations and receptive field, found by running it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from lanes.models.base import LaneNetwork

LARGEST = 2048
"""Width in pixels of the largest images in which a receptive field is looked for."""


@dataclass(frozen=True)
class Analysis:
    """Facts of a network.

    Attributes:
        parameters: numbers that training sets.
        operations: multiplications, and as many additions, for one frame of the network's input size, its memory included.
        receptive_field: width in pixels of the square of that image that can change one pixel of the output, the largest of any pixel;
            None = the whole image.
    """

    parameters: int
    operations: int
    receptive_field: int | None


def analyse(network: LaneNetwork, size: tuple[int, int]) -> Analysis:
    """The facts of a network at an input of `size`, width and height, which must fit it."""
    network = copy.deepcopy(network).eval()
    images, state = torch.zeros(1, 3, size[1], size[0]), network.initial_state(1, size[1], size[0])
    return Analysis(
        sum(parameter.numel() for parameter in network.parameters()),
        count_operations(lambda frame: network.step(frame, *state)[0], images),
        receptive_field(network, network.divisor),
    )


@torch.inference_mode()
def count_operations(calculate: Callable[[Tensor], Tensor], images: Tensor) -> int:
    """Multiplications of the convolutions and matrix products in what `calculate` does with images."""
    with FlopCounterMode(display=False) as counter:
        calculate(images)
    return int(counter.get_total_flops()) // 2


@torch.inference_mode()
def receptive_field(network: nn.Module, divisor: int = 1) -> int | None:
    """Width in pixels of the part of an image on which one pixel of the output depends; the largest, where it differs between pixels.

    Found without regard to the weights: some columns of the image are made NaN, and all that depends on them becomes NaN, since NaN
    times 0 is NaN. Rows are taken to be as columns are.

    Args:
        network: maps (N, 3, H, W) to (N, outputs, H, W), in evaluation mode.
        divisor: width and height must be multiples of it; what a pixel depends on repeats with it from pixel to pixel.

    Returns:
        None where a pixel depends on more than `LARGEST` / 2 columns to one side: on the whole image, then.
    """
    width = 128
    while width <= LARGEST:
        width = -(-width // divisor) * divisor
        left, right = _reach(network, width, divisor, to_left=True), _reach(network, width, divisor, to_left=False)
        if left is not None and right is not None:
            return int((left + right).max()) + 1
        width *= 2
    return None


def _reach(network: nn.Module, width: int, divisor: int, *, to_left: bool) -> NDArray[np.int64] | None:
    """How many columns to one side a pixel of the output depends on, (divisor,), by its column modulo `divisor`.

    None where images of `width` are too narrow to tell.
    """
    found = np.zeros(divisor, np.int64)
    middle = width // 2 // divisor * divisor
    for edge in range(middle, middle + divisor):
        images = torch.zeros(1, 3, divisor, width)
        images[..., slice(0, edge + 1) if to_left else slice(edge, width)] = torch.nan
        depends = torch.isnan(network(images)).any(dim=2)[0, 0].numpy()
        if depends.all():
            return None
        columns = np.flatnonzero(depends)
        # Of the pixels that still depend on the edge, the furthest of each kind.
        distances = columns - edge if to_left else edge - columns
        np.maximum.at(found, columns % divisor, distances)
    return found
