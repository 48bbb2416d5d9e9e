"""What every benchmark that takes turns checks before it begins and says at its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.common.plots import new_figure
from lanes.errors import InputError
from lanes.files import check_file


def check_request(out: Path | None, plot: Path | None, **counts: int | None) -> None:
    """Refuses what would fail only after minutes of work.

    Args:
        out: where the result is to be written; one that exists is replaced.
        plot: where a plot is to be written, with the suffixes .png and .svg.
        counts: whole numbers from 1 up, by the names of their options.

    Raises:
        InputError: a number or a place cannot be used, or Matplotlib is missing.
    """
    for name, count in counts.items():
        if count is not None and count < 1:
            raise InputError(f"--{name} {count}: give a whole number from 1 up")
    for place in (out, *([] if plot is None else [plot.with_suffix(".png"), plot.with_suffix(".svg")])):
        if place is not None:
            check_file(place, overwrite=True)
    if plot is not None:
        new_figure()


def tell_rest(result: dict[str, Any], out: Path | None, console: Console) -> None:
    """What was left out with the reason, why to doubt the figures, and where they are."""
    for why, what in reasons(result).items():
        console.print(f"left out: {', '.join(what)}: {why}", style="dim", highlight=False, soft_wrap=True)
    for doubt in result["doubts"]:
        console.print(f"doubt: {doubt}", style="yellow", highlight=False, soft_wrap=True)
    if out is not None:
        console.print(f"written: {out}", highlight=False, soft_wrap=True)


def reasons(result: dict[str, Any]) -> dict[str, list[str]]:
    """What was left out, by the reason why."""
    found: dict[str, list[str]] = {}
    for what, why in result.get("left_out", {}).items():
        found.setdefault(why, []).append(what)
    return found
