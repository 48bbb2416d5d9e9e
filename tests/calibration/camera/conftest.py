"""A folder of photographs of one camera, good ones and every kind of bad one, looked at once."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from calibration.camera.board import Board, list_photographs
from calibration.camera.examine import Report, examine
from tests.calibration.camera.boards import HEIGHT, LENS, WIDTH, photograph, take

GOOD = 13


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of good photographs: `board_00.png` to `board_12.png`."""
    folder = tmp_path_factory.mktemp("good")
    take(folder, GOOD)
    return folder


@pytest.fixture(scope="session")
def mixed(good: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with bad ones, each named after its fault."""
    folder = tmp_path_factory.mktemp("mixed")
    for file in good.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    ahead = (0.1, -0.2, 0.0)
    faults = {
        "cut_off": photograph(LENS, ahead, (0.2, 0.0, 0.42)),
        "other_board": photograph(LENS, ahead, (0.0, 0.0, 0.5), corners=(10, 7)),
        "blurred": photograph(LENS, ahead, (0.0, 0.0, 0.6), blur=4.0),
        "no_board": np.full((HEIGHT, WIDTH, 3), 120, np.uint8),
        "bent": photograph(LENS, (0.2, 0.3, 0.1), (0.02, 0.01, 0.4), bend=0.3),
    }
    covered = photograph(LENS, ahead, (0.0, 0.0, 0.5))
    cv2.rectangle(covered, (200, 150), (290, 300), (90, 120, 160), -1)
    faults["covered"] = covered
    upright = cv2.imread(str(good / "board_04.png"))
    assert upright is not None
    faults["turned"] = cv2.rotate(upright, cv2.ROTATE_90_CLOCKWISE)  # type: ignore[assignment]
    twice = cv2.imread(str(good / "board_07.png"))
    assert twice is not None
    faults["twice"] = twice  # type: ignore[assignment]
    for name, image in faults.items():
        cv2.imwrite(str(folder / f"{name}.png"), image)
    # Of the same camera, scaled: within a pixel of the same shape.
    scaled = cv2.imread(str(good / "board_05.png"))
    assert scaled is not None
    (folder / "board_05.png").unlink()
    cv2.imwrite(str(folder / "scaled.png"), cv2.resize(scaled, (WIDTH * 3 // 2, HEIGHT * 3 // 2), interpolation=cv2.INTER_CUBIC))
    whole = (folder / "board_00.png").read_bytes()
    (folder / "truncated.png").write_bytes(whole[:100])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("taken on Monday")
    return folder


@pytest.fixture(scope="session")
def report(mixed: Path) -> Report:
    return examine(list_photographs(str(mixed)), Board(9, 6), Console(quiet=True))
