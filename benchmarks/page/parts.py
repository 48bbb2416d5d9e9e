"""What is measured: pictures on a screen, a screen behind a slow link, and what viewers cost the run."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from statistics import median
from time import monotonic, sleep
from typing import Any

from benchmarks.page.browser import browsing
from benchmarks.page.crowd import watching
from benchmarks.page.measured import MeasuredRun
from benchmarks.page.throttle import throttled
from lanes.errors import ProcessingError
from lanes.telemetry.percentiles import Summary, summarise

PAINTED_LIMIT_MS = 100.0
"""p95 from in memory to painted, on this machine."""

LINK_BYTES_A_SECOND = 200_000

FLAT = 1.1
"""So many times its first tenth's median age may the last tenth's be, and one picture's way (`FLAT_MS`) more."""
FLAT_MS = 50.0

VIEWERS = 10
COST_LIMIT = 1.05
"""So many times a latency without viewers may be the same with them."""

COMPARED = ("p50", "p95")
SETTLING_S = 2.0


def painted(run: MeasuredRun, seconds: float) -> dict[str, Any]:
    """From in memory to painted in Chromium, and of the run alone meanwhile: `painted_ms`, `drawn_ms`, `passed`."""
    with browsing(run.port) as take:
        sleep(SETTLING_S)
        take()
        _, drawn = run.of_the_next(seconds)
        ages = take()
    found = _summary(ages)
    return {"painted_ms": found, "drawn_ms": _summary(drawn), "passed": (found["p95"] or 0.0) <= PAINTED_LIMIT_MS}


def behind_a_slow_link(run: MeasuredRun, seconds: float) -> dict[str, Any]:
    """The same behind 200 kB/s: `ages_ms` by tenths of the time, `pictures_a_second`, `passed`: it does not grow."""
    tenths: list[list[float]] = []
    with throttled(run.port, LINK_BYTES_A_SECOND) as port, browsing(port) as take:
        sleep(SETTLING_S)
        take()
        for _ in range(10):
            until, ages = monotonic() + seconds / 10, list[float]()
            while (left := until - monotonic()) > 0:
                sleep(min(left, 5.0))
                ages += take()
            tenths.append(ages)
    summaries = [_summary(ages) for ages in tenths]
    first, last = (median(tenths[at]) for at in (0, -1))
    pictures = sum(map(len, tenths)) / seconds
    return {"ages_ms": summaries, "pictures_a_second": pictures, "growth_ms": last - first, "passed": last <= FLAT * first + FLAT_MS}


def with_and_without_viewers(run: MeasuredRun, seconds: float, rounds: Iterable[bool]) -> dict[str, Any]:
    """What viewers cost: `alone` and `watched`, each with `total_ms` and `age_ms`, `ratios` of the medians over the rounds, `passed`.

    Args:
        run: it goes on throughout.
        seconds: of a round.
        rounds: whether it is watched in each, interleaved.
    """
    times: dict[bool, list[tuple[list[float], list[float]]]] = {False: [], True: []}
    for watched in rounds:
        with watching(run.port, VIEWERS) if watched else nullcontext():
            sleep(SETTLING_S)
            times[watched].append(run.of_the_next(seconds))
    found: dict[str, Any] = {}
    for name, watched in (("alone", False), ("watched", True)):
        found[name] = {kind: [_summary(each[at]) for each in times[watched]] for at, kind in enumerate(("total_ms", "age_ms"))}
    found["ratios"] = {
        kind: {p: median(_of(found["watched"][kind], p)) / median(_of(found["alone"][kind], p)) for p in COMPARED}
        for kind in ("total_ms", "age_ms")
    }
    found["passed"] = all(ratio <= COST_LIMIT for kind in found["ratios"].values() for ratio in kind.values())
    return found


def _of(summaries: list[Summary], p: str) -> list[float]:
    return [float(each[p] or 0.0) for each in summaries]


def _summary(values: list[float]) -> Summary:
    if not values:
        raise ProcessingError("no frames came while the page was measured; free the processor and try again")
    return summarise(values)
