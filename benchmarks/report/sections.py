"""What the page of all results shows of each kind: a headline for the contents, and what its template is filled with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import against_benchmark_app, gpu, pipeline, shapes
from benchmarks.archive import command as archive
from benchmarks.common.cli import left_out
from benchmarks.common.results import Result
from benchmarks.compare import command as compare
from benchmarks.compare.show import change_cells
from benchmarks.compare.show import draw as draw_changes
from benchmarks.faults import command as faults
from benchmarks.ladder import command as ladder
from benchmarks.ladder.expectations import verdicts
from benchmarks.ladder.page import ladder_context
from benchmarks.lanes import command as lanes
from benchmarks.lanes.page import lanes_context
from benchmarks.lanes.targets import targets
from benchmarks.latency import measure as latency
from benchmarks.latency.plots import draw_percentiles, draw_stages
from benchmarks.page import command as page
from benchmarks.roofline import command as roofline
from benchmarks.roofline.show import LAYER_COLUMNS, layer_cells
from benchmarks.roofline.show import draw as draw_roofline
from benchmarks.soak import command as soak
from benchmarks.soak import show as soak_show
from benchmarks.tradeoff import command as tradeoff
from benchmarks.tradeoff.show import COLUMNS as TRADEOFF_COLUMNS
from benchmarks.tradeoff.show import cells as tradeoff_cells
from benchmarks.tradeoff.show import draw as draw_front
from lanes.html.page import plot, table

Context = dict[str, Any]


def latency_context(result: Result) -> Context:
    """Percentiles with their intervals, the curve of all percentiles, and where the time goes."""
    quantities = {"latency": result["latency_ms"], **result["stages_ms"]} | ({"age": result["age_ms"]} if "age_ms" in result else {})
    rows = [
        [name, *map(_interval, figures["percentiles"].values()), milliseconds(figures["mean"]), milliseconds(figures["max"])]
        for name, figures in quantities.items()
    ]
    return {
        "percentiles": table(["milliseconds", *result["latency_ms"]["percentiles"], "mean", "max"], rows),
        "curve": plot(draw_percentiles(result), f"Latency at every percentile: {result['name']}"),
        "stages": plot(draw_stages(result), f"Where the time goes: {result['name']}"),
    }


def _interval(figure: dict[str, Any]) -> str:
    if figure["value"] is None:
        return "-"
    known = figure["low"] is not None and figure["high"] is not None
    interval = f" ({milliseconds(figure['low'])} to {milliseconds(figure['high'])})" if known else ""
    return milliseconds(figure["value"]) + interval


def milliseconds(value: float) -> str:
    """Three digits, closing zeros too: 15 among 15.2 and 15.6 would look like a coarser measurement."""
    return f"{value:#.3g}".rstrip(".") if value < 100 else f"{value:.0f}"


def compare_context(result: Result) -> Context:
    """Each stage's change, and the budget."""
    context: Context = {}
    if result["stages"]:
        rows = [change_cells(change) for change in result["stages"]]
        kinds = [f"{change['verdict']} strong" if change["verdict"] != "no difference" else "" for change in result["stages"]]
        head = ["stage", "before, ms", "after, ms", "difference", "ratio", "interval", "verdict"]
        context |= {"changes": table(head, rows, kinds), "ratios": plot(draw_changes(result), f"Ratio of each stage: {result['name']}")}
    if result["budget"]:
        rows = [
            [line["stage"], line["percentile"], f"{line['measured_ms']:.2f}", f"{line['limit_ms']:g}", "over" if line["over"] else "within"]
            for line in result["budget"]
        ]
        kinds = ["over" if line["over"] else "" for line in result["budget"]]
        context["budget"] = table(["stage", "percentile", "measured, ms", "allowed, ms", ""], rows, kinds)
    return context


def tradeoff_context(result: Result) -> Context:
    """The plot and every combination."""
    rows = [tradeoff_cells(entry) for entry in result["entries"]]
    kinds = ["strong" if entry["front"] else "" for entry in result["entries"]]
    return {
        "front": plot(draw_front(result), "Relaxed F1 against milliseconds a frame, with the Pareto front"),
        "entries": table(TRADEOFF_COLUMNS, rows, kinds),
    }


def roofline_context(result: Result) -> Context:
    """The roofline plot, the engines beside their floors, and the layers of each."""
    names = [f"{entry['engine']} {entry['precision']}" for entry in result["engines"]]
    rows = [
        [name, f"{entry['latency_ms']:.2f}", f"{entry['floor_ms']:.2f}", f"{entry['of_floor']:.0%}"]
        for name, entry in zip(names, result["engines"], strict=True)
    ]
    rates = [
        [precision, way, f"{rate / 1e9:.0f}"]
        for precision, ways in result["peaks"]["operations_per_second"].items()
        for way, rate in ways.items()
    ]
    return {
        "roofline": plot(draw_roofline(result), "Each layer against the machine's peak rates"),
        "engines": table(["engine", "median, ms", "floor, ms", "of the limit"], rows),
        "peaks": table(["", "by", "10⁹ operations a second"], rates),
        "profiled": [
            (name, table(LAYER_COLUMNS, [layer_cells(layer) for layer in entry["layers"]]))
            for name, entry in zip(names, result["engines"], strict=True)
            if any(layer["ms"] for layer in entry["layers"])
        ],
    }


def pipeline_context(result: Result) -> Context:
    """The loops, round by round."""
    return {"rates": plot(pipeline.draw(result), "Frames a second of the pipeline, of a baseline loop, and of the bound")}


def shapes_context(result: Result) -> Context:
    """Every shape beside the plain U-Net."""
    return {"shapes": table(shapes.COLUMNS, [shapes.cells(name, shape) for name, shape in result["shapes"].items()])}


def against_context(result: Result) -> Context:
    """The medians of each round, by the stopwatch here and by OpenVINO's own."""
    rows = against_benchmark_app.rows(result)
    return {
        "verdict": against_benchmark_app.verdict(result).capitalize(),
        "rounds": table(["round", "here, ms", "benchmark_app, ms", "ratio"], rows, [*[""] * (len(rows) - 1), "strong"]),
    }


def gpu_context(result: Result) -> Context:
    """Latency, throughput and the targets on an NVIDIA GPU."""
    return {"figures": table(gpu.COLUMNS, gpu.cells(result))}


def page_context(result: Result) -> Context:
    """Ages on the screen, what viewers cost, and whether each part is within its limits."""
    return {"figures": table(page.COLUMNS, page.rows(result["parts"])), "verdicts": page.verdicts(result["parts"])}


def soak_context(result: Result) -> Context:
    """The samples of a soak; of a long run its plot and its limits as well."""
    name, columns, rows = soak_show.table(result)
    context = {"verdict": soak_show.verdict(result), "of": name, "samples": table(columns, rows)}
    if soak_show.measured(result) == "long run":
        _, columns, rows = soak_show.limits(result)
        kinds = ["" if limit["met"] else "over" for limit in result["limits"]]
        plotted = plot(soak_show.draw(result), f"Memory, latency, threads and descriptors: {result['name']}")
        context |= {"limits": table(columns, rows, kinds), "plot": plotted}
    return context


def faults_context(result: Result) -> Context:
    """What came of damaged files and streams."""
    return {"outcomes": table(faults.COLUMNS, faults.rows(result)), "verdict": faults.verdict(result), "problems": faults.problems(result)}


def archive_context(result: Result) -> Context:
    """What each trial of an archive found."""
    return {"found": table(archive.COLUMNS, [archive.row(name, trial) for name, trial in result["trials"].items()])}


CONTEXTS: dict[str, Callable[[Result], Context]] = {
    latency.KIND: latency_context,
    pipeline.KIND: pipeline_context,
    compare.KIND: compare_context,
    tradeoff.KIND: tradeoff_context,
    roofline.KIND: roofline_context,
    shapes.KIND: shapes_context,
    against_benchmark_app.KIND: against_context,
    gpu.KIND: gpu_context,
    lanes.KIND: lanes_context,
    page.KIND: page_context,
    soak.KIND: soak_context,
    faults.KIND: faults_context,
    ladder.KIND: ladder_context,
    archive.KIND: archive_context,
}
"""What the template `benchmarks/KIND.html.j2` is filled with, beside `result` and `reasons`, by kind."""


def context_of(result: Result) -> Context:
    """Everything that the template of the result's kind names."""
    context = CONTEXTS.get(result["kind"])
    return {"result": result, "reasons": left_out(result), **({} if context is None else context(result))}


def headline(result: Result) -> str:
    """What a result found, in a few words."""
    kind = result["kind"]
    if kind == latency.KIND:
        metric = result["metric"]
        return f"{metric['name']}: {metric['value']:.2f} {metric['unit']}"
    if kind == compare.KIND:
        over = sum(line["over"] for line in result["budget"])
        return "; ".join(filter(None, [result["conclusion"], f"{over} over budget" if over else ""])) or "within budget"
    if kind == tradeoff.KIND:
        fastest = result["entries"][0]
        return f"fastest: {fastest['model']}, {fastest['engine']} {fastest['precision']}, {fastest['ms']['p50']:.1f} ms"
    if kind == roofline.KIND:
        fastest = result["engines"][0]
        return f"{fastest['engine']} {fastest['precision']}: {fastest['of_floor']:.0%} of the limit"
    if kind == pipeline.KIND:
        return f"{np.median(result['ratio']):.2f} times the baseline loop"
    if kind == shapes.KIND:
        times = [f"{name} {np.median(shape['of_plain']):.2f}" for name, shape in result["shapes"].items() if name != shapes.PLAIN]
        return f"time, of the {shapes.PLAIN}'s: {', '.join(times)}"
    if kind == against_benchmark_app.KIND:
        rounds = against_benchmark_app.round_range(result).replace(" ", "\N{NO-BREAK SPACE}")  # as ranges in tables
        return f"{result['ratio']:.3f} of what benchmark_app reads ({rounds})"
    if kind == gpu.KIND:
        return f"{sum(target['met'] is True for target in result['targets'])} of {len(result['targets'])} targets reached"
    if kind == lanes.KIND:
        reached = [met for *_, met in targets(result["parts"])]
        return f"{reached.count(True)} of {len(reached)} targets reached"
    if kind == page.KIND:
        return "; ".join(page.verdicts(result["parts"]))
    if kind in (soak.KIND, faults.KIND):
        found = soak_show.verdict(result) if kind == soak.KIND else faults.verdict(result)
        return f"{'passed' if result['passed'] else 'FAILED'}: {found}"
    if kind == archive.KIND:
        return archive.verdict(result)
    if kind == ladder.KIND:
        made = [verdict.found for verdict in verdicts(result["parts"])]
        return f"{made.count(True)} of {len(made)} predictions found, {made.count(None)} not measured"
    return str(kind)
