"""What a long run does to itself and to its frames: `python -m benchmarks.soak`.

--reconnections  a source is lost and found again that often: servers end the stream, break off inside an image, or send nothing. After the
                 first 50 times this process may grow by less than 1 MB of memory, and by no descriptor and no thread
--overload       a camera of 60 frames a second before an engine held to 10: the age of what is drawn, p99, may be two times of inference
                 and one frame interval, and must not grow
--returns        a real RTSP server (GStreamer's) is killed and started again: a run is back within 2 s of its return after an outage
                 under 10 s, within 11 s after a longer one; every fourth is one
--minutes        the whole program on that server, 640x360 at 25 frames a second from the renderer, its page watched, its recording in
                 segments; the server goes for 5 s once in three minutes. From the third minute to the last, memory may grow by 2 %,
                 and threads and descriptors not at all. Before the third are the first reconnection and the first files, for which
                 a process takes what it keeps. The latency of the last minute may be 10 % above that of the first, p50 and p95
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from rich.progress import Progress

from benchmarks.common.cli import add_json, add_plot, check_outputs, console_table, print_notes
from benchmarks.common.observe import observe_machine
from benchmarks.common.plots import save
from benchmarks.common.results import new_result, write_result
from benchmarks.soak.long_run import check_parts, long_run
from benchmarks.soak.overload import overload
from benchmarks.soak.reconnections import SETTLING, reconnect
from benchmarks.soak.resources import steady_allocator
from benchmarks.soak.returns import check_server, measure_returns
from benchmarks.soak.show import draw, limits, table, verdict
from lanes.cli.arguments import Parser, count, positive
from lanes.cli.console import plain_console
from lanes.errors import InputError, exit_status

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
    what.add_argument(
        "--minutes", type=positive, nargs="?", const=30.0, metavar="N", help="how long the whole program runs; 30 without a number"
    )
    add_json(parser)
    add_plot(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.soak", lambda: run(args))


def run(args: argparse.Namespace) -> int:
    """Measures, prints and writes; the exit status is 1 where a limit is passed. Raises InputError or ProcessingError."""
    if args.plot is not None and args.minutes is None:
        raise InputError("--plot draws what --minutes finds; give that, too")
    check_outputs(args.json, args.plot)
    console = plain_console(stderr=True)
    name, total, work = part(args)
    with observe_machine() as observation, Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=total)
        found = work(lambda done: progress.update(task, completed=done))
    result = new_result(KIND, name, observation, **found)
    if args.json:
        write_result(args.json, result)
    if args.plot:
        save(draw(result), args.plot)
    output = plain_console(width=120)
    for name, columns, rows in (table(result), *([limits(result)] if "limits" in result else [])):
        output.print(console_table(columns, rows, name))
    output.print(f"{'passed' if result['passed'] else 'FAILED'}: {verdict(result)}", soft_wrap=True)
    print_notes(result, args.json, output)
    return int(not result["passed"])


def part(args: argparse.Namespace) -> Part:
    """What is asked for. Raises InputError where something for it is not installed."""
    if args.overload is not None:
        return f"{args.overload:g} minutes of overload", 1.0, lambda progress: overload(args.overload, progress)
    if args.returns is not None:
        check_server()
        return f"{args.returns} returns", args.returns, lambda progress: measure_returns(args.returns, progress=progress)
    if args.minutes is not None:
        check_parts()
        return f"the whole program for {args.minutes:g} minutes", 1.0, lambda progress: long_run(args.minutes, progress=progress)
    steady_allocator()
    times = args.reconnections or RECONNECTIONS
    return f"{times} reconnections", SETTLING + times, lambda progress: reconnect(times, progress)
