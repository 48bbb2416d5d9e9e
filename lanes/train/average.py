"""Averages two trainings of one network: `python -m lanes.train.average before.pt after.pt --out average.pt`.

Weights that were trained on for new roads have forgotten some of what the weights before knew. Where the one began as the other, both
lie in one valley of the loss, and their mean, tensor by tensor, keeps most of the one and takes much of the other, at the cost of one
network (Wortsman et al. 2022, arXiv 2109.01903 and 2203.05482). Of two whole trainings that began alike, with the same pretrained encoder
and the same `--seed`, there is one too, but its convolutions spread less than those of either, and the mean of the batch norms'
statistics does not fit them: with `--data` they are measured anew (Izmailov et al. 2018, arXiv 1803.05407; Jordan et al. 2022, arXiv
2211.08403). Networks that began otherwise have no such mean.
"""

from __future__ import annotations

import argparse
import io
import logging
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
from lanes.files import check_file, write_atomically
from lanes.models.base import LaneNetwork
from lanes.train.loaders import example_images

logger = logging.getLogger(__name__)


@torch.no_grad()
def average(before: Path, after: Path) -> tuple[LaneNetwork, ModelMetadata]:
    """The network half-way between two checkpoints of `lanes.train`. Whole numbers, which count batches, are those of `before`.

    Args:
        before: what the training began from. The average has its threshold.
        after: what it became. The average is looked through as this is: `transform` and `bands`.

    Raises:
        InputError: one is no checkpoint, or the two are not of the same network.
    """
    network, first = load_checkpoint(before)
    other, second = load_checkpoint(after)
    for meant, one, two in (("network", network.config, other.config), ("classes", first.classes, second.classes)):
        if one != two:
            raise InputError(f"{before} and {after} have no average: {meant} {one} and {two} are not the same")
    if (first.transform, first.bands) != (second.transform, second.bands):
        logger.warning("the average sees %s as %s does, where %s sees %s", _input(second), after, before, _input(first))
    weights = other.state_dict()
    values = network.state_dict()
    mean = {name: torch.lerp(value, weights[name], 0.5) if value.is_floating_point() else value for name, value in values.items()}
    network.load_state_dict(mean)
    return network, unite(first, second)


@torch.no_grad()
def measure_batch_norms(network: LaneNetwork, images: Iterable[Tensor]) -> None:
    """Sets mean and spread of a network's batch norms to those that its convolutions give on `images`, (N, 3, H, W) normalised."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the mean over all batches
    network.train()
    for batch in images:
        network(batch)


def unite(before: ModelMetadata, after: ModelMetadata) -> ModelMetadata:
    """What holds for the average of two models: the data and licences of both; see `average` for the rest."""
    return replace(
        before,
        transform=after.transform,
        bands=after.bands,
        training_data=list(dict.fromkeys([*before.training_data, *after.training_data])),
        licences=list(dict.fromkeys([*before.licences, *after.licences])),
    )


def _input(metadata: ModelMetadata) -> str:
    transform = metadata.transform
    return f"{transform.width}x{transform.height} {'of bands' if metadata.bands else 'of whole frames'}"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m lanes.train.average", __doc__)
    parser.add_argument("before", type=Path, metavar="BEFORE", help="checkpoint that the training began from; its threshold is kept")
    parser.add_argument("after", type=Path, metavar="AFTER", help="checkpoint of the training; its input is kept")
    parser.add_argument("--out", type=output_path, required=True, metavar="FILE", help="checkpoint to write")
    parser.add_argument("--data", type=Path, metavar="DIR", help="labelled frames to measure the batch norms' statistics on anew")
    parser.add_argument("--batches", type=count, default=60, metavar="N", help="number of batches of 8 examples to measure on")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    with messages("lanes.train.average"):
        return exit_status("lanes.train.average", lambda: print(_write(args)))


def _write(args: argparse.Namespace) -> Path:
    out: Path = args.out
    check_file(out, [args.before, args.after], overwrite=True)
    network, metadata = average(args.before, args.after)
    if args.data:
        measure_batch_norms(network, example_images(by_source(list_frames(args.data, "train")), metadata.transform, args.batches))
    values = asdict(metadata) | {"transform": metadata.transform.to_dict()}
    content = {"network": network.config, "state_dict": network.state_dict(), "metadata": values}
    written = io.BytesIO()
    torch.save(content, written)
    write_atomically(out, written.getvalue())
    return out


if __name__ == "__main__":
    sys.exit(main())
