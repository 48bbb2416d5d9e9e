"""The printed board: true to scale on both papers, found by the detector, with its dimensions in words."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.camera.board import Board, find_corners
from calibration.camera.command import main
from calibration.camera.printing import board_pdf
from lanes.errors import InputError

pypdfium2 = pytest.importorskip("pypdfium2", reason="pypdfium2 is not installed: pip install 'lanestream[test]'")

DOTS = 150
"""To an inch."""


@pytest.mark.parametrize(
    ("board", "square", "paper", "size_mm"),
    [
        (Board(9, 6), 25.0, "a4", (297.0, 210.0)),
        (Board(9, 6), 25.0, "letter", (279.4, 215.9)),
        (Board(6, 9), 24.5, "a4", (210.0, 297.0)),
        (Board(5, 4), 17.3, "letter", (279.4, 215.9)),
    ],
)
def test_it_is_true_to_scale(board: Board, square: float, paper: str, size_mm: tuple[float, float]) -> None:
    document = pypdfium2.PdfDocument(board_pdf(board, square, paper))
    assert len(document) == 1
    page = document[0]
    assert np.array(page.get_size()) / 72 * 25.4 == pytest.approx(size_mm, abs=0.01)
    grey = page.render(scale=DOTS / 72, grayscale=True).to_numpy()
    corners = find_corners(np.ascontiguousarray(grey), board)
    assert corners is not None
    millimetres = corners.reshape(board.rows, board.columns, 2) / DOTS * 25.4
    for axis in (0, 1):
        sides = np.linalg.norm(np.diff(millimetres, axis=axis), axis=-1)
        assert np.abs(sides - square).max() < 0.05
    assert np.abs(millimetres.reshape(-1, 2).mean(axis=0)[0] - size_mm[0] / 2) < 0.2


def test_its_dimensions_stand_on_it_and_the_printer_is_asked_not_to_fit_it() -> None:
    content = board_pdf(Board(9, 6), 25.0, "a4")
    page = pypdfium2.PdfDocument(content)[0].get_textpage().get_text_range()
    assert "9x6 inner corners, squares of 25 mm, 250 x 175 mm in all. Print at 100 %" in page
    assert "The line below is 100 mm long" in page
    assert b"/PrintScaling /None" in content


@pytest.mark.parametrize("paper", ["a4", "letter"])
@pytest.mark.parametrize("board", [Board(9, 6), Board(6, 9)])
def test_the_text_is_whole_and_apart_from_the_board(board: Board, paper: str) -> None:
    page = pypdfium2.PdfDocument(board_pdf(board, 20.0, paper))[0]
    grey = page.render(scale=DOTS / 72, grayscale=True).to_numpy()
    dark = grey < 128
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    margin = round(4 / 25.4 * DOTS)  # where printers do not reach
    assert margin < rows[0]
    assert rows[-1] < len(grey) - margin
    assert margin < columns[0]
    assert columns[-1] < grey.shape[1] - margin
    assert np.diff(rows).max() > 3 / 25.4 * DOTS


def test_the_ruler_is_as_long_as_it_says() -> None:
    page = pypdfium2.PdfDocument(board_pdf(Board(9, 6), 25.0, "a4"))[0]
    grey = page.render(scale=DOTS / 72, grayscale=True).to_numpy()
    below = grey[-round(7 / 25.4 * DOTS) :] < 160
    longest = max(np.ptp(np.flatnonzero(row)) for row in below if row.any())
    assert longest / DOTS * 25.4 == pytest.approx(100, abs=0.4)


def test_a_board_that_does_not_fit_is_refused_with_the_largest_that_does() -> None:
    with pytest.raises(
        InputError, match=r"300 x 210 mm, too large for the paper a4 \(297 x 210 mm\): give --square 25\.7 or less"
    ) as error:
        board_pdf(Board(9, 6), 30.0, "a4")
    assert "\n" not in str(error.value)
    board_pdf(Board(9, 6), 25.7, "a4")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "board.pdf"
    assert main(["--print-board", str(out), "--board", "7x5", "--square", "20", "--paper", "letter"]) == 0
    image = pypdfium2.PdfDocument(out.read_bytes())[0].render(scale=2, grayscale=True).to_numpy()
    assert cv2.findChessboardCornersSB(np.ascontiguousarray(image), (7, 5))[0]
    capsys.readouterr()
    assert main(["--print-board", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["--print-board", str(out), "--overwrite"]) == 0
    assert main(["--print-board", str(tmp_path / "large.pdf"), "--square", "100"]) == 2
    assert not (tmp_path / "large.pdf").exists()
