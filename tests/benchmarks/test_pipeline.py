"""The pipeline beside the baseline loop: both process the same frames, interleaved, and the bound follows from the stages."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.common.results import load_result
from benchmarks.pipeline import draw, main
from engines.export import export_onnx
from engines.model_file import ModelMetadata
from lanes.models.unet import UNet
from lanes.segment.transform import FrameTransform
from tests.media import Clip


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A U-Net that knows nothing, as a model file that every engine runs."""
    network = UNet((4, 8), stem_stride=2).eval()
    metadata = ModelMetadata("tiny", FrameTransform(96, 64), 0.5, ["lane"], "fp32", "nothing", [], [], network.config)
    export_onnx(network, metadata, tmp_path / "tiny.onnx")
    return tmp_path / "tiny.onnx"


def test_the_program_writes_a_result_that_can_be_drawn(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = Clip(frames=12).write(tmp_path / "clip.mp4")
    out = tmp_path / "pipeline.json"
    words = [str(clip), "--model", str(tiny), "--engine", "onnx", "--rounds", "2", "--limit", "8", "--json", str(out)]
    assert main(words) == 0
    result = load_result(out)
    assert (result["frames"], result["rounds"]) == (8, 2)
    assert [len(result[f"{name}_fps"]) for name in ("pipeline", "baseline", "bound", "stages")] == [2] * 4
    for number, stages in enumerate(result["stages_fps"]):
        assert list(stages) == ["capture", "segment", "lanes", "draw", "output"]
        assert result["bound_fps"][number] <= min(stages.values())
        assert result["ratio"][number] == pytest.approx(result["pipeline_fps"][number] / result["baseline_fps"][number])
    assert draw(result).axes
    said = capsys.readouterr().out
    assert "baseline loop, frames a second" in said
    assert "the loop runs tiny 96x64" in said


def test_the_loop_may_run_another_model(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip, out = Clip(frames=3).write(tmp_path / "clip.mp4"), tmp_path / "pipeline.json"
    words = [str(clip), "--model", str(tiny), "--engine", "onnx", "--rounds", "1", "--limit", "2", "--json", str(out)]
    assert main([*words, "--baseline-model", "fcn"]) == 0
    assert load_result(out)["baseline_model"].startswith("fcn ")
    assert main([*words, "--baseline-model", str(tmp_path / "absent.onnx")]) == 2
    assert "absent.onnx" in capsys.readouterr().err


def test_a_clip_that_is_not_there_is_one_line(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "absent.mp4"), "--model", str(tiny), "--engine", "onnx", "--rounds", "1"]) == 2
    assert "absent.mp4" in capsys.readouterr().err
