"""A result of `benchmarks.latency` on a screen."""

from __future__ import annotations

from statistics import median

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.common.results import Result
from benchmarks.latency import cold_start


def print_result(result: Result, console: Console) -> None:
    """The result on a screen."""
    console.print(Text.assemble((result["name"], "bold"), f": {result['definition']}"))
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
    for warning in result["warnings"]:
        console.print(Text.assemble(("warning:", "bold yellow"), f" {warning}"))


def percentile_table(result: Result) -> Table:
    """One row a quantity, one column a percentile, milliseconds; the interval of the whole under it."""
    whole = "batch" if result["scenario"] == "offline" else "latency"
    rows = {whole: result["latency_ms"], **result["stages_ms"]} | ({"age": result["age_ms"]} if "age_ms" in result else {})
    names = list(result["latency_ms"]["percentiles"])
    table = Table(box=None, pad_edge=False, title="milliseconds", title_justify="left")
    table.add_column("")
    for column in (*names, "max"):
        table.add_column(column, justify="right")
    for name, summary in rows.items():
        found = [summary["percentiles"][column] for column in names]
        style = "bold" if name in (whole, "age") else ""
        table.add_row(name, *(_milliseconds(one["value"]) for one in found), _milliseconds(summary["max"]), style=style)
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
        counted = result["pipeline"]["frames"]
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in frames["dropped_by_reason"].items())
        lines.append(
            f"{frames['dropped']:,} of {counted['captured']:,} frames dropped at {result['plan']['fps']:g} frames/s"
            + (f" ({reasons})" if reasons else "")
        )
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
        f"warm-up, not counted: {len(warmed)} queries or frames, the first {_milliseconds(warmed[0])} ms, "
        f"the last {_milliseconds(warmed[-1])} ms"
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
    if deviations := result["deviations"]:
        lines.append(f"not by MLPerf's rules: {'; '.join(deviations)}")
    return lines


def inside_table(result: Result) -> Table:
    """What is inside each interval."""
    table = Table(box=None, pad_edge=False, show_header=False, title="inside each interval", title_justify="left")
    for name, words in result["inside"].items():
        if name not in cold_start.INSIDE:
            table.add_row(name, words)
    return table
