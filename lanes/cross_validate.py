"""How a model does on roads of a kind that it has never seen: `python -m lanes.cross_validate --data lanedata --out runs/cv --steps 1000`.

Trains once for each source of labelled frames without it, and scores the result on that source's frames, drive by drive: those that
the training would otherwise hold back, and, since nothing of the source was seen, those that it would otherwise train on. The
scores are the honest ones: every other figure is of drives filmed by a camera that the training knew.

What is not an option here (`--steps`, `--precision`, `--network`) goes on to `lanes.train`. The same command again goes on where it
stopped, and does nothing twice; another request in the same `--out` is refused.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

from rich.console import Console
from rich.table import Table

from engines.export import export_onnx, load_checkpoint
from lanes import load_segmenter
from lanes.data.frames import LabelledFrame
from lanes.data.open import list_frames
from lanes.errors import InputError, exit_status
from lanes.evaluate.pixels import PixelCounts
from lanes.evaluate.run import measure
from lanes.evaluate.scores import SCORES, Row, mean_row, score_row
from lanes.files import write_atomically
from lanes.train.command import parse
from lanes.train.run import train

SPLITS = ("val", "train")


class Scores(TypedDict):
    """What was scored of a split: rows of `lanes.evaluate.scores.SCORES`.

    Attributes:
        all: of the pixels of its drives together.
        drives: of each drive.
    """

    all: Row
    drives: dict[str, Row]


def validate_without(source: str, args: argparse.Namespace, passed_on: Sequence[str]) -> dict[str, Scores]:
    """Trains without a source and scores the result on it, by split.

    Raises:
        InputError, ProcessingError: the training, the export or the evaluation do.
    """
    folder = args.out / source
    # What is passed on comes first, so that it cannot stand for what is scored. Lightning starts the program once for each further GPU,
    # and what follows the training is to be done once.
    asked = ["--data", str(args.data), "--out", str(folder), "--leave-out", source, "--resume", "--devices", "1"]
    checkpoint = train(parse([*passed_on, *asked]))
    model = export_onnx(*load_checkpoint(checkpoint), folder / "model.onnx")
    found: dict[str, Scores] = {}
    with load_segmenter(str(model.path)) as segmenter:
        for split in SPLITS:
            frames: list[LabelledFrame] = list_frames(args.data, split, {source})
            if frames:
                by_drive: dict[str, PixelCounts] = defaultdict(PixelCounts)
                for frame, counts in measure(segmenter, frames).frames:
                    by_drive[frame.sequence] += counts
                together = score_row(sum(by_drive.values(), PixelCounts()))
                found[split] = {"all": together, "drives": {drive: score_row(counts) for drive, counts in by_drive.items()}}
    return found


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
    _claim(args.out, {"data": str(args.data.resolve()), "options": list(passed_on)})
    found: dict[str, dict[str, Scores]] = {}
    for source in sources:
        path = args.out / source / "scores.json"
        if not path.exists():
            write_atomically(path, json.dumps(validate_without(source, args, passed_on), indent=1) + "\n")
        found[source] = _read_scores(path)
    Console(width=140).print(score_table(found))


def _claim(out: Path, request: dict[str, Any]) -> None:
    """Notes what a folder is for. Raises InputError where it holds runs of another request, or notes that cannot be read."""
    path = out / "request.json"
    try:
        if not path.exists():
            write_atomically(path, json.dumps(request, indent=1) + "\n")
        earlier = json.loads(path.read_bytes())
        data, options = earlier["data"], earlier["options"]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path} is damaged: give another --out") from None
    if earlier != request:
        raise InputError(
            f"{out} is of a training on {data} with options {' '.join(map(str, options)) or '(none)'}: give the same ones, or another --out"
        )


def _read_scores(path: Path) -> dict[str, Scores]:
    """What `validate_without` found. Raises InputError where the file is damaged."""
    try:
        found: dict[str, Scores] = json.loads(path.read_bytes())
        for scores in found.values():
            for row in (scores["all"], *scores["drives"].values()):
                _cells(row)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path} is damaged: delete it, and the source is scored again") from None
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
