"""Scores a model on labelled frames: `python -m lanes.evaluate --data lanedata`.

Prints overlap with the labels, to the pixel (IoU, Dice) and within a tolerance (relaxed precision, recall and F1), by source and
condition; how well the probability is calibrated; and, where a data set has lanes as lines, TuSimple's accuracy, FP and FN and CULane's
F1. `--page` writes one HTML file with all of it, curves over every threshold and the worst frames; `--json` the figures.

A threshold, or whatever else is chosen by these scores, must not be reported on the frames that it was chosen on.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.table import Table

from lanes import load_segmenter
from lanes.cli.arguments import Parser, output_path
from lanes.cli.console import plain_console
from lanes.cli.logs import messages
from lanes.data.frames import LabelledFrame
from lanes.data.open import list_frames
from lanes.errors import InputError, exit_status
from lanes.evaluate.run import Evaluation, measure
from lanes.evaluate.scores import SCORES, as_json, lane_rows, probability_rows, score_rows
from lanes.files import check_file, write_atomically
from lanes.html.page import check_pages
from lanes.segment.band_choice import AUTO, parse_band
from lanes.segment.segmenter import Segmenter

logger = logging.getLogger(__name__)

PAGE_NAME = "evaluation.html"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m lanes.evaluate", __doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="labelled frames, in any format of docs/training.md")
    parser.add_argument("--split", type=str, default="val", help="split to score: train, val or test")
    parser.add_argument("--source", type=str, help="source to score; without it all of them")
    parser.add_argument("--model", type=str, default="unet", help="name of a bundled model, or an ONNX file")
    parser.add_argument("--engine", type=str, default="auto", help="engine that runs the model")
    parser.add_argument("--precision", type=str, default="auto", help="precision that the engine calculates in")
    parser.add_argument("--band", type=parse_band, default=AUTO, metavar="B", help="rows that the model looks at: auto, off or TOP:BOTTOM")
    parser.add_argument("--json", type=output_path, metavar="FILE", help="file to write every figure to")
    parser.add_argument("--page", type=output_path, metavar="PATH", help=f"page to write: an .html file, or a folder for {PAGE_NAME}")
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> Evaluation:
    """Carries out a request. Raises InputError or ProcessingError."""
    if args.page is not None and args.page.suffix.lower() not in (".html", ".htm"):
        args.page /= PAGE_NAME
    for path in (args.json, args.page):
        if path is not None:
            check_file(path, overwrite=True)
    if args.json is not None and args.page is not None and args.json.absolute() == args.page.absolute():
        raise InputError(f"{args.page}: named for both the figures and the page; give each a path of its own")
    frames = list_frames(args.data, args.split, None if args.source is None else {args.source})
    for source in sorted({frame.source for frame in frames if not frame.for_validation}):
        logger.warning("%s is left out: its data says that its labels are for training only", source)
    frames = [frame for frame in frames if frame.for_validation]
    if not frames:
        raise InputError(f"{args.data} has no frames of split {args.split!r}" + (f" and source {args.source!r}" if args.source else ""))
    if find_spec("scipy") is None:
        raise InputError("scores need SciPy: pip install 'lanestream[evaluate]'")
    if args.page is not None:
        write_page = _page_writer()
    with load_segmenter(args.model, args.engine, args.precision, str(args.band)) as segmenter:
        _warn_of_choices(segmenter, frames)
        evaluation = measure(segmenter, frames, console=plain_console(stderr=True))
        facts = {"model": describe(segmenter), "data": args.data.resolve().name, "split": args.split}
        if args.json is not None:
            write_atomically(args.json, json.dumps(facts | as_json(evaluation), indent=1, allow_nan=False) + "\n")
        if args.page is not None:
            write_atomically(args.page, write_page(evaluation, segmenter, facts))
    return evaluation


def _warn_of_choices(segmenter: Segmenter, frames: Sequence[LabelledFrame]) -> None:
    """Says which of the frames the model's threshold was chosen on."""
    chosen_on = {f"{frame.source}/{frame.drive}" for frame in frames} & set(segmenter.engine.model.metadata.threshold_drives)
    if chosen_on:
        drives = ", ".join(sorted(chosen_on))
        logger.warning("the model's threshold was chosen on drives that are scored here, so their scores are a little too good: %s", drives)


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


def score_table(evaluation: Evaluation) -> Table:
    """Overlap with the labels by source and condition."""
    table = Table("source", "condition", "frames", *map(_heading, SCORES), box=None)
    for source, condition, row in score_rows(evaluation):
        table.add_row(source, condition, str(row["frames"]), *(f"{row[score]:.4f}" for score in SCORES))
    return table


def probability_table(evaluation: Evaluation) -> Table:
    """Average precision and calibration by source."""
    rows = probability_rows(evaluation)
    table = Table("source", *map(_heading, rows["mean"]), box=None)
    for source, row in rows.items():
        table.add_row(source, *(f"{value:.4f}" for value in row.values()))
    return table


def lane_table(evaluation: Evaluation) -> Table:
    """Lanes as lines, by source and condition."""
    columns = ("TuSimple\naccuracy", "FP", "FN", "CULane\nF1", "precision", "recall")
    table = Table("source", "condition", "frames", *columns, box=None)
    for source, conditions in lane_rows(evaluation).items():
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
    with messages("lanes.evaluate"):
        return exit_status("lanes.evaluate", lambda: print_scores(run(args)))


def print_scores(evaluation: Evaluation) -> None:
    """Prints the scores."""
    console = plain_console(width=100)
    console.print(score_table(evaluation))
    console.print()
    console.print(probability_table(evaluation))
    if lane_rows(evaluation):
        console.print()
        console.print(lane_table(evaluation))


def _page_writer() -> Callable[[Evaluation, Segmenter, Mapping[str, Any]], str]:
    """The function that writes the page, found before the work begins, for it needs what plots need."""
    check_pages()
    try:
        from lanes.evaluate.page import evaluation_page
    except ModuleNotFoundError as missing:
        raise InputError(f"--page needs {missing.name}: pip install 'lanestream[evaluate]'") from None
    return evaluation_page
