"""All results in one page: `python -m benchmarks.report benchmarks/results --out report.html`.

One HTML file that can be mailed: no other file and no network is needed to show it. Every result found in the folders is in it with
its plots, its machine, the command that made it, and whatever there is to doubt it; files that are not results are named and
passed over.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import against_benchmark_app, compare, gpu, roofline, shapes, tradeoff
from benchmarks.common.plots import COLOURS, GREY, new_figure, title
from benchmarks.common.request import reasons
from benchmarks.common.results import load_result
from lanes.errors import InputError, exit_status
from lanes.files import check_file, write_atomically
from lanes.html.page import plot, table, write_page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Result = dict[str, Any]

STYLE = """
nav th, nav td, .facts td { text-align: left; vertical-align: top; } .facts td:first-child, nav td:nth-child(n+4) { white-space: nowrap; }
@media (max-width: 60rem) { nav td:last-child { white-space: normal; } }
.doubts, .broken { border-left: 4px solid #d9902f; background: #d9902f1f; padding: .5rem .9rem; margin: .8rem 0; }
.doubts ul, .broken ul { margin: .2rem 0; padding-left: 1.2rem; }
.ok { color: var(--dim); } tr.named td { font-weight: 600; } tr.slower td:last-child, tr.over td { color: #d55e00; }
tr.faster td:last-child { color: #2a9d6c; }
section { margin-top: 3rem; border-top: 2px solid var(--line); } section h2 { margin-top: 1rem; font-size: 1.3rem; } h3 { font-size: 1rem; }
details { margin: .8rem 0; } summary { cursor: pointer; color: var(--dim); } code { font-size: .85em; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
@media print { details { display: block; } section { break-inside: avoid-page; } }
"""


def read_folders(places: Sequence[Path]) -> tuple[list[tuple[Path, Result]], dict[Path, str]]:
    """The results in folders and files, the newest first, and what could not be read, with the reason.

    Raises InputError when a place does not exist.
    """
    paths: dict[Path, None] = {}
    for place in places:
        if not place.exists():
            raise InputError(f"{place} does not exist: give folders that hold results")
        paths |= dict.fromkeys(sorted(place.rglob("*.json")) if place.is_dir() else [place])
    found, broken = [], {}
    for path in paths:
        try:
            found.append((path, load_result(path)))
        except InputError as error:
            broken[path] = str(error)
    return sorted(found, key=lambda entry: str(entry[1]["created"]), reverse=True), broken


def report_page(results: Sequence[tuple[Path, Result]], broken: dict[Path, str]) -> str:
    """The page as HTML. A result whose fields cannot be drawn is left out, and added to `broken`, of which the page gives the reasons."""
    sections: list[str] = []
    contents: list[str] = []
    shown: list[Result] = []
    for path, result in results:
        try:
            row, section = _contents_row(path, result, f"result-{len(shown)}"), _section(result, f"result-{len(shown)}")
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            broken[path] = f"{path} is a damaged result of kind {result['kind']} ({type(error).__name__}: {error}): measure again"
            continue
        contents.append(row)
        sections.append(section)
        shown.append(result)
    doubted = sum(bool(result["doubts"]) for result in shown)
    summary = f"{len(shown)} result{'' if len(shown) == 1 else 's'}"
    if doubted:
        summary += f", of which {doubted} " + ("is" if doubted == 1 else "are") + " in doubt"
    body = ["<h1>Benchmarks</h1>", f"<p>{summary}.</p>", _contents(contents), _broken(broken), *sections]
    return write_page("Benchmarks", body, STYLE)


def _contents(rows: Sequence[str]) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("result", "in short", "machine", "day", "doubts", "file"))
    return f"<nav class=scroll><table><tr>{head}</tr>{''.join(rows)}</table></nav>"


def _contents_row(path: Path, result: Result, anchor: str) -> str:
    doubts = str(len(result["doubts"])) if result["doubts"] else "none"
    cells = [_headline(result), str(result["machine"].get("processor", "not told")), str(result["created"])[:10], doubts, path.name]
    name = f'<a href="#{anchor}">{escape(str(result["name"]))}</a>'
    return f"<tr><td>{name}</td>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _broken(broken: dict[Path, str]) -> str:
    if not broken:
        return ""
    lines = "".join(f"<li>{escape(why)}</li>" for why in broken.values())
    return f'<div class=broken role="note"><b>Not in this page</b><ul>{lines}</ul></div>'


def _section(result: Result, anchor: str) -> str:
    show = SECTIONS.get(result["kind"])
    own = [f"<p class=dim>This version has no picture of results of kind {escape(result['kind'])}.</p>"] if show is None else show(result)
    parts = [f"<h2>{escape(str(result['name']))}</h2>", _doubts(result), *own, _facts(result)]
    return f'<section id="{anchor}">' + "\n".join(parts) + "</section>"


def _doubts(result: Result) -> str:
    if not result["doubts"]:
        return ""
    lines = "".join(f"<li>{escape(str(doubt))}</li>" for doubt in result["doubts"])
    return f'<div class=doubts role="note"><b>Reasons to doubt these figures</b><ul>{lines}</ul></div>'


def _facts(result: Result) -> str:
    """The machine before and after, folded away; the processor and the command stand outside."""
    machine = result["machine"]
    rows = [["created", str(result["created"])], ["command", str(result["command"])], ["commit", str(result["commit"] or "not a checkout")]]
    for name, value in machine.items():
        rows.append([name.replace("_", " "), _words(value)])
    where = f"{machine.get('processor', 'a machine that was not told')}, {machine.get('cores', '?')} cores"
    return (
        f"<details class=facts><summary>{escape(where)}; the machine and the command</summary>"
        f"<div class=scroll>{table(['', ''], rows)}</div></details>"
    )


def _words(value: Any) -> str:
    """A fact as a person reads it."""
    if isinstance(value, dict):
        return "; ".join(f"{name.replace('_', ' ')}: {_words(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_words(inner) for inner in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _wide(html: str) -> str:
    return f"<div class=scroll>{html}</div>"


# --- latency ---------------------------------------------------------------------------------------------------------------------


def show_latency(result: Result) -> list[str]:
    """Percentiles with their intervals, the curve of all percentiles, and where the time goes."""
    rows = []
    quantities = {"latency": result["latency_ms"], **result["stages_ms"]} | ({"age": result["age_ms"]} if "age_ms" in result else {})
    for name, figures in quantities.items():
        cells = [_percentile_words(figures["percentiles"][percentile]) for percentile in figures["percentiles"]]
        rows.append([name, *cells, _milliseconds(figures["mean"]), _milliseconds(figures["greatest"])])
    head = ["milliseconds", *result["latency_ms"]["percentiles"], "mean", "greatest"]
    inside = "".join(f"<li><b>{escape(name)}</b>: {escape(words)}</li>" for name, words in result["inside"].items())
    engine, model = result["engine"], result["model"]
    what = (
        f"{result['definition']}. {model['name']}, {model['width']}x{model['height']}, {engine['name']} {engine['precision']} "
        f"{engine['version']}, batch {engine['batch']}; {result['frames']['processed']:,} frames in {result['seconds']:.0f} s, "
        f"{result['throughput_fps']:.1f} a second."
    )
    return [
        f"<p>{escape(what)}</p>",
        _wide(table(head, rows)),
        "<p class=dim>With the interval of 95% confidence; a dash: too few queries for that percentile.</p>",
        plot(draw_percentiles(result), f"Latency at every percentile: {result['name']}"),
        plot(draw_stages(result), f"Where the time goes: {result['name']}"),
        f"<details><summary>What is inside each interval</summary><ul>{inside}</ul></details>",
    ]


def _percentile_words(figure: dict[str, Any]) -> str:
    if figure["value"] is None:
        return "-"
    known = figure["low"] is not None and figure["high"] is not None
    interval = f" ({_milliseconds(figure['low'])} to {_milliseconds(figure['high'])})" if known else ""
    return _milliseconds(figure["value"]) + interval


def _milliseconds(value: float) -> str:
    """Three digits, closing zeros too: 15 among 15.2 and 15.6 would look like a coarser measurement."""
    return f"{value:#.3g}".rstrip(".") if value < 100 else f"{value:.0f}"


def draw_percentiles(result: Result) -> Figure:
    """Milliseconds over percentiles, the axis stretched towards the tail, as HdrHistogram draws it: http://hdrhistogram.org."""
    figure, (ax,) = new_figure(width=9, height=4)
    names = ["latency", *result["stages_ms"], *(["age"] if result["samples"].get("age_ms") else [])]
    for colour, name in zip(COLOURS, names, strict=False):
        values = np.sort(np.asarray(result["samples"][f"{name}_ms"], np.float64))
        if not len(values):
            continue
        above = 1 - (np.arange(len(values)) / len(values))  # share of the queries that took as long or longer
        keep = np.unique(np.searchsorted(-above, -np.geomspace(1, above[-1], 400)).clip(0, len(values) - 1))
        ax.step(1 / above[keep], values[keep], where="post", color=colour, label=name, linewidth=2.2 if name == "latency" else 1.3)
    ax.set_xscale("log")
    ticks = [(2, "50"), (10, "90"), (100, "99"), (1000, "99.9"), (10_000, "99.99"), (100_000, "99.999")]
    shown = [tick for tick in ticks if tick[0] <= 2 * ax.get_xlim()[1]]
    ax.set_xticks([at for at, _ in shown], [name for _, name in shown])
    ax.minorticks_off()
    ax.set_xlim(left=1)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("percentile")
    ax.set_ylabel("milliseconds")
    ax.legend(frameon=False, fontsize=9)
    title(ax, "Latency at every percentile")
    return figure


def draw_stages(result: Result) -> Figure:
    """Median of each stage, end to end, in one bar."""
    figure, (ax,) = new_figure(width=9, height=1.7)
    stages = {name: float(np.median(result["samples"][f"{name}_ms"])) for name in result["stages_ms"]}
    whole = sum(stages.values())
    left = 0.0
    for colour, (name, milliseconds) in zip(COLOURS[1:], stages.items(), strict=False):  # as in the curves
        ax.barh(0, milliseconds, left=left, color=colour, label=f"{name} {milliseconds:.2f} ms ({milliseconds / whole:.0%})")
        left += milliseconds
    ax.set_yticks([])
    ax.set_xlabel("milliseconds, medians of the stages")
    ax.legend(frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(stages))
    return figure


# --- the other kinds -------------------------------------------------------------------------------------------------------------


def show_compare(result: Result) -> list[str]:
    """The verdict, each stage, and the budget."""
    parts = []
    if result["stages"]:
        rows = [compare.change_cells(change) for change in result["stages"]]
        kinds = [f"{change['verdict']} named" if change["verdict"] != "no difference" else "" for change in result["stages"]]
        parts += [
            f"<p><b>{escape(result['conclusion'])}</b>: {escape(result['after']['name'])} against {escape(result['before']['name'])}, "
            f"{result['rounds']} rounds in turn.</p>",
            plot(compare.draw(result), f"Ratio of each stage: {result['name']}"),
            _wide(table(["stage", "before, ms", "after, ms", "difference", "ratio", "interval", "verdict"], rows, kinds)),
            f"<p class=dim>The intervals together hold with {result['confidence']:.0%} confidence. Worth naming is a difference of at "
            f"least {result['least_share']:.0%} of the stage and {result['least_ms']:g} ms.</p>",
        ]
    if result["budget"]:
        rows = [
            [line["stage"], line["percentile"], f"{line['measured_ms']:.2f}", f"{line['limit_ms']:g}", "over" if line["over"] else "within"]
            for line in result["budget"]
        ]
        kinds = ["over" if line["over"] else "" for line in result["budget"]]
        parts += ["<h3>Budget</h3>", _wide(table(["stage", "percentile", "measured, ms", "allowed, ms", ""], rows, kinds))]
    return parts


def show_tradeoff(result: Result) -> list[str]:
    """The plot, every combination, and what cannot run."""
    rows = [tradeoff.cells(entry) for entry in result["entries"]]
    kinds = ["named" if entry["front"] else "" for entry in result["entries"]]
    data = result["data"]
    return [
        plot(tradeoff.draw(result), "Relaxed F1 against milliseconds a frame, with the Pareto front"),
        _wide(table(tradeoff.COLUMNS, rows, kinds)),
        f"<p class=dim>* on the Pareto front. {data['frames']} frames of {escape(', '.join(data['sources']))}, split "
        f"{escape(data['split'])}; the mean is over sources. Time: {escape(result['interval'])}, on frames of "
        f"{result['frame']['width']}x{result['frame']['height']}; {result['rounds']} turns of {result['runs']} each, in fresh processes. "
        "MB: the most that such a process had resident. mJ: energy a frame; a dash: this machine has no meter.</p>",
        _left_out(result),
    ]


def show_roofline(result: Result) -> list[str]:
    """The classic plot, the engines against their floors, and the layers of each."""
    head = ["engine", "median, ms", "floor, ms", "of the limit"]
    rows = [
        [f"{entry['engine']} {entry['precision']}", f"{entry['latency_ms']:.2f}", f"{entry['floor_ms']:.2f}", f"{entry['of_floor']:.0%}"]
        for entry in result["engines"]
    ]
    parts: list[str] = [plot(roofline.draw(result), "Each layer against the machine's roofs"), table(head, rows)]
    parts.append(
        "<p class=dim>The floor: each layer's operations at the best rate this machine showed in that precision, or its bytes at the best "
        "bandwidth, whichever takes longer, summed over the layers. After Williams, Waterman and Patterson, "
        '<a href="https://doi.org/10.1145/1498765.1498785">Roofline</a>, CACM 52(4), 2009.</p>'
    )
    rates = [
        [precision, way, f"{rate / 1e9:.0f}"]
        for precision, ways in result["roofs"]["operations_per_second"].items()
        for way, rate in ways.items()
    ]
    parts.append(f"<details><summary>How the roofs were measured</summary>{table(['', 'by', '10⁹ operations a second'], rates)}</details>")
    for entry in result["engines"]:
        if any(layer["ms"] for layer in entry["layers"]):
            cells = [roofline.layer_cells(layer) for layer in entry["layers"]]
            layers = _wide(table(roofline.LAYER_COLUMNS, cells))
            name = escape(f"{entry['engine']} {entry['precision']}")
            parts.append(f"<details><summary>{name}, layer by layer</summary>{layers}</details>")
    return [*parts, _left_out(result)]


def show_pipeline(result: Result) -> list[str]:
    """The loops in turn, round by round."""
    rows = {
        "this pipeline": result["ours_fps"],
        "the ten-minute loop": result["theirs_fps"],
        "the bound of this machine": result["bound_fps"],
    }
    figure, (ax,) = new_figure(width=9, height=2.6)
    for row, values in enumerate(rows.values()):
        middle = float(np.median(values))
        ax.barh(row, middle, color=(COLOURS[0], GREY, "#cccccc")[row], height=0.6)
        ax.plot(values, [row] * len(values), "|", color="black", markersize=10)
        ax.annotate(f"{middle:.1f}", (middle, row), xytext=(5, 8), textcoords="offset points", fontsize=10, fontweight="bold")
    ax.set_yticks(range(len(rows)), list(rows))
    ax.invert_yaxis()
    ax.set_xlabel("frames a second (bar: median; ticks: rounds)")
    return [
        f"<p>{escape(result['clip'])}, {result['frames']} frames, {result['rounds']} rounds in turn.</p>",
        plot(figure, "Frames a second of the pipeline, of the loop that anybody writes in ten minutes, and of the bound"),
    ]


def show_shapes(result: Result) -> list[str]:
    """Every shape beside the plain U-Net."""
    return [_wide(table(shapes.COLUMNS, [shapes.cells(name, shape) for name, shape in result["shapes"].items()]))]


def show_against(result: Result) -> list[str]:
    """The medians of each round, by the stopwatch here and by OpenVINO's own."""
    columns = zip(result["ours_ms"], result["theirs_ms"], against_benchmark_app.ratios(result), strict=True)
    rows = [[str(turn), f"{ours:.2f}", f"{theirs:.2f}", f"{ratio:.3f}"] for turn, (ours, theirs, ratio) in enumerate(columns, 1)]
    medians = [f"{np.median(result[name]):.2f}" for name in ("ours_ms", "theirs_ms")]
    kinds = [*[""] * len(rows), "named"]
    rows.append(["median", *medians, f"{result['ratio']:.3f}"])
    return [
        f"<p>{escape(against_benchmark_app.verdict(result).capitalize())}.</p>",
        _wide(table(["round", "here, ms", "benchmark_app, ms", "ratio"], rows, kinds)),
    ]


def _left_out(result: Result) -> str:
    found = reasons(result)
    if not found:
        return ""
    lines = "".join(f"<li>{escape(', '.join(what))}: {escape(why)}</li>" for why, what in found.items())
    return f"<details><summary>{len(result['left_out'])} combinations cannot run on that machine</summary><ul>{lines}</ul></details>"


def show_gpu(result: Result) -> list[str]:
    """Latency, throughput and what was to be reached on an NVIDIA GPU."""
    return [_wide(table(gpu.COLUMNS, gpu.cells(result))), _left_out(result)]


SECTIONS: dict[str, Callable[[Result], list[str]]] = {
    "latency": show_latency,
    "pipeline": show_pipeline,
    compare.KIND: show_compare,
    tradeoff.KIND: show_tradeoff,
    roofline.KIND: show_roofline,
    shapes.KIND: show_shapes,
    against_benchmark_app.KIND: show_against,
    gpu.KIND: show_gpu,
}


def _headline(result: Result) -> str:
    """What a result found, in a few words."""
    kind = result["kind"]
    if kind == "latency":
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
    if kind == "pipeline":
        return f"{np.median(result['ratio']):.2f} times the ten-minute loop"
    if kind == shapes.KIND:
        times = [f"{name} {np.median(shape['of_plain']):.2f}" for name, shape in result["shapes"].items() if name != shapes.PLAIN]
        return f"time, of the {shapes.PLAIN}'s: {', '.join(times)}"
    if kind == against_benchmark_app.KIND:
        rounds = against_benchmark_app.round_range(result).replace(" ", "\N{NO-BREAK SPACE}")  # as ranges in tables
        return f"{result['ratio']:.3f} of what benchmark_app reads ({rounds})"
    if kind == gpu.KIND:
        return f"{sum(target['met'] is True for target in result['targets'])} of {len(result['targets'])} targets reached"
    return str(kind)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "places", nargs="*", type=Path, default=[Path(__file__).parent / "results"], metavar="FOLDER", help="default benchmarks/results"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the page to write; one that exists is replaced")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.report", lambda: run(args))


def run(args: argparse.Namespace) -> None:
    """Carries out a request. Raises InputError."""
    check_file(args.out, overwrite=True)
    results, broken = read_folders(args.places)
    if not results:
        raise InputError(f"no results in {', '.join(map(str, args.places))}: write some with --json, or give another folder")
    page = report_page(results, broken)
    write_atomically(args.out, page)
    for why in broken.values():
        print(f"passed over: {why}", file=sys.stderr)
    print(f"written: {args.out}")


if __name__ == "__main__":
    sys.exit(main())
