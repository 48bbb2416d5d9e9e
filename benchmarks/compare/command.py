"""Whether one version is slower than another, and in which stage: `python -m benchmarks.compare main .`.

Each of the two is a commit, a folder with a copy of the project, or a result of `benchmarks.latency`. Commits are unpacked into a temporary
folder; the checkout is not touched. The two are run interleaved on this machine (before, after, after, before, ...), each run a fresh
process of that version's `run_video.py --report` over the same clip, and what is compared are the medians of each stage in the two runs of
a round, so that a machine that drifts is fair to both. The stages of a running pipeline share the processor: a stage that grows can
move its neighbours a little.

A stage is called slower or faster when the interval for the ratio lies on one side of 1 and the difference is relevant; the
intervals are wide enough that the verdict is wrong for any stage in at most one comparison of twenty.

With `--budget FILE` the exit status is 1 when the later version exceeds its budget, one line a stage; one version alone is enough
then. The file is TOML, in milliseconds:

    [inference]
    p50 = 12
    [end_to_end]
    p99 = 80
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.common.cli import add_json, add_plot, add_rounds, check_outputs, print_notes
from benchmarks.common.confidence import check_statistics
from benchmarks.common.observe import observe_machine
from benchmarks.common.plots import save
from benchmarks.common.results import new_result, write_result
from benchmarks.compare.budget import budget_line, check_budget, read_budget
from benchmarks.compare.changes import (
    CONFIDENCE,
    MIN_MS,
    MIN_SHARE,
    Change,
    StageTimes,
    align_stages,
    compare_stages,
    conclusion,
    rounds_needed,
    scatter_warnings,
)
from benchmarks.compare.show import change_table, draw
from benchmarks.compare.versions import measure_interleaved, read_segments, unpack
from lanes.assets import DEMO_CLIP
from lanes.capture.address import public_argument
from lanes.cli.arguments import Parser, count
from lanes.cli.console import plain_console
from lanes.errors import InputError, exit_status
from lanes.telemetry.stages import STAGES

KIND = "compare"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m benchmarks.compare", __doc__)
    parser.add_argument("before", type=str, help="commit, folder with a copy of the project, or result of benchmarks.latency")
    parser.add_argument("after", type=str, nargs="?", help="the same; may be left out with --budget")
    add_rounds(parser, 20)
    parser.add_argument("--source", type=str, default=str(DEMO_CLIP), metavar="S", help="source, as for run_video.py")
    parser.add_argument("--limit", "--frames", type=count, default=120, metavar="N", help="frames of it in a run")
    parser.add_argument("--model", type=str, metavar="M", help="model, as for run_video.py (default: each version's own)")
    parser.add_argument("--engine", type=str, metavar="E", help="engine, as for run_video.py (default: each version's own)")
    parser.add_argument("--precision", type=str, metavar="P", help="precision, as for run_video.py (default: each version's own)")
    parser.add_argument("--budget", type=Path, metavar="FILE", help="fail when a stage exceeds what this file allows it")
    add_json(parser)
    add_plot(parser)
    return parser.parse_args(arguments)


def run_options(args: argparse.Namespace) -> list[str]:
    """What `run_video.py` is given in every run. A file or folder is named so that it is found from any copy of the project."""
    source = str(Path(args.source).resolve()) if Path(args.source).exists() else args.source
    options = ["--source", source, "--limit", str(args.limit)]
    for name in ("model", "engine", "precision"):
        value = getattr(args, name)
        if value is not None:
            options += [f"--{name}", str(Path(value).resolve()) if Path(value).is_file() else value]
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.compare", lambda: run(args, plain_console(stderr=True)))


def run(args: argparse.Namespace, console: Console) -> int:
    """Measures, prints and writes, and returns the exit status. Raises InputError."""
    names = [name for name in (args.before, args.after) if name is not None]
    if len(names) == 1 and args.budget is None:
        raise InputError("give two versions to compare, or one with --budget")
    check_outputs(args.json, args.plot)
    check_statistics()
    needed = rounds_needed(1 - (1 - CONFIDENCE) / (len(STAGES) + 1))
    if len(names) == 2 and args.rounds < needed:
        raise InputError(f"--rounds {args.rounds}: too few to distinguish versions, {needed} are needed")
    budget = None if args.budget is None else read_budget(args.budget)
    with ExitStack() as stack:
        with observe_machine() as observation:
            runs, facts = measure(names, args, stack, console)
        observation.warnings += facts.pop("warnings")
        changes: list[Change] = []
        if len(runs) == 2:
            before, after = runs
            if facts["options"]:  # a result of benchmarks.latency holds its stages as they are; it is reports of run_video.py that change
                before, after, warnings = align_stages(before, after)
                observation.warnings += warnings
            changes = compare_stages(before, after)
            observation.warnings += scatter_warnings(changes)
        fields: dict[str, Any] = {"rounds": len(runs[0]), "before": facts["versions"][0], "after": facts["versions"][-1]}
        fields |= {
            "confidence": CONFIDENCE,
            "min_share": MIN_SHARE,
            "min_ms": MIN_MS,
            "options": [public_argument(option) for option in facts["options"]],
        }
        fields |= {"stages": [asdict(change) for change in changes], "conclusion": conclusion(changes) if changes else None}
        fields |= {"budget": [] if budget is None else check_budget(budget, runs[-1]), "runs": runs}
    result = new_result(KIND, " against ".join(reversed(names)), observation, **fields)
    if args.json is not None:
        write_result(args.json, result)
    if args.plot is not None and changes:
        save(draw(result), args.plot)
    output = plain_console(width=120)
    if changes:
        output.print(change_table(result))
        output.print(result["conclusion"], style="bold", highlight=False)
    print_notes(result, args.json, output)
    over = [line for line in result["budget"] if line["over"]]
    for line in over:
        print(budget_line(line), file=sys.stderr)
    return 1 if over else 0


def measure(
    names: Sequence[str], args: argparse.Namespace, stack: ExitStack, console: Console
) -> tuple[list[list[StageTimes]], dict[str, Any]]:
    """The runs of each version, and `versions`, `options` and `warnings`. Raises InputError when a version is not found or fails."""
    files = [Path(name).is_file() for name in names]
    if any(files):
        if not all(files):
            raise InputError("a result can only be compared with another result: give two results, or two commits or folders")
        return [read_segments(Path(name), args.rounds) for name in names], {
            "versions": [{"name": Path(name).name} for name in names],
            "options": [],
            "warnings": ["the two were not measured interleaved: what differs may be the machine"] if len(names) == 2 else [],
        }
    versions = [unpack(name, stack) for name in names]
    options = run_options(args)
    facts = {"versions": [{"name": v.name, "commit": v.commit} for v in versions], "options": options, "warnings": []}
    return measure_interleaved(versions, args.rounds, options, console), facts
