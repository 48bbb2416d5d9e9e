"""An ensemble of trained networks: it is the mean of what they say, each at its size, and its model file calculates the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")

from engines.export import export_onnx, load_checkpoint  # noqa: E402
from engines.registry import open_engine  # noqa: E402
from lanes.models.build import build_network  # noqa: E402
from lanes.segment.transform import FrameTransform  # noqa: E402
from lanes.train.ensemble import common_threshold, main  # noqa: E402
from tests.train.test_average import AFTER, BEFORE, checkpoint  # noqa: E402

ONE = replace(BEFORE, name="one", bands=True, network={"arch": "unet", "widths": [4, 8]})
TWO = replace(AFTER, name="two", network={"arch": "unet", "widths": [4, 6, 8], "stem_stride": 2})


def members(folder: Path) -> list[str]:
    return [str(checkpoint(folder / f"{metadata.name}.pt", metadata, seed)) for seed, metadata in enumerate((ONE, TWO))]


def test_its_logits_are_the_mean_of_the_members(tmp_path: Path) -> None:
    paths = members(tmp_path)
    assert main([*paths, "--scales", "1", "1", "--out", str(tmp_path / "both.pt")]) == 0
    one, two, both = (load_checkpoint(path)[0].eval() for path in (*map(Path, paths), tmp_path / "both.pt"))
    pictures = torch.randn(2, 3, 32, 64)
    torch.testing.assert_close(both(pictures), (one(pictures) + two(pictures)) / 2)


def test_a_member_of_a_smaller_scale_sees_the_picture_smaller(tmp_path: Path) -> None:
    paths = members(tmp_path)
    assert main([*paths, "--scales", "1", "0.7", "--out", str(tmp_path / "both.pt")]) == 0
    one, two, both = (load_checkpoint(path)[0].eval() for path in (*map(Path, paths), tmp_path / "both.pt"))
    pictures = torch.randn(1, 3, 32, 64)
    seen = torch.nn.functional.interpolate(pictures, size=(24, 48), mode="bilinear")  # 22.4 and 44.8 to multiples of 8
    back = torch.nn.functional.interpolate(two(seen), size=(32, 64), mode="bilinear")
    torch.testing.assert_close(both(pictures), (one(pictures) + back) / 2, rtol=1e-4, atol=1e-5)


def test_it_has_the_input_of_the_first_and_the_data_of_all(tmp_path: Path) -> None:
    assert main([*members(tmp_path), "--scales", "1", "0.5", "--out", str(tmp_path / "both.pt")]) == 0
    network, metadata = load_checkpoint(tmp_path / "both.pt")
    assert (metadata.name, metadata.transform, metadata.bands) == ("one", ONE.transform, True)
    assert metadata.training_data == ["a", "b", "c"]
    assert metadata.licences == ["x", "y"]
    assert metadata.threshold_drives == ["a/1", "c/2"]
    assert build_network(metadata.network).config == network.config


@pytest.mark.parametrize("engine", ["openvino", "onnx", "torch"])
def test_every_engine_runs_it(tmp_path: Path, engine: str) -> None:
    """At a size and a scale, 88 to 72 pixels, at which a product of the two in either precision may fall short of a whole number."""
    assert main([*members(tmp_path), "--scales", "1", "0.82", "--out", str(tmp_path / "both.pt")]) == 0
    network, metadata = load_checkpoint(tmp_path / "both.pt")
    metadata = replace(metadata, transform=FrameTransform(104, 88))
    export_onnx(network, metadata, tmp_path / "both.onnx")
    frames = np.random.default_rng(1).integers(0, 256, (1, 88, 104, 3)).astype(np.uint8)
    with open_engine(engine=engine, precision="fp32", model=tmp_path / "both.onnx") as opened:
        found = opened.infer(frames)
    with torch.inference_mode():
        expected = network.deploy()(torch.from_numpy(frames)).numpy()
    assert np.abs(found.astype(int) - expected).max() <= 2


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 60), st.integers(1, 60), st.floats(0.1, 1))
def test_it_gives_a_logit_for_every_pixel_at_any_size_and_scale(rows: int, columns: int, scale: float) -> None:
    network = build_network({"arch": "ensemble", "members": [ONE.network, TWO.network], "scales": [1, scale]}).eval()
    pictures = torch.zeros(1, 3, rows * network.divisor, columns * network.divisor)
    with torch.inference_mode():
        assert network(pictures).shape == (1, 1, *pictures.shape[2:])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_its_threshold_lies_between_those_of_the_members(thresholds: list[float]) -> None:
    common = common_threshold(thresholds)
    assert min(thresholds) - 0.001 <= common <= max(thresholds) + 0.001


@pytest.mark.parametrize(
    ("scales", "why"),
    [
        (["1"], "for each a scale of 1 or less, not [1.0]"),
        (["1", "1.5"], "for each a scale of 1 or less, not [1.0, 1.5]"),
        (["0", "1"], "for each a scale of 1 or less, not [0.0, 1.0]"),
        (["nan", "1"], "for each a scale of 1 or less, not [nan, 1.0]"),
    ],
)
def test_each_member_needs_a_scale(tmp_path: Path, capsys: pytest.CaptureFixture[str], scales: list[str], why: str) -> None:
    assert main([*members(tmp_path), "--scales", *scales, "--out", str(tmp_path / "both.pt")]) == 2
    assert why in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "both.pt").exists()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"classes": ["kerb"]}, "classes ['lane'] and ['kerb'] are not the same"),
        ({"bands": False}, "bands True and False are not the same"),
        ({"network": {"arch": "fcn", "width": 4, "convolutions": 2}}, "the architecture fcn is no single U-Net"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, object], why: str
) -> None:
    one = checkpoint(tmp_path / "one.pt", ONE, 0)
    other = checkpoint(tmp_path / "other.pt", replace(TWO, **changed), 1)  # type: ignore[arg-type]
    assert main([str(one), str(other), "--scales", "1", "1", "--out", str(tmp_path / "both.pt")]) == 2
    assert why in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(None, "cannot read the checkpoint", id="missing"),
        pytest.param(b"", "is no checkpoint of lanes.train: it is empty", id="empty"),
        pytest.param(b"no checkpoint", "is no checkpoint of lanes.train: it is damaged", id="of another kind"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, why: str) -> None:
    one, other = checkpoint(tmp_path / "one.pt", ONE, 0), tmp_path / "other.pt"
    if content is not None:
        other.write_bytes(content)
    assert main([str(one), str(other), "--scales", "1", "1", "--out", str(tmp_path / "both.pt")]) == 2
    said = capsys.readouterr().err
    assert why in " ".join(said.split())
    assert "other.pt" in said
    assert not (tmp_path / "both.pt").exists()
