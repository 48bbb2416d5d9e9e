"""A network as it is deployed: images in, lane probability out, all that surrounds it in training folded into it or left behind."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lanes.models import IMAGE_MEAN, IMAGE_STD
from lanes.models.base import LaneNetwork


class LaneModel(nn.Module):
    """(N, H, W, 3) uint8 BGR -> (N, H, W) uint8 lane probability; with what `LaneNetwork.deploy` says of further outputs and state.

    Batch norms are folded into the convolutions before them. Of the normalisation, scale and colour order are folded into the
    first convolutions, which is exact; the mean is not, since that convolution pads with zeros that stand for the mean itself, so
    it is subtracted in the graph. It is subtracted before the axes change places because convolutions on a CPU want
    the colours innermost, as they come: the exchange then costs nothing (1 ms of a frame at 640x384 otherwise; a flip of the colours 2 ms).

    Args:
        network: its `step` is what is deployed. It is copied, not changed.
        first: names of the network's convolutions that see the image.
    """

    mean: Tensor
    network: LaneNetwork

    def __init__(self, network: LaneNetwork, *first: str) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.register_buffer("mean", 255 * torch.tensor(IMAGE_MEAN[::-1]))
        _fold_batch_norms(self.network)
        for name in first:
            convolution = self.network.get_submodule(name)
            assert isinstance(convolution, nn.Conv2d)
            convolution.weight.copy_((convolution.weight / (255 * torch.tensor(IMAGE_STD).view(1, 3, 1, 1))).flip(1))

    def forward(self, frames: Tensor, *state: Tensor) -> Tensor | tuple[Tensor, ...]:
        logits, *others = self.network.step((frames.to(self.mean.dtype) - self.mean).permute(0, 3, 1, 2), *state)
        # The cast comes last, as it comes first above: all that TensorRT does with uint8 is to cast it at the graph's ends.
        probability = torch.round(255 * torch.sigmoid(logits)).squeeze(1).to(torch.uint8)
        return (probability, *others) if others else probability


def _fold_batch_norms(network: nn.Module) -> None:
    for block in network.modules():
        if isinstance(block, nn.Sequential):
            for index, (layer, following) in enumerate(zip(block, list(block)[1:], strict=False)):
                if isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
                    block[index] = fuse_conv_bn_eval(layer, following)
                    block[index + 1] = nn.Identity()
