"""Accuracy against cost: `python -m benchmarks.tradeoff --data lanedata --plot tradeoff`.

Every model that comes with the project, in every engine and precision that runs here: relaxed F1 and IoU against labels, as
`lanes.evaluate` counts them (the mean over sources); and what a frame costs. Time is that of the segmenter, from a frame's pixels in memory
to lane probability at the frame's size in memory, one frame after the other; frames a second follow from its median. Reading, curves,
drawing and writing are not in it: `run_video.py --report` has those. Each turn is a fresh process, and the combinations take turns,
so that a machine whose speed drifts is fair to all.

On the Pareto front are those that no other beats in accuracy without being slower. What cannot run here is listed with the reason.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.common.combinations import Combination, find_combinations
from benchmarks.common.machine import watch_machine
from benchmarks.common.plots import COLOURS, GREY, MARKERS, new_figure, save, title
from benchmarks.common.request import check_request, tell_rest
from benchmarks.common.results import new_result, write_result
from calibration.int8.frames import spread_by_source
from engines.model_file import bundled_models, is_path
from engines.registry import PRECISIONS
from lanes import load_segmenter
from lanes.data.frames import LabelledFrame, read_image
from lanes.data.open import list_frames
from lanes.errors import InputError, exit_status
from lanes.evaluate.measure import as_table, evaluate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KIND = "tradeoff"

ROOT = Path(__file__).resolve().parents[1]

INTERVAL = "a frame's pixels in memory to lane probability at the frame's size in memory, one frame after the other"


def pareto_front(costs: Sequence[float], values: Sequence[float]) -> list[int]:
    """Indices of the points that no other is at least as good as in both and better than in one: the cheapest first.

    Args:
        costs: the less the better.
        values: the more the better.
    """
    front: list[int] = []
    for index in sorted(range(len(costs)), key=lambda index: (costs[index], -values[index])):
        if not front or values[index] > values[front[-1]] or (values[index], costs[index]) == (values[front[-1]], costs[front[-1]]):
            front.append(index)
    return front


def take_turn(combination: Combination, picture: Path, runs: int) -> dict[str, Any]:
    """A turn in a fresh process: what `benchmarks.common.alone.run_alone` returns. Raises InputError when it fails, with its reason."""
    model = str(Path(combination.model).resolve()) if is_path(combination.model) else combination.model
    words = [model, combination.engine, combination.precision, str(picture.resolve()), str(runs)]
    ended = subprocess.run([sys.executable, "-m", "benchmarks.common.alone", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        said = ended.stderr.strip().splitlines() or ["it said nothing"]
        raise InputError(f"{combination} ended with {ended.returncode}: {said[-1]}")
    turn: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return turn


def measure(
    models: Sequence[str], frames: Sequence[LabelledFrame], rounds: int, runs: int, tell: Callable[[str], object], console: Console
) -> dict[str, Any]:
    """The result's own fields. `tell` is called with what is done next. Raises InputError when nothing of it runs here."""
    able: list[Combination] = []
    left_out: dict[str, str] = {}
    for model in models:
        tell(f"{model}: what runs it here")
        found, lacking = find_combinations(model)
        able += found
        left_out |= lacking
    if not able:
        raise InputError("; ".join(dict.fromkeys(left_out.values())))
    turns: dict[Combination, list[dict[str, Any]]] = {combination: [] for combination in able}
    picture = frames[0].picture
    height, width = read_image(picture, cv2.IMREAD_COLOR).shape[:2]
    for number in track(range(rounds), "rounds", console=console, transient=True):
        for combination in able[:: 1 if number % 2 == 0 else -1]:
            turns[combination].append(take_turn(combination, picture, runs))
    entries = []
    for combination in able:
        tell(f"{combination}: accuracy")
        with load_segmenter(combination.model, combination.engine, combination.precision) as segmenter:
            name = segmenter.engine.model.metadata.name
            scores = as_table(evaluate(segmenter, frames))
        entries.append({"model": name} | summarise_turns(turns[combination]) | {"scores": scores})
    for index in pareto_front([entry["ms"]["p50"] for entry in entries], [entry["scores"]["mean"]["relaxed_f1"] for entry in entries]):
        entries[index]["front"] = True
    return {
        "interval": INTERVAL,
        "frame": {"width": width, "height": height},
        "rounds": rounds,
        "runs": runs,
        "data": {"split": frames[0].split, "frames": len(frames), "sources": sorted({frame.source for frame in frames})},
        "entries": sorted(entries, key=lambda entry: float(entry["ms"]["p50"])),
        "left_out": left_out,
    }


def summarise_turns(turns: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """An entry of the result: the turns' calls pooled, the round medians kept for their spread, the most memory of any turn."""
    pooled = np.concatenate([turn["ms"] for turn in turns])
    p50, p90, p99 = np.percentile(pooled, (50, 90, 99)).tolist()
    memory = [turn["peak_memory_mb"] for turn in turns if turn["peak_memory_mb"] is not None]
    joules = [turn["joules"] for turn in turns if turn["joules"] is not None]
    return {
        **{key: turns[0][key] for key in ("engine", "precision", "version", "device", "model_sha256", "width", "height")},
        "ms": {"p50": p50, "p90": p90, "p99": p99},
        "rounds_ms": [median(turn["ms"]) for turn in turns],
        "fps": 1000 / p50,
        "peak_memory_mb": max(memory, default=None),
        "joules": median(joules) if joules else None,
        "front": False,
    }


def draw(result: dict[str, Any]) -> Figure:
    """Relaxed F1 over milliseconds, with the Pareto front. Raises InputError without Matplotlib."""
    entries = result["entries"]
    figure, (ax,) = new_figure(width=9, height=5.4)
    engines = sorted({_place(entry) for entry in entries})
    for entry in entries:
        colour = COLOURS[engines.index(_place(entry)) % len(COLOURS)]
        spread_ms = [[entry["ms"]["p50"] - min(entry["rounds_ms"])], [max(entry["rounds_ms"]) - entry["ms"]["p50"]]]
        at = (entry["ms"]["p50"], entry["scores"]["mean"]["relaxed_f1"])
        ax.errorbar(*at, xerr=np.maximum(spread_ms, 0), color=colour, alpha=0.45, linewidth=1.5, zorder=2)
        ax.plot(*at, MARKERS[PRECISIONS.index(entry["precision"])], color=colour, markersize=11, markeredgecolor="white", zorder=3)
    costs = [entry["ms"]["p50"] for entry in entries]
    middle = (min(costs) * max(costs)) ** 0.5  # of a logarithmic axis
    _draw_front(ax, [entry for entry in entries if entry["front"]], middle)
    _label_models(ax, entries, middle)
    low, high = ax.get_ylim()
    if high - low < 0.06:  # a thousandth must not look like a chasm
        ax.set_ylim((low + high) / 2 - 0.03, min(1.0, (low + high) / 2 + 0.03))
    ax.set_xscale("log")
    ticks = _ticks(*ax.get_xlim())
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel("milliseconds a frame (median; bar: least and greatest round)", fontsize=11)
    ax.set_ylabel("relaxed F1", fontsize=11)
    above = ax.secondary_xaxis("top", functions=(_inverse, _inverse))
    rates = _ticks(*sorted(_inverse(np.asarray(ax.get_xlim())).tolist()))
    above.set_xticks(rates, [f"{rate:g}" for rate in rates])
    above.minorticks_off()
    above.set_xlabel("frames a second", fontsize=11)
    handles = [ax.plot([], [], "o", color=COLOURS[number % len(COLOURS)], label=name)[0] for number, name in enumerate(engines)]
    used = [precision for precision in PRECISIONS if any(entry["precision"] == precision for entry in entries)]
    handles += [ax.plot([], [], MARKERS[PRECISIONS.index(precision)], color=GREY, label=precision)[0] for precision in used]
    ax.legend(handles=handles, frameon=False, fontsize=9, loc="lower right", ncols=2)
    title(ax, f"Accuracy against cost, on {result['data']['frames']} labelled frames")
    return figure


def _place(entry: dict[str, Any]) -> str:
    return str(entry["engine"]) if entry["device"] == "CPU" else f"{entry['engine']} on {entry['device']}"


def _inverse(values: Any) -> Any:
    return 1000 / np.maximum(values, 1e-9)


def _ticks(low: float, high: float) -> list[float]:
    steps = [digit * 10.0**power for power in range(-3, 6) for digit in (1, 2, 5)]
    return [step for step in steps if low <= step <= high]


def _draw_front(ax: Axes, front: Sequence[dict[str, Any]], middle: float) -> None:
    """A staircase: at each cost the best accuracy to be had for it."""
    ax.plot(
        [entry["ms"]["p50"] for entry in front],
        [entry["scores"]["mean"]["relaxed_f1"] for entry in front],
        drawstyle="steps-post",
        color="black",
        linewidth=1.5,
        zorder=1,
    )
    for entry in front:
        at = (entry["ms"]["p50"], entry["scores"]["mean"]["relaxed_f1"])
        text = f"{entry['model']}, {entry['engine']} {entry['precision']}\n{at[0]:.1f} ms, F1 {at[1]:.3f}"
        _label(ax, text, at, middle, 9, fontweight="bold")


def _label(ax: Axes, text: str, at: tuple[float, float], middle: float, above: float, **looks: Any) -> None:
    """At the side of a point that is towards the middle of the plot, so that it ends inside."""
    side, anchor = (-8, "right") if at[0] > middle else (8, "left")
    ax.annotate(text, at, xytext=(side, above), textcoords="offset points", ha=anchor, fontsize=9, **looks)


def _label_models(ax: Axes, entries: Sequence[dict[str, Any]], middle: float) -> None:
    """A model that has no point on the front is named at its fastest one."""
    named = {entry["model"] for entry in entries if entry["front"]}
    for entry in entries:
        if entry["model"] not in named:
            named.add(entry["model"])
            at = (entry["ms"]["p50"], entry["scores"]["mean"]["relaxed_f1"])
            _label(ax, entry["model"], at, middle, -14, color=GREY)


COLUMNS = ("model", "engine", "precision", "input", "relaxed F1", "IoU", "ms", "p99", "frames/s", "MB", "mJ")


def cells(entry: dict[str, Any]) -> list[str]:
    """A row under `COLUMNS`."""
    mean = entry["scores"]["mean"]
    return [
        f"{entry['model']}{' *' if entry['front'] else ''}",
        _place(entry),
        entry["precision"],
        f"{entry['width']}x{entry['height']}",
        f"{mean['relaxed_f1']:.4f}",
        f"{mean['iou']:.4f}",
        f"{entry['ms']['p50']:.1f}",
        f"{entry['ms']['p99']:.1f}",
        f"{entry['fps']:.1f}",
        "-" if entry["peak_memory_mb"] is None else f"{entry['peak_memory_mb']:.0f}",
        "-" if entry["joules"] is None else f"{1000 * entry['joules']:.0f}",
    ]


def entry_table(result: dict[str, Any]) -> Table:
    """One row a combination, the fastest first."""
    view = Table(
        title=f"{result['data']['frames']} labelled frames; * on the Pareto front; a dash: no meter here", title_justify="left", box=None
    )
    for column in COLUMNS:
        view.add_column(column, justify="left" if column in COLUMNS[:4] else "right")
    for entry in result["entries"]:
        view.add_row(*cells(entry), style="bold" if entry["front"] else "")
    return view


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tradeoff", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="labelled frames in any format that lanes.data reads")
    parser.add_argument("--split", default="val", help="which of them; default val")
    parser.add_argument("--frames", type=int, metavar="N", help="so many of them, spread over the sources; default all")
    parser.add_argument("--model", nargs="+", metavar="M", help="bundled models or ONNX files; default all that are bundled")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="turns of each combination; default 5")
    parser.add_argument("--runs", type=int, default=50, metavar="N", help="timed calls in a turn; default 50")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result here")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it, as FILE.png and FILE.svg")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.tradeoff", lambda: run(args))


def run(args: argparse.Namespace) -> None:
    """Carries out a request. Raises InputError or ProcessingError."""
    console = Console(stderr=True)
    check_request(args.json, args.plot, rounds=args.rounds, runs=args.runs, frames=args.frames)
    frames = list_frames(args.data, args.split)
    if not frames:
        raise InputError(f"{args.data} has no frames of split {args.split!r}: name another with --split")
    if args.frames is not None:
        frames = spread_by_source(frames, args.frames) or frames[: args.frames]
    with watch_machine() as watch:
        found = measure(args.model or list(bundled_models()), frames, args.rounds, args.runs, console.print, console)
    result = new_result(KIND, "accuracy against cost", watch, **found)
    if args.json is not None:
        write_result(args.json, result)
    if args.plot is not None:
        save(draw(result), args.plot)
    output = Console(width=120)
    output.print(entry_table(result))
    tell_rest(result, args.json, output)


if __name__ == "__main__":
    sys.exit(main())
