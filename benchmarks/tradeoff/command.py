"""Accuracy against cost: `python -m benchmarks.tradeoff --data lanedata --plot tradeoff`.

Every model that comes with the project, in every engine and precision that runs here: relaxed F1 and IoU against labels, as
`lanes.evaluate` counts them (the mean over sources); and what a frame costs. Time is that of the segmenter, from a frame's pixels in memory
to lane probability at the frame's size in memory, one frame after the other; frames a second follow from its median. Reading, lanes,
drawing and writing are not in it: `run_video.py --report` has those. Each round of a combination is a fresh process, and the combinations
are interleaved, so that a machine whose speed drifts is fair to all.

On the Pareto front are those that no other beats in accuracy without being slower. What cannot run here is listed with the reason.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.common.cli import add_json, add_plot, add_rounds, check_outputs, print_notes
from benchmarks.common.observe import observe_machine
from benchmarks.common.plots import save
from benchmarks.common.results import new_result, write_result
from benchmarks.tradeoff.measure import measure
from benchmarks.tradeoff.show import draw, entry_table
from calibration.int8.frame_sets import subsample_by_source
from engines.model_file import bundled_models
from lanes.cli.arguments import Parser, count
from lanes.cli.console import plain_console
from lanes.data.open import list_frames
from lanes.errors import InputError, exit_status

KIND = "tradeoff"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m benchmarks.tradeoff", __doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="labelled frames in any format that lanes.data reads")
    parser.add_argument("--split", type=str, default="val", help="split of the data")
    parser.add_argument("--limit", "--frames", type=count, metavar="N", help="number of frames, spread over the sources (default: all)")
    parser.add_argument("--model", type=str, nargs="+", metavar="NAME|FILE", help="bundled models, or model files (default: all bundled)")
    add_rounds(parser, 5, 50)
    add_json(parser)
    add_plot(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.tradeoff", lambda: run(args))


def run(args: argparse.Namespace) -> None:
    """Measures, prints and writes. Raises InputError or ProcessingError."""
    console = plain_console(stderr=True)
    check_outputs(args.json, args.plot)
    frames = list_frames(args.data, args.split)
    if not frames:
        raise InputError(f"{args.data} has no frames of split {args.split!r}: name another with --split")
    if args.limit is not None:
        frames = subsample_by_source(frames, args.limit) or frames[: args.limit]
    with observe_machine() as observation:
        found = measure(args.model or list(bundled_models()), frames, args.rounds, args.runs, console.print, console)
    result = new_result(KIND, "accuracy against cost", observation, **found)
    if args.json is not None:
        write_result(args.json, result)
    if args.plot is not None:
        save(draw(result), args.plot)
    output = plain_console(width=120)
    output.print(entry_table(result))
    print_notes(result, args.json, output)
