"""What a long run leaves behind: `python -m benchmarks.soak`.

With --reconnections, a source is lost and found again that often: servers end the stream, break off inside an image, or send nothing. After
the first 50 times this process may grow by less than 1 MB of memory, and by no descriptor and no thread.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.progress import Progress
from rich.table import Table

from benchmarks.common.cli import add_json, check_outputs, print_notes
from benchmarks.common.observe import observe_machine
from benchmarks.common.results import Result, new_result, write_result
from benchmarks.soak.reconnections import MOST_GROWTH_BYTES, SETTLING, reconnect
from benchmarks.soak.resources import steady_allocator
from lanes.cli.arguments import Parser, count
from lanes.cli.console import plain_console
from lanes.errors import exit_status

KIND = "soak"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m benchmarks.soak", __doc__)
    parser.add_argument("--reconnections", type=count, default=1000, metavar="N", help="times that the source is lost and found again")
    add_json(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.soak", lambda: run(args))


def run(args: argparse.Namespace) -> int:
    """Measures, prints and writes; the exit status is 1 where a limit is passed. Raises InputError or ProcessingError."""
    check_outputs(args.json)
    console = plain_console(stderr=True)
    steady_allocator()
    with observe_machine() as observation, Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("reconnections", total=SETTLING + args.reconnections)
        found = reconnect(args.reconnections, lambda done: progress.update(task, completed=done))
    result = new_result(KIND, f"{args.reconnections} reconnections", observation, **found)
    if args.json:
        write_result(args.json, result)
    output = plain_console(width=100)
    output.print(table(result))
    output.print(f"{'passed' if result['passed'] else 'FAILED'}: {growth(result)}")
    print_notes(result, args.json, output)
    return int(not result["passed"])


def table(result: Result) -> Table:
    """A row a sample."""
    view = Table(title=f"held after reconnections, from the {SETTLING}th on", title_justify="left", box=None)
    for column in ("reconnections", "memory, MB", "descriptors", "threads"):
        view.add_column(column, justify="right")
    for sample in result["samples"]:
        megabytes = f"{sample['resident_bytes'] / 1e6:.2f}"
        view.add_row(str(sample["reconnections"]), megabytes, str(sample["descriptors"]), str(sample["threads"]))
    return view


def growth(result: Result) -> str:
    """By how much the three have grown, in a sentence."""
    by = result["growth"]
    megabytes = f"{by['resident_bytes'] / 1e6:+.2f} MB (limit {MOST_GROWTH_BYTES / 1e6:g})"
    return f"{megabytes}, {by['descriptors']:+d} descriptors, {by['threads']:+d} threads over {result['reconnections']} reconnections"
