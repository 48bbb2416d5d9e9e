"""How old the page's picture is, and what viewers cost: `python -m benchmarks.page`.

A network camera sends 1280x720, a run shows it on a page of this machine. Three parts:

painted   from a frame in memory to its picture on the screen of a headless Chromium; asked for is a p95 of at most 100 ms
link      the same behind 200 kB/s for --link-seconds: its age must not grow
viewers   the run's latency with ten viewers that come and go and one that reads a byte a second, beside
          that without: at most 5 % more, p50 and p95, medians of interleaved rounds
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks.common.cli import ALL_ENGINES, add_json, check_outputs, console_table, print_notes
from benchmarks.common.interleave import interleaved
from benchmarks.common.observe import observe_machine
from benchmarks.common.results import Result, new_result, write_result
from benchmarks.page.browser import check_browser
from benchmarks.page.measured import measured_run
from benchmarks.page.parts import behind_a_slow_link, painted, with_and_without_viewers
from engines.registry import PRECISIONS
from lanes.cli.arguments import Parser, count, positive
from lanes.cli.console import plain_console
from lanes.errors import exit_status
from lanes.telemetry.percentiles import Summary, shown

KIND = "page"
PARTS = ("painted", "link", "viewers")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m benchmarks.page", __doc__)
    parser.add_argument("--parts", type=str, nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--rate", type=positive, default=15.0, metavar="N", help="frames a second of the camera")
    parser.add_argument("--seconds", type=positive, default=30.0, metavar="S", help="length of `painted`, and of a round of `viewers`")
    parser.add_argument("--link-seconds", type=positive, default=600.0, metavar="S", help="length of `link`")
    parser.add_argument("--rounds", type=count, default=5, metavar="N", help="rounds of `viewers`; in each, both cases come once")
    parser.add_argument("--engine", type=str, choices=ALL_ENGINES, default="auto", help="engine that runs the model")
    parser.add_argument("--precision", type=str, choices=("auto", *PRECISIONS), default="auto", help="precision to run it in")
    add_json(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.page", lambda: run(args))


def run(args: argparse.Namespace) -> int:
    """Measures, prints and writes; the exit status is 1 where a limit is passed. Raises InputError or ProcessingError."""
    check_outputs(args.json)
    if {"painted", "link"} & set(args.parts):
        check_browser()
    console = plain_console(stderr=True)
    found: dict[str, Result] = {}
    with observe_machine() as observation, measured_run(args.rate, args.engine, args.precision) as measured:
        if "painted" in args.parts:
            found["painted"] = painted(measured, args.seconds)
        if "link" in args.parts:
            found["link"] = behind_a_slow_link(measured, args.link_seconds)
        if "viewers" in args.parts:
            found["viewers"] = with_and_without_viewers(measured, args.seconds, interleaved((False, True), args.rounds, console))
    passed = all(part["passed"] for part in found.values())
    result = new_result(KIND, f"the page, {args.rate:g} frames a second", observation, parts=found, passed=passed)
    if args.json:
        write_result(args.json, result)
    output = plain_console(width=100)
    output.print(console_table(COLUMNS, rows(found), "milliseconds"))
    for verdict in verdicts(found):
        output.print(verdict)
    print_notes(result, args.json, output)
    return int(not passed)


COLUMNS = ("", "p50", "p95", "max", "n")


def rows(found: dict[str, Result]) -> list[list[str]]:
    """A row a quantity, milliseconds, and one a ratio. `found`: the result's `parts`."""
    summaries: list[tuple[str, Summary]] = []
    if "painted" in found:
        summaries += [("in memory to painted", found["painted"]["painted_ms"]), ("of it, to drawn", found["painted"]["drawn_ms"])]
    if "link" in found:
        summaries += [(f"behind 200 kB/s, tenth {number}", summary) for number, summary in enumerate(found["link"]["ages_ms"], 1)]
    viewers = found.get("viewers", {})
    for name in ("alone", "watched") if viewers else ():
        summaries += [(f"{name}, in memory to drawn, round {number}", each) for number, each in enumerate(viewers[name]["total_ms"], 1)]
    made = [[name, *(shown(each, column) for column in ("p50", "p95", "max")), str(each["n"])] for name, each in summaries]
    for kind, label in (("total_ms", "in memory to drawn"), ("age_ms", "arrived to drawn")) if viewers else ():
        ratios = viewers["ratios"][kind]
        made.append([f"watched over alone, {label}", f"{ratios['p50']:.3f}", f"{ratios['p95']:.3f}", "", ""])
    return made


def verdicts(found: dict[str, Result]) -> list[str]:
    """Whether each part is within its limits."""
    return [f"{name}: {'passed' if part['passed'] else 'FAILED'}" for name, part in found.items()]
