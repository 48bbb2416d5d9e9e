"""Where the magnitudes of a tensor are cut."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from calibration.int8.ranges import CALIBRATORS, MagnitudeHistogram

VALUES = hnp.arrays(np.float32, st.integers(1, 200), elements=st.floats(-1000, 1000, width=32))


@given(st.lists(VALUES, min_size=1, max_size=6))
@example([np.array([1e-45], np.float32), np.array([3e-45, 1e-38], np.float32)])  # subnormal
@settings(max_examples=50, deadline=None)
def test_histogram_counts_every_value_that_is_not_zero(arrays: list[NDArray[np.float32]]) -> None:
    histogram = MagnitudeHistogram()
    for values in arrays:
        histogram.add(values)
    everything = np.abs(np.concatenate(arrays))
    assert histogram.counts.sum() == np.count_nonzero(everything)
    assert histogram.peak == everything.max() <= histogram.limit
    for cut in CALIBRATORS.values():
        assert 0 <= cut(histogram) <= histogram.peak


def test_one_outlier_is_cut_by_all_but_minmax() -> None:
    histogram = MagnitudeHistogram()
    histogram.add(np.random.default_rng(1).normal(0, 1, 200_000).astype(np.float32))
    histogram.add(np.array([500], np.float32))
    assert CALIBRATORS["minmax"](histogram) == 500
    assert 2 < CALIBRATORS["percentile"](histogram) < 10
    assert 1 < CALIBRATORS["entropy"](histogram) < 50
