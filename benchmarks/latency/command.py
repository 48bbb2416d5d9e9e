"""How long a frame takes on this machine, by MLPerf's scenarios and behind a camera: `python -m benchmarks.latency`.

single-stream  MLPerf SingleStream: one frame a query, the next as soon as the last is done; the 90th percentile of the latency
multi-stream   MLPerf MultiStream: 8 frames a query, the next as soon as the last is done; the 99th percentile of the latency
offline        MLPerf Offline: all frames at once; frames a second
camera         the whole pipeline behind a camera of FPS frames a second; the 99th percentile of a frame's age when it is drawn

Every interval of MLPerf's scenarios ends when the probability is in host memory; the output says what is inside each. Warm-up is kept
apart, and a run that began before it was over gets a warning, as one on a busy or throttled machine does. Percentiles are samples, as in
MLPerf's LoadGen, with an interval of 95 % confidence that takes no shape of distribution for granted; where there are too few queries for
one, the number needed is given instead. The JSON file holds every sample.

To time another input size, export the network for it (python -m engines.export) and give the file as --model.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.common.cli import ALL_ENGINES, add_json, add_model_options, check_outputs
from benchmarks.common.confidence import check_statistics
from benchmarks.common.results import write_result
from benchmarks.latency import cold_start
from benchmarks.latency.measure import benchmark
from benchmarks.latency.plan import SCENARIOS, SECONDS, Plan
from benchmarks.latency.show import print_result
from engines.registry import open_engine
from lanes.assets import DEMO_CLIP
from lanes.cli.arguments import Parser, count, natural, positive
from lanes.cli.console import plain_console
from lanes.errors import exit_status


def percent(text: str) -> float:
    """A percentile as a share."""
    value = positive(text)
    if value >= 100:
        raise argparse.ArgumentTypeError(f"{text} is not a percentile: give a number between 0 and 100")
    return value / 100


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m benchmarks.latency", __doc__)
    parser.add_argument("--scenario", type=str, choices=tuple(SCENARIOS), default="single-stream", help="how frames arrive")
    add_model_options(parser, ALL_ENGINES)
    parser.add_argument("--batch", type=count, default=1, metavar="N", help="frames in a call of the engine")
    parser.add_argument("--percentile", type=percent, metavar="P", help="percentile that counts (default: the scenario's)")
    parser.add_argument("--queries", type=count, metavar="N", help="queries, frames if offline (default: what the percentile needs)")
    parser.add_argument("--duration", type=positive, metavar="S", help=f"least seconds of the run (default: {SECONDS:g} without --queries)")
    parser.add_argument("--fps", type=positive, default=30.0, metavar="F", help="frames a second of the camera")
    parser.add_argument("--stub", type=positive, metavar="MS", help="sleep so many milliseconds in place of inference, camera only")
    parser.add_argument("--source", "--clip", type=Path, default=DEMO_CLIP, metavar="FILE", help="video that the frames come from")
    parser.add_argument("--cold-starts", type=natural, default=cold_start.TIMES, metavar="N", help="fresh processes to time")
    add_json(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.latency", lambda: run(args))


def run(args: argparse.Namespace) -> None:
    """Measures, prints and writes. Raises InputError or ProcessingError."""
    check_outputs(args.json)
    check_statistics()
    plan = Plan.make(args.scenario, args.percentile, args.queries, args.duration, args.fps, args.batch, args.stub)
    with open_engine(args.engine, args.precision, args.model, args.batch) as engine:
        result = benchmark(engine, args.source, plan, args.cold_starts if args.batch == 1 else 0, plain_console(stderr=True))
    print_result(result, plain_console(width=max(100, plain_console().width)))
    if args.json:
        write_result(args.json, result)
