"""One definition of a percentile for every figure of the project."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanes.telemetry.percentiles import percentile, percentile_name, rank, samples_needed, shown, summarise

SHARES = (0.5, 0.9, 0.95, 0.99, 0.999)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200), st.sampled_from(SHARES))
def test_a_percentile_is_the_sample_that_loadgen_takes(values: list[float], p: float) -> None:
    assert percentile(values, p) == sorted(values)[int(len(values) * p)] == sorted(values)[rank(len(values), p)]


@given(st.lists(st.floats(0, 1e6) | st.just(math.nan), max_size=300))
def test_a_summary_has_the_same_percentiles_and_says_of_how_many(values: list[float]) -> None:
    known = [value for value in values if not math.isnan(value)]
    found = summarise(values)
    assert found["n"] == len(known)
    if not known:
        assert {value for name, value in found.items() if name != "n"} == {None}
        return
    for p in (0.5, 0.9, 0.95, 0.99):
        assert found[percentile_name(p)] == percentile(known, p)
    assert (found["max"], found["mean"]) == (max(known), pytest.approx(sum(known) / len(known)))


@pytest.mark.parametrize(("p", "least"), [(0.5, 2), (0.9, 10), (0.95, 20), (0.99, 100), (0.999, 1000)])
def test_fewer_samples_than_the_tail_needs_are_shown_as_a_dash(p: float, least: int) -> None:
    assert samples_needed(p) == least
    if p == 0.999:
        return
    name = percentile_name(p)
    assert shown(summarise([2.0] * least), name) == "2.0"
    few = summarise([2.0] * (least - 1))
    assert shown(few, name) == "-"
    assert few[name] == 2.0  # the number itself is kept, with n beside it
    assert shown(few, "max", 2) == "2.00"


def test_a_summary_of_nothing_is_shown_as_dashes() -> None:
    assert {shown(summarise([]), name) for name in ("p50", "p99", "max", "mean")} == {"-"}


@pytest.mark.parametrize("p", [0, 1, 90, -0.1])
def test_a_percentile_is_a_share(p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        percentile([1.0], p)


def test_a_percentile_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="of nothing"):
        percentile([], 0.5)
