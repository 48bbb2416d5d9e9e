"""What a network's shape costs by the clock: `python -m benchmarks.shapes`.

Operation counts mislead: full-resolution maps with few channels take far more time than their count says. So the shapes of the
bundled models are timed beside the plain U-Net, 16 channels at full resolution, doubled at each of four halvings (Ronneberger et al.
2015, a quarter as wide), one frame at a time, interleaved. Weights are random: they do not change the time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.common.cli import ALL_ENGINES, add_json, add_rounds, check_outputs, print_notes
from benchmarks.common.interleave import time_interleaved
from benchmarks.common.observe import observe_machine
from benchmarks.common.results import Result, engine_facts, new_result, write_result
from benchmarks.roofline.layers import read_layers
from engines.engine import Engine
from engines.model_file import ModelMetadata
from engines.registry import PRECISIONS, open_engine
from lanes.cli.arguments import Parser
from lanes.cli.console import plain_console
from lanes.errors import exit_status
from lanes.models import NETWORKS
from lanes.segment.transform import FrameTransform

KIND = "shapes"

PLAIN = "plain U-Net"

SHAPES: dict[str, tuple[dict[str, Any], tuple[int, int]]] = {
    PLAIN: ({"widths": [16, 32, 64, 128, 256]}, (512, 288)),
    **{name: (network.config, network.size) for name, network in NETWORKS.items()},
}
"""What `build_network` makes each of, and width and height of the input."""


def time_shapes(engine: str, precision: str, rounds: int, runs: int, console: Console) -> Result:
    """Milliseconds a frame of every shape, and its time in that of the plain U-Net, round by round.

    Raises InputError when the engine is not available here, or not in that precision.
    """
    from engines.export import export_onnx
    from lanes.models.build import build_network

    with TemporaryDirectory() as folder, observe_machine() as observation:
        engines: dict[str, Engine] = {}
        macs: dict[str, int] = {}
        for name, (config, size) in SHAPES.items():
            metadata = ModelMetadata(name, FrameTransform(*size), 0.5, ["lane"], "fp32", "none: random weights", [], [], config)
            file = export_onnx(build_network(config).eval(), metadata, Path(folder) / f"{len(engines)}.onnx")
            macs[name] = sum(layer.macs for layer in read_layers(file))
            engines[name] = open_engine(engine, precision, file.path)
        images = {name: np.random.default_rng(0).integers(0, 256, (1, size[1], size[0], 3), np.uint8) for name, (_, size) in SHAPES.items()}
        calls = {name: lambda name=name: engines[name].infer(images[name]) for name in engines}
        times = time_interleaved(calls, rounds, runs, warm_up=10, console=console)
        medians = {name: [median(run) for run in runs_of] for name, runs_of in times.items()}
        facts = engine_facts(engines[PLAIN])
        for opened in engines.values():
            opened.close()
    shapes = {
        name: {
            **config,
            "size": list(size),
            "gmac": macs[name] / 1e9,
            "median_ms": medians[name],
            "of_plain": [own / plain for own, plain in zip(medians[name], medians[PLAIN], strict=True)],
        }
        for name, (config, size) in SHAPES.items()
    }
    return new_result(KIND, "shapes of networks in {name} {precision}".format(**facts), observation, engine=facts, shapes=shapes)


COLUMNS = ("shape", "input", "GMAC", "ms a frame", f"time, of the {PLAIN}'s")


def cells(name: str, shape: dict[str, Any]) -> list[str]:
    """A row a shape, by COLUMNS: medians over the rounds, with the range of the rounds."""
    width, height = shape["size"]
    ratios = shape["of_plain"]
    spread = "" if name == PLAIN else f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return [name, f"{width}x{height}", f"{shape['gmac']:.1f}", f"{median(shape['median_ms']):.1f}", spread]


def table(result: Result) -> Table:
    """The result on a screen."""
    view = Table(title="{name} {precision}, one frame at a time".format(**result["engine"]), title_justify="left", box=None)
    for column in COLUMNS:
        view.add_column(column, justify="left" if column == "shape" else "right", no_wrap=True)
    for name, shape in result["shapes"].items():
        view.add_row(*cells(name, shape))
    return view


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m benchmarks.shapes", __doc__)
    precisions = [name for name in PRECISIONS if name != "int8"]
    parser.add_argument("--engine", type=str, choices=ALL_ENGINES, default="openvino", help="engine that runs the networks")
    parser.add_argument("--precision", type=str, choices=precisions, default="fp32", help="precision to run them in")
    add_rounds(parser, 10, 20)
    add_json(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.shapes", lambda: run(args))


def run(args: argparse.Namespace) -> None:
    """Measures, prints and writes. Raises InputError or ProcessingError."""
    check_outputs(args.json)
    result = time_shapes(args.engine, args.precision, args.rounds, args.runs, plain_console(stderr=True))
    if args.json:
        write_result(args.json, result)
    console = plain_console(width=100)
    console.print(table(result))
    print_notes(result, args.json, console)


if __name__ == "__main__":
    sys.exit(main())
