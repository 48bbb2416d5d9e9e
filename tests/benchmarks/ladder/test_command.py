"""The program from end to end, on two small networks that know nothing."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.ladder.command import main, merged
from engines.export import export_onnx
from engines.model_file import ModelMetadata
from lanes.capture.open import open_source
from lanes.models.unet import UNet
from lanes.segment.transform import FrameTransform
from tests.media import Clip


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model files that stand in for two rungs."""
    folder = tmp_path_factory.mktemp("weights")
    for name in ("fcn", "unet_plain"):
        network = UNet((4, 8), stem_stride=2).eval()
        metadata = ModelMetadata(name, FrameTransform(96, 64), 0.5, ["lane"], "fp32", "nothing", [], [], network.config)
        export_onnx(network, metadata, folder / f"{name}.onnx")
    (folder / "unet3d.onnx").write_bytes(b"no model")
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two labelled frames of one drive."""
    for kind in ("images", "masks"):
        (tmp_path / "roads" / "val" / kind).mkdir(parents=True)
    for number in range(2):
        pixels, mask = np.full((72, 128, 3), 90, np.uint8), np.zeros((72, 128), np.uint8)
        cv2.line(mask, (20 + 40 * number, 71), (64, 20), 255, 3)
        pixels[mask > 0] = 230
        cv2.imwrite(str(tmp_path / "roads/val/images" / f"a{number}.jpg"), pixels)
        cv2.imwrite(str(tmp_path / "roads/val/masks" / f"a{number}.png"), mask)
    (tmp_path / "roads/dataset.json").write_text('{"definition": "ALL_PAINT", "licence": "my own"}')
    return tmp_path / "roads"


def test_it_measures_what_is_there_and_writes_the_page_anew(
    weights: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.common.combinations.GPU_ENGINES", {})
    monkeypatch.setattr("benchmarks.common.combinations.ENGINES", {"onnx": ()})  # each one that runs is a process of its own
    clip = Clip(frames=6, width=128, height=72).write(tmp_path / "clip.mp4")
    out, cache = tmp_path / "ladder.json", tmp_path / "cache"
    words = [
        "--weights",
        str(weights),
        "--rungs",
        "fcn",
        "unet_plain",
        "unet3d",
        "--cache",
        str(cache),
        "--data",
        str(data),
        "--json",
        str(out),
    ]
    assert main([*words, "--video", str(clip), "--precision", "fp32", "--rounds", "1", "--runs", "2"]) == 0
    result = json.loads(out.read_text())
    assert list(result["parts"]) == ["facts", "cost", "accuracy", "flicker", "frames", "video"]
    assert set(result["missing"]) == {"unet3d"}
    assert result["left_out"]["learning"] == "--training is not given"
    assert {(entry["rung"], entry["engine"]) for entry in result["parts"]["cost"]["entries"]} == {("fcn", "onnx"), ("unet_plain", "onnx")}
    scores = result["parts"]["accuracy"]["by_rung"]["fcn"]
    assert 0 <= scores["scores"]["mean"]["relaxed_f1"] <= 1
    assert 0 < scores["boundary_px"]["mean"] <= 20
    assert result["parts"]["facts"]["by_rung"]["fcn"]["parameters"] > 100
    assert {path.name for path in (cache / "pictures").iterdir()} == {"frames.webp", "fcn.webp", "unet_plain.webp", "grid.webp"}
    with open_source(str(cache / "ladder.mp4")) as grid:
        assert grid.info.width == 3 * 480
        assert sum(1 for _ in grid) == 6
    printed = capsys.readouterr()
    assert "not measured: Patches cost more" in printed.out
    assert "not there: unet3d" in printed.out

    page, docs = tmp_path / "ladder.html", tmp_path / "docs" / "ladder.md"
    again = ["--parts", "--from", str(out), "--cache", str(cache), "--page", str(page), "--docs", str(docs)]
    assert main(again) == 0
    assert "U-Net: the skips" in page.read_text()
    assert (docs.parent / "ladder" / "tradeoff.svg").is_file()
    assert "Not measured, for they were not there: unet3d." in docs.read_text()


def test_a_result_of_another_program_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    results = Path(__file__).resolve().parents[3] / "benchmarks/results/amx-2-cores/tradeoff.json"
    assert main(["--parts", "--from", str(results)]) == 2
    assert "is a result of benchmarks.tradeoff" in capsys.readouterr().err


def test_rungs_of_before_stay_where_both_saw_the_same() -> None:
    before = {"data": {"frames": 3}, "by_rung": {"fcn": 1, "patch": 1}, "measured": "monday"}
    now = {"data": {"frames": 3}, "by_rung": {"patch": 2}, "measured": "tuesday"}
    both = merged(before, now)
    assert both == {"data": {"frames": 3}, "by_rung": {"fcn": 1, "patch": 2}, "measured": "tuesday"}
    assert merged(before | {"data": {"frames": 4}}, now) == now
    assert merged({"entries": [1]}, {"entries": [2]}) == {"entries": [2]}  # times of two runs do not compare
    assert merged(before, None) == before
    assert merged(None, None) is None
