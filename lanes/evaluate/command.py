"""Scores a model on labelled frames: `python -m lanes.evaluate --data lanedata`.

Prints overlap with the labels, to the pixel (IoU, Dice) and within a tolerance (relaxed precision, recall and F1), by source and
condition; how well the probability is calibrated; and, where a data set has lanes as lines, TuSimple's accuracy, FP and FN and CULane's
F1. `--page` writes one HTML file with all of it, curves over every threshold and the worst frames; `--json` the figures.

A threshold, or whatever else is chosen by these scores, must not be reported on the frames that it was chosen on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from lanes import load_segmenter
from lanes.data.open import list_frames
from lanes.errors import InputError, exit_status
from lanes.evaluate.measure import SCORES, Evaluation, as_json, as_table, evaluate, lane_rows, measure, probability_rows, score_rows
from lanes.files import check_file, write_atomically
from lanes.segment.segmenter import Segmenter

__all__ = ["as_table", "evaluate", "main"]

PAGE_NAME = "evaluation.html"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m lanes.evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of labelled frames in any format that lanes.data reads")
    parser.add_argument("--split", default="val", help="default: val")
    parser.add_argument("--source", help="one source only")
    parser.add_argument("--model", default="unet", help="a bundled model's name, or an ONNX file (default: unet)")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure here")
    parser.add_argument("--page", type=Path, metavar="PATH", help=f"write a page here: a .html file, or a folder for {PAGE_NAME}")
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> Evaluation:
    """Carries out a request. Raises InputError or ProcessingError."""
    if args.page is not None and args.page.suffix.lower() not in (".html", ".htm"):
        args.page /= PAGE_NAME
    for path in (args.json, args.page):
        if path is not None:
            check_file(path, overwrite=True)
    if args.json is not None and args.page is not None and args.json.absolute() == args.page.absolute():
        raise InputError(f"{args.page}: named for both the figures and the page; give each a place of its own")
    frames = list_frames(args.data, args.split, None if args.source is None else {args.source})
    frames, unfit = [frame for frame in frames if frame.for_validation], {frame.source for frame in frames if not frame.for_validation}
    for source in sorted(unfit):
        print(f"lanes.evaluate: {source} is left out: its data says that its labels are for training only", file=sys.stderr)
    if not frames:
        raise InputError(f"{args.data} has no frames of split {args.split!r}" + (f" and source {args.source!r}" if args.source else ""))
    if args.page is not None:
        write_page = _page_writer()
    with load_segmenter(args.model, args.engine, args.precision) as segmenter:
        found = measure(segmenter, frames)
        facts = {"model": describe(segmenter), "data": args.data.resolve().name, "split": args.split}
        if args.json is not None:
            write_atomically(args.json, json.dumps(facts | as_json(found), indent=1, allow_nan=False) + "\n")
        if args.page is not None:
            write_atomically(args.page, write_page(found, segmenter, facts))
    return found


def describe(segmenter: Segmenter) -> dict[str, str]:
    """Which model was scored, and what ran it."""
    engine = segmenter.engine
    return {
        "name": engine.model.metadata.name,
        "sha256": engine.model.sha256,
        "precision": engine.precision,
        "engine": engine.name,
        "version": engine.version,
        "device": engine.device,
    }


def score_table(found: Evaluation) -> Table:
    """Overlap with the labels by source and condition."""
    table = Table("source", "condition", "frames", *map(_heading, SCORES), box=None)
    for source, condition, row in score_rows(found):
        table.add_row(source, condition, str(row["frames"]), *(f"{row[score]:.4f}" for score in SCORES))
    return table


def probability_table(found: Evaluation) -> Table:
    """Average precision and calibration by source."""
    rows = probability_rows(found)
    table = Table("source", *map(_heading, rows["mean"]), box=None)
    for source, row in rows.items():
        table.add_row(source, *(f"{value:.4f}" for value in row.values()))
    return table


def lane_table(found: Evaluation) -> Table:
    """Lanes as lines, by source and condition."""
    columns = ("TuSimple\naccuracy", "FP", "FN", "CULane\nF1", "precision", "recall")
    table = Table("source", "condition", "frames", *columns, box=None)
    for source, conditions in lane_rows(found).items():
        for condition, row in conditions.items():
            values = [*row["tusimple"].values(), *(row["culane"][name] for name in ("f1", "precision", "recall"))]
            name = source if condition == "all" else ""
            table.add_row(name, condition, str(row["frames"]), *(f"{value:.4f}" for value in values))
    return table


def _heading(score: str) -> str:
    """A score's name in two lines."""
    first, _, rest = score.partition("_")
    return f"{first}\n{rest.replace('_', ' ')}" if rest else first


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("lanes.evaluate", lambda: tell(run(args)))


def tell(found: Evaluation) -> None:
    """Prints the scores."""
    console = Console(width=100)
    console.print(score_table(found))
    console.print()
    console.print(probability_table(found))
    if lane_rows(found):
        console.print()
        console.print(lane_table(found))


def _page_writer() -> Callable[[Evaluation, Segmenter, Mapping[str, Any]], str]:
    """The function that writes the page, found before the work begins, for it needs what plots need."""
    try:
        from lanes.evaluate.page import evaluation_page
    except ModuleNotFoundError as missing:
        raise InputError(f'--page needs {missing.name}: pip install -e ".[plots]"') from None
    return evaluation_page


if __name__ == "__main__":
    sys.exit(main())
