"""Patches and their dense twin: the same heatmap, and both times."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")

from benchmarks.ladder.taught import compare  # noqa: E402
from lanes.models.patch import PATCH, PatchClassifier  # noqa: E402


def test_patches_and_their_twin_are_compared_on_one_frame() -> None:
    torch.manual_seed(0)
    network = PatchClassifier((4, 6, 8)).eval()
    torch.nn.init.normal_(network.head.weight)
    found = compare(network, torch.randn(1, 3, 24, 40), rounds=1, stride=4)
    assert found["difference"] <= 1e-4
    assert (found["patches"], found["side"]) == (24 * 40, PATCH)
    assert found["strided"]["stride"] == 4
    assert min(found["ms"], found["dense_ms"], found["strided"]["ms"]) > 0
    assert len(found["rounds_ms"]) == 1
