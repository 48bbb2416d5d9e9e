"""The project's one definition of a percentile: an order statistic, as MLPerf's LoadGen takes it.

Of n values in rising order it is the one at position n p, rounded down and counted from 0: a value that was measured, never one between
two. Benchmarks and the latency report use the same one, so that their figures can be compared.

    LoadGen: https://github.com/mlcommons/inference/blob/master/loadgen/results.cc
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

REPORTED = (0.5, 0.9, 0.95, 0.99)
"""The percentiles of every summary."""

Summary = dict[str, float | int | None]
"""`p50`, `p90`, `p95`, `p99`, `max`, `mean` of some values, and `n`, how many they are; without values all but `n` are None."""


def percentile_name(p: float) -> str:
    """`p50`, `p99.9`."""
    return f"p{100 * p:.6g}"


def rank(n: int, p: float) -> int:
    """Position, counted from 0, of the percentile `p` among `n` values in rising order.

    Raises ValueError when there are no values, or `p` is no share between 0 and 1.
    """
    if not 0 < p < 1:
        raise ValueError(f"a percentile is given as a share between 0 and 1, not {p}")
    if n < 1:
        raise ValueError("a percentile of nothing")
    return int(n * p)


def percentile(values: Sequence[float] | NDArray[np.float64], p: float) -> float:
    """The value at the percentile `p`.

    Args:
        values: at least one, in any order.
        p: 0 < p < 1.
    """
    position = rank(len(values), p)
    return float(np.partition(np.asarray(values, np.float64), position)[position])


def samples_needed(p: float) -> int:
    """The fewest values of which one is expected beyond the percentile: 2 for p50, 10 for p90, 100 for p99. Of fewer it says nothing."""
    return ceil(round(1 / (1 - p), 6))


def summarise(values: Sequence[float] | NDArray[np.float64]) -> Summary:
    """Percentiles of the values that are not NaN. With few values they are there too: `n` stands beside them."""
    known = np.asarray(values, np.float64)
    known = np.sort(known[~np.isnan(known)])
    if not len(known):
        return {**dict.fromkeys((*map(percentile_name, REPORTED), "max", "mean")), "n": 0}
    found = {percentile_name(p): float(known[rank(len(known), p)]) for p in REPORTED}
    return {**found, "max": float(known[-1]), "mean": float(known.mean()), "n": len(known)}


def shown(summary: Mapping[str, float | int | None], name: str, digits: int = 1) -> str:
    """A figure of a summary in a table: a dash where it is not known, or where there are too few values for that percentile."""
    value, n = summary[name], summary["n"] or 0
    least = {percentile_name(p): samples_needed(p) for p in REPORTED}.get(name, 1)
    return "-" if value is None or n < least else f"{value:.{digits}f}"
