"""How a model does on roads of a kind that it has never seen: `python -m lanes.cross_validate --data lanedata --out runs/cv --steps 1000`.

Trains once for each source of labelled frames without it, and scores the result on that source's frames, drive by drive: those that
the training would otherwise hold back, and, since nothing of the source was seen, those that it would otherwise train on. The
scores are the honest ones: every other figure is of drives filmed by a camera that the training knew.

All are taken at one threshold: the best for all sources together on the drives of the split `train`. It is the one to export a model
with that is to see roads which nobody labelled (`python -m engines.export --threshold`).

What is not an option here (`--steps`, `--precision`, `--model`) goes on to `lanes.train`. The same command again goes on where it
stopped, and does nothing twice; another request in the same `--out` is refused.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from lanes.cli.arguments import Parser, output_path
from lanes.cli.console import plain_console
from lanes.cli.logs import messages
from lanes.data.open import list_frames
from lanes.errors import InputError, exit_status
from lanes.evaluate.probability import LEVELS, LevelCounts
from lanes.evaluate.scores import SCORES, Row, mean_row, score_row
from lanes.files import write_atomically
from lanes.train.command import parse
from lanes.train.cross_validation import SPLITS, LeftOut, common_threshold, read_counts, to_json, validate_without
from lanes.train.request import claim


def score_table(found: dict[str, LeftOut], threshold: float) -> Table:
    """A row for each source and drive, and the mean over the sources, at a threshold of 0 to 1."""
    table = Table("left out", "split", "drive", "frames", *(score.replace("_", "\n", 1) for score in SCORES), box=None)
    chosen = ", chosen on the split train" if any("train" in splits for splits in found.values()) else ""
    table.title, table.title_justify = f"threshold {threshold:.3f}{chosen}", "left"
    level = round((LEVELS - 1) * threshold)
    rows_of_all = defaultdict(list)
    for source, splits in found.items():
        for split, drives in splits.items():
            together = score_row(sum(drives.values(), LevelCounts()).at(level))
            rows_of_all[split].append(together)
            table.add_row(source, split, "all", *_cells(together), style="bold")
            for drive, counts in drives.items():
                table.add_row(source, split, drive, *_cells(score_row(counts.at(level))))
    for split in SPLITS:
        if split in rows_of_all:
            table.add_row("mean", split, "all", *_cells(mean_row(rows_of_all[split])), style="bold")
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
    found: dict[str, LeftOut] = {}
    for source in sources:
        path = args.out / source / "counts.json"
        if not path.exists():
            write_atomically(path, to_json(validate_without(source, args, passed_on)))
        found[source] = read_counts(path)
    plain_console(width=140).print(score_table(found, common_threshold(found)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = Parser("python -m lanes.cross_validate", __doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="labelled frames of several sources (docs/training.md)")
    parser.add_argument(
        "--out", type=output_path, required=True, metavar="DIR", help="folder for a run of each source, and what it counted"
    )
    parser.add_argument(
        "--sources", type=str, nargs="+", metavar="SOURCE", help="sources to leave out; without it all that have val frames"
    )
    args, passed_on = parser.parse_known_args(arguments)
    with messages("lanes.cross_validate"):
        return exit_status("lanes.cross_validate", lambda: run(args, passed_on))


if __name__ == "__main__":
    sys.exit(main())
