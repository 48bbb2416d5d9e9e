"""What the command lines of the benchmarks share: options, checks before the work, and notes after it."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.common.plots import new_figure
from engines.registry import ENGINES, GPU_ENGINES, PRECISIONS
from lanes.cli.arguments import count, output_path
from lanes.files import check_file

ROOT = Path(__file__).resolve().parents[2]
"""The checkout, or the folder that the package is installed in."""


def add_model_options(parser: ArgumentParser, engines: Sequence[str] = (), precisions: Sequence[str] = ("auto", *PRECISIONS)) -> None:
    """Adds --model, and --engine and --precision where there is something to choose.

    Args:
        parser: to add to.
        engines: to choose from, the first by default; none for no option.
        precisions: likewise.
    """
    parser.add_argument("--model", type=str, default="unet", metavar="NAME|FILE", help="bundled model, or model file")
    if engines:
        parser.add_argument("--engine", type=str, choices=engines, default=engines[0], help="engine that runs it")
    if precisions:
        parser.add_argument("--precision", type=str, choices=precisions, default=precisions[0], help="precision to run it in")


ALL_ENGINES = ("auto", *dict.fromkeys([*GPU_ENGINES, *ENGINES]))


def add_rounds(parser: ArgumentParser, rounds: int, runs: int | None = None) -> None:
    """Adds --rounds, and --runs where a round has several, with these defaults."""
    parser.add_argument("--rounds", type=count, default=rounds, metavar="N", help="rounds; in each, all that is measured comes once")
    if runs is not None:
        parser.add_argument("--runs", type=count, default=runs, metavar="N", help="timed calls in a round")


def add_json(parser: ArgumentParser, *aliases: str, default: Path | None = None) -> None:
    """Adds --json, the place of the result, which is replaced where it exists."""
    parser.add_argument("--json", *aliases, type=output_path, default=default, metavar="FILE", help="write the result here, as JSON")


def add_plot(parser: ArgumentParser) -> None:
    """Adds --plot."""
    parser.add_argument("--plot", type=output_path, metavar="FILE", help="draw the result, as FILE.png and FILE.svg")


def check_outputs(json: Path | None, plot: Path | None = None) -> None:
    """Refuses what would fail only after minutes of work.

    Args:
        json: where the result is to be written; one that exists is replaced.
        plot: where a plot is to be written, with the suffixes .png and .svg.

    Raises:
        InputError: a place cannot be written to, or Matplotlib is missing.
    """
    for path in (json, *([] if plot is None else [plot.with_suffix(".png"), plot.with_suffix(".svg")])):
        if path is not None:
            check_file(path, overwrite=True)
    if plot is not None:
        new_figure()


def console_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> Table:
    """A table for the console: the first column at the left where it has no name, the others at the right."""
    view = Table(title=title, title_justify="left", box=None, padding=(0, 1), pad_edge=False)
    for column in columns:
        view.add_column(column, justify="right" if column else "left")
    for row in rows:
        view.add_row(*row)
    return view


def print_notes(result: dict[str, Any], json: Path | None, console: Console) -> None:
    """Prints what was left out with the reason, the warnings, and where the result is."""
    for reason, names in left_out(result).items():
        console.print(f"left out: {', '.join(names)}: {reason}", style="dim", highlight=False, soft_wrap=True, markup=False)
    for warning in result["warnings"]:
        console.print(f"warning: {warning}", style="yellow", highlight=False, soft_wrap=True, markup=False)
    if json is not None:
        console.print(f"written: {json}", highlight=False, soft_wrap=True, markup=False)


def left_out(result: dict[str, Any]) -> dict[str, list[str]]:
    """What was left out, by the reason."""
    found: dict[str, list[str]] = {}
    for name, reason in result.get("left_out", {}).items():
        found.setdefault(reason, []).append(name)
    return found
