"""Where OpenCV cannot be loaded, as in a slim container, every program says in one line what to install."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REASON = "libGL.so.1: cannot open shared object file: No such file or directory"

PROGRAMS = [
    *("lanes.train", "lanes.train.pseudo_label", "lanes.train.from_model_file", "lanes.train.average", "lanes.train.ensemble"),
    *("lanes.train.decompose", "lanes.train.distil"),
    "lanes.train.ladder",
    *("lanes.archive", "lanes.archive.page", "lanes.output.finish"),
    *("lanes.evaluate", "lanes.evaluate.markings", "lanes.cross_validate", "lanes.flicker", "lanes.data"),
    *("engines.export", "engines.build", "engines.doctor", "calibration.int8", "calibration.camera"),
    *(
        f"benchmarks.{name}"
        for name in (
            "pipeline",
            "latency",
            "compare",
            "tradeoff",
            "roofline",
            "shapes",
            "report",
            "against_benchmark_app",
            "ladder",
            "lanes",
            "soak",
            "faults",
            "archive",
            "page",
        )
    ),
]


def run(folder: Path, content: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A command where `import cv2` runs `content`."""
    (folder / "cv2").mkdir()
    (folder / "cv2/__init__.py").write_text(content)
    path = os.pathsep.join([str(folder), str(ROOT)])
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=120, cwd=folder, env=os.environ | {"PYTHONPATH": path}
    )


def no_library(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run(folder, f"raise ImportError({REASON!r})", *words)


@pytest.mark.parametrize("words", [[str(ROOT / "run_video.py")], ["-c", "import sys; from lanes.cli.main import main; sys.exit(main())"]])
def test_the_program_names_the_packages(words: list[str], tmp_path: Path) -> None:
    ended = no_library(tmp_path, *words)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert REASON in line
    for remedy in ("libgl1", "libglib2.0-0", "libxcb1", "opencv-python-headless"):
        assert remedy in line


@pytest.mark.parametrize("program", PROGRAMS)
def test_so_does_every_other_one(program: str, tmp_path: Path) -> None:
    ended = no_library(tmp_path, "-m", program)
    if "Traceback" not in ended.stderr and "OpenCV" not in ended.stderr:
        pytest.skip("reads its command line before it needs OpenCV")
    assert ended.returncode == 2, ended.stderr
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"{program}: OpenCV cannot be loaded ({REASON})")


def test_an_opencv_that_is_not_installed_is_named_too(tmp_path: Path) -> None:
    ended = run(tmp_path, "raise ModuleNotFoundError(\"No module named 'cv2'\", name='cv2')", str(ROOT / "run_video.py"))
    assert (ended.returncode, ended.stderr) == (2, "run_video.py: OpenCV is not installed: pip install opencv-python-headless\n")


def test_a_program_of_someone_else_keeps_its_traceback(tmp_path: Path) -> None:
    ended = no_library(tmp_path, "-c", "import lanes; lanes.find_lanes")
    assert ended.returncode == 1
    assert ended.stderr.startswith("Traceback")
