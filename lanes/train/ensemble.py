"""Makes one model of several: `python -m lanes.train.ensemble large.pt small.pt --scales 1 0.7 --out ensemble.pt`.

Each was trained by itself; each looks at the same picture, at its own size, and their logits are averaged (`lanes.models.ensemble`). One
alone may be surer of paint than another: where all are as sure as their own thresholds ask for, the ensemble is as its own asks for.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from engines.export import load_checkpoint
from engines.model_file import ModelMetadata
from lanes.cli.arguments import Parser, output_path
from lanes.cli.logs import messages
from lanes.errors import InputError, exit_status
from lanes.files import check_file
from lanes.models.ensemble import Ensemble
from lanes.train.checkpoint import save_checkpoint

SURE = 1e-4
"""Distance from 0 and 1 at which a threshold's logit is still a number, far beyond the steps of a uint8."""


def ensemble(checkpoints: Sequence[Path], scales: Sequence[float]) -> tuple[Ensemble, ModelMetadata]:
    """The ensemble of trained networks.

    Args:
        checkpoints: of `lanes.train`. The ensemble has the first one's name and input.
        scales: how large each of them sees that input, above 0, 1 at most.

    Raises:
        InputError: one is no checkpoint, or they do not make an ensemble.
    """
    loaded = [load_checkpoint(path) for path in checkpoints]
    first = loaded[0][1]
    for path, (_, other) in zip(checkpoints, loaded, strict=True):
        for meant, one, two in (("classes", first.classes, other.classes), ("bands", first.bands, other.bands)):
            if one != two:
                raise InputError(f"{checkpoints[0]} and {path} make no ensemble: {meant} {one} and {two} are not the same")
    try:
        network = Ensemble(members=[member.config for member, _ in loaded], scales=scales)
    except ValueError as error:
        raise InputError(f"{' and '.join(map(str, checkpoints))} make no ensemble: {error}") from None
    for member, (trained, _) in zip(network.members, loaded, strict=True):
        member.load_state_dict(trained.state_dict())
    return network, unite([metadata for _, metadata in loaded], network)


def unite(models: Sequence[ModelMetadata], network: Ensemble) -> ModelMetadata:
    """What holds for the ensemble of models: the data and licences of all."""
    return replace(
        models[0],
        threshold=common_threshold([model.threshold for model in models]),
        threshold_drives=list(dict.fromkeys(drive for model in models for drive in model.threshold_drives)),
        training_data=list(dict.fromkeys(name for model in models for name in model.training_data)),
        licences=list(dict.fromkeys(text for model in models for text in model.licences)),
        network=network.config,
    )


def common_threshold(thresholds: Sequence[float]) -> float:
    """The probability of the mean of the logits that thresholds of 0 to 1 stand for."""
    inside = [min(max(each, SURE), 1 - SURE) for each in thresholds]
    logits = [math.log(each / (1 - each)) for each in inside]
    return 1 / (1 + math.exp(-sum(logits) / len(logits)))


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m lanes.train.ensemble", __doc__)
    parser.add_argument("checkpoints", type=Path, nargs="+", metavar="CHECKPOINT", help="the members; name and input are the first one's")
    parser.add_argument("--scales", type=float, nargs="+", required=True, metavar="S", help="how large each sees that input, 1 or less")
    parser.add_argument("--out", type=output_path, required=True, metavar="FILE", help="checkpoint to write, for engines.export")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    with messages("lanes.train.ensemble"):
        return exit_status("lanes.train.ensemble", lambda: print(_write(args)))


def _write(args: argparse.Namespace) -> Path:
    out: Path = args.out
    check_file(out, args.checkpoints, overwrite=True)
    network, metadata = ensemble(args.checkpoints, args.scales)
    save_checkpoint(out, network, asdict(metadata) | {"transform": metadata.transform.to_dict()}, {})
    return out


if __name__ == "__main__":
    sys.exit(main())
