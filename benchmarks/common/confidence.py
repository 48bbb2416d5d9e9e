"""Confidence in percentiles, and how many queries they need: as MLPerf's LoadGen has it.

Everything is made of order statistics, without a guess at the shape of the distribution: latencies have long tails, and an interval
from a mean and a standard deviation says nothing about them. Samples are taken to be independent of each other.

    LoadGen: https://github.com/mlcommons/inference/blob/master/loadgen/early_stopping.cc
    Rules:   https://github.com/mlcommons/inference_policies/blob/master/inference_rules.adoc, appendices on queries and early stopping
    Interval of a quantile: David and Nagaraja, Order Statistics, third edition, 2003, section 7.1
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lanes.errors import InputError
from lanes.telemetry.percentiles import percentile, percentile_name, rank

REPORTED = (0.5, 0.9, 0.95, 0.99, 0.999)
"""The percentiles of every result."""

INTERVAL_CONFIDENCE = 0.95

STOPPING_CONFIDENCE = 0.99
"""LoadGen's own."""

QUERIES_STEP = 2**13
"""MLPerf rounds its numbers of queries up to a multiple of this."""


def check_statistics() -> None:
    """Raises InputError, which says what to install, where SciPy is missing: to be called before anything is measured."""
    try:
        import scipy  # noqa: F401
    except ImportError:
        raise InputError("the statistics of this benchmark need SciPy: pip install 'lanestream[benchmarks]'") from None


def percentile_interval(values: Sequence[float], p: float, confidence: float = INTERVAL_CONFIDENCE) -> tuple[float, float] | None:
    """Two samples between which the percentile of the distribution lies with at least that confidence, whatever the distribution.

    Args:
        values: at least one, in any order.
        p: 0 < p < 1.
        confidence: that both ends hold.

    Returns:
        Lower and upper end; None when there are too few values for an upper or a lower end.
    """
    ordered = np.sort(np.asarray(values, np.float64))
    count, tail = len(ordered), (1 - confidence) / 2
    rank(count, p)  # refuses what is no percentile
    below = _binomial_cdf(count, p)  # below[k]: probability that at most k samples are under the percentile
    lower = int(np.searchsorted(below, tail, side="right")) - 1
    upper = int(np.searchsorted(below, 1 - tail, side="left"))
    if lower < 0 or upper > count - 1:
        return None
    return float(ordered[lower]), float(ordered[upper])


def early_stopping_estimate(values: Sequence[float], p: float) -> float:
    """The value that MLPerf publishes: with 99 % confidence, the percentile is no more than this.

    Args:
        values: in any order.
        p: 0 < p < 1.

    Raises:
        InputError: there are too few values; it says how many are needed.
    """
    check_enough(len(values), p)
    ordered = np.sort(np.asarray(values, np.float64))
    # How many may be over it: the most for which so few or fewer are improbable, were the percentile higher.
    over = int(np.searchsorted(_binomial_cdf(len(ordered), 1 - p), 1 - STOPPING_CONFIDENCE, side="right")) - 1
    return float(ordered[len(ordered) - over])


def queries_least(p: float) -> int:
    """The fewest queries from which LoadGen gives a percentile, by its early stopping: 64 for p90, 662 for p99, 6,636 for p99.9."""
    rank(1, p)
    allowed = 1 - STOPPING_CONFIDENCE
    count = ceil(log(allowed) / log(p))
    while p**count + count * (1 - p) * p ** (count - 1) > allowed:  # none or one over it
        count += 1
    return count


def queries_needed(p: float, confidence: float = 0.99, margin: float | None = None) -> int:
    """Queries by the rules' formula, rounded up as they do: 24,576 for p90, 270,336 for p99, 2,654,208 for p99.9.

    So many make the share of queries under the value found differ from `p` by no more than `margin`.

    Args:
        p: 0 < p < 1.
        confidence: of that.
        margin: default a twentieth of 1 - p.
    """
    rank(1, p)
    if margin is None:
        margin = (1 - p) / 20
    deviations = NormalDist().inv_cdf((1 + confidence) / 2)
    return ceil(deviations**2 * p * (1 - p) / margin**2 / QUERIES_STEP) * QUERIES_STEP


def check_enough(count: int, p: float) -> None:
    """Raises InputError, which says how many are needed, when `count` queries are too few for the percentile `p`."""
    least = queries_least(p)
    if count < least:
        raise InputError(f"{count:,} queries are too few for {percentile_name(p)}: at least {least:,} are needed")


def summarise_with_confidence(values: Sequence[float]) -> dict[str, Any]:
    """What a result of `benchmarks.latency` keeps of one quantity.

    Args:
        values: in any order, at least one.

    Returns:
        `n`, `mean`, `min`, `max` and `percentiles`: by name, each with `value`, `low` and `high` (its interval at 95 %), or, when
        there are too few values for it, with `value` None and `needed`, the number that would be enough.
    """
    array = np.asarray(values, np.float64)
    found: dict[str, dict[str, float | int | None]] = {}
    for p in REPORTED:
        least = queries_least(p)
        if len(array) < least:
            found[percentile_name(p)] = {"value": None, "needed": least}
            continue
        low, high = percentile_interval(values, p) or (None, None)
        found[percentile_name(p)] = {"value": percentile(values, p), "low": low, "high": high}
    return {"n": len(array), "mean": float(array.mean()), "min": float(array.min()), "max": float(array.max()), "percentiles": found}


def _binomial_cdf(count: int, p: float) -> NDArray[np.float64]:
    """Probability of at most k of `count`, each with probability `p`, for k from 0 to `count`."""
    check_statistics()
    from scipy.special import bdtr

    return np.asarray(bdtr(np.arange(count + 1), count, p), np.float64)
