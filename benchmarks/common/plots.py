"""One style for all plots of the benchmarks, on slides and on pages."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lanes.errors import InputError
from lanes.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Distinct to people who see red and green alike, and in grey print: Okabe and Ito, https://jfly.uni-koeln.de/color/."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")

GREY = "#777777"


def new_figure(columns: int = 1, rows: int = 1, width: float = 9, height: float = 5, **sharing: Any) -> tuple[Figure, list[Axes]]:
    """A figure in inches with its axes, row by row. Raises InputError where Matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError("plots need Matplotlib: pip install 'lanestream[plots]'") from None
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **sharing)
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(True, color="#dddddd", linewidth=0.6)
        ax.set_axisbelow(True)
    return figure, list(axes.flat)


def title(ax: Axes, text: str) -> None:
    """At the left, where reading starts."""
    ax.set_title(text, loc="left", fontsize=11, fontweight="bold")


def save(figure: Figure, path: Path) -> list[Path]:
    """Writes `path` with the suffixes .png, for slides, and .svg. Raises InputError when they cannot be written."""
    import matplotlib

    written = []
    for suffix in (".png", ".svg"):
        drawn = io.BytesIO()
        with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": path.stem}):
            figure.savefig(drawn, format=suffix[1:], dpi=200, metadata={"Date": None} if suffix == ".svg" else None)
        written.append(path.with_suffix(suffix))
        write_atomically(written[-1], drawn.getvalue())
    return written
