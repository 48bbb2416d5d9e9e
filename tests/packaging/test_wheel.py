"""What a wheel holds, and that it runs where there is no copy of the repository and no window."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import av
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("lanes", "engines", "calibration", "benchmarks")


def tracked() -> list[str]:
    """The files of the repository."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("needs the repository's git checkout to know which files belong to it")
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this copy, built as deploy/Containerfile builds it: from no more than its ignore file lets through."""
    source, dist = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    kept = [line[1:] for line in (ROOT / "deploy/Containerfile.dockerignore").read_text().splitlines() if line.startswith("!")]
    for name in tracked():
        if name.split("/")[0] in kept:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(dist), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    (built,) = dist.glob("*.whl")
    return built


def test_it_holds_every_file_of_the_packages_and_the_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (points,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        scripts = configparser.ConfigParser()
        scripts.read_string(archive.read(points).decode())
    wanted = {name for name in tracked() if name.split("/")[0] in PACKAGES} | {"run_video.py"}
    wanted -= {name for name in wanted if name.startswith("benchmarks/results/")}  # what was measured once, not what measures
    assert names == wanted
    assert {"lanes/py.typed", "lanes/assets/demo.mp4", "lanes/weights/unet.int8.onnx"} <= names
    assert dict(scripts["console_scripts"]) == {"lanestream": "lanes.cli.main:main"}


@pytest.mark.slow
def test_it_runs_without_the_repository_and_without_windows(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv/bin"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # The steps of the container file, without those that only a container has.
    steps = re.findall(r"pip (install|uninstall) (.*?)(?: &&|$)", (ROOT / "deploy/Containerfile").read_text(), re.MULTILINE)
    assert len(steps) == 3
    for verb, words in steps:
        given = words.replace("/wheels/*.whl", str(wheel)).split()
        subprocess.run([programs / "pip", verb, "-q", *given], check=True, capture_output=True, env=environment, timeout=600)
    listed = subprocess.run([programs / "pip", "list"], capture_output=True, text=True, check=True, env=environment).stdout
    assert "opencv-python-headless" in listed
    assert not re.search(r"^opencv-python ", listed, re.MULTILINE)
    subprocess.run([programs / "lanestream", "--limit", "10"], cwd=tmp_path, check=True, capture_output=True, env=environment, timeout=120)
    with av.open(str(tmp_path / "outputs/demo_lanes.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 10
    command = [programs / "python", "-c", "import lanes; print(lanes.__version__, lanes.__file__)"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, env=environment).stdout
    assert str(tmp_path / "venv") in printed
    assert "unknown" not in printed
