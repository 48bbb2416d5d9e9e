"""What a long run does to itself and to its frames: `python -m benchmarks.soak`.

--reconnections  a source is lost and found again that often: servers end the stream, break off inside an image, or send nothing. After the
                 first 50 times this process may grow by less than 1 MB of memory, and by no descriptor and no thread
--overload       a camera of 60 frames a second before an engine held to 10: the age of what is drawn, p99, may be two times of inference
                 and one frame interval, and must not grow
--returns        a real RTSP server (GStreamer's) is killed and started again: a run is back within 2 s of its return after an outage
                 under 10 s, within 11 s after a longer one; every fourth is one
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from rich.progress import Progress
from rich.table import Table

from benchmarks.common.cli import add_json, check_outputs, print_notes
from benchmarks.common.observe import observe_machine
from benchmarks.common.results import Result, new_result, write_result
from benchmarks.soak.overload import overload
from benchmarks.soak.reconnections import MOST_GROWTH_BYTES, SETTLING, reconnect
from benchmarks.soak.resources import steady_allocator
from benchmarks.soak.returns import LIMIT_LONG_S, LIMIT_SHORT_S, check_server, measure_returns
from lanes.cli.arguments import Parser, count, positive
from lanes.cli.console import plain_console
from lanes.errors import exit_status

KIND = "soak"
RECONNECTIONS = 1000

Part = tuple[str, float, Callable[[Callable[[float], None]], dict[str, Any]]]
"""A name, how much there is to do, and what does it; it is given a function to call with how much is done."""


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m benchmarks.soak", __doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--reconnections", type=count, metavar="N", help=f"times that the source is lost and found again (default: {RECONNECTIONS})"
    )
    what.add_argument(
        "--overload", type=positive, nargs="?", const=5.0, metavar="MINUTES", help="how long the camera is too fast; 5 without a number"
    )
    what.add_argument(
        "--returns", type=count, nargs="?", const=12, metavar="N", help="times that the server goes and returns; 12 without a number"
    )
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
    name, total, work = part(args)
    with observe_machine() as observation, Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=total)
        found = work(lambda done: progress.update(task, completed=done))
    result = new_result(KIND, name, observation, **found)
    if args.json:
        write_result(args.json, result)
    output = plain_console(width=100)
    output.print(table(result))
    output.print(f"{'passed' if result['passed'] else 'FAILED'}: {verdict(result)}")
    print_notes(result, args.json, output)
    return int(not result["passed"])


def part(args: argparse.Namespace) -> Part:
    """What is asked for. Raises InputError where something for it is not installed."""
    if args.overload is not None:
        return f"{args.overload:g} minutes of overload", 1.0, lambda progress: overload(args.overload, progress)
    if args.returns is not None:
        check_server()
        return f"{args.returns} returns", args.returns, lambda progress: measure_returns(args.returns, progress=progress)
    steady_allocator()
    times = args.reconnections or RECONNECTIONS
    return f"{times} reconnections", SETTLING + times, lambda progress: reconnect(times, progress)


def table(result: Result) -> Table:
    """A row a sample."""
    if "outages" in result:
        rows = [(f"{outage['seconds']:.1f}", f"{outage['back_s']:.2f}") for outage in result["outages"]]
        return _table("a run's return after its server's", ("outage, s", "back after, s"), rows)
    if "parts" in result:
        ages = [(part["frames"], *(f"{part[name]:.1f}" for name in ("p50", "p99", "max"))) for part in result["parts"]]
        return _table("age of the frames drawn, ms, by fifths of the run", ("frames", "p50", "p99", "max"), ages)
    held = [
        (sample["reconnections"], f"{sample['resident_bytes'] / 1e6:.2f}", sample["descriptors"], sample["threads"])
        for sample in result["samples"]
    ]
    columns = ("reconnections", "memory, MB", "descriptors", "threads")
    return _table(f"held after reconnections, from the {SETTLING}th on", columns, held)


def verdict(result: Result) -> str:
    """What was found, in a sentence."""
    if "outages" in result:
        worst = {is_long: max((o["back_s"] for o in result["outages"] if o["long"] == is_long), default=None) for is_long in (False, True)}
        words = [
            f"{worst[is_long]:.2f} s at most after {kind} outages (limit {limit:g})"
            for is_long, kind, limit in ((False, "short", LIMIT_SHORT_S), (True, "long", LIMIT_LONG_S))
            if worst[is_long] is not None
        ]
        return ", ".join(words)
    if "parts" in result:
        age, first, last = result["age_ms"], result["parts"][0], result["parts"][-1]
        drift = last["p50"] / first["p50"] - 1
        return (
            f"age p99 {age['p99']:.1f} ms (limit {result['limit_ms']:.1f}), median {age['p50']:.1f} ms, {drift:+.1%} from the first fifth "
            f"to the last; {result['captured']} captured, {result['processed']} processed, dropped: {result['dropped']}"
        )
    by = result["growth"]
    megabytes = f"{by['resident_bytes'] / 1e6:+.2f} MB (limit {MOST_GROWTH_BYTES / 1e6:g})"
    return f"{megabytes}, {by['descriptors']:+d} descriptors, {by['threads']:+d} threads over {result['reconnections']} reconnections"


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    view = Table(title=title, title_justify="left", box=None)
    for column in columns:
        view.add_column(column, justify="right")
    for row in rows:
        view.add_row(*map(str, row))
    return view
