"""The average of two trainings of a network: its weights, whose input, threshold, data and licences it has, and what has none."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")

from engines.export import load_checkpoint  # noqa: E402
from engines.model_file import ModelMetadata  # noqa: E402
from lanes.data.frames import by_source  # noqa: E402
from lanes.data.open import list_frames  # noqa: E402
from lanes.models.build import build_network  # noqa: E402
from lanes.segment.transform import FrameTransform  # noqa: E402
from lanes.train.average import main  # noqa: E402
from lanes.train.loaders import example_images  # noqa: E402

CONFIG: dict[str, Any] = {"arch": "unet", "widths": [4, 8]}
BEFORE = ModelMetadata("small", FrameTransform(64, 32), 0.4, ["lane"], "fp32", "paint", ["a", "b"], ["x"], CONFIG, threshold_drives=["a/1"])
AFTER = ModelMetadata(
    "small", FrameTransform(96, 32), 0.9, ["lane"], "fp32", "paint", ["b", "c"], ["x", "y"], CONFIG, threshold_drives=["c/2"], bands=True
)


def checkpoint(path: Path, metadata: ModelMetadata, seed: int, batches: int = 0) -> Path:
    """A network of random weights whose batch norms have seen so many batches."""
    torch.manual_seed(seed)
    network = build_network(metadata.network)
    for batch_norm in network.modules():
        if isinstance(batch_norm, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(batch_norm.running_mean)
            batch_norm.num_batches_tracked.fill_(batches)
    values = asdict(metadata) | {"transform": metadata.transform.to_dict()}
    torch.save({"network": network.config, "state_dict": network.state_dict(), "metadata": values}, path)
    return path


def test_each_tensor_is_half_way_between(tmp_path: Path) -> None:
    before = checkpoint(tmp_path / "before.pt", BEFORE, 1, batches=5)
    after = checkpoint(tmp_path / "after.pt", AFTER, 2, batches=9)
    assert main([str(before), str(after), "--out", str(tmp_path / "mean.pt")]) == 0
    states = [load_checkpoint(path)[0].state_dict() for path in (before, after, tmp_path / "mean.pt")]
    assert any(name.endswith("running_mean") for name in states[0])
    for name, mean in states[2].items():
        one, two = (state[name] for state in states[:2])
        expected = (one + two) / 2 if mean.is_floating_point() else one
        torch.testing.assert_close(mean, expected)


def test_it_has_the_threshold_of_the_first_the_input_of_the_second_and_the_data_of_both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = checkpoint(tmp_path / "before.pt", BEFORE, 1), checkpoint(tmp_path / "after.pt", AFTER, 2)
    assert main([str(before), str(after), "--out", str(tmp_path / "mean.pt")]) == 0
    assert f"sees 96x32 of bands as {after} does, where {before} sees 64x32 of whole frames" in capsys.readouterr().err.replace("\n", " ")
    _, metadata = load_checkpoint(tmp_path / "mean.pt")
    assert (metadata.threshold, metadata.threshold_drives) == (0.4, ["a/1"])
    assert (metadata.transform, metadata.bands) == (FrameTransform(96, 32), True)
    assert (metadata.training_data, metadata.licences) == (["a", "b", "c"], ["x", "y"])


def test_two_networks_have_no_average(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = checkpoint(tmp_path / "before.pt", BEFORE, 1)
    wider = replace(AFTER, network=CONFIG | {"widths": [4, 16]})
    after = checkpoint(tmp_path / "after.pt", wider, 2)
    assert main([str(before), str(after), "--out", str(tmp_path / "mean.pt")]) == 2
    assert "have no average: network" in capsys.readouterr().err
    assert not (tmp_path / "mean.pt").exists()


def test_neither_of_the_two_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = checkpoint(tmp_path / "before.pt", BEFORE, 1), checkpoint(tmp_path / "after.pt", AFTER, 2)
    content = after.read_bytes()
    assert main([str(before), str(after), "--out", str(after)]) == 2
    assert "is the input itself" in capsys.readouterr().err
    assert after.read_bytes() == content


def test_batch_norms_are_measured_anew_on_examples(tmp_path: Path, rendered_sources: Path) -> None:
    before, after = checkpoint(tmp_path / "before.pt", BEFORE, 1), checkpoint(tmp_path / "after.pt", AFTER, 2)
    out = tmp_path / "mean.pt"
    assert main([str(before), str(after), "--out", str(out), "--data", str(rendered_sources), "--batches", "3"]) == 0
    network, metadata = load_checkpoint(out)
    first = next(module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d))
    means, variances = [], []

    def observe(_: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        means.append(given[0].mean((0, 2, 3)))
        variances.append(given[0].var((0, 2, 3)))

    first.register_forward_pre_hook(observe)
    for images in example_images(by_source(list_frames(rendered_sources, "train")), metadata.transform, 3):
        network.eval()(images)
    torch.testing.assert_close(first.running_mean, torch.stack(means).mean(0), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(first.running_var, torch.stack(variances).mean(0), rtol=1e-4, atol=1e-4)
