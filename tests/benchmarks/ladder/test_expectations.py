"""What is said of the predictions follows from the figures, also where they are not found or not there."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.ladder.expectations import verdicts
from tests.benchmarks.ladder.figures import parts


def words(changed: dict[str, Any]) -> list[str]:
    return [verdict.word for verdict in verdicts(changed)]


def test_what_holds_is_found() -> None:
    assert words(parts()) == ["found"] * 4


def test_what_was_not_measured_is_not_claimed() -> None:
    assert words({}) == ["not measured"] * 4
    assert "no figures of patch, fcn" in verdicts({})[0].value


def test_patches_are_compared_in_one_engine() -> None:
    changed = parts()
    verdict = verdicts(changed)[0]
    assert "9 s, fcn 24 ms (torch, fp32): 375 times" in verdict.value
    changed["cost"]["taught"]["ms"] = 2000.0
    assert verdicts(changed)[0].found is False


def test_a_twin_that_differs_is_none() -> None:
    changed = parts()
    changed["cost"]["taught"]["difference"] = 1e-3
    assert verdicts(changed)[1].found is False


@pytest.mark.parametrize(
    ("mean", "std", "found", "chance"),
    [(0.5, 0.01, True, False), (0.7, 0.01, False, False), (0.58, 0.02, True, True), (0.61, 0.02, False, True)],
)
def test_skips_are_judged_at_the_fewest_frames(mean: float, std: float, found: bool, chance: bool) -> None:
    changed = parts()
    changed["learning"]["curves"]["unet_noskip"][0] |= {"mean": mean, "std": std}
    verdict = verdicts(changed)[2]
    assert verdict.found is found
    assert verdict.value.startswith("from 25 frames 0.600 ± 0.010 with")
    assert ("chance" in verdict.value) == chance


def test_steadier_counts_at_the_same_accuracy_alone() -> None:
    changed = parts()
    assert "0.50 of it" in verdicts(changed)[3].value
    changed["accuracy"]["by_rung"]["unet3d"]["scores"]["mean"] = {"relaxed_f1": 0.6, "iou": 0.3}
    assert verdicts(changed)[3].found is False
    changed["flicker"]["by_rung"]["unet_plain"]["mean"]["flicker"] = 0.0
    assert verdicts(changed)[3].found is False
    del changed["accuracy"]["by_rung"]["unet3d"]
    assert verdicts(changed)[3].found is None
