"""The OpenVINO engine here against OpenVINO's own benchmark_app, taking turns: `python -m benchmarks.against_benchmark_app`.

Both run the same ONNX file on the processor with the latency hint, one synchronous request, the same precision hint, batch 1 and random
pictures, and both time the inference alone. benchmark_app (https://docs.openvino.ai, Benchmark Tool) comes with the openvino package and
is started anew for each turn. If the stopwatch here is right, the medians agree.
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
from rich.progress import track
from rich.table import Table

from benchmarks.common.machine import watch_machine
from benchmarks.common.request import check_request, tell_rest
from benchmarks.common.results import Result, new_result, write_result
from engines.engine import Engine
from engines.registry import PRECISIONS, open_engine
from lanes.errors import ProcessingError, exit_status

KIND = "against_benchmark_app"

AGREEMENT = 0.05
"""Share by which the medians may differ, and a single round's ratio from the median of all before the result is in doubt."""

HINTS = {"fp32": "f32", "bf16": "bf16"}
"""As in engines.backends.openvino_cpu: a quantised file is given none."""

WARM_UP_RUNS = 3

PATIENCE_S = 600


def time_ours(engine: Engine, runs: int) -> float:
    """Median milliseconds of `runs` calls on noise."""
    transform = engine.model.metadata.transform
    pictures = np.random.default_rng(0).integers(0, 256, (1, transform.height, transform.width, 3), np.uint8)
    times = []
    for index in range(WARM_UP_RUNS + runs):
        begun = perf_counter_ns()
        engine.infer(pictures)
        if index >= WARM_UP_RUNS:
            times.append((perf_counter_ns() - begun) / 1e6)
    return median(times)


def time_theirs(engine: Engine, runs: int) -> float:
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
            ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
            return float(json.loads((Path(folder) / "benchmark_report.json").read_text())["execution_results"]["latency (ms)"])
        except subprocess.TimeoutExpired:
            raise ProcessingError(f"benchmark_app did not end in {PATIENCE_S} s: ask for fewer --runs") from None
        except (OSError, ValueError, KeyError):
            raise ProcessingError(
                f"benchmark_app failed: {((ended.stdout + ended.stderr).strip().splitlines() or ['it said nothing'])[-1]}"
            ) from None


def compare(engine: Engine, rounds: int, runs: int, console: Console) -> Result:
    """Both in turn, every other round in the opposite order. Raises ProcessingError when benchmark_app fails."""
    ways = {"ours_ms": time_ours, "theirs_ms": time_theirs}
    times: dict[str, list[float]] = {name: [] for name in ways}
    with watch_machine() as watch:
        for turn in track(range(rounds), "rounds", console=console, transient=True):
            for name in list(ways)[:: 1 if turn % 2 == 0 else -1]:
                times[name].append(ways[name](engine, runs))
    by_round = ratios(times)
    ratio = median(by_round)
    watch.doubts += find_scatter(by_round)
    name = f"{engine.model.metadata.name} on openvino {engine.precision}, against benchmark_app"
    facts = {"name": engine.name, "precision": engine.precision, "version": engine.version}
    agreement = {"ratio": ratio, "agrees": abs(ratio - 1) <= AGREEMENT}
    return new_result(KIND, name, watch, engine=facts, rounds=rounds, runs=runs, **times, **agreement)


def ratios(result: Mapping[str, Any]) -> list[float]:
    """Our time in theirs, round by round."""
    return [ours / theirs for ours, theirs in zip(result["ours_ms"], result["theirs_ms"], strict=True)]


def find_scatter(by_round: Sequence[float]) -> list[str]:
    """A doubt where rounds scatter by more than the agreement that is tested: their median may then agree by chance."""
    middle = median(by_round)
    if max(abs(ratio - middle) for ratio in by_round) <= AGREEMENT:
        return []
    return [
        f"the rounds' ratios, {min(by_round):.3f} to {max(by_round):.3f}, scatter by more than the {AGREEMENT:.0%} that is tested: "
        "quieten the machine"
    ]


def round_range(result: Mapping[str, Any]) -> str:
    """The least and the greatest ratio of a round, to stand beside the median."""
    by_round = ratios(result)
    return f"rounds {min(by_round):.3f} to {max(by_round):.3f}"


def verdict(result: Mapping[str, Any]) -> str:
    """What was found, in a sentence."""
    agreement = "agree" if result["agrees"] else "do not agree"
    return f"ratio {result['ratio']:.3f} ({round_range(result)}): the medians {agreement} within {AGREEMENT:.0%}"


def table(result: Result) -> Table:
    """The medians of each round."""
    view = Table(box=None, pad_edge=False)
    for column in ("round", "here", "benchmark_app", "ratio"):
        view.add_column(column, justify="right")
    for turn, (ours, theirs) in enumerate(zip(result["ours_ms"], result["theirs_ms"], strict=True), 1):
        view.add_row(str(turn), f"{ours:.2f}", f"{theirs:.2f}", f"{ours / theirs:.3f}")
    view.add_row("median", *(f"{median(result[name]):.2f}" for name in ("ours_ms", "theirs_ms")), f"{result['ratio']:.3f}", style="bold")
    return view


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.against_benchmark_app", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="unet", metavar="NAME|FILE", help="a bundled model, or a model file; default unet")
    parser.add_argument("--precision", choices=("auto", *PRECISIONS), default="auto")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each; default 5")
    parser.add_argument("--runs", type=int, default=100, help="inferences in a turn; default 100")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result here")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.against_benchmark_app", lambda: run(args))


def run(args: argparse.Namespace) -> None:
    """Carries out a request. Raises InputError or ProcessingError."""
    check_request(args.json, None, rounds=args.rounds, runs=args.runs)
    with open_engine("openvino", args.precision, args.model) as engine:
        result = compare(engine, args.rounds, args.runs, Console(stderr=True))
    print(f"{result['name']}: medians of {result['runs']} runs, milliseconds")
    Console(width=100).print(table(result))
    print(verdict(result))
    if args.json:
        write_result(args.json, result)
    tell_rest(result, args.json, Console(width=100))


if __name__ == "__main__":
    sys.exit(main())
