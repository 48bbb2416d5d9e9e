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
    ("without", "found", "said"),
    [([0.5, 0.5, 0.5], True, "0.600 ± 0.010 with"), ([0.7, 0.7, 0.7], False, "0.700"), ([0.5, 0.5, 0.62], True, "it may be chance")],
)
def test_skips_are_judged_at_the_fewest_frames(without: list[float], found: bool, said: str) -> None:
    changed = parts()
    changed["learning"]["curves"]["unet_noskip"]["25"] = without
    verdict = verdicts(changed)[2]
    assert verdict.found is found
    assert said in verdict.value
    assert ("chance" in verdict.value) == ("chance" in said)


def test_steadier_counts_at_the_same_accuracy_alone() -> None:
    changed = parts()
    assert "0.50 of it" in verdicts(changed)[3].value
    changed["accuracy"]["by_rung"]["unet3d"]["scores"]["mean"] = {"relaxed_f1": 0.6, "iou": 0.3}
    assert verdicts(changed)[3].found is False
    changed["flicker"]["by_rung"]["unet_plain"]["mean"]["flicker"] = 0.0
    assert verdicts(changed)[3].found is False
    del changed["accuracy"]["by_rung"]["unet3d"]
    assert verdicts(changed)[3].found is None
