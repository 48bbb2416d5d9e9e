"""The naive way and its dense twin: the same heatmap, whatever the image, at every pixel or at every n-th."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")

from lanes.models.patch import PATCH, PatchClassifier  # noqa: E402


def classifier(seed: int = 1) -> PatchClassifier:
    """A small one whose batch norms and head say something."""
    torch.manual_seed(seed)
    network = PatchClassifier((4, 6, 8))
    torch.nn.init.normal_(network.head.weight)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.normal_(module.bias)
    return network.eval()


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 24), st.integers(1, 60), st.sampled_from([1, 2, 3, 7]), st.integers(1, 100))
def test_the_dense_twin_gives_the_heatmap_of_the_patches(height: int, width: int, stride: int, seed: int) -> None:
    network = classifier(seed)
    images = torch.randn(2, 3, height, width)
    with torch.inference_mode():
        dense, by_patches = network(images), network.by_patches(images, stride)
    assert dense.shape == (2, 1, height, width)
    torch.testing.assert_close(by_patches, dense[:, :, ::stride, ::stride], atol=1e-4, rtol=1e-4)
    assert (torch.sigmoid(by_patches) - torch.sigmoid(dense[:, :, ::stride, ::stride])).abs().max() < 1e-4


def test_a_patch_is_of_the_pixel_in_its_middle() -> None:
    network = classifier()
    images = torch.randn(1, 3, PATCH, PATCH)
    with torch.inference_mode():
        middle = network(images)[0, :, PATCH // 2, PATCH // 2]
        torch.testing.assert_close(network.classify(images)[0], middle, atol=1e-4, rtol=1e-4)
