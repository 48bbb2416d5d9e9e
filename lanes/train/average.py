"""Averages two trainings of one network: `python -m lanes.train.average before.pt after.pt --out average.pt`.

Weights that were trained on for new roads have forgotten some of what the weights before knew. Where the one began as the other, both
lie in one valley of the loss, and their mean, tensor by tensor, keeps most of the one and takes much of the other, at the cost of one
network (Wortsman et al. 2022, arXiv 2109.01903 and 2203.05482). Networks that were trained apart have no such mean.
"""

from __future__ import annotations

import argparse
import io
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from engines.export import load_checkpoint
from engines.model_file import ModelMetadata
from lanes.cli.arguments import Parser, output_path
from lanes.cli.logs import messages
from lanes.errors import InputError, exit_status
from lanes.files import check_file, write_atomically

logger = logging.getLogger(__name__)


@torch.no_grad()
def average(before: Path, after: Path) -> dict[str, Any]:
    """The checkpoint half-way between two, as `lanes.train` writes them. Whole numbers, which count batches, are those of `before`.

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
    metadata = unite(first, second)
    return {"network": network.config, "state_dict": mean, "metadata": asdict(metadata) | {"transform": metadata.transform.to_dict()}}


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
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    with messages("lanes.train.average"):
        return exit_status("lanes.train.average", lambda: print(_write(args)))


def _write(args: argparse.Namespace) -> Path:
    out: Path = args.out
    check_file(out, [args.before, args.after], overwrite=True)
    written = io.BytesIO()
    torch.save(average(args.before, args.after), written)
    write_atomically(out, written.getvalue())
    return out


if __name__ == "__main__":
    sys.exit(main())
