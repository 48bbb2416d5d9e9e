"""How fast a model could be here, and how far each engine is from it: `python -m benchmarks.roofline`.

A layer needs at least its operations at the machine's best rate, and at least its bytes at the machine's best bandwidth, whichever takes
longer: the roofline model of Williams, Waterman and Patterson (2009). The sum over layers is the floor of a network whose layers
run one after the other as the model file lays them out; only an engine that works on several at once could be below it.

The engines' latencies are measured interleaved; the time of each layer comes from a profile, in runs of its own, of the engines that have
one (OpenVINO and ONNX Runtime). Operations are counted as two for a multiplication with its addition.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks.common.cli import add_json, add_model_options, add_plot, add_rounds, check_outputs, print_notes
from benchmarks.common.observe import observe_machine
from benchmarks.common.plots import save
from benchmarks.common.results import new_result, write_result
from benchmarks.roofline.measure import measure
from benchmarks.roofline.show import draw, layer_table, summary_table
from lanes.cli.arguments import Parser
from lanes.cli.console import plain_console
from lanes.errors import exit_status

KIND = "roofline"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m benchmarks.roofline", __doc__)
    add_model_options(parser, precisions=())
    add_rounds(parser, 10, 10)
    parser.add_argument("--layers", action="store_true", help="show every engine's layers too")
    add_json(parser)
    add_plot(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.roofline", lambda: run(args))


def run(args: argparse.Namespace) -> None:
    """Measures, prints and writes. Raises InputError or ProcessingError."""
    console = plain_console(stderr=True)
    check_outputs(args.json, args.plot)
    with observe_machine() as observation:
        found = measure(args.model, args.rounds, args.runs, console.print, console)
    result = new_result(KIND, f"limit of {found['model']['name']}", observation, **found)
    if args.json is not None:
        write_result(args.json, result)
    if args.plot is not None:
        save(draw(result), args.plot)
    output = plain_console(width=120)
    output.print(summary_table(result))
    for entry in result["engines"] if args.layers else ():
        if not any(layer["ms"] for layer in entry["layers"]):
            continue
        output.print()
        output.print(layer_table(entry))
    print_notes(result, args.json, output)
