"""A newcomer finds the way: few files on the path of a frame, short ones everywhere, and a page that names files that exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text()
PATH_OF_A_FRAME = re.findall(r"^\| \d+ \| `([\w/]+\.py)` \|", PAGE, re.MULTILINE)

LONGEST_ON_THE_PATH = 250
LONGEST = 400
NAMES_BESIDE_THE_PACKAGES = 10


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_the_path_of_a_frame_is_eight_files_at_most() -> None:
    assert 5 <= len(PATH_OF_A_FRAME) <= 8


@pytest.mark.parametrize("name", PATH_OF_A_FRAME)
def test_each_of_them_is_short(name: str) -> None:
    assert lines(ROOT / name) < LONGEST_ON_THE_PATH


def test_no_file_is_long() -> None:
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("needs the repository's git checkout to know which files belong to it")
    files = [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    assert [f"{path.relative_to(ROOT)}: {lines(path)}" for path in files if lines(path) > LONGEST] == []


def test_few_names_stand_beside_the_packages() -> None:
    folders = {path.name for path in (ROOT / "lanes").iterdir() if path.is_dir()}
    names = {path.name for path in (ROOT / "lanes").iterdir()} - folders - {"__pycache__"}
    assert len(names) <= NAMES_BESIDE_THE_PACKAGES, sorted(names)


def test_what_the_page_names_is_there() -> None:
    named = re.findall(r"`((?:lanes|engines|calibration|benchmarks|tests)/[\w/.]*)`", PAGE)
    assert len(named) > 15
    assert [name for name in named if not (ROOT / name).exists()] == []
