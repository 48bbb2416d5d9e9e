"""docs/tutorial.md is true: its blocks are run in order, in one folder, with less data and a shorter training."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engines.model_file import ModelFile

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/tutorial.md").read_text()
BLOCKS = re.findall(r"```(python|sh)\n(.*?)```", PAGE, re.DOTALL)

SHORTER = {'FRAMES = {"train": 300, "val": 60}': 'FRAMES = {"train": 16, "val": 4}', "MINUTES = 5": "MINUTES = 0.1"}
"""What the page says, and what is run in its place."""


def shortened(code: str) -> str:
    for long, short in SHORTER.items():
        code = code.replace(long, short)
    return code


def test_what_is_shortened_is_on_the_page() -> None:
    assert all(PAGE.count(long) == 1 for long in SHORTER)


def test_every_step_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for library in ("torch", "matplotlib", "scipy"):
        pytest.importorskip(library, reason=f"{library} is not installed: pip install 'lanestream[train]'")
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "run_video.py", tmp_path)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
    names: dict[str, Any] = {"__name__": "tutorial"}
    for language, code in BLOCKS:
        if language == "python":
            exec(compile(shortened(code), "docs/tutorial.md", "exec"), names)
        else:
            done = subprocess.run(code, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, f"{code}\n{done.stderr}"
    said = capsys.readouterr().out
    assert "16 frames to train on, 4 to validate" in said
    assert re.search(r"[1-9]\d* steps; loss \d\.\d+ at first, \d\.\d+ at last", said)
    assert re.search(r"IoU 0\.\d+, relaxed F1 0\.\d+ on 4 frames", said)
    assert ModelFile.load(tmp_path / "my_unet.onnx").metadata.name == "my_unet"
    assert {"report", "scores.html", "my_lanes.mp4"} <= {path.name for path in tmp_path.iterdir()}
