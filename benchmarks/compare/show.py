"""A comparison as a table and as a plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from benchmarks.common.plots import COLOURS, GREY, new_figure, title
from benchmarks.compare.changes import MIN_SHARE

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(result: dict[str, Any]) -> Figure:
    """The ratio of each stage with its interval. Raises InputError without Matplotlib."""
    changes = result["stages"]
    figure, (ax,) = new_figure(width=8, height=1.2 + 0.42 * len(changes))
    colours = {"slower": COLOURS[1], "faster": COLOURS[2], "no difference": GREY}
    for row, change in enumerate(changes):
        spread = [[100 * (change["ratio"] - change["low"])], [100 * (change["high"] - change["ratio"])]]
        ax.errorbar(
            100 * (change["ratio"] - 1), row, xerr=spread, fmt="o", color=colours[change["verdict"]], capsize=4, markersize=7, linewidth=2
        )
        note = f"{change['difference_ms']:+.2f} ms"
        ax.annotate(note, (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=9, color=colours[change["verdict"]])
    ax.axvline(0, color="black", linewidth=1)
    ax.axvspan(-100 * MIN_SHARE, 100 * MIN_SHARE, color="#eeeeee", zorder=0)
    ax.set_yticks(range(len(changes)), [change["stage"].replace("_", " ") for change in changes])
    ax.invert_yaxis()
    ax.set_xlabel(f"{result['after']['name']} against {result['before']['name']}, percent of the stage's time (grey: not relevant)")
    title(ax, f"{result['conclusion']}")
    return figure


def change_table(result: dict[str, Any]) -> Table:
    """One row a stage."""
    view = Table(
        title=f"{result['after']['name']} against {result['before']['name']}, medians of {result['rounds']} rounds, milliseconds",
        title_justify="left",
        box=None,
    )
    for column in ("stage", "before", "after", "difference", "ratio", "interval", "verdict"):
        view.add_column(column, justify="left" if column in ("stage", "verdict") else "right")
    for change in result["stages"]:
        view.add_row(*change_cells(change), style="" if change["verdict"] == "no difference" else "bold")
    return view


def change_cells(change: dict[str, Any]) -> list[str]:
    """A row: stage, before, after, difference, ratio, interval, verdict."""
    return [
        change["stage"].replace("_", " "),
        f"{change['before_ms']:.2f}",
        f"{change['after_ms']:.2f}",
        f"{change['difference_ms']:+.2f}",
        f"{change['ratio']:.3f}",
        f"{change['low']:.3f} to {change['high']:.3f}",
        change["verdict"],
    ]
