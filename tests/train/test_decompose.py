"""A decomposed U-Net: with all channels it calculates the same, with fewer nearly so, and its checkpoint can be used as any other."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")
pytest.importorskip("lightning", reason="lightning is not installed: pip install 'lanestream[train]'")

from engines.export import export_onnx, load_checkpoint  # noqa: E402
from lanes.models import Network  # noqa: E402
from lanes.models.build import build_network  # noqa: E402
from lanes.models.layers import Concatenate, Merge  # noqa: E402
from lanes.models.pretrained import PretrainedUNet  # noqa: E402
from lanes.models.widen import widen  # noqa: E402
from lanes.train.command import parse  # noqa: E402
from lanes.train.decompose import decompose, low_rank, main  # noqa: E402
from lanes.train.run import train  # noqa: E402
from tests.train.test_average import BEFORE, checkpoint  # noqa: E402

SMALL: dict[str, Any] = {"encoder": "efficientnet-lite0", "blocks": 5, "widths": [4, 6]}
INPUTS = (6 + 16, 40 + 24)
"""Channels that the blocks of such a decoder read, finest first."""


def trained(seed: int = 0) -> PretrainedUNet:
    torch.manual_seed(seed)
    network = PretrainedUNet(**SMALL)
    torch.nn.init.normal_(network.head.weight)
    return network.eval()


def test_a_merge_is_a_convolution_of_both_maps() -> None:
    torch.manual_seed(0)
    merge, coarse, skip = Merge(5, 3, 4), torch.randn(2, 5, 6, 8), torch.randn(2, 3, 12, 16)
    weight = torch.cat([merge.coarse.weight, merge.skip.weight], dim=1)
    expected = torch.nn.functional.conv2d(Concatenate()(coarse, skip), weight)
    torch.testing.assert_close(merge(coarse, skip), expected, rtol=1e-4, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(inputs=st.integers(1, 12), outputs=st.integers(1, 6), seed=st.integers(0, 1000))
def test_all_channels_lose_nothing_and_fewer_lose_more(inputs: int, outputs: int, seed: int) -> None:
    torch.manual_seed(seed)
    weight, read = torch.randn(outputs, inputs, 3, 3), torch.randn(inputs, inputs) @ torch.randn(inputs, 4000)
    lost = []
    for rank in range(1, inputs + 1):
        mix, rest = low_rank(weight, read @ read.T / read.shape[1], rank)
        assert mix.shape == (rank, inputs, 1, 1)
        assert rest.shape == (outputs, rank, 3, 3)
        difference = torch.einsum("krhw,rc->kchw", rest, mix[..., 0, 0]) - weight
        lost.append(float(torch.einsum("kchw,cn->khwn", difference, read).square().mean()))
    whole = float(torch.einsum("kchw,cn->khwn", weight, read).square().mean())
    assert lost[-1] < 1e-5 * whole
    assert all(after <= before + 1e-5 * whole for before, after in pairwise(lost))


def test_what_the_network_reads_decides_which_mixtures_stay() -> None:
    """Two channels that always say the same are one mixture, however different their weights."""
    torch.manual_seed(1)
    same = torch.randn(1, 1000)
    read = torch.cat([same, same, 0.01 * torch.randn(1, 1000)])
    mix, rest = low_rank(torch.tensor([1.0, -3.0, 2.0]).view(1, 3, 1, 1), read @ read.T / 1000, 1)
    given_out = (rest[:, :, 0, 0] @ mix[..., 0, 0] @ read).squeeze()
    torch.testing.assert_close(given_out, -2 * same.squeeze(), rtol=0, atol=0.1)


def test_a_network_with_all_ranks_calculates_the_same() -> None:
    network = trained()
    cheaper = decompose(network, INPUTS, [torch.randn(2, 3, 64, 96) for _ in range(3)]).eval()
    pictures = torch.randn(2, 3, 64, 96)
    torch.testing.assert_close(cheaper(pictures), network(pictures), rtol=1e-3, atol=1e-3)


def test_the_command_writes_a_checkpoint_that_loads_and_exports(tmp_path: Path, rendered_sources: Path) -> None:
    metadata = replace(BEFORE, network={"arch": "pretrained_unet", **SMALL})
    before = checkpoint(tmp_path / "unet.pt", metadata, 1)
    arguments = [str(before), "--ranks", "3", "8", "--data", str(rendered_sources), "--batches", "1", "--out", str(tmp_path / "small.pt")]
    assert main(arguments) == 0
    network, found = load_checkpoint(tmp_path / "small.pt")
    assert network.config["ranks"] == [3, 8]
    assert (found.threshold, found.training_data, found.licences) == (metadata.threshold, metadata.training_data, metadata.licences)
    assert build_network(found.network).config == network.config
    file = export_onnx(network, found, tmp_path / "small.onnx")
    assert file.metadata.network["ranks"] == [3, 8]


@pytest.mark.parametrize(
    ("ranks", "message"),
    [(["3"], "must name 2 levels"), (["3", "65"], "must be at most (22, 64)"), (["23", "8"], "must be at most (22, 64)")],
)
def test_ranks_that_do_not_fit_are_told(
    tmp_path: Path, rendered_sources: Path, capsys: pytest.CaptureFixture[str], ranks: list[str], message: str
) -> None:
    before = checkpoint(tmp_path / "unet.pt", replace(BEFORE, network={"arch": "pretrained_unet", **SMALL}), 1)
    out = tmp_path / "small.pt"
    assert main([str(before), "--ranks", *ranks, "--data", str(rendered_sources), "--out", str(out)]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not out.exists()


def test_neither_another_network_nor_a_decomposed_one_is_decomposed(
    tmp_path: Path, rendered_sources: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = checkpoint(tmp_path / "plain.pt", BEFORE, 1)
    small = checkpoint(tmp_path / "small.pt", replace(BEFORE, network={"arch": "pretrained_unet", **SMALL, "ranks": [3, 8]}), 1)
    for path, message in ((plain, "has the architecture unet"), (small, "it is decomposed already")):
        out = tmp_path / "out.pt"
        assert main([str(path), "--ranks", "2", "4", "--data", str(rendered_sources), "--out", str(out)]) == 2
        assert message in " ".join(capsys.readouterr().err.split())
        assert not out.exists()


def test_a_decomposed_network_is_not_widened() -> None:
    network = PretrainedUNet(**SMALL, ranks=[3, 8])
    assert widen(network, [4, 6]).config == network.config
    with pytest.raises(ValueError, match="widen it before it is decomposed"):
        widen(network, [8, 12])


def test_a_decomposed_network_is_trained_on_as_it_is(tmp_path: Path, rendered_sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a rate so low that nothing moves: what comes out calculates what went in."""
    monkeypatch.setattr("lanes.train.run.NETWORKS", {"unet": Network({"arch": "pretrained_unet", **SMALL}, (64, 32))})
    before = checkpoint(tmp_path / "small.pt", replace(BEFORE, network={"arch": "pretrained_unet", **SMALL, "ranks": [3, 8]}), 1)
    options = ["--crop", "64", "32", "--batch", "2", "--workers", "0", "--steps", "2", "--val-every", "2", "--learning-rate", "1e-12"]
    trained = train(parse(["--data", str(rendered_sources), "--out", str(tmp_path / "run"), "--weights", str(before), *options]))
    network, after = load_checkpoint(before)[0], load_checkpoint(trained)[0]
    assert after.config == network.config
    torch.testing.assert_close(after.state_dict()["merges.0.skip.weight"], network.state_dict()["merges.0.skip.weight"])
