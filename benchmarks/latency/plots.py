"""Plots of a result of `benchmarks.latency`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.common.plots import COLOURS, new_figure, title
from benchmarks.common.results import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_percentiles(result: Result) -> Figure:
    """Milliseconds over percentiles, the axis stretched towards the tail, as HdrHistogram draws it: http://hdrhistogram.org."""
    figure, (ax,) = new_figure(width=9, height=4)
    names = ["latency", *result["stages_ms"], *(["age"] if result["samples"].get("age_ms") else [])]
    for colour, name in zip(COLOURS, names, strict=False):
        values = np.sort(np.asarray(result["samples"][f"{name}_ms"], np.float64))
        if not len(values):
            continue
        above = 1 - (np.arange(len(values)) / len(values))  # share of the queries that were as long or longer
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
