"""How long a frame takes on this machine, by MLPerf's scenarios and behind a camera: `python -m benchmarks.latency`.

single-stream  MLPerf SingleStream: one frame a query, the next as soon as the last is done; the 90th percentile of the latency
multi-stream   MLPerf MultiStream: 8 frames a query, the next as soon as the last is done; the 99th percentile of the latency
offline        MLPerf Offline: all frames at once; frames a second
camera         a frame every 1/FPS second, the newest is taken, the others are dropped; the 99th percentile of a result's age

Every interval ends when the probability is in host memory; the output says what is inside each. Warm-up is kept apart, and a run that began
before it was over is marked, as one on a busy or throttled machine is. Percentiles are samples, as in MLPerf's LoadGen, with an
interval of 95 % confidence that takes no shape of distribution for granted; one that has too few queries is not given, but their number
is. The JSON file holds every sample.

To time another input size, export the network for it (python -m engines.export) and give the file as --model.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice, pairwise
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from benchmarks.common.machine import Watch, watch_machine
from benchmarks.common.percentiles import (
    check_enough,
    early_stopping_estimate,
    percentile,
    percentile_name,
    queries_least,
    queries_needed,
    summarise_percentiles,
)
from benchmarks.common.results import Result, new_result, write_result
from benchmarks.scenarios import (
    INSIDE,
    STAGES,
    Clock,
    Length,
    Picture,
    Run,
    System,
    find_drift,
    measure_clock,
    run_camera,
    run_offline,
    run_stream,
    warm_up,
)
from engines.engine import Engine
from engines.registry import ENGINES, GPU_ENGINES, PRECISIONS, open_engine
from lanes.capture.video import VideoFile
from lanes.cli.arguments import count, positive
from lanes.errors import InputError, ProcessingError, exit_status
from lanes.files import check_file

KIND = "latency"

ROOT = Path(__file__).resolve().parents[1]
CLIP = ROOT / "lanes" / "assets" / "demo.mp4"

LIBRARY_FRAMES, LIBRARY_BYTES = 32, 256_000_000
"""Frames in memory that queries are drawn from: more than any cache holds, less than a small machine has."""

SECONDS = 10.0
"""A run takes at least so long by default. MLPerf's take MLPERF_SECONDS."""

MLPERF_SECONDS = 600
MLPERF_OFFLINE_FRAMES = 24_576

COLD_STARTS = 3

COLD_START_PATIENCE_S = 900
"""TensorRT may have to build its engine in the first."""


@dataclass(frozen=True)
class Scenario:
    """A way for frames to arrive.

    Attributes:
        title: in words.
        frames_per_query: frames that arrive together; 0 for all of a run.
        percentile: the one that counts; None where throughput does.
        metric: what counts.
    """

    title: str
    frames_per_query: int
    percentile: float | None
    metric: str


SCENARIOS = {
    "single-stream": Scenario("MLPerf SingleStream: one frame a query, the next as soon as the last is done", 1, 0.9, "latency"),
    "multi-stream": Scenario("MLPerf MultiStream: 8 frames a query, the next as soon as the last is done", 8, 0.99, "latency"),
    "offline": Scenario("MLPerf Offline: all frames in one query", 0, None, "throughput"),
    "camera": Scenario("a camera of fixed rate: the newest frame is taken, older ones are dropped", 1, 0.99, "age"),
}


@dataclass(frozen=True)
class Plan:
    """What is asked for.

    Attributes:
        scenario: a key of SCENARIOS.
        percentile: the one that must be had, as a share.
        length: of the run; Offline: `queries` frames, when it is not 0.
        fps: of the camera.
    """

    scenario: str
    percentile: float
    length: Length
    fps: float

    @classmethod
    def make(
        cls,
        scenario: str,
        percentile: float | None = None,
        queries: int | None = None,
        seconds: float | None = None,
        fps: float = 30.0,
        batch: int = 1,
    ) -> Plan:
        """A plan with what was not said filled in: enough queries for the percentile, and SECONDS unless a number of queries was given.

        Raises InputError when the number of queries is too small for the percentile, or a query does not fill a batch.
        """
        kind = SCENARIOS[scenario]
        if kind.frames_per_query and batch > kind.frames_per_query:
            several = f"{kind.frames_per_query} frames" if kind.frames_per_query > 1 else "one frame"
            raise InputError(f"a query of {scenario} has {several}, which do not fill a batch of {batch}: use --scenario offline")
        share = percentile or kind.percentile
        if share is None:  # Offline
            return cls(scenario, 0.5, Length(queries or 0, SECONDS if seconds is None else seconds), fps)
        if kind.percentile is None:
            raise InputError("offline has one query, and no percentiles of it: leave out --percentile")
        if queries is not None:
            check_enough(queries, share)
        if seconds is None:
            seconds = SECONDS if queries is None else 0.0
        return cls(scenario, share, Length(queries or queries_least(share), seconds), fps)


# --- measuring --------------------------------------------------------------------------------------------------------------------


def read_library(clip: Path) -> list[Picture]:
    """The first frames of a clip, (H, W, 3) uint8 BGR. Raises InputError when it is no video."""
    with VideoFile(clip) as source:
        frames = iter(source)
        library = [next(frames).pixels]
        library += [frame.pixels for frame in islice(frames, min(LIBRARY_FRAMES, LIBRARY_BYTES // library[0].nbytes) - 1)]
    return library


def measure(system: System, library: Sequence[Picture], plan: Plan, clock: Clock, bar: ProgressBar) -> tuple[Run, list[float], Watch]:
    """Warms up and runs a scenario.

    Returns:
        What was measured; milliseconds of the warm-up's queries; and the machine over the run, with the doubts about both.

    Raises:
        ProcessingError: the clock stepped, or the engine returns before its result is there.
    """
    scenario = SCENARIOS[plan.scenario]
    frames_per_query = scenario.frames_per_query or system.engine.batch
    warmed = warm_up(system, library, frames_per_query, clock)
    system.check_done(library[0], patience_s=max(0.02, 2e-3 * max(warmed)))
    with watch_machine() as watch:
        if plan.scenario == "camera":
            run = run_camera(system, library, plan.fps, plan.length, clock, bar.advance)
        elif plan.scenario == "offline":
            rate = frames_per_query / median(warmed)  # frames a millisecond
            frames = plan.length.queries or ceil(1e3 * plan.length.seconds * rate / system.engine.batch) * system.engine.batch
            run = run_offline(system, library, frames, clock, bar.advance)
        else:
            run = run_stream(system, library, frames_per_query, plan.length, clock, bar.advance)
    watch.doubts += find_drift(run.latency)
    return run, warmed, watch


COLD_START = """
import sys
from time import perf_counter_ns
marks = [perf_counter_ns()]
import json
root, engine, precision, model, height, width = json.loads(sys.argv[1])
sys.path.insert(0, root)
import numpy
from engines.registry import open_engine
from lanes.segment.segmenter import Segmenter
marks.append(perf_counter_ns())
segmenter = Segmenter(open_engine(engine, precision, model))
marks.append(perf_counter_ns())
for _ in range(2):
    segmenter(numpy.full((height, width, 3), 114, numpy.uint8))
    marks.append(perf_counter_ns())
print(json.dumps(marks))
"""

COLD_START_STEPS = ("interpreter_ms", "import_ms", "load_ms", "first_frame_ms", "second_frame_ms")

COLD_START_INSIDE = {
    "interpreter_ms": "from asking for the process to its first line of Python",
    "import_ms": "the project's modules and NumPy",
    "load_ms": "the engine's library imported, the model file read and compiled (or taken from a cache of engines)",
    "first_frame_ms": "the first frame, its latency as above",
    "second_frame_ms": "the second, for comparison",
    "total_ms": "from asking for the process to the first frame's probability in memory",
}


def measure_cold_start(engine: Engine, frame: Picture, times: int = COLD_STARTS) -> list[dict[str, float]]:
    """Fresh processes that load the engine and process a frame; files may be in the system's cache, as after any first run.

    Returns milliseconds of each process by COLD_START_STEPS, and `total_ms`. Raises ProcessingError when such a process fails.
    """
    order = json.dumps([str(ROOT), engine.name, engine.precision, str(engine.model.path), *frame.shape[:2]])
    found = []
    for _ in range(times):
        asked = time.perf_counter_ns()
        try:
            ended = subprocess.run(
                [sys.executable, "-c", COLD_START, order], capture_output=True, text=True, timeout=COLD_START_PATIENCE_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise ProcessingError(f"a fresh process did not give a first frame in {COLD_START_PATIENCE_S} s") from None
        if ended.returncode != 0:
            raise ProcessingError(f"a fresh process could not give a first frame: {(ended.stderr.strip().splitlines() or ['killed'])[-1]}")
        # All processes of a machine read the same perf_counter.
        marks = [asked, *json.loads(ended.stdout.splitlines()[-1])]
        steps = [(late - early) / 1e6 for early, late in pairwise(marks)]
        found.append(dict(zip(COLD_START_STEPS, steps, strict=True)) | {"total_ms": (marks[-2] - asked) / 1e6})
    return found


def describe_run(plan: Plan, run: Run) -> dict[str, Any]:
    """The figures of a run: `latency_ms`, `stages_ms`, `age_ms` (`summarise_percentiles` of each), `throughput_fps`,
    `queries`, `metric`, and `samples`, all in milliseconds."""
    scenario = SCENARIOS[plan.scenario]
    figures: dict[str, Any] = {
        "latency_ms": summarise_percentiles(run.latency),
        "stages_ms": {stage: summarise_percentiles(values) for stage, values in run.stages.items()},
        "throughput_fps": run.frames / run.seconds,
        "seconds": run.seconds,
        "frames": {"processed": run.frames, "dropped": run.dropped},
    }
    if run.age:
        figures["age_ms"] = summarise_percentiles(run.age)
    if scenario.percentile is None:
        figures["metric"] = {"name": "throughput", "unit": "frames/s", "value": figures["throughput_fps"]}
    else:
        values = run.age if scenario.metric == "age" else run.latency
        figures["queries"] = {
            "n": len(run.latency),
            "frames_per_query": scenario.frames_per_query,
            "percentile": percentile_name(plan.percentile),
            "needed": queries_least(plan.percentile),
            "needed_by_formula": queries_needed(plan.percentile),
        }
        figures["metric"] = {
            "name": f"{percentile_name(plan.percentile)} of {scenario.metric}",
            "unit": "ms",
            "value": percentile(values, plan.percentile),
            "early_stopping": early_stopping_estimate(values, plan.percentile),
        }
    figures["samples"] = {"latency_ms": run.latency, **{f"{stage}_ms": values for stage, values in run.stages.items()}} | (
        {"age_ms": run.age} if run.age else {}
    )
    return figures


def find_departures(plan: Plan, run: Run) -> list[str]:
    """In what a run of one of MLPerf's scenarios is not by its rules, one sentence each."""
    if plan.scenario == "camera":
        return []
    departures = [
        "scaling to the model's input is timed, which MLPerf allows to leave out",
        "the network and the frames are this project's",
    ]
    if run.seconds < MLPERF_SECONDS:
        departures.append(f"it took {run.seconds:.0f} s, and MLPerf's take {MLPERF_SECONDS} s")
    if plan.scenario == "offline" and run.frames < MLPERF_OFFLINE_FRAMES:
        departures.append(f"it had {run.frames:,} frames, and MLPerf's have {MLPERF_OFFLINE_FRAMES:,}")
    return departures


def benchmark(engine: Engine, clip: Path, plan: Plan, cold_starts: int, console: Console) -> Result:
    """Everything that the command prints and writes, for an engine that is open.

    Raises:
        InputError: the clip is no video.
        ProcessingError: the measurement failed.
    """
    library = read_library(clip)
    cold = measure_cold_start(engine, library[0], cold_starts)
    clock = Clock()
    with ProgressBar(plan.scenario, console) as bar:
        run, warmed, watch = measure(System(engine), library, plan, clock, bar)
    transform, scenario = engine.model.metadata.transform, SCENARIOS[plan.scenario]
    timed = ("batch" if plan.scenario == "offline" else "latency", *STAGES, *(["age"] if run.age else []))
    return new_result(
        KIND,
        f"{engine.model.metadata.name} on {engine.name} {engine.precision}, {plan.scenario}",
        watch,
        scenario=plan.scenario,
        definition=scenario.title,
        inside={name: INSIDE[name] for name in timed} | (COLD_START_INSIDE if cold else {}),
        plan=asdict(plan),
        engine={
            "name": engine.name,
            "precision": engine.precision,
            "version": engine.version,
            "device": engine.device,
            "batch": engine.batch,
            "reason": engine.reason,
        },
        model={
            "name": engine.model.metadata.name,
            "file": engine.model.path.name,
            "sha256": engine.model.sha256,
            "width": transform.width,
            "height": transform.height,
        },
        source={"clip": clip.name, "frames": len(library), "width": library[0].shape[1], "height": library[0].shape[0]},
        **describe_run(plan, run),
        warm_up_ms=warmed,
        cold_start=cold,
        clock={"name": "perf_counter_ns", "implementation": time.get_clock_info("perf_counter").implementation, **measure_clock()},
        energy=_energy(watch, run.frames),
        departures=find_departures(plan, run),
    )


def _energy(watch: Watch, frames: int) -> dict[str, Any] | None:
    """Joules a frame over the run, waiting included; None where no power is metered."""
    if watch.joules is None:
        return None
    return {"joules_per_frame": watch.joules / frames, "of": [meter["of"] for meter in watch.facts["power"]]}


class ProgressBar:
    """How far a run is, on stderr, where that is a terminal. It is drawn between queries, once a second: a thread that draws would take
    the processor from what is measured."""

    def __init__(self, name: str, console: Console) -> None:
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
            console=console,
            auto_refresh=False,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task(name, total=1.0)
        self._drawn = 0.0

    def advance(self, share: float) -> None:
        """So much of the run is done, 0 to 1."""
        now = time.monotonic()
        if now - self._drawn >= 1:
            self._drawn = now
            self._progress.update(self._task, completed=share, refresh=True)

    def __enter__(self) -> ProgressBar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


# --- showing ----------------------------------------------------------------------------------------------------------------------


def print_result(result: Result, console: Console) -> None:
    """The result on a screen."""
    console.print(f"[bold]{result['name']}[/]: {result['definition']}", highlight=False)
    source, model, engine = result["source"], result["model"], result["engine"]
    console.print(
        f"{source['clip']} {source['width']}x{source['height']} to {model['width']}x{model['height']}, batch {engine['batch']}, "
        f"{engine['device']}, {engine['name']} {engine['version']}; {result['machine']['processor']}, {result['machine']['cores']} cores",
        highlight=False,
    )
    console.print()
    console.print(percentile_table(result))
    console.print()
    console.print(inside_table(result))
    console.print()
    for line in summary_lines(result):
        console.print(f"- {line}", highlight=False)
    for doubt in result["doubts"]:
        console.print(f"[bold yellow]In doubt:[/] {doubt}", highlight=False)


def percentile_table(result: Result) -> Table:
    """One row a quantity, one column a percentile, milliseconds; the interval of the whole under it."""
    whole = "batch" if result["scenario"] == "offline" else "latency"
    rows = {whole: result["latency_ms"], **result["stages_ms"]} | ({"age": result["age_ms"]} if "age_ms" in result else {})
    names = list(result["latency_ms"]["percentiles"])
    table = Table(box=None, pad_edge=False, title="milliseconds", title_justify="left")
    table.add_column("")
    for column in (*names, "greatest"):
        table.add_column(column, justify="right")
    for name, summary in rows.items():
        found = [summary["percentiles"][column] for column in names]
        style = "bold" if name in (whole, "age") else ""
        table.add_row(name, *(_milliseconds(one["value"]) for one in found), _milliseconds(summary["greatest"]), style=style)
        if style:  # only of the whole
            intervals = [f"{_milliseconds(one['low'])} to {_milliseconds(one['high'])}" if one.get("high") else "" for one in found]
            if any(intervals):
                table.add_row("  95 % interval", *intervals, "", style="dim")
    return table


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}" if value < 100 else f"{value:.0f}"


def summary_lines(result: Result) -> list[str]:
    """What the table does not say, one sentence each."""
    metric, frames = result["metric"], result["frames"]
    if metric["unit"] == "ms":
        head = (
            f"{metric['name']}: {metric['value']:.2f} ms; by MLPerf's early stopping, with 99 % confidence no more than "
            f"{metric['early_stopping']:.2f} ms"
        )
        lines = [head, f"throughput: {result['throughput_fps']:.1f} frames/s"]
    else:
        lines = [f"throughput: {metric['value']:.1f} frames/s, {frames['processed']:,} frames in {result['seconds']:.1f} s"]
    if result["scenario"] == "camera":
        arrived = frames["processed"] + frames["dropped"]
        lines.append(f"{frames['dropped']:,} of {arrived:,} frames dropped at {result['plan']['fps']:g} frames/s")
    if queries := result.get("queries"):
        lines.append(
            f"{queries['n']:,} queries of {queries['frames_per_query']} in {result['seconds']:.1f} s; {queries['percentile']} needs "
            f"{queries['needed']:,} at least, {queries['needed_by_formula']:,} by the formula of MLPerf's rules"
        )
    missing = {name: one["needed"] for name, one in result["latency_ms"]["percentiles"].items() if one["value"] is None}
    if missing:
        lines.append(f"left out for too few samples: {', '.join(f'{name} (needs {needed:,})' for name, needed in missing.items())}")
    warmed, clock = result["warm_up_ms"], result["clock"]
    lines.append(
        f"warm-up, not counted: {len(warmed)} queries, the first {_milliseconds(warmed[0])} ms, the last {_milliseconds(warmed[-1])} ms"
    )
    if cold := result["cold_start"]:
        middle = {step: median(start[step] for start in cold) for step in cold[0]}
        lines.append(
            f"cold start to the first result: {middle['total_ms']:.0f} ms (Python {middle['interpreter_ms']:.0f}, import "
            f"{middle['import_ms']:.0f}, load {middle['load_ms']:.0f}, first frame {middle['first_frame_ms']:.0f}; the second frame "
            f"{middle['second_frame_ms']:.0f}), median of {len(cold)} fresh processes"
        )
    lines.append(f"the clock: {clock['cost_ns']:.0f} ns a reading, resolution {clock['resolution_ns']:.0f} ns")
    if energy := result["energy"]:
        lines.append(f"energy: {energy['joules_per_frame']:.3f} J a frame, of {' and '.join(energy['of'])}")
    else:
        lines.append("energy: not metered on this machine")
    if departures := result["departures"]:
        lines.append(f"not by MLPerf's rules: {'; '.join(departures)}")
    return lines


def inside_table(result: Result) -> Table:
    """What is inside each interval."""
    table = Table(box=None, pad_edge=False, show_header=False, title="inside each interval", title_justify="left")
    for name, words in result["inside"].items():
        if name not in COLD_START_INSIDE:
            table.add_row(name, words)
    return table


# --- the command ------------------------------------------------------------------------------------------------------------------


def percent(text: str) -> float:
    """A percentile as a share."""
    value = float(text)
    if not 0 < value < 100:
        raise argparse.ArgumentTypeError(f"{text} is not a percentile: give a number between 0 and 100")
    return value / 100


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.latency", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenario", choices=tuple(SCENARIOS), default="single-stream", help="default single-stream")
    parser.add_argument("--engine", choices=("auto", *dict.fromkeys([*GPU_ENGINES, *ENGINES])), default="auto")
    parser.add_argument("--precision", choices=("auto", *PRECISIONS), default="auto")
    parser.add_argument("--model", default="unet", metavar="NAME|FILE", help="a bundled model, or a model file; default unet")
    parser.add_argument("--batch", type=count, default=1, metavar="N", help="frames in a call of the engine; default 1")
    parser.add_argument("--percentile", type=percent, metavar="P", help="the percentile that counts; default that of the scenario")
    parser.add_argument("--queries", type=count, metavar="N", help="queries, frames if offline; default what the percentile needs")
    parser.add_argument("--duration", type=positive, metavar="S", help=f"take at least S seconds; default {SECONDS:g} without --queries")
    parser.add_argument("--fps", type=positive, default=30.0, help="frames a second of the camera; default 30")
    parser.add_argument("--clip", type=Path, default=CLIP, metavar="FILE", help="video that the frames come from; default the demo clip")
    parser.add_argument("--cold-starts", type=int, default=COLD_STARTS, metavar="N", help=f"fresh processes to time; default {COLD_STARTS}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result here, with every sample")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.latency", lambda: run(args))


def run(args: argparse.Namespace) -> None:
    """Carries out a request. Raises InputError or ProcessingError."""
    if args.json:
        check_file(args.json, overwrite=True)
    plan = Plan.make(args.scenario, args.percentile, args.queries, args.duration, args.fps, args.batch)
    with open_engine(args.engine, args.precision, args.model, args.batch) as engine:
        result = benchmark(engine, args.clip, plan, args.cold_starts if args.batch == 1 else 0, Console(stderr=True))
    print_result(result, Console(width=max(100, Console().width)))
    if args.json:
        write_result(args.json, result)


if __name__ == "__main__":
    sys.exit(main())
