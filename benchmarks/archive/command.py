"""Archives of many drives: `python -m benchmarks.archive`.

Renders drives and processes them: with a worker, then the whole, killed in the middle (faults); on a Ray cluster of three nodes on this
machine, of which one is killed (cluster); with every fifth file broken, in ten ways (broken); by one worker and by two (scaling); and with
an eye on the memory of head and workers (memory). From the cost of the demo clip it reckons what a
million drives cost (plan). Whatever is killed, the tables must be those of the run in which nothing was.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.archive import trials
from benchmarks.archive.drives import write_drives
from benchmarks.archive.plan import plan
from benchmarks.archive.trials import Figures
from benchmarks.common.cli import add_json, check_outputs, print_notes
from benchmarks.common.observe import observe_machine
from benchmarks.common.results import Result, new_result, write_result
from lanes.cli.arguments import Parser, count, output_path, positive
from lanes.cli.console import plain_console
from lanes.errors import InputError, exit_status

KIND = "archive"

TRIALS: dict[str, Callable[[Path, Path], Figures]] = {
    "faults": trials.faults,
    "cluster": trials.cluster,
    "broken": trials.broken,
    "scaling": trials.scaling,
    "memory": trials.memory,
    "plan": plan,
}


COLUMNS = ("trial", "", "found")


def row(name: str, trial: Figures) -> list[str]:
    """A trial, whether it passed, and what it found in words."""
    return [name, "passed" if trial["passed"] else "FAILED", trial["words"]]


def verdict(result: Result) -> str:
    """How many of the trials passed."""
    passed = sum(trial["passed"] for trial in result["trials"].values())
    return f"{passed} of {len(result['trials'])} trials passed: {', '.join(result['trials'])}"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m benchmarks.archive", __doc__)
    parser.add_argument("--trials", type=str, nargs="+", choices=TRIALS, default=list(TRIALS), help="what to try")
    parser.add_argument("--drives", type=count, default=200, metavar="N", help="drives")
    parser.add_argument("--seconds", type=positive, default=10.0, metavar="S", help="length of each drive")
    parser.add_argument("--fps", type=count, default=10, metavar="N", help="frames a second of each")
    parser.add_argument("--keep", type=output_path, metavar="DIR", help="keep the drives here, and take those that are there")
    add_json(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.archive", lambda: run(args))


def run(args: argparse.Namespace) -> int:
    """Tries, prints and writes; the exit status is 1 where something was lost, doubled or different. Raises InputError."""
    check_outputs(args.json)
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise InputError("archives need a library that is not installed: pip install 'lanestream[archive]'") from None
    console, output = plain_console(stderr=True), plain_console(width=120)
    with observe_machine() as observation, tempfile.TemporaryDirectory(prefix="lanestream-") as scratch:
        folder = args.keep or Path(scratch) / "drives"
        console.print(f"rendering {args.drives} drives")
        write_drives(folder, args.drives, seconds=args.seconds, fps=args.fps)
        found = {}
        for name in args.trials:
            console.print(f"{name} ...")
            found[name] = TRIALS[name](folder, Path(scratch) / name)
            output.print("{}: {}: {}".format(*row(name, found[name])), soft_wrap=True)
    result = new_result(KIND, f"{args.drives} drives of {args.seconds:g} s at {args.fps} fps", observation, trials=found)
    if args.json:
        write_result(args.json, result)
    print_notes(result, args.json, output)
    return int(not all(trial["passed"] for trial in found.values()))
