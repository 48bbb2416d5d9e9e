"""Intervals of percentiles, and how many queries they need."""

from __future__ import annotations

import sys
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.common.confidence import (
    check_statistics,
    early_stopping_estimate,
    percentile_interval,
    queries_least,
    queries_needed,
    summarise_with_confidence,
)
from lanes.errors import InputError

SHARES = (0.5, 0.9, 0.99)


def test_queries_needed_are_those_of_mlperf_s_rules() -> None:
    table = {0.9: 24_576, 0.95: 57_344, 0.97: 90_112, 0.99: 270_336}
    assert {p: queries_needed(p) for p in table} == table
    assert queries_needed(0.9, confidence=0.99, margin=0.05) == 2**13


@pytest.mark.parametrize(("p", "least"), [(0.9, 64), (0.99, 662), (0.999, 6636)])
def test_least_queries_are_those_of_early_stopping(p: float, least: int) -> None:
    def odds(count: int) -> float:
        """That none or one of `count` is over the percentile."""
        return p**count + count * (1 - p) * p ** (count - 1)

    assert queries_least(p) == least
    assert odds(least) <= 0.01 < odds(least - 1)


@pytest.mark.parametrize("p", [0.9, 0.99, 0.999])
def test_too_few_queries_are_refused_with_the_number_needed(p: float) -> None:
    least = queries_least(p)
    values = list(np.arange(least, dtype=float))
    assert early_stopping_estimate(values, p) == least - 1  # one may be over it, so it is the greatest
    with pytest.raises(InputError, match=f"{least:,} are needed"):
        early_stopping_estimate(values[1:], p)


def test_a_percentile_with_too_few_queries_is_left_out_with_the_number_needed() -> None:
    found = summarise_with_confidence(np.arange(1000.0).tolist())["percentiles"]
    assert found["p99.9"] == {"value": None, "needed": 6636}
    assert found["p99"]["value"] == 990
    assert found["p99"]["low"] <= 990 <= found["p99"]["high"]


def test_early_stopping_lets_as_many_be_over_as_the_binomial_allows() -> None:
    count, p = 1000, 0.9
    over = int(count - early_stopping_estimate(list(np.arange(count, dtype=float)), p))

    def at_most(most: int) -> float:
        return sum(comb(count, k) * (1 - p) ** k * p ** (count - k) for k in range(most + 1))

    assert at_most(over) <= 0.01 < at_most(over + 1)


@pytest.mark.parametrize(("count", "p"), [(70, 0.9), (700, 0.99), (30, 0.5)])
def test_the_interval_holds_the_distribution_s_percentile_as_often_as_it_says(count: int, p: float) -> None:
    rng = np.random.default_rng(5)
    exact = float(-np.log(1 - p))  # of the exponential distribution
    runs = 1000
    held = 0
    for _ in range(runs):
        interval = percentile_interval(rng.exponential(size=count).tolist(), p)
        assert interval is not None
        held += interval[0] <= exact <= interval[1]
    assert held / runs > 0.95 - 3 * (0.95 * 0.05 / runs) ** 0.5


@given(st.integers(1, 400), st.sampled_from(SHARES))
def test_the_interval_s_coverage_by_hand_is_enough_and_no_end_can_be_moved_in(count: int, p: float) -> None:
    interval = percentile_interval(list(range(count)), p)
    terms = [comb(count, k) * p**k * (1 - p) ** (count - k) for k in range(count + 1)]
    if interval is None:
        assert terms[0] > 0.025 or terms[count] > 0.025
        return
    low, high = int(interval[0]), int(interval[1])
    assert sum(terms[: low + 1]) <= 0.025 + 1e-9  # the percentile is under sample `low` when no more than `low` are under it
    assert sum(terms[: low + 2]) > 0.025 - 1e-9
    assert sum(terms[high + 1 :]) <= 0.025 + 1e-9
    assert sum(terms[high:]) > 0.025 - 1e-9


@pytest.mark.parametrize("p", [0, 1, 90, -0.1])
def test_a_percentile_is_a_share(p: float) -> None:
    for call in (lambda: percentile_interval([1.0], p), lambda: queries_least(p), lambda: queries_needed(p)):
        with pytest.raises(ValueError, match="between 0 and 1"):
            call()


def test_without_scipy_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(InputError, match=r"need SciPy: pip install 'lanestream\[benchmarks\]'"):
        check_statistics()
