"""Receptive fields, parameters and operations of networks that can be counted by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")
from torch import Tensor, nn  # noqa: E402

from lanes.models.__main__ import main  # noqa: E402
from lanes.models.analysis import analyse, count_operations, receptive_field  # noqa: E402
from lanes.models.fcn import FCN  # noqa: E402
from lanes.models.patch import PATCH, PatchClassifier  # noqa: E402
from lanes.models.unet_plain import PlainUNet  # noqa: E402


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1, 3, 5, 7]), st.integers(1, 4)), min_size=1, max_size=4))
def test_each_convolution_adds_its_kernel_less_one_times_its_dilation(layers: list[tuple[int, int]]) -> None:
    network = nn.Sequential(*(nn.Conv2d(3, 3, side, padding=side // 2 * dilation, dilation=dilation) for side, dilation in layers))
    assert receptive_field(network) == 1 + sum((side - 1) * dilation for side, dilation in layers)


def test_a_pooling_doubles_what_comes_after_it() -> None:
    # 3x3: 3; pooling: 4; 3x3 on every second: 4 + 2 * 2 = 8; the nearest neighbour up again adds nothing.
    network = nn.Sequential(nn.Conv2d(3, 2, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(2, 1, 3, padding=1), nn.Upsample(scale_factor=2))
    assert receptive_field(network, 2) == 8


def test_weights_of_nothing_count_as_well() -> None:
    network = nn.Conv2d(3, 1, 5, padding=2)
    nn.init.zeros_(network.weight)
    assert receptive_field(network) == 5


class Mean(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.mean((1, 2, 3), keepdim=True).expand(-1, -1, *images.shape[2:])


def test_a_mean_over_the_image_sees_all_of_it() -> None:
    assert receptive_field(Mean()) is None


def test_networks_by_hand() -> None:
    fcn = analyse(FCN(16, convolutions=8), (32, 16))
    assert fcn.receptive_field == 2 * 8 + 1
    assert fcn.operations == 32 * 16 * (3 * 9 * 16 + 7 * 16 * 9 * 16 + 16)
    assert fcn.parameters == 3 * 9 * 16 + 7 * 16 * 9 * 16 + 8 * 2 * 16 + 17
    assert analyse(PatchClassifier((2, 3, 4)), (32, 16)).receptive_field == PATCH
    # From the output: two convolutions see 5 pixels, which lie in 3 elements of the deep map; its two see 7, which are 14 pixels, and
    # the first two convolutions 4 more.
    assert analyse(PlainUNet((2, 3)), (32, 16)).receptive_field == 18


def test_a_patch_costs_what_the_classifier_does_for_each_pixel() -> None:
    network = PatchClassifier((2, 3, 4)).eval()
    patch = 34**2 * 3 * 16 * 2 + 14**2 * 2 * 16 * 3 + 3 * 49 * 4 + 4
    assert count_operations(network.by_patches, torch.zeros(1, 3, 8, 16)) == 8 * 16 * patch
    assert count_operations(lambda images: network.by_patches(images, 4), torch.zeros(1, 3, 8, 16)) == 2 * 4 * patch


def test_the_facts_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fcn"]) == 0
    header, line = capsys.readouterr().out.splitlines()
    assert header.split() == ["network", "input", "parameters", "operations", "receptive", "field"]
    assert line.split() == ["fcn", "512x160", "16,833", "1.36", "G", "17", "px"]
    with pytest.raises(SystemExit):
        main(["net"])
    assert "no network is called 'net': there are unet" in capsys.readouterr().err
