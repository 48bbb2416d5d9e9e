"""Histogram: percentiles within a quarter of a per cent, in memory that does not grow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanes.telemetry.histogram import STEP, Histogram
from lanes.telemetry.percentiles import percentile

times = st.lists(st.floats(0.0, 1e6), min_size=1, max_size=300)


def filled(values: list[float]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


@given(times, st.sampled_from((0.5, 0.9, 0.95, 0.99)))
def test_a_percentile_is_the_exact_one_within_half_a_bin(values: list[float], share: float) -> None:
    exact = percentile(values, share)
    found = filled(values).percentile(share)
    assert found is not None
    assert found == pytest.approx(exact, rel=STEP - 1, abs=1.1e-3)
    assert min(values) <= found <= max(values)


@given(times)
def test_maximum_mean_and_number_are_exact(values: list[float]) -> None:
    summary = filled(values).summary()
    assert summary.max == max(values)
    assert summary.mean == pytest.approx(sum(values) / len(values))
    assert summary.n == len(values)


def test_percentiles_rise() -> None:
    summary = filled([float(value) for value in range(1, 1001)]).summary()
    assert summary.p50 == pytest.approx(500, rel=0.005)
    assert summary.p99 == pytest.approx(990, rel=0.005)
    assert summary.max == 1000


def test_the_99th_percentile_of_a_few_values_is_their_maximum() -> None:
    assert filled([1.0, 2.0, 30.0]).percentile(0.99) == 30.0


def test_nothing_measured_is_nothing_said() -> None:
    summary = Histogram().summary()
    assert (summary.p50, summary.max, summary.mean, summary.n) == (None, None, None, 0)


def test_times_beyond_the_bins_are_counted() -> None:
    summary = filled([0.0, 1e-9, 1e12]).summary()
    assert summary.n == 3
    assert summary.max == 1e12
