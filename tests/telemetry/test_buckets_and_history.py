"""What a monitoring system collects and what a plot shows: counts that only rise, and the last minute in bins."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanes.telemetry.buckets import BOUNDS_S, Buckets
from lanes.telemetry.histogram import Histogram
from lanes.telemetry.history import BIN_NS, BINS, History


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1e6), max_size=30))
def test_buckets_count_every_time_under_its_bound_and_all_of_them_without_end(times: list[float]) -> None:
    buckets = Buckets()
    for ms in times:
        buckets.add(ms)
    counts = dict(buckets.cumulative())
    assert [counts[bound] for bound in BOUNDS_S] == [sum(ms / 1e3 <= bound for ms in times) for bound in BOUNDS_S]
    assert counts[float("inf")] == buckets.count == len(times)
    assert buckets.sum_s == pytest.approx(sum(times) / 1e3)


def test_a_copy_stays_as_it_was() -> None:
    buckets, histogram = Buckets(), Histogram()
    copies = buckets.copy(), histogram.copy()
    for each in (buckets, histogram):
        each.add(5.0)
    assert (copies[0].count, copies[1].n) == (0, 0)
    assert histogram.copy().summary() == histogram.summary()


def test_bins_hold_sums_of_a_quarter_second_and_whole_ones_are_given_once() -> None:
    history = History()
    history.add(0, {"inference": 10.0}, 20.0, None)
    history.add(BIN_NS - 1, {"inference": 30.0, "overlay": 1.0}, 50.0, 60.0)
    history.add(3 * BIN_NS, {"inference": 5.0}, 6.0, 7.0)
    assert history.since(-1, BIN_NS - 1) == []  # more may come
    (first,) = history.since(-1, 3 * BIN_NS)
    assert (first.number, first.frames, first.stages) == (0, 2, {"inference": 40.0, "overlay": 1.0})
    assert (first.total, first.longest, first.age) == (70.0, 50.0, 60.0)
    assert [each.number for each in history.since(0, 4 * BIN_NS)] == [3]
    assert history.since(3, 9 * BIN_NS) == []


def test_bins_are_those_of_the_last_minute() -> None:
    history = History()
    for number in range(2 * BINS):
        history.add(number * BIN_NS, {}, 1.0, None)
    found = history.since(-1, 2 * BINS * BIN_NS)
    assert [each.number for each in found] == list(range(BINS + 1, 2 * BINS))
    assert history.since(-1, 10 * BINS * BIN_NS) == []
