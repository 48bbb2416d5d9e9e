"""A run that was not steady gets a warning, noise gets none."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.latency.drift import drift_warnings


@pytest.mark.parametrize("slow", [8, 60, 300])
def test_a_warm_up_that_is_not_over_is_found(slow: int) -> None:
    noise = np.random.default_rng(1).gamma(20, 0.05, 1200)
    assert drift_warnings(noise.tolist()) == []
    noise[:slow] *= 1.5
    (warning,) = drift_warnings(noise.tolist())
    assert "the warm-up was not over" in warning


def test_a_machine_that_becomes_slower_is_found() -> None:
    times = np.random.default_rng(1).gamma(200, 0.005, 1200)
    times[500:] *= 1.2
    (warning,) = drift_warnings(times.tolist())
    assert "became slower" in warning


def test_noise_is_no_drift() -> None:
    rng = np.random.default_rng(7)
    assert sum(bool(drift_warnings(rng.lognormal(0, 0.4, 700).tolist())) for _ in range(500)) <= 2
