"""Turns a model file back into a checkpoint to train on from: `python -m lanes.train.from_model_file unet --data lanedata --out unet.pt`.

A model file has no batch norms any more: each is folded into the convolution before it. Training needs them, with the mean and the
spread that each convolution gives on images. So the folded weights go into the convolutions, the statistics are measured on training
examples, and each batch norm's scale and shift are set such that, by these statistics, it undoes itself: the checkpoint calculates what
the model file does, and the first steps of training, which normalise by the batch, hardly differ.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from engines.model_file import ModelFile, find_model
from lanes.cli.arguments import Parser, count, output_path
from lanes.cli.logs import messages
from lanes.data.frames import by_source
from lanes.data.open import list_frames
from lanes.errors import InputError, exit_status
from lanes.files import write_atomically
from lanes.models import IMAGE_STD
from lanes.models.base import LaneNetwork
from lanes.models.build import build_network
from lanes.models.unet import EncoderDecoder
from lanes.train.loaders import example_images
from lanes.train.threshold import BySource

FILTER_LENGTH = 2**0.5
"""Length of a filter as the initialisation of He et al. 2015 makes it, on the mean."""

DEAD = 1e-6
"""Length below which a filter gives nothing."""


def folded_layers(network: nn.Module) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """The convolutions that the export folds a batch norm into, each with that batch norm."""
    blocks = [block for block in network.modules() if isinstance(block, nn.Sequential)]
    neighbours = [pair for block in blocks for pair in pairwise(block)]
    return [(layer, norm) for layer, norm in neighbours if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)]


@torch.no_grad()
def take_folded(network: EncoderDecoder, weights: Mapping[str, Tensor]) -> None:
    """Gives a network the weights of its exported graph; its batch norms then add the folded biases and change nothing else.

    Args:
        network: of the graph's architecture.
        weights: by their names in the graph. The export folds the normalisation of the image into the first convolution's.

    Raises:
        KeyError, RuntimeError: the graph is of another network.
    """
    names = {module: name for name, module in network.named_modules()}
    norms = dict(folded_layers(network))
    for module, name in names.items():
        if not isinstance(module, nn.Conv2d):
            continue
        weight = weights[f"network.{name}.weight"]
        if name == network.first_convolution:
            weight = weight.flip(1) * (255 * torch.tensor(IMAGE_STD).view(1, 3, 1, 1))
        module.weight.copy_(weight)
        if module in norms:
            norm = norms[module]
            bias = weights[f"network.{name}.bias"]
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_mean.zero_()
            norm.running_var.fill_(1.0)
            norm.weight.fill_((1 + norm.eps) ** 0.5)
            norm.bias.copy_(bias)
        elif module.bias is not None:
            module.bias.copy_(weights[f"network.{name}.bias"])


@torch.no_grad()
def measure_statistics(network: LaneNetwork, images: Iterable[Tensor]) -> None:
    """Sets the batch norms of a network that `take_folded` filled to the statistics of `images`, (N, 3, H, W) normalised, each batch one.

    What the network calculates stays the same. Each filter is scaled to the length that training starts from, so that a step of the
    optimiser is as large a change as it is at the start of a training.
    """
    pairs = folded_layers(network)
    sums: dict[nn.Module, list[Tensor]] = {norm: [] for _, norm in pairs}

    def observe(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        maps = inputs[0].float()
        sums[norm].append(torch.stack([maps.mean((0, 2, 3)), maps.square().mean((0, 2, 3))]))

    hooks = [norm.register_forward_pre_hook(observe) for _, norm in pairs]
    network.eval()
    for batch in images:
        network(batch)
    for hook in hooks:
        hook.remove()
    for convolution, norm in pairs:
        mean, square = torch.stack(sums[norm]).mean(dim=0)
        length = convolution.weight.flatten(1).norm(dim=1)
        scale = torch.where(length > DEAD, FILTER_LENGTH / length, 1.0)
        convolution.weight.mul_(scale.view(-1, 1, 1, 1))
        norm.running_mean = scale * mean
        norm.running_var = scale**2 * (square - mean**2).clamp(min=0)
        norm.weight.copy_((norm.running_var + norm.eps).sqrt() / scale)
        norm.bias.add_(mean)


def convert(model: ModelFile, frames: BySource, batches: int) -> dict[str, Any]:
    """The checkpoint of a model file, as `lanes.train` writes them.

    Args:
        model: with fp32 weights, which are exact.
        frames: labelled frames by source, to measure statistics on.
        batches: of 8 examples each, measured on.

    Raises:
        InputError: the model is of another precision, or its graph is not that of its network.
    """
    if model.precision != "fp32":
        raise InputError(f"{model.path} is {model.precision}: give the fp32 file, whose weights are exact")
    network = build_network(model.metadata.network)
    if not isinstance(network, EncoderDecoder):
        raise InputError(f"{model.path} has the architecture {network.arch}: only a single U-Net can be turned back")
    graph = onnx.load_from_string(model.read()).graph
    try:
        take_folded(network, {each.name: torch.from_numpy(numpy_helper.to_array(each).copy()) for each in graph.initializer})
    except (KeyError, RuntimeError) as error:
        raise InputError(f"{model.path} is not the graph of its network: {error}") from None
    transform = model.metadata.transform
    measure_statistics(network, example_images(frames, transform, batches))
    metadata = asdict(model.metadata) | {"transform": transform.to_dict()}
    return {"network": network.config, "state_dict": network.state_dict(), "metadata": metadata}


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m lanes.train.from_model_file", __doc__)
    parser.add_argument("model", type=str, metavar="MODEL", help="name of a bundled model, or an fp32 ONNX file")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="labelled frames to measure on, as lanes.train takes them")
    parser.add_argument("--out", type=output_path, required=True, metavar="FILE", help="checkpoint to write")
    parser.add_argument("--batches", type=count, default=24, metavar="N", help="number of batches of 8 examples to measure on")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    with messages("lanes.train.from_model_file"):
        return exit_status("lanes.train.from_model_file", lambda: print(_write(args)))


def _write(args: argparse.Namespace) -> Path:
    content = convert(find_model(args.model), by_source(list_frames(args.data, "train")), args.batches)
    written = io.BytesIO()
    torch.save(content, written)
    out: Path = args.out
    write_atomically(out, written.getvalue())
    return out


if __name__ == "__main__":
    sys.exit(main())
