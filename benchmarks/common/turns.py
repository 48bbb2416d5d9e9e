"""Taking turns: what a machine's drift does to one, it does to all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter_ns

from rich.console import Console
from rich.progress import track


def take_turns(
    calls: Mapping[str, Callable[[], object]], rounds: int, runs: int, warm_up: int, console: Console
) -> dict[str, list[list[float]]]:
    """Times blocking calls, `runs` of each in a round, every other round in the opposite order.

    Args:
        calls: what to time, by name.
        rounds: how often each has its turn.
        runs: timed calls in a turn.
        warm_up: calls before the first round that are not counted, and one before each turn: caches are the last one's.
        console: where progress goes.

    Returns:
        Milliseconds of single calls by name, one list a round.
    """
    times: dict[str, list[list[float]]] = {name: [] for name in calls}
    for call in calls.values():
        for _ in range(warm_up):
            call()
    for turn in track(range(rounds), "rounds", console=console, transient=True):
        for name in list(calls)[:: 1 if turn % 2 == 0 else -1]:
            calls[name]()
            times[name].append([_time(calls[name]) for _ in range(runs)])
    return times


def _time(call: Callable[[], object]) -> float:
    start = perf_counter_ns()
    call()
    return (perf_counter_ns() - start) / 1e6
