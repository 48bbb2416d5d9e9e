"""How a model does on roads of a kind that it has never seen: `python -m lanes.cross_validate --data lanedata --out runs/cv --steps 1000`.

Trains once for each source of labelled frames without it, and scores the result on that source's frames, drive by drive: those that
the training would otherwise hold back, and, since nothing of the source was seen, those that it would otherwise train on. The
scores are the honest ones: every other figure is of drives filmed by a camera that the training knew.

What is not an option here (`--steps`, `--precision`, `--model`) goes on to `lanes.train`. The same command again goes on where it
stopped, and does nothing twice; another request in the same `--out` is refused.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from lanes.cli.arguments import Parser, output_path
from lanes.cli.console import plain_console
from lanes.cli.logs import messages
from lanes.data.open import list_frames
from lanes.errors import InputError, exit_status
from lanes.evaluate.scores import SCORES, Row, mean_row
from lanes.files import write_atomically
from lanes.train.command import parse
from lanes.train.cross_validation import SPLITS, Scores, read_scores, validate_without
from lanes.train.request import claim


def score_table(found: dict[str, dict[str, Scores]]) -> Table:
    """A row for each source and drive, and the mean over the sources."""
    table = Table("left out", "split", "drive", "frames", *(score.replace("_", "\n", 1) for score in SCORES), box=None)
    for source, splits in found.items():
        for split, scores in splits.items():
            table.add_row(source, split, "all", *_cells(scores["all"]), style="bold")
            for drive, row in scores["drives"].items():
                table.add_row(source, split, drive, *_cells(row))
    for split in SPLITS:
        rows_of_all = [splits[split]["all"] for splits in found.values() if split in splits]
        if rows_of_all:
            table.add_row("mean", split, "all", *_cells(mean_row(rows_of_all)), style="bold")
    return table


def _cells(row: Row) -> list[str]:
    return [str(row["frames"]), *(f"{row[score]:.4f}" for score in SCORES)]


def run(args: argparse.Namespace, passed_on: Sequence[str]) -> None:
    """Carries out a request. Raises InputError or ProcessingError."""
    options = parse(["--data", str(args.data), "--out", str(args.out), *passed_on])  # ends the program if it makes no sense
    if options.weights:
        raise InputError("--weights may have seen what is left out: leave it away, and every network begins anew")
    frames = list_frames(args.data)
    everything = {frame.source: frame.for_validation for frame in frames}
    sources = args.sources or list(dict.fromkeys(frame.source for frame in frames if frame.split == "val" and frame.for_validation))
    for source in sources:
        if source not in everything:
            raise InputError(f"{args.data} has no source {source!r}: it has {', '.join(everything)}")
        if not everything[source]:
            raise InputError(f"the labels of {source} are for training only: its data says that no score may be taken on them")
    if len(everything) < 2:
        raise InputError(f"{args.data} has one source alone: nothing is left to train on without it")
    claim(args.out, {"data": str(args.data.resolve()), "options": list(passed_on)})
    found: dict[str, dict[str, Scores]] = {}
    for source in sources:
        path = args.out / source / "scores.json"
        if not path.exists():
            write_atomically(path, json.dumps(validate_without(source, args, passed_on), indent=1) + "\n")
        found[source] = read_scores(path)
    plain_console(width=140).print(score_table(found))


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = Parser("python -m lanes.cross_validate", __doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="labelled frames of several sources (docs/training.md)")
    parser.add_argument("--out", type=output_path, required=True, metavar="DIR", help="folder for a run and the scores of each source")
    parser.add_argument(
        "--sources", type=str, nargs="+", metavar="SOURCE", help="sources to leave out; without it all that have val frames"
    )
    args, passed_on = parser.parse_known_args(arguments)
    with messages("lanes.cross_validate"):
        return exit_status("lanes.cross_validate", lambda: run(args, passed_on))


if __name__ == "__main__":
    sys.exit(main())
