"""Damaged files and streams: `python -m benchmarks.faults`.

Files of every container that is read have bits flipped, are cut, joined, given another's head, filled with noise; streams come so over a
local HTTP server, or with wrong headers. Each is read to its end in a process of its own. None may crash or hang it, no frame may come
out of order, and what cannot be read has to be said in a sentence.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.progress import Progress

from benchmarks.common.cli import add_json, check_outputs, console_table, print_notes
from benchmarks.common.observe import observe_machine
from benchmarks.common.results import Result, new_result, write_result
from benchmarks.faults.run import outcomes, run_faults
from lanes.cli.arguments import Parser, natural, output_path
from lanes.cli.console import plain_console
from lanes.errors import exit_status

KIND = "faults"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m benchmarks.faults", __doc__)
    parser.add_argument("--files", type=natural, default=500, metavar="N", help="damaged files")
    parser.add_argument("--streams", type=natural, default=200, metavar="N", help="damaged streams")
    parser.add_argument("--seed", type=natural, default=0, metavar="N", help="what chance does; the same number damages alike")
    parser.add_argument("--keep", type=output_path, metavar="DIR", help="keep the files that show a problem here")
    add_json(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.faults", lambda: run(args))


def run(args: argparse.Namespace) -> int:
    """Measures, prints and writes; the exit status is 1 where there is a problem. Raises InputError."""
    check_outputs(args.json)
    console = plain_console(stderr=True)
    with observe_machine() as observation, Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("damaged sources", total=args.files + args.streams)
        found = run_faults(args.files, args.streams, args.seed, args.keep, lambda: progress.advance(task))
    name = f"{args.files} files, {args.streams} streams, seed {args.seed}"
    result = new_result(KIND, name, observation, seed=args.seed, **found)
    if args.json:
        write_result(args.json, result)
    output = plain_console(width=120)
    output.print(console_table(COLUMNS, rows(result)))
    for problem in problems(result):
        output.print(problem, soft_wrap=True)
    output.print(f"{'passed' if result['passed'] else 'FAILED'}: {verdict(result)}")
    print_notes(result, args.json, output)
    return int(not result["passed"])


COLUMNS = ("", "read", "refused", "ended early", "problem")


def rows(result: Result) -> list[list[str]]:
    """What came of files, and of streams."""
    return [[f"{form}s", *(str(counts[kind]) for kind in COLUMNS[1:])] for form, counts in outcomes(result["cases"]).items()]


def verdict(result: Result) -> str:
    """What was found, in a sentence."""
    cases, slowest = result["cases"], max((case["seconds"] for case in result["cases"]), default=0.0)
    found = f"{len(cases)} damaged sources of {len(result['kinds'])} kinds, {len(result['problems'])} problems"
    return f"{found}; the slowest took {slowest:.1f} s"


def problems(result: Result) -> list[str]:
    """What each problem is."""
    return [f"{case['name']}: {case['problem']}" for case in result["cases"] if case["problem"]]
