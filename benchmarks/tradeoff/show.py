"""Accuracy against cost as a plot and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table

from benchmarks.common.plots import COLOURS, GREY, MARKERS, new_figure, title
from engines.registry import PRECISIONS
from lanes.telemetry.percentiles import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(result: dict[str, Any]) -> Figure:
    """Relaxed F1 over milliseconds, with the Pareto front. Raises InputError without Matplotlib."""
    entries = result["entries"]
    figure, (ax,) = new_figure(width=9, height=5.4)
    engines = sorted({_where(entry) for entry in entries})
    for entry in entries:
        colour = COLOURS[engines.index(_where(entry)) % len(COLOURS)]
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
    ax.set_xlabel("milliseconds a frame (median; bar: fastest and slowest round)", fontsize=11)
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


def _where(entry: dict[str, Any]) -> str:
    return str(entry["engine"]) if entry["device"] == "CPU" else f"{entry['engine']} on {entry['device']}"


def _inverse(values: Any) -> Any:
    return 1000 / np.maximum(values, 1e-9)


def _ticks(low: float, high: float) -> list[float]:
    steps = [digit * 10.0**power for power in range(-3, 6) for digit in (1, 2, 5)]
    return [step for step in steps if low <= step <= high]


def _draw_front(ax: Axes, front: Sequence[dict[str, Any]], middle: float) -> None:
    """A staircase: at each cost the best accuracy at that cost."""
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


def _label(ax: Axes, text: str, at: tuple[float, float], middle: float, above: float, **style: Any) -> None:
    """At the side of a point that is towards the middle of the plot, so that it ends inside."""
    side, anchor = (-8, "right") if at[0] > middle else (8, "left")
    ax.annotate(text, at, xytext=(side, above), textcoords="offset points", ha=anchor, fontsize=9, **style)


def _label_models(ax: Axes, entries: Sequence[dict[str, Any]], middle: float) -> None:
    """A model that has no point on the front is labelled at its fastest one."""
    labelled = {entry["model"] for entry in entries if entry["front"]}
    for entry in entries:
        if entry["model"] not in labelled:
            labelled.add(entry["model"])
            at = (entry["ms"]["p50"], entry["scores"]["mean"]["relaxed_f1"])
            _label(ax, entry["model"], at, middle, -14, color=GREY)


COLUMNS = ("model", "engine", "precision", "input", "relaxed F1", "IoU", "ms", "p99", "frames/s", "MB", "mJ")


def cells(entry: dict[str, Any]) -> list[str]:
    """A row under `COLUMNS`."""
    mean = entry["scores"]["mean"]
    return [
        f"{entry['model']}{' *' if entry['front'] else ''}",
        _where(entry),
        entry["precision"],
        f"{entry['width']}x{entry['height']}",
        f"{mean['relaxed_f1']:.4f}",
        f"{mean['iou']:.4f}",
        f"{entry['ms']['p50']:.1f}",
        shown(entry["ms"], "p99"),
        f"{entry['fps']:.1f}",
        "-" if entry["peak_memory_mb"] is None else f"{entry['peak_memory_mb']:.0f}",
        "-" if entry["joules"] is None else f"{1000 * entry['joules']:.0f}",
    ]


def entry_table(result: dict[str, Any]) -> Table:
    """One row a combination, the fastest first."""
    view = Table(
        title=f"{result['data']['frames']} labelled frames; * on the Pareto front; a dash: not known, or too few calls",
        title_justify="left",
        box=None,
    )
    for column in COLUMNS:
        view.add_column(column, justify="left" if column in COLUMNS[:4] else "right")
    for entry in result["entries"]:
        view.add_row(*cells(entry), style="bold" if entry["front"] else "")
    return view
