"""Whether a run was steady: a warm-up that was not over, or a machine that became slower."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.common.confidence import check_statistics

LIMIT = 0.05
"""Share by which the start of a run may differ from its second half."""

CHANCE = 3e-5
"""Probability below which a difference is beyond chance. A run makes several comparisons, and a warning must be rare where nothing is."""


def drift_warnings(values: Sequence[float]) -> list[str]:
    """Warnings, one sentence each, where a run began before its warm-up was over, or became slower.

    The first 8, 16, 32, ... values, up to a quarter of all, are compared with the second half by the rank sum test of Mann and Whitney
    (https://doi.org/10.1214/aoms/1177730491), and by their medians.

    Args:
        values: times in the order in which they were taken.

    Raises:
        InputError: SciPy is not installed.
    """
    check_statistics()
    from scipy.stats import mannwhitneyu

    later = np.asarray(values[len(values) // 2 :], np.float64)
    count = 8
    while count <= len(values) // 4:
        first = np.asarray(values[:count], np.float64)
        change = float(np.median(first) / np.median(later)) - 1 if np.median(later) > 0 else 0.0
        side = "greater" if change > 0 else "less"
        if abs(change) > LIMIT and mannwhitneyu(first, later, alternative=side, method="asymptotic").pvalue < CHANCE:
            if change > 0:
                return [f"the warm-up was not over: the first {count} queries took {change:.0%} longer than the second half of the run"]
            return [f"the machine became slower: the first {count} queries took {-change:.0%} less than the second half of the run"]
        count *= 2
    return []
