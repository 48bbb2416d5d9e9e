"""The files in deploy/ fit the program, and systemd accepts its unit."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lanes.cli.flags import make_parser
from lanes.errors import INTERRUPTED
from lanes.settings.layers import read_environment

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
UNIT = (ROOT / "deploy/lanestream.service").read_text()


def values(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT, re.MULTILINE)


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    place = tmp_path / "lanestream.service"
    place.write_text(UNIT.replace("/opt/lanestream/bin/lanestream", shutil.which("true") or "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(place)], capture_output=True, text=True, timeout=60)
    said = [line for line in done.stderr.splitlines() if place.name in line]  # not of the units of the machine
    assert (done.returncode, said) == (0, [])


def test_the_program_knows_what_the_unit_gives_it() -> None:
    (command,) = values("ExecStart")
    program, *words = shlex.split(command)
    assert Path(program).name == "lanestream"
    make_parser().parse_args(words)
    variables = dict(variable.split("=") for value in values("Environment") for variable in value.split())
    assert read_environment(variables) == {"no_progress": True}


def test_it_is_started_again_after_a_failure_and_not_after_a_wrong_request_or_its_end() -> None:
    assert values("Restart") == ["on-failure"]
    assert values("RestartPreventExitStatus") == ["2"]
    assert values("SuccessExitStatus") == [str(INTERRUPTED)]
    assert values("Type") == ["notify"]


def test_the_image_for_a_gpu_holds_what_the_extra_does() -> None:
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["tensorrt"]
    (words,) = re.findall(r"^RUN pip install (.*) && \\$", (ROOT / "deploy/Containerfile.nvidia").read_text(), re.MULTILINE)
    assert [word for word in shlex.split(words) if not word.startswith("--")] == extra
