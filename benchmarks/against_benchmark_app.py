"""The OpenVINO engine here against OpenVINO's own benchmark_app, interleaved: `python -m benchmarks.against_benchmark_app`.

Both run the same ONNX file on the processor with the latency hint, one synchronous request, the same precision hint, batch 1 and random
images, and both time the inference only. benchmark_app (https://docs.openvino.ai, Benchmark Tool) comes with the openvino package and
is started anew in each round. If the stopwatch here is right, the medians agree.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.common.cli import add_json, add_model_options, add_rounds, check_outputs, print_notes
from benchmarks.common.interleave import interleaved
from benchmarks.common.observe import observe_machine
from benchmarks.common.results import Result, engine_facts, new_result, write_result
from engines.engine import Engine
from engines.registry import open_engine
from lanes.cli.arguments import Parser
from lanes.cli.console import plain_console
from lanes.errors import ProcessingError, exit_status

KIND = "against_benchmark_app"

AGREEMENT = 0.05
"""Share by which the medians may differ, and a single round's ratio from the median of all before there is a warning."""

HINTS = {"fp32": "f32", "bf16": "bf16"}
"""As in engines.backends.openvino_cpu: a quantised file is given none."""

WARM_UP_RUNS = 3

TIMEOUT_S = 600


def time_engine(engine: Engine, runs: int) -> float:
    """Median milliseconds of `runs` calls on noise."""
    transform = engine.model.metadata.transform
    images = np.random.default_rng(0).integers(0, 256, (1, transform.height, transform.width, 3), np.uint8)
    times = []
    for index in range(WARM_UP_RUNS + runs):
        started = perf_counter_ns()
        engine.infer(images)
        if index >= WARM_UP_RUNS:
            times.append((perf_counter_ns() - started) / 1e6)
    return median(times)


def time_benchmark_app(engine: Engine, runs: int) -> float:
    """Median milliseconds of `runs` inferences by benchmark_app's own account. Raises ProcessingError when it fails."""
    transform = engine.model.metadata.transform
    with TemporaryDirectory() as folder:
        model = Path(folder) / "model.onnx"
        model.write_bytes(engine.model.read())  # what the engine was given: the file's own weights may be of another precision
        options = {
            "-m": str(model),
            "-d": "CPU",
            "-hint": "latency",
            "-api": "sync",
            "-niter": str(runs),
            "-shape": f"[1,{transform.height},{transform.width},3]",
            "-report_type": "no_counters",
            "-report_folder": folder,
        } | ({"-infer_precision": HINTS[engine.precision]} if engine.precision in HINTS else {})
        # Not the script beside Python, which is elsewhere on each system.
        command = [sys.executable, "-c", "from openvino.tools.benchmark.main import main; main()", "-json_stats"]
        command += [word for option in options.items() for word in option]
        try:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
            return float(json.loads((Path(folder) / "benchmark_report.json").read_text())["execution_results"]["latency (ms)"])
        except subprocess.TimeoutExpired:
            raise ProcessingError(f"benchmark_app did not end in {TIMEOUT_S} s: give fewer --runs") from None
        except (OSError, ValueError, KeyError):
            raise ProcessingError(
                f"benchmark_app failed: {((ended.stdout + ended.stderr).strip().splitlines() or ['no message'])[-1]}"
            ) from None


def compare(engine: Engine, rounds: int, runs: int, console: Console) -> Result:
    """Both interleaved. Raises ProcessingError when benchmark_app fails."""
    ways = {"engine_ms": time_engine, "benchmark_app_ms": time_benchmark_app}
    times: dict[str, list[float]] = {name: [] for name in ways}
    with observe_machine() as observation:
        for name in interleaved(list(ways), rounds, console):
            times[name].append(ways[name](engine, runs))
    by_round = ratios(times)
    ratio = median(by_round)
    observation.warnings += scatter_warnings(by_round)
    name = f"{engine.model.metadata.name} on openvino {engine.precision}, against benchmark_app"
    agreement = {"ratio": ratio, "agrees": abs(ratio - 1) <= AGREEMENT}
    return new_result(KIND, name, observation, engine=engine_facts(engine), rounds=rounds, runs=runs, **times, **agreement)


def ratios(result: Mapping[str, Any]) -> list[float]:
    """The time here over that of benchmark_app, round by round."""
    return [own / other for own, other in zip(result["engine_ms"], result["benchmark_app_ms"], strict=True)]


def scatter_warnings(by_round: Sequence[float]) -> list[str]:
    """A warning where rounds scatter by more than the agreement that is tested: their median may then agree by chance."""
    middle = median(by_round)
    if max(abs(ratio - middle) for ratio in by_round) <= AGREEMENT:
        return []
    return [
        f"the rounds' ratios, {min(by_round):.3f} to {max(by_round):.3f}, scatter by more than the {AGREEMENT:.0%} that is tested: "
        "quieten the machine"
    ]


def round_range(result: Mapping[str, Any]) -> str:
    """The range of the ratios of the rounds, to be printed beside the median."""
    by_round = ratios(result)
    return f"rounds {min(by_round):.3f} to {max(by_round):.3f}"


def verdict(result: Mapping[str, Any]) -> str:
    """What was found, in a sentence."""
    agreement = "agree" if result["agrees"] else "do not agree"
    return f"ratio {result['ratio']:.3f} ({round_range(result)}): the medians {agreement} within {AGREEMENT:.0%}"


def rows(result: Mapping[str, Any]) -> list[list[str]]:
    """The medians of each round, and over all of them: round, milliseconds here, of benchmark_app, ratio."""
    columns = zip(result["engine_ms"], result["benchmark_app_ms"], ratios(result), strict=True)
    found = [[str(number), f"{own:.2f}", f"{other:.2f}", f"{ratio:.3f}"] for number, (own, other, ratio) in enumerate(columns, 1)]
    medians = [f"{median(result[name]):.2f}" for name in ("engine_ms", "benchmark_app_ms")]
    return [*found, ["median", *medians, f"{result['ratio']:.3f}"]]


def table(result: Result) -> Table:
    """The medians of each round."""
    view = Table(box=None, pad_edge=False)
    for column in ("round", "here", "benchmark_app", "ratio"):
        view.add_column(column, justify="right")
    for row in rows(result):
        view.add_row(*row, style="bold" if row[0] == "median" else "")
    return view


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m benchmarks.against_benchmark_app", __doc__)
    add_model_options(parser)
    add_rounds(parser, 5, 100)
    add_json(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.against_benchmark_app", lambda: run(args))


def run(args: argparse.Namespace) -> None:
    """Measures, prints and writes. Raises InputError or ProcessingError."""
    check_outputs(args.json)
    with open_engine("openvino", args.precision, args.model) as engine:
        result = compare(engine, args.rounds, args.runs, plain_console(stderr=True))
    console = plain_console(width=100)
    print(f"{result['name']}: medians of {result['runs']} runs, milliseconds")
    console.print(table(result))
    print(verdict(result))
    if args.json:
        write_result(args.json, result)
    print_notes(result, args.json, console)


if __name__ == "__main__":
    sys.exit(main())
