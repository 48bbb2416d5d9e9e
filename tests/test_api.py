"""What `lanes` exports to programs of others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lanes
from lanes.renderer import RoadRenderer, Scene
from tests.media import Clip


def test_lanes_of_one_picture_are_those_of_its_mask() -> None:
    pixels = RoadRenderer(Scene.random(np.random.default_rng(3)), 640, 360).render(1.0).pixels
    with lanes.load_segmenter(engine="onnx", precision="fp32") as segmenter:
        found = lanes.detect_lanes(pixels, segmenter)
        mask = np.where(segmenter(pixels) > segmenter.threshold, np.uint8(255), np.uint8(0))
        with pytest.raises(ValueError, match="expected an image"):
            lanes.detect_lanes(None, segmenter)  # type: ignore[arg-type]
    assert [lane.position for lane in found] == [lane.position for lane in lanes.find_lanes(mask)]
    assert {-1, 1} <= {lane.position for lane in found}


def test_a_video_gives_a_result_a_frame_with_the_settings_of_the_program(tmp_path: Path) -> None:
    source = Clip(frames=25).write(tmp_path / "drive.mp4")
    results = list(lanes.process(source, start=0.2, end="0:00.6", every=2, records=tmp_path / "r.jsonl", engine="onnx"))
    assert [result.frame.index for result in results] == [5, 7, 9, 11, 13]
    assert all(result.mask.shape == (64, 96) for result in results)
    assert (tmp_path / "r.jsonl").read_text().count("\n") == 5


def test_settings_can_come_from_a_file(tmp_path: Path) -> None:
    source = Clip(frames=25).write(tmp_path / "drive.mp4")
    (tmp_path / "s.toml").write_text(f"source = '{source}'\nevery = 5\nlimit = 1\nengine = 'onnx'")
    assert [result.frame.index for result in lanes.process(config=tmp_path / "s.toml", limit=3)] == [0, 5, 10]


def test_a_setting_of_no_name_or_range_is_refused() -> None:
    with pytest.raises(lanes.InputError, match="every: '0' is not a whole number from 1"):
        next(lanes.process("drive.mp4", every=0))
    with pytest.raises(TypeError, match="treshold"):
        next(lanes.process("drive.mp4", treshold=0.4))


def test_importing_it_imports_nothing_heavy() -> None:
    heavy = ["numpy", "cv2", "av", "onnx", "onnxruntime", "openvino", "rich", "torch"]
    code = f"import sys, run_video, lanes; print(*(name for name in {heavy} if name in sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "\n", "")
