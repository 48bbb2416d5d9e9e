"""What the results of a soak look like: a table, a sentence, and a plot of a long run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from benchmarks.common.plots import COLOURS, GREY, new_figure, title
from benchmarks.common.results import Result
from benchmarks.soak.long_run import BASELINE, FPS, MOST_GROWTH
from benchmarks.soak.reconnections import MOST_GROWTH_BYTES, SETTLING
from benchmarks.soak.returns import LIMIT_LONG_S, LIMIT_SHORT_S
from lanes.telemetry.percentiles import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Table = tuple[str, Sequence[str], list[list[str]]]
"""A title, the heads of the columns, and the rows."""


def measured(result: Result) -> str:
    """What a result is of: `returns`, `overload`, `long run`, `reconnections`."""
    return next(
        (name for key, name in (("outages", "returns"), ("age_ms", "overload"), ("limits", "long run")) if key in result), "reconnections"
    )


def table(result: Result) -> Table:
    """A row a sample."""
    return _TABLES[measured(result)](result)


def verdict(result: Result) -> str:
    """What was found, in a sentence."""
    return _VERDICTS[measured(result)](result)


def limits(result: Result) -> Table:
    """The limits of a long run, and what was found."""
    rows = [
        [limit["name"], _value(limit, "value"), _value(limit, "limit"), "yes" if limit["met"] else "NO"]
        for limit in result.get("limits", [])
    ]
    return "limits", ("", "found", "at most", "met"), rows


def draw(result: Result) -> Figure:
    """Memory, latency, threads and descriptors of a long run over its time. Raises InputError where Matplotlib is missing."""
    figure, (memory, latency, counts) = new_figure(rows=3, height=8, sharex=True)
    minutes = [sample["at_s"] / 60 for sample in result["samples"]]
    for colour, (name, label) in zip(COLOURS, (("resident_bytes", "resident"), ("anonymous_bytes", "without mapped files")), strict=False):
        memory.plot(minutes, [sample[name] / 1e6 for sample in result["samples"]], color=colour, label=label)
        memory.axhline(result["parts"][BASELINE][name] * (1 + MOST_GROWTH) / 1e6, color=colour, linestyle="--", linewidth=0.8)
    memory.set_ylim(bottom=0)
    memory.set_ylabel("MB")
    title(memory, f"Memory; dashed: {MOST_GROWTH:.0%} above part {BASELINE + 1}")
    middles = [(number + 0.5) * part["seconds"] / 60 for number, part in enumerate(result["parts"])]
    for colour, p in zip(COLOURS, ("p50", "p95", "p99"), strict=False):
        latency.plot(middles, [part["latency_ms"][p] for part in result["parts"]], color=colour, marker="o", label=p)
    latency.set_ylim(bottom=0)
    latency.set_ylabel("ms")
    title(latency, "Latency of each part, from in memory to drawn")
    for colour, name in zip(COLOURS, ("threads", "descriptors"), strict=False):
        counts.plot(minutes, [sample[name] for sample in result["samples"]], color=colour, label=name)
    counts.set_ylim(bottom=0)
    counts.set_xlabel("minutes; grey: the camera was away")
    title(counts, "Threads and descriptors")
    for ax in (memory, latency, counts):
        for outage in result["reconnections"]:
            ax.axvspan(outage["at_s"] / 60, (outage["at_s"] + outage["away_s"] + (outage["back_s"] or 0)) / 60, color=GREY, alpha=0.4, lw=0)
        ax.legend(loc="lower right", ncols=3)
    return figure


def _table_of_long_run(result: Result) -> Table:
    rows = [
        [
            str(number),
            str(part["latency_ms"]["n"]),
            *(shown(part["latency_ms"], p) for p in ("p50", "p95", "p99")),
            *(shown(part["age_ms"], p) for p in ("p50", "p95")),
            *(f"{part[name] / 1e6:.1f}" for name in ("resident_bytes", "anonymous_bytes")),
            *(f"{part[name]:g}" for name in ("threads", "descriptors")),
        ]
        for number, part in enumerate(result["parts"], 1)
    ]
    seconds = result["parts"][0]["seconds"]
    columns = ("part", "frames", "p50, ms", "p95", "p99", "page p50", "p95", "resident, MB", "anonymous", "threads", "descr.")
    return f"parts of {seconds:.0f} s: latency to drawn and age on the page, milliseconds; what the process held", columns, rows


def _verdict_of_long_run(result: Result) -> str:
    frames, backs = result["frames"], [outage["back_s"] for outage in result["reconnections"]]
    known = [back for back in backs if back is not None]
    words = [f"{frames['processed']} of {frames['captured']} frames processed, {FPS} a second came"]
    words += [f"memory {result['growth']['resident_bytes']:+.1%}, without mapped files {result['growth']['anonymous_bytes']:+.1%}"]
    words += [f"{result['growth'][name]:+g} {name}" for name in ("threads", "descriptors")]
    words += [f"latency p50 {result['slower']['latency_ms']['p50']:+.1%}, p95 {result['slower']['latency_ms']['p95']:+.1%}"]
    words += [f"{len(known)} of {len(backs)} reconnections" + (f", back after {max(known):.1f} s at most" if known else "")]
    return "; ".join(words)


def _table_of_reconnections(result: Result) -> Table:
    rows = [
        [str(sample["reconnections"]), f"{sample['resident_bytes'] / 1e6:.2f}", str(sample["descriptors"]), str(sample["threads"])]
        for sample in result["samples"]
    ]
    return f"held after reconnections, from the {SETTLING}th on", ("reconnections", "memory, MB", "descriptors", "threads"), rows


def _verdict_of_reconnections(result: Result) -> str:
    by = result["growth"]
    megabytes = f"{by['resident_bytes'] / 1e6:+.2f} MB (limit {MOST_GROWTH_BYTES / 1e6:g})"
    return f"{megabytes}, {by['descriptors']:+d} descriptors, {by['threads']:+d} threads over {result['reconnections']} reconnections"


def _table_of_overload(result: Result) -> Table:
    rows = [[str(part["frames"]), *(f"{part[name]:.1f}" for name in ("p50", "p99", "max"))] for part in result["parts"]]
    return "age of the frames drawn, ms, by fifths of the run", ("frames", "p50", "p99", "max"), rows


def _verdict_of_overload(result: Result) -> str:
    age, first, last = result["age_ms"], result["parts"][0], result["parts"][-1]
    drift = last["p50"] / first["p50"] - 1
    return (
        f"age p99 {age['p99']:.1f} ms (limit {result['limit_ms']:.1f}), median {age['p50']:.1f} ms, {drift:+.1%} from the first fifth "
        f"to the last; {result['captured']} captured, {result['processed']} processed, dropped: {result['dropped']}"
    )


def _table_of_returns(result: Result) -> Table:
    rows = [[f"{outage['seconds']:.1f}", f"{outage['back_s']:.2f}"] for outage in result["outages"]]
    return "a run's return after its server's", ("outage, s", "back after, s"), rows


def _verdict_of_returns(result: Result) -> str:
    worst = {is_long: max((o["back_s"] for o in result["outages"] if o["long"] == is_long), default=None) for is_long in (False, True)}
    words = [
        f"{worst[is_long]:.2f} s at most after {kind} outages (limit {limit:g})"
        for is_long, kind, limit in ((False, "short", LIMIT_SHORT_S), (True, "long", LIMIT_LONG_S))
        if worst[is_long] is not None
    ]
    return ", ".join(words)


def _value(limit: dict[str, float | str | bool], key: str) -> str:
    value = float(limit[key])
    return f"{value:.1%}" if limit["unit"] == "share" else f"{value:g}"


_TABLES: dict[str, Callable[[Result], Table]] = {
    "long run": _table_of_long_run,
    "reconnections": _table_of_reconnections,
    "overload": _table_of_overload,
    "returns": _table_of_returns,
}
_VERDICTS: dict[str, Callable[[Result], str]] = {
    "long run": _verdict_of_long_run,
    "reconnections": _verdict_of_reconnections,
    "overload": _verdict_of_overload,
    "returns": _verdict_of_returns,
}
