"""One photograph: corners where the lens puts them, and a cause for every one that cannot be used."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.camera.board import Board, View, board, list_photographs, look
from calibration.camera.examine import Report
from lanes.errors import InputError
from tests.calibration.camera.boards import LENS, SQUARE, poses

BOARD = Board(9, 6)


def test_corners_lie_where_the_lens_puts_them(good: Path) -> None:
    camera = LENS.camera(LENS.width, LENS.height, mount_height=0.0)
    points = BOARD.points(SQUARE) - (4 * SQUARE, 2.5 * SQUARE, 0)
    errors = []
    for file, (rotation, place) in zip(list_photographs(str(good)), poses(13), strict=True):
        view = look(file, BOARD)
        assert isinstance(view, View)
        x, y, z = (points @ cv2.Rodrigues(np.array(rotation))[0].T + place).T
        expected = camera.project(np.stack([z, -x, -y], axis=1))
        if np.abs(view.corners - expected).max() > 5:  # a board looks the same upside down
            expected = expected[::-1]
        errors.append(view.corners - expected)
        assert 1.5 < view.edge_px < 3.5
        assert 12 < view.square_px < 40
    assert np.sqrt((np.array(errors) ** 2).sum(axis=2).mean()) < 0.06
    assert np.abs(errors).max() < 0.3


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("cut_off.png", "the picture's border cuts the board off: "),
        ("other_board.png", "shows a board of 10x7 inner corners, not of 9x6"),
        ("blurred.png", "blurred: an edge takes "),
        ("no_board.png", "no board of 9x6 inner corners in it"),
        ("covered.png", "inner corners can be found: the rest is covered"),
        ("turned.png", "is 480x640 and most are 640x480: of another shape"),
        ("twice.png", "the same view as board_07.png"),
        ("truncated.png", "cannot be read as an image"),
        ("empty.jpg", "the file is empty"),
        ("text.jpg", "cannot be read as an image"),
    ],
)
def test_every_bad_photograph_is_named_with_its_cause(name: str, cause: str, report: Report) -> None:
    (found,) = [each for each in report.rejected if each.name == name]
    assert cause in found.cause
    assert str(Path.cwd().anchor) not in found.cause.split()[0]
    assert (found.thumbnail is None) == (found.kind == "unreadable")


def test_no_good_photograph_is_rejected(report: Report) -> None:
    assert not [each.name for each in report.rejected if each.name.startswith(("board", "scaled", "bent"))]
    assert len(report.rejected) == 10
    assert report.files == 24


@pytest.mark.parametrize("text", ["9", "9x", "9x6x3", "2x6", "-9x6", "9x600", "nine", "", "9x6 mm"])
def test_what_is_no_board(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a board: give its inner corners, as in 9x6"):
        board(text)


def test_a_board_by_name() -> None:
    assert board(" 9X6") == BOARD
    assert str(BOARD) == "9x6"
    assert BOARD.points(25.0).shape == (54, 3)
    assert BOARD.points(25.0)[-1].tolist() == [200.0, 125.0, 0.0]


def test_photographs_of_a_folder_or_a_glob(mixed: Path) -> None:
    names = [file.name for file in list_photographs(str(mixed))]
    assert names == sorted(names)
    assert "notes.txt" not in names
    assert [file.name for file in list_photographs(str(mixed / "board_0[12].png"))] == ["board_01.png", "board_02.png"]


def test_where_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    for images, why in (
        (tmp_path, "holds no photographs"),
        (tmp_path / "*.jpg", "holds no photographs"),
        (tmp_path / "none", "there is no such folder"),
        (tmp_path / "notes.txt", "is a file; give a folder"),
        ("\0", "; give a folder of photographs"),
        ("x" * 5000, "; give a folder of photographs"),
    ):
        with pytest.raises(InputError, match=r"^[^\n]+$") as error:
            list_photographs(str(images))
        assert why in str(error.value)
