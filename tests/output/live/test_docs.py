"""The commands of docs/recording.md run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.media import contents
from tests.output.live.feeding import record
from tests.output.live.test_killed import ROOT
from tests.output.results import names

RECORD, FINISH = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/recording.md").read_text(), re.DOTALL)


def shell(command: str, folder: Path) -> None:
    command = command.replace("run_video.py", str(ROOT / "run_video.py"))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_segments_are_recorded(tmp_path: Path) -> None:
    shell(RECORD, tmp_path)
    files = names(tmp_path / "drives")
    assert files
    assert all(re.fullmatch(r"road-00000\d-\d{8}T\d{6}Z\.mp4", name) for name in files)


def test_what_was_left_is_finished(tmp_path: Path) -> None:
    record(tmp_path / "drives" / "road.mp4", 30)
    (tmp_path / "drives" / "road.mp4").rename(tmp_path / "drives" / ".road.mp4.1a2b3c4d.part")
    shell(FINISH, tmp_path)
    assert names(tmp_path / "drives") == ["road.mp4"]
    assert contents(tmp_path / "drives" / "road.mp4").numbers == list(range(30))
