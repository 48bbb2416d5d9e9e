"""Interleaved measurements: a machine whose speed drifts is fair to all that is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter_ns
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


def interleaved(candidates: Sequence[T], rounds: int, console: Console) -> Iterator[T]:
    """The candidates in every round, every other round in the opposite order: a, b, b, a, a, b ...

    Args:
        candidates: what is measured.
        rounds: how often each of them comes.
        console: where progress is shown.
    """
    for number in track(range(rounds), "rounds", console=console, transient=True):
        yield from candidates[:: 1 if number % 2 == 0 else -1]


def time_interleaved(
    calls: Mapping[str, Callable[[], object]], rounds: int, runs: int, warm_up: int, console: Console
) -> dict[str, list[list[float]]]:
    """Times blocking calls, `runs` of each in a round, interleaved.

    Args:
        calls: what to time, by name.
        rounds: how often each is timed.
        runs: timed calls in a round.
        warm_up: calls before the first round that are not counted. Nor is one at the start of each round: the caches hold what ran before.
        console: where progress is shown.

    Returns:
        Milliseconds of single calls by name, one list a round.
    """
    times: dict[str, list[list[float]]] = {name: [] for name in calls}
    for call in calls.values():
        for _ in range(warm_up):
            call()
    for name in interleaved(list(calls), rounds, console):
        calls[name]()
        times[name].append([_time(calls[name]) for _ in range(runs)])
    return times


def _time(call: Callable[[], object]) -> float:
    start = perf_counter_ns()
    call()
    return (perf_counter_ns() - start) / 1e6
