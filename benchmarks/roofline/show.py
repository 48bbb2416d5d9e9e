"""A roofline as a plot and as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table

from benchmarks.common.plots import COLOURS, new_figure, title
from benchmarks.roofline.peaks import Peaks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(result: dict[str, Any]) -> Figure:
    """The roofline plot: a panel an engine and precision, both axes logarithmic, a point a layer, its area the time it takes.

    Layers without multiplications (pooling, scaling, joining) cannot be on such axes. Raises InputError without Matplotlib.
    """
    profiled = [entry for entry in result["engines"] if any(layer["ms"] for layer in entry["layers"])] or result["engines"]
    columns = min(2, len(profiled))  # as wide as the other plots: with a third the letters are too small on a page
    rows = -(-len(profiled) // columns)
    figure, axes = new_figure(columns, rows, width=max(6.5, 4.5 * columns), height=3.3 * rows + 0.4, sharex=True, sharey=True)
    peaks = peaks_of(result)
    for ax, entry in zip(axes, profiled, strict=False):
        _draw_panel(ax, entry, peaks)
    highest = max(peaks.rate(entry["precision"]) or 0.0 for entry in profiled)
    axes[0].set_ylim(top=2.5 * highest / 1e9)  # space for the highest peak rate's label
    for ax in axes[len(profiled) :]:
        ax.set_visible(False)
    for ax in axes[::columns]:
        ax.set_ylabel("operations a second, 10⁹")
    for ax in axes[max(0, len(profiled) - columns) : len(profiled)]:
        ax.set_xlabel("operations a byte")
        ax.tick_params(labelbottom=True)
    figure.suptitle(
        f"{result['model']['name']} {result['model']['width']}x{result['model']['height']}: "
        "each layer against this machine's peak rates (area: time taken)",
        x=0.01,
        ha="left",
        fontsize=12,
    )
    return figure


def _draw_panel(ax: Axes, entry: dict[str, Any], peaks: Peaks) -> None:
    from matplotlib.collections import PathCollection

    rate = peaks.rate(entry["precision"])
    assert rate is not None
    intensity = np.geomspace(0.5, 2000, 300)
    levels = (("memory", peaks.memory_bandwidth, "--"), ("cache", max(peaks.bandwidth.values()), "-"))
    for name, bandwidth, style in levels:
        label = f"{name}, {bandwidth / 1e9:.0f} GB/s"
        ax.plot(intensity, np.minimum(rate, intensity * bandwidth) / 1e9, color="black", linewidth=1.3, linestyle=style, label=label)
    label = f"{entry['precision']} {rate / 1e9:.0f} Gop/s"
    # Higher above the peak rate than the radius of the largest mark, which lies on it.
    ax.annotate(label, (2000, rate / 1e9), xytext=(0, 9), textcoords="offset points", fontsize=8, ha="right", va="bottom")
    layers = [layer for layer in entry["layers"] if layer["operations"] and layer["ms"]]
    most = max((layer["ms"] for layer in layers), default=1.0)
    for bound, colour in (("compute", COLOURS[0]), ("memory", COLOURS[1])):
        chosen = [layer for layer in layers if layer["bound"] == bound]
        if not chosen:
            continue
        ax.scatter(
            [layer["operations"] / layer["bytes"] for layer in chosen],
            [layer["operations"] / layer["ms"] / 1e6 for layer in chosen],
            s=[8 + 150 * layer["ms"] / most for layer in chosen],
            color=colour,
            alpha=0.6,
            linewidths=0,
            label=f"layers limited by {bound}",
        )
    ax.set_xscale("log")
    ax.set_yscale("log")
    title(ax, f"{entry['engine']} {entry['precision']}: {entry['of_floor']:.0%} of the limit")
    legend = ax.legend(fontsize=8, loc="lower right", frameon=False)
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_sizes([30])


def peaks_of(result: dict[str, Any]) -> Peaks:
    """The machine's peak rates, of a result."""
    peaks = result["peaks"]
    return Peaks(peaks["operations_per_second"], {entry["bytes"]: entry["rate"] for entry in peaks["bytes_per_second"]})


def summary_table(result: dict[str, Any]) -> Table:
    """The engines against their floors."""
    view = Table(
        title=f"{result['model']['name']} {result['model']['width']}x{result['model']['height']}, one image, milliseconds",
        title_justify="left",
        box=None,
    )
    for column in ("engine", "median", "floor", "of the limit", "GMAC", "weights, MB", "activations, MB"):
        view.add_column(column, justify="left" if column == "engine" else "right")
    for entry in result["engines"]:
        view.add_row(
            f"{entry['engine']} {entry['precision']}",
            f"{entry['latency_ms']:.2f}",
            f"{entry['floor_ms']:.2f}",
            f"{entry['of_floor']:.0%}",
            f"{entry['macs'] / 1e9:.2f}",
            f"{entry['weight_bytes'] / 1e6:.1f}",
            f"{entry['activation_bytes'] / 1e6:.1f}",
        )
    return view


LAYER_COLUMNS = ("layer", "kind", "Mop", "MB", "floor, ms", "limit", "taken, ms", "of the limit")


def layer_table(entry: dict[str, Any]) -> Table:
    """One engine, layer by layer."""
    view = Table(title=f"{entry['engine']} {entry['precision']}, layer by layer", title_justify="left", box=None)
    for column in LAYER_COLUMNS:
        view.add_column(column, justify="left" if column in ("layer", "kind", "limit") else "right")
    for layer in entry["layers"]:
        view.add_row(*layer_cells(layer))
    if entry["between_layers_ms"]:
        view.add_row("between layers", "", "", "", "", "", f"{entry['between_layers_ms']:.3f}", "")
    return view


def layer_cells(layer: dict[str, Any]) -> list[str]:
    """A row under `LAYER_COLUMNS`. A dash: merged into another layer."""
    milliseconds = layer["ms"]
    return [
        layer["name"],
        layer["kind"],
        f"{layer['operations'] / 1e6:.1f}",
        f"{layer['bytes'] / 1e6:.2f}",
        f"{layer['floor_ms']:.3f}",
        layer["bound"],
        f"{milliseconds:.3f}" if milliseconds else "-",
        f"{layer['floor_ms'] / milliseconds:.0%}" if milliseconds else "-",
    ]
