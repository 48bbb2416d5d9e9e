"""Whether one version is slower than another, and in which stage: `python -m benchmarks.compare main .`.

Each of the two is a commit, a folder with a copy of the project, or a result of `benchmarks.latency`. Commits are unpacked into a temporary
folder; the checkout is not touched. The two take turns on this machine (before, after, after, before, ...), each turn a fresh process
of that version's `run_video.py --report` over the same clip, and what is compared are the medians of each stage in the two turns of a
round, so that a machine that drifts is fair to both. The stages of a running pipeline share the processor: a stage that grows can move
its neighbours a little.

A stage is called slower or faster when the interval for the ratio lies on one side of 1 and the difference is worth naming; the
intervals are wide enough that the verdict is wrong for any stage in at most one comparison of twenty.

With `--budget FILE` the exit status is 1 when the later version passes its budget, one line a stage; one version alone will do
then. The file is TOML, in milliseconds:

    [inference]
    p50 = 12
    [end_to_end]
    p99 = 80
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from array import array
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from math import ceil, log2
from pathlib import Path
from shutil import unpack_archive
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.common.machine import watch_machine
from benchmarks.common.percentiles import percentile_interval
from benchmarks.common.plots import COLOURS, GREY, new_figure, save, title
from benchmarks.common.request import check_request, tell_rest
from benchmarks.common.results import load_result, new_result, write_result
from lanes.errors import InputError, exit_status
from lanes.telemetry.percentiles import summarise
from lanes.telemetry.stages import STAGES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = "compare"

ROOT = Path(__file__).resolve().parents[1]
CLIP = ROOT / "lanes" / "assets" / "demo.mp4"

CONFIDENCE = 0.95
"""That no interval of a comparison misses the true ratio."""

LEAST_SHARE, LEAST_MS = 0.03, 0.1
"""A difference worth naming is at least this share of the stage, and at least this long."""

BLIND = 1.25
"""An interval that reaches so far from 1, or as far below, cannot tell a change of a quarter from none."""

PERCENTILES = ("p50", "p90", "p95", "p99", "max", "mean")

Turn = dict[str, dict[str, float]]
"""Milliseconds by stage and percentile."""


# --- statistics ------------------------------------------------------------------------------------------------------------------


def median_interval(values: Sequence[float], confidence: float) -> tuple[float, float, float]:
    """The median with its interval, exact for any distribution and any number of values, where a bootstrap of few is too narrow.

    It inverts the sign test: a value that is wild counts no more than any other, and a machine that is taken away for a turn gives wild
    ones.

    Returns:
        Median, lower and upper end.

    Raises:
        InputError: there are too few values for that confidence; it says how many are needed.
    """
    ends = percentile_interval(values, 0.5, confidence)
    if ends is None:
        needed = rounds_needed(confidence)
        raise InputError(f"{len(values)} rounds are too few for an interval of {confidence:.1%} confidence: {needed} are needed")
    return median(values), *ends


def rounds_needed(confidence: float) -> int:
    """The fewest rounds whose signs, all alike, are as unlikely as `confidence` demands."""
    return ceil(log2(2 / (1 - confidence)) - 1e-9)


@dataclass(frozen=True)
class Change:
    """One stage before and after.

    Attributes:
        stage: which.
        before_ms, after_ms: median over rounds of the stage's median.
        difference_ms: median over rounds of after less before.
        ratio, low, high: median over rounds of after over before, with its interval.
        verdict: `slower`, `faster` or `no difference`.
        before, after: the medians of each round, milliseconds.
    """

    stage: str
    before_ms: float
    after_ms: float
    difference_ms: float
    ratio: float
    low: float
    high: float
    verdict: str
    before: list[float]
    after: list[float]


def judge_stage(stage: str, before: Sequence[float], after: Sequence[float], confidence: float) -> Change:
    """The change of a stage from its milliseconds in each round, before and after. Raises InputError when there are too few rounds."""
    ratios = np.log(np.maximum(after, 1e-6)) - np.log(np.maximum(before, 1e-6))
    ratio, low, high = (float(np.exp(value)) for value in median_interval(ratios.tolist(), confidence))
    difference = float(np.median(np.asarray(after) - np.asarray(before)))
    named = abs(difference) >= LEAST_MS and abs(ratio - 1) >= LEAST_SHARE
    verdict = "no difference"
    if named and low > 1:
        verdict = "slower"
    elif named and high < 1:
        verdict = "faster"
    return Change(stage, median(before), median(after), difference, ratio, low, high, verdict, list(before), list(after))


def judge(before: Sequence[Turn], after: Sequence[Turn], confidence: float = CONFIDENCE) -> list[Change]:
    """Every stage that both have, from the turns of each round. The confidence is that of all verdicts together (Bonferroni).

    Raises InputError when there are too few rounds, or no stage is common to all turns.
    """
    stages = [stage for stage in before[0] if all(stage in turn for turn in (*before, *after))]
    if not stages:
        raise InputError("the two have no stage in common")
    each = 1 - (1 - confidence) / len(stages)
    return [judge_stage(stage, [turn[stage]["p50"] for turn in before], [turn[stage]["p50"] for turn in after], each) for stage in stages]


def conclusion(changes: Sequence[Change]) -> str:
    """The verdict in a sentence, the greatest change first; what is end to end comes last, since it follows from the stages."""
    named = [change for change in changes if change.verdict != "no difference"]
    if not named:
        return "no stage differs"
    named.sort(key=lambda change: (change.stage == "end_to_end", -abs(change.difference_ms)))
    return "; ".join(
        f"{change.stage} is {change.verdict} by {abs(change.difference_ms):.2f} ms ({change.ratio - 1:+.1%})" for change in named
    )


def find_blindness(changes: Sequence[Change]) -> list[str]:
    """A doubt where the rounds scatter so much that `no difference` says little."""
    blind = [change.stage for change in changes if change.verdict == "no difference" and (change.high > BLIND or change.low < 1 / BLIND)]
    if not blind:
        return []
    return [f"the rounds scatter so much that a change of a quarter in {', '.join(blind)} would not be seen: quieten the machine"]


# --- turns -----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Version:
    """What takes a turn.

    Attributes:
        name: as the user called it.
        folder: a copy of the project.
        commit: which, where it is one.
    """

    name: str
    folder: Path
    commit: str | None = None

    def take_turn(self, scratch: Path, options: Sequence[str]) -> Turn:
        """A fresh process of its `run_video.py`. Raises InputError when it fails, with the last line it said."""
        report = scratch / "report.json"
        report.unlink(missing_ok=True)
        command = [sys.executable, str(self.folder / "run_video.py"), *options, "--output", str(scratch / "out.mp4")]
        command += ["--report", str(report), "--overwrite", "--quiet", "--no-progress"]
        ended = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        if ended.returncode or not report.exists():
            said = (ended.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise InputError(f"{self.name}: {' '.join(['run_video.py', *options])} ended with {ended.returncode}: {said}")
        return stages_of(json.loads(report.read_text()))


def stages_of(report: dict[str, Any]) -> Turn:
    """Stages and end to end of a report of `run_video.py`."""
    stages: Turn = report["stages"] | {"end_to_end": report["end_to_end"]}
    return {stage: summary for stage, summary in stages.items() if summary.get("n")}


def unpack(name: str, stack: ExitStack) -> Version:
    """A folder as it is, or a commit in a temporary folder that goes with `stack`. Raises InputError when it is neither."""
    folder = Path(name)
    if folder.is_dir():
        if not (folder / "run_video.py").is_file():
            raise InputError(f"{name} is no copy of the project: it has no run_video.py")
        return Version(name, folder.resolve())
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"], capture_output=True, text=True, check=False
        )
        commit = found.stdout.strip()
        if not commit:
            raise InputError(f"{name} is no file, no folder and no commit of this repository")
        root = subprocess.run(["git", "rev-parse", "--show-toplevel"], capture_output=True, text=True, check=True).stdout.strip()
        place = Path(stack.enter_context(TemporaryDirectory(prefix="lanestream-compare-")))
        packed = place / "tree.zip"
        subprocess.run(["git", "-C", root, "archive", "--format=zip", f"--output={packed}", commit], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError(f"{name}: git cannot unpack it ({error})") from None
    unpack_archive(packed, place / "tree")
    if not (place / "tree" / "run_video.py").is_file():
        raise InputError(f"{name} ({commit[:12]}) has no run_video.py at its top: give a commit of this project")
    return Version(name, place / "tree", commit)


def read_turns(path: Path, rounds: int) -> list[Turn]:
    """A result of `benchmarks.latency` cut into as many stretches of its run.

    Raises InputError when it is another kind of result, or too short to be cut so often.
    """
    result = load_result(path)
    if result["kind"] != "latency":
        raise InputError(f"{path} is a result of kind {result['kind']}: only those of benchmarks.latency can be compared")
    samples = {name.removesuffix("_ms"): values for name, values in result["samples"].items()}
    if any(len(values) < 10 * rounds for values in samples.values()):
        raise InputError(f"{path} has too few samples to be cut into {rounds} stretches of 10 or more: measure longer")
    stretches = {name: np.array_split(np.asarray(values, np.float64), rounds) for name, values in samples.items()}
    return [{name: _summary(parts[number]) for name, parts in stretches.items()} for number in range(rounds)]


def _summary(values: NDArray[np.float64]) -> dict[str, float]:
    return {name: float(value) for name, value in summarise(array("d", values)).items() if value is not None}


def alternate(versions: Sequence[Version], rounds: int, options: Sequence[str], console: Console) -> list[list[Turn]]:
    """Turns of each version, `rounds` of each; every other round is in the opposite order."""
    turns: list[list[Turn]] = [[] for _ in versions]
    with TemporaryDirectory(prefix="lanestream-compare-") as scratch:
        for version in versions:  # fills the caches of files and compiles the modules, of which the first turn would pay for both
            version.take_turn(Path(scratch), [*options, "--limit", "2"])
        for number in track(range(rounds), "rounds", console=console, transient=True):
            order = range(len(versions)) if number % 2 == 0 else reversed(range(len(versions)))
            for index in order:
                turns[index].append(versions[index].take_turn(Path(scratch), options))
    return turns


# --- budget ----------------------------------------------------------------------------------------------------------------------


def read_budget(path: Path) -> dict[str, dict[str, float]]:
    """Milliseconds by stage and percentile. Raises InputError with what is wrong with the file."""
    name = "tomllib" if sys.version_info >= (3, 11) else "tomli"
    if not find_spec(name):
        raise InputError("Python 3.10 reads TOML only with the package tomli: pip install tomli")
    tomllib = import_module(name)
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"cannot read the budget {path}: {error.strerror}") from None
    except ValueError as error:  # of the text's encoding, or of TOML
        raise InputError(f"the budget {path} is not TOML: {error}") from None
    if not content:
        raise InputError(f"the budget {path} names no stage: write a table for each, such as [inference], with p50 = 12 in it")
    for stage, limits in content.items():
        if not isinstance(limits, dict) or not limits:
            raise InputError(f"the budget {path} gives no percentile for {stage}: write [{stage}], and p50 = 12 under it")
        for percentile, limit in limits.items():
            if percentile not in PERCENTILES:
                raise InputError(f"the budget {path} asks for {percentile} of {stage}: there are {', '.join(PERCENTILES)}")
            if isinstance(limit, bool) or not isinstance(limit, int | float) or not limit > 0:
                raise InputError(f"the budget {path} gives {limit!r} for {stage} {percentile}: give milliseconds, a number above 0")
    return content


def check_budget(budget: dict[str, dict[str, float]], turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """Every limit with what was measured, the median over turns. Raises InputError when a stage of the budget did not run."""
    lines = []
    for stage, limits in budget.items():
        if not all(stage in turn for turn in turns):
            raise InputError(f"the budget names {stage}, which did not run: there are {', '.join(turns[0])}")
        for percentile, limit in limits.items():
            found = median(turn[stage][percentile] for turn in turns)
            lines.append({"stage": stage, "percentile": percentile, "limit_ms": limit, "measured_ms": found, "over": found > limit})
    return lines


# --- the program -----------------------------------------------------------------------------------------------------------------


def draw(result: dict[str, Any]) -> Figure:
    """The ratio of each stage with its interval. Raises InputError without Matplotlib."""
    changes = result["stages"]
    figure, (ax,) = new_figure(width=8, height=1.2 + 0.42 * len(changes))
    colours = {"slower": COLOURS[1], "faster": COLOURS[2], "no difference": GREY}
    for row, change in enumerate(changes):
        spread = [[100 * (change["ratio"] - change["low"])], [100 * (change["high"] - change["ratio"])]]
        ax.errorbar(
            100 * (change["ratio"] - 1), row, xerr=spread, fmt="o", color=colours[change["verdict"]], capsize=4, markersize=7, linewidth=2
        )
        note = f"{change['difference_ms']:+.2f} ms"
        ax.annotate(note, (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=9, color=colours[change["verdict"]])
    ax.axvline(0, color="black", linewidth=1)
    ax.axvspan(-100 * LEAST_SHARE, 100 * LEAST_SHARE, color="#eeeeee", zorder=0)
    ax.set_yticks(range(len(changes)), [change["stage"].replace("_", " ") for change in changes])
    ax.invert_yaxis()
    ax.set_xlabel(f"{result['after']['name']} against {result['before']['name']}, percent of the stage's time (grey: not worth naming)")
    title(ax, f"{result['conclusion']}")
    return figure


def change_table(result: dict[str, Any]) -> Table:
    """One row a stage."""
    view = Table(
        title=f"{result['after']['name']} against {result['before']['name']}, medians of {result['rounds']} rounds, milliseconds",
        title_justify="left",
        box=None,
    )
    for column in ("stage", "before", "after", "difference", "ratio", "interval", "verdict"):
        view.add_column(column, justify="left" if column in ("stage", "verdict") else "right")
    for change in result["stages"]:
        view.add_row(*change_cells(change), style="" if change["verdict"] == "no difference" else "bold")
    return view


def change_cells(change: dict[str, Any]) -> list[str]:
    """A row: stage, before, after, difference, ratio, interval, verdict."""
    return [
        change["stage"].replace("_", " "),
        f"{change['before_ms']:.2f}",
        f"{change['after_ms']:.2f}",
        f"{change['difference_ms']:+.2f}",
        f"{change['ratio']:.3f}",
        f"{change['low']:.3f} to {change['high']:.3f}",
        change["verdict"],
    ]


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", help="a commit, a folder with a copy of the project, or a result of benchmarks.latency")
    parser.add_argument("after", nargs="?", help="the same; may be left out with --budget")
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="turns of each version; default 20")
    parser.add_argument("--source", default=str(CLIP), metavar="S", help="as in run_video.py; default the bundled clip")
    parser.add_argument("--frames", type=int, default=120, metavar="N", help="frames of it in a turn; default 120")
    parser.add_argument("--model", metavar="M", help="as in run_video.py")
    parser.add_argument("--engine", metavar="E", help="as in run_video.py")
    parser.add_argument("--precision", metavar="P", help="as in run_video.py")
    parser.add_argument("--budget", type=Path, metavar="FILE", help="fail when a stage passes what this file allows it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result here")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it, as FILE.png and FILE.svg")
    return parser.parse_args(arguments)


def options_of(args: argparse.Namespace) -> list[str]:
    """What `run_video.py` is given in every turn. A file or folder is named so that it is found from any copy of the project."""
    source = str(Path(args.source).resolve()) if Path(args.source).exists() else args.source
    options = ["--source", source, "--limit", str(args.frames)]
    for name in ("model", "engine", "precision"):
        value = getattr(args, name)
        if value is not None:
            options += [f"--{name}", str(Path(value).resolve()) if Path(value).is_file() else value]
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.compare", lambda: run(args, Console(stderr=True)))


def run(args: argparse.Namespace, console: Console) -> int:
    """Carries out a request and returns the exit status. Raises InputError when it cannot be carried out."""
    names = [name for name in (args.before, args.after) if name is not None]
    if len(names) == 1 and args.budget is None:
        raise InputError("give two versions to compare, or one with --budget")
    check_request(args.json, args.plot, rounds=args.rounds, frames=args.frames)
    needed = rounds_needed(1 - (1 - CONFIDENCE) / (len(STAGES) + 1))
    if len(names) == 2 and args.rounds < needed:
        raise InputError(f"--rounds {args.rounds}: too few to tell versions apart, {needed} are needed")
    budget = None if args.budget is None else read_budget(args.budget)
    with ExitStack() as stack:
        with watch_machine() as watch:
            turns, facts = measure(names, args, stack, console)
        watch.doubts += facts.pop("doubts")
        fields: dict[str, Any] = {"rounds": len(turns[0]), "before": facts["versions"][0], "after": facts["versions"][-1]}
        changes = judge(turns[0], turns[1]) if len(turns) == 2 else []
        watch.doubts += find_blindness(changes)
        fields |= {"confidence": CONFIDENCE, "least_share": LEAST_SHARE, "least_ms": LEAST_MS, "options": facts["options"]}
        fields |= {"stages": [asdict(change) for change in changes], "conclusion": conclusion(changes) if changes else None}
        fields |= {"budget": [] if budget is None else check_budget(budget, turns[-1]), "turns": turns}
    result = new_result(KIND, " against ".join(reversed(names)), watch, **fields)
    if args.json is not None:
        write_result(args.json, result)
    if args.plot is not None and changes:
        save(draw(result), args.plot)
    output = Console(width=120)
    if changes:
        output.print(change_table(result))
        output.print(result["conclusion"], style="bold", highlight=False)
    tell_rest(result, args.json, output)
    over = [line for line in result["budget"] if line["over"]]
    for line in over:
        print(budget_line(line), file=sys.stderr)
    return 1 if over else 0


def budget_line(line: dict[str, Any]) -> str:
    """One limit in words."""
    sign = "over" if line["over"] else "within"
    return f"{line['stage']} {line['percentile']}: {line['measured_ms']:.2f} ms, {sign} its budget of {line['limit_ms']:g} ms"


def measure(names: Sequence[str], args: argparse.Namespace, stack: ExitStack, console: Console) -> tuple[list[list[Turn]], dict[str, Any]]:
    """Turns of each version, and `versions`, `options` and `doubts`. Raises InputError when a version cannot be had or fails."""
    files = [Path(name).is_file() for name in names]
    if any(files):
        if not all(files):
            raise InputError("a result can only be compared with another result: give two results, or two commits or folders")
        return [read_turns(Path(name), args.rounds) for name in names], {
            "versions": [{"name": Path(name).name} for name in names],
            "options": [],
            "doubts": ["the two were not measured in turn: what differs may be the machine"] if len(names) == 2 else [],
        }
    versions = [unpack(name, stack) for name in names]
    options = options_of(args)
    facts = {"versions": [{"name": v.name, "commit": v.commit} for v in versions], "options": options, "doubts": []}
    return alternate(versions, args.rounds, options, console), facts


if __name__ == "__main__":
    sys.exit(main())
