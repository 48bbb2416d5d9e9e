"""All results in one page: `python -m benchmarks.report benchmarks/results --page report.html`.

One HTML file that can be mailed: no other file and no network is needed to show it. Every result found in the folders is in it with
its plots, its machine, the command that made it, and its warnings; files that are not results are named and passed over.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common.cli import ROOT
from benchmarks.common.plots import new_figure
from benchmarks.common.results import Result, load_result
from benchmarks.report.sections import CONTEXTS, context_of, headline
from lanes.cli.arguments import Parser, output_path
from lanes.errors import InputError, exit_status
from lanes.files import check_file, write_atomically
from lanes.html.page import check_pages, render, table


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
    """The page as HTML. A result whose fields cannot be drawn is left out, and added to `broken`, of which the page gives the reasons.

    Raises InputError where Jinja2 or Matplotlib is missing.
    """
    from jinja2 import UndefinedError
    from markupsafe import Markup

    sections: list[str] = []
    rows: list[list[str]] = []
    with_warnings = 0
    for path, result in results:
        anchor = f"result-{len(sections)}"
        try:
            row = [Markup('<a href="#{}">{}</a>').format(anchor, str(result["name"])), headline(result), *_short_facts(result), path.name]
            section = Markup(_section(result, anchor))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, UndefinedError) as error:
            broken[path] = f"{path} is a damaged result of kind {result['kind']} ({type(error).__name__}: {error}): measure again"
            continue
        rows.append(row)
        sections.append(section)
        with_warnings += bool(result["warnings"])
    summary = f"{len(sections)} result{'' if len(sections) == 1 else 's'}"
    if with_warnings:
        summary += f", of which {with_warnings} {'has' if with_warnings == 1 else 'have'} warnings"
    return render(
        "benchmarks/report.html.j2",
        title="Benchmarks",
        summary=summary,
        contents=table(["result", "in short", "machine", "day", "warnings", "file"], rows),
        broken=list(broken.values()),
        sections=sections,
    )


def _short_facts(result: Result) -> list[str]:
    """Machine, day and number of warnings."""
    warnings = str(len(result["warnings"])) if result["warnings"] else "none"
    return [str(result["machine"].get("processor", "not known")), str(result["created"])[:10], warnings]


def _section(result: Result, anchor: str) -> str:
    from markupsafe import Markup

    kind = result["kind"] if result["kind"] in CONTEXTS else "unknown"
    body = Markup(render(f"benchmarks/{kind}.html.j2", **context_of(result)))
    machine = result["machine"]
    where = f"{machine.get('processor', 'a machine that is not known')}, {machine.get('cores', '?')} cores"
    rows = [["created", str(result["created"])], ["command", str(result["command"])], ["commit", str(result["commit"] or "not a checkout")]]
    rows += [[name.replace("_", " "), _words(value)] for name, value in machine.items()]
    return render("benchmarks/section.html.j2", result=result, anchor=anchor, body=body, where=where, facts=table(["", ""], rows))


def _words(value: Any) -> str:
    """A fact as a person reads it."""
    if isinstance(value, dict):
        return "; ".join(f"{name.replace('_', ' ')}: {_words(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_words(inner) for inner in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m benchmarks.report", __doc__)
    default = [ROOT / "benchmarks" / "results"]
    parser.add_argument("places", nargs="*", type=Path, default=default, metavar="FOLDER", help="folders with results, or results")
    parser.add_argument("--page", "--out", type=output_path, required=True, metavar="FILE", help="write the page here; replaces it")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.report", lambda: run(args))


def run(args: argparse.Namespace) -> None:
    """Reads the results and writes the page. Raises InputError."""
    check_file(args.page, overwrite=True)
    check_pages()
    new_figure()
    results, broken = read_folders(args.places)
    if not results:
        raise InputError(f"no results in {', '.join(map(str, args.places))}: write some with --json, or give another folder")
    write_atomically(args.page, report_page(results, broken))
    for reason in broken.values():
        print(f"passed over: {reason}", file=sys.stderr)
    print(f"written: {args.page}")
