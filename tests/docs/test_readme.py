"""The commands in the README are true: each is run as it stands, in a copy of the repository where nothing is installed yet."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.media import Clip

ROOT = Path(__file__).resolve().parents[2]


def code_blocks(language: str) -> list[str]:
    """The README's code blocks in a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


INSTALL_AND_RUN, TEST, *EXAMPLES = code_blocks("sh")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone of the repository holds, and a drive and a frame of the user's own beside it."""
    folder = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("needs the repository's git checkout to know which files belong to it")
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    Clip(frames=30, width=320, height=180).write(folder / "drive.mp4")
    (folder / "frames").mkdir()
    cv2.imwrite(str(folder / "frames/0001.jpg"), np.full((180, 320, 3), 90, np.uint8))
    cv2.imwrite(str(folder / "frame.jpg"), np.full((180, 320, 3), 90, np.uint8))
    return folder


def shell(command: str, folder: Path) -> None:
    """Runs a command as a user's shell does, with `python` being the one that runs the tests."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(command, shell=True, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_the_first_command_installs_from_nothing_and_makes_the_demo(copy: Path) -> None:
    shell(INSTALL_AND_RUN, copy)
    assert sorted(path.name for path in (copy / "outputs").iterdir()) == ["demo_lanes.mp4", "demo_lanes.png"]
    listed = subprocess.run([copy / ".venv/bin/pip", "list"], capture_output=True, text=True, check=True)
    brought = listed.stdout.lower()
    assert not re.search(r"^(torch|nvidia|tensorrt|pycuda|lightning)", brought, re.MULTILINE), (
        "the base package brings no torch and no CUDA"
    )


def test_the_second_command_is_what_ci_runs() -> None:
    assert TEST.strip() in (ROOT / ".ci/run").read_text()


@pytest.mark.parametrize("command", [line for block in EXAMPLES for line in block.splitlines() if line])
def test_an_example_of_the_command_line_runs(command: str, copy: Path) -> None:
    shell(command, copy)


@pytest.mark.parametrize("code", code_blocks("python"))
def test_an_example_in_python_runs(code: str, copy: Path) -> None:
    shell(f"{sys.executable} - <<'END'\n{code}\nEND", copy)
