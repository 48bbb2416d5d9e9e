"""Makes a trained U-Net cheaper: `python -m lanes.train.decompose unet.pt --ranks 16 32 48 72 --data lanedata --out cheaper.pt`.

The first convolution of a decoder's block reads a coarse map and a skip connection, many channels that vary together. It becomes two: a
1x1 convolution that mixes them into fewer, and one of 3x3 that reads these (a Tucker decomposition along the inputs, Kim et al. 2016,
https://arxiv.org/abs/1511.06530). The mixtures kept are those that lose least of what the convolution gives on labelled frames, not of
its weights (Zhang et al. 2016, https://arxiv.org/abs/1505.06798). Nothing is trained; `lanes.train.distil` makes good what is lost.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from engines.export import load_checkpoint
from engines.model_file import ModelMetadata
from lanes.cli.arguments import Parser, count, output_path
from lanes.cli.logs import messages
from lanes.data.frames import by_source
from lanes.data.open import list_frames
from lanes.errors import InputError, exit_status
from lanes.files import check_file
from lanes.models.layers import Merge
from lanes.models.pretrained import PretrainedUNet
from lanes.train.checkpoint import save_checkpoint
from lanes.train.loaders import example_images

REST = 1e-6
"""Share of a channel's mean square that is added to it, so that channels which never say anything have an inverse too."""


def low_rank(weight: Tensor, moments: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """A convolution as one of 1x1 to `rank` channels and one of its own size from these, by least squares over what it reads.

    Args:
        weight: (outputs, inputs, h, w) of the convolution.
        moments: (inputs, inputs), mean of the products of the channels that it reads.
        rank: at most `inputs`, with which nothing is lost.

    Returns:
        (rank, inputs, 1, 1) and (outputs, rank, h, w), of equal length in each of the channels between them.
    """
    outputs, inputs, height, width = weight.shape
    moments = moments.double()
    values, vectors = torch.linalg.eigh(moments + REST * moments.diagonal().mean() * torch.eye(inputs, dtype=torch.float64))
    root, inverse = (vectors * values**power @ vectors.T for power in (0.5, -0.5))
    seen = root @ weight.double().transpose(0, 1).reshape(inputs, -1)
    strongest = torch.linalg.eigh(seen @ seen.T)[1].flip(1)[:, :rank]
    mix = (inverse @ strongest).T
    rest = (strongest.T @ seen).reshape(rank, outputs, height, width).transpose(0, 1)
    balance = (rest.transpose(0, 1).flatten(1).norm(dim=1) / mix.norm(dim=1)).sqrt().clamp(min=REST)
    return (mix * balance[:, None])[:, :, None, None].to(weight.dtype), (rest / balance[None, :, None, None]).to(weight.dtype)


@torch.no_grad()
def decompose(network: PretrainedUNet, ranks: Sequence[int], images: Iterable[Tensor]) -> PretrainedUNet:
    """A network that calculates nearly what `network` does, whose decoder's blocks see what they are given in `ranks` channels.

    Args:
        network: whose blocks see all channels.
        ranks: finest first.
        images: (N, 3, H, W) normalised, what the mixtures are chosen on.

    Raises:
        ValueError: the network is decomposed already, or the ranks do not fit it.
    """
    if "ranks" in network.config:
        raise ValueError("it is decomposed already")
    cheaper = PretrainedUNet(**{key: value for key, value in network.config.items() if key != "arch"}, ranks=ranks)
    firsts = [first for first in (block.get_submodule("0") for block in network.decoders) if isinstance(first, nn.Conv2d)]
    if any(rank > first.in_channels for rank, first in zip(ranks, firsts[::-1], strict=True)):
        raise ValueError(f"ranks {tuple(ranks)} must be at most {tuple(first.in_channels for first in firsts[::-1])}")
    moments = _measure_moments(network, firsts, images)
    state = network.state_dict()
    for level, (first, merge) in enumerate(zip(firsts, cheaper.merges, strict=True)):
        assert isinstance(merge, Merge)
        mix, rest = low_rank(first.weight, moments[level], ranks[-1 - level])
        state[f"decoders.{level}.0.weight"] = rest
        parts = torch.split(mix, [merge.coarse.in_channels, merge.skip.in_channels], dim=1)
        state[f"merges.{level}.coarse.weight"], state[f"merges.{level}.skip.weight"] = (part.contiguous() for part in parts)
    cheaper.load_state_dict(state)
    return cheaper


def _measure_moments(network: nn.Module, layers: Sequence[nn.Conv2d], images: Iterable[Tensor]) -> list[Tensor]:
    """Mean of the products of the channels that each convolution reads, (inputs, inputs) float64 each."""
    sums = [torch.zeros(layer.in_channels, layer.in_channels, dtype=torch.float64) for layer in layers]

    def observe(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        channels = inputs[0].transpose(0, 1).flatten(1)
        sums[layers.index(layer)] += (channels @ channels.T).double() / channels.shape[1]

    hooks = [layer.register_forward_pre_hook(observe) for layer in layers]
    network.eval()
    for batch in images:
        network(batch)
    for hook in hooks:
        hook.remove()
    return sums


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m lanes.train.decompose", __doc__)
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="trained unet")
    parser.add_argument(
        "--ranks", type=count, nargs="+", required=True, metavar="N", help="channels that each block of the decoder is to see, finest first"
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="labelled frames to choose on, as lanes.train takes them")
    parser.add_argument("--out", type=output_path, required=True, metavar="FILE", help="checkpoint to write")
    parser.add_argument("--batches", type=count, default=24, metavar="N", help="number of batches of 8 examples to choose on")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    with messages("lanes.train.decompose"):
        return exit_status("lanes.train.decompose", lambda: print(_write(args)))


def _write(args: argparse.Namespace) -> Path:
    out: Path = args.out
    check_file(out, [args.checkpoint], overwrite=True)
    network, metadata = load_checkpoint(args.checkpoint)
    if not isinstance(network, PretrainedUNet):
        raise InputError(f"{args.checkpoint} has the architecture {network.arch}: only a U-Net with a pretrained encoder can be decomposed")
    images = example_images(by_source(list_frames(args.data, "train")), metadata.transform, args.batches)
    try:
        cheaper = decompose(network, args.ranks, images)
    except ValueError as error:
        raise InputError(f"{args.checkpoint} cannot be decomposed: {error}") from None
    save_checkpoint(out, cheaper, describe(metadata, cheaper), {})
    return out


def describe(metadata: ModelMetadata, network: PretrainedUNet) -> dict[str, object]:
    """The metadata of a model that became another network, as checkpoints hold it."""
    return asdict(replace(metadata, network=network.config)) | {"transform": metadata.transform.to_dict()}


if __name__ == "__main__":
    sys.exit(main())
