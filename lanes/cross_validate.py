"""How a model does on roads of a kind that it has never seen: `python -m lanes.cross_validate --data lanedata --out runs/cv --steps 1000`.

Trains once for each source of labelled frames without it, and scores the result on that source's frames, drive by drive: those that
the training would otherwise hold back, and, since nothing of the source was seen, those that it would otherwise train on. The
scores are the honest ones: every other figure is of drives filmed by a camera that the training knew.

What is not an option here (`--steps`, `--precision`, `--network`) goes on to `lanes.train`. A source whose scores are in `--out` is not
trained without again, and scores of other options are refused.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from engines.export import export_onnx, load_checkpoint
from lanes import load_segmenter, train
from lanes.data.frames import LabelledFrame
from lanes.data.open import list_frames
from lanes.errors import RequestError, exit_status
from lanes.evaluation import SCORES, Row, as_table, mean_row, measure
from lanes.files import write_atomically
from lanes.metrics import PixelCounts

SPLITS = ("val", "train")


def validate_without(source: str, args: argparse.Namespace, passed_on: Sequence[str]) -> dict[str, dict[str, Row]]:
    """Trains without a source and scores the result on it.

    Returns:
        Rows of `lanes.evaluation.SCORES` by split, and in it by drive; under `all` those of its drives together.

    Raises:
        RequestError, RunError: the training, the export or the evaluation do.
    """
    folder = args.out / source
    # What is passed on comes first, so that it cannot stand for what is scored.
    checkpoint = train.train(train.parse([*passed_on, "--data", str(args.data), "--out", str(folder), "--leave-out", source, "--resume"]))
    model = export_onnx(*load_checkpoint(checkpoint), folder / "model.onnx")
    rows = {}
    with load_segmenter(str(model.path)) as segmenter:
        for split in SPLITS:
            frames: list[LabelledFrame] = list_frames(args.data, split, {source})
            if frames:
                by_drive: dict[str, PixelCounts] = defaultdict(PixelCounts)
                for frame, counts in measure(segmenter, frames).frames:
                    by_drive[frame.sequence] += counts
                rows[split] = drive_rows(by_drive)
    return rows


def drive_rows(by_drive: dict[str, PixelCounts]) -> dict[str, Row]:
    """Scores by drive, and under `all` those of the drives' pixels together."""
    together = sum(by_drive.values(), PixelCounts())
    return {name: row for name, row in as_table({"all": together} | by_drive).items() if name != "mean"}


def score_table(found: dict[str, dict[str, dict[str, Row]]]) -> Table:
    """A row for each source and drive, and the mean over the sources."""
    table = Table("left out", "split", "drive", "frames", *(score.replace("_", "\n", 1) for score in SCORES), box=None)
    for source, splits in found.items():
        for split, rows in splits.items():
            for drive, row in rows.items():
                cells = [f"{row[score]:.4f}" for score in SCORES]
                table.add_row(source, split, drive, str(row["frames"]), *cells, style="bold" if drive == "all" else None)
    for split in SPLITS:
        rows_of_all = [splits[split]["all"] for splits in found.values() if split in splits]
        if rows_of_all:
            row = mean_row(rows_of_all)
            table.add_row("mean", split, "all", str(row["frames"]), *(f"{row[score]:.4f}" for score in SCORES), style="bold")
    return table


def run(args: argparse.Namespace, passed_on: Sequence[str]) -> None:
    """Carries out a request. Raises RequestError or RunError."""
    train.parse(["--data", str(args.data), "--out", str(args.out), *passed_on])  # ends the program here if it cannot be understood
    frames = list_frames(args.data)
    everything = dict.fromkeys(frame.source for frame in frames)
    sources = args.sources or list(dict.fromkeys(frame.source for frame in frames if frame.split == "val"))
    for source in sources:
        if source not in everything:
            raise RequestError(f"{args.data} has no source {source!r}: it has {', '.join(everything)}")
    if len(everything) < 2:
        raise RequestError(f"{args.data} has one source alone: nothing is left to train on without it")
    found: dict[str, Any] = {}
    for source in sources:
        scores = args.out / source / "scores.json"
        if not scores.exists():
            result = {"options": list(passed_on), "scores": validate_without(source, args, passed_on)}
            write_atomically(scores, json.dumps(result, indent=1) + "\n")
        found[source] = _read_scores(scores, passed_on)
    Console(width=140).print(score_table(found))


def _read_scores(path: Path, passed_on: Sequence[str]) -> dict[str, dict[str, Row]]:
    """What `validate_without` found. Raises RequestError where the file is damaged, or of a training with other options."""
    try:
        result = json.loads(path.read_bytes())
        options, scores = result["options"], result["scores"]
        if not all(row[score] is not None for rows in scores.values() for row in rows.values() for score in (*SCORES, "frames")):
            raise ValueError
    except OSError as error:
        raise RequestError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RequestError(f"{path} is damaged: delete it, and the source is scored again") from None
    if options != list(passed_on):
        raise RequestError(f"{path} is of a training with options {' '.join(options) or '(none)'}: give the same ones, or another --out")
    found: dict[str, dict[str, Row]] = scores
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(
        prog="python -m lanes.cross_validate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="labelled frames of several sources, in formats that docs/training.md lists"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for a run, a model file and scores.json of each source left out")
    parser.add_argument(
        "--sources", nargs="+", metavar="SOURCE", help="which to leave out, one after the other; default all with frames of split val"
    )
    args, passed_on = parser.parse_known_args(arguments)
    return exit_status("lanes.cross_validate", lambda: run(args, passed_on))


if __name__ == "__main__":
    sys.exit(main())
