"""python -m calibration.camera: files are whole or not there, every refusal is one line with what to do, and the page shows why."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.camera.board import Board, list_photographs
from calibration.camera.command import main
from calibration.camera.examine import examine
from lanes.cli.console import plain_console
from lanes.geometry.camera_file import CameraFile
from tests.calibration.camera.boards import LENS, photograph, poses, take

QUIET = plain_console(quiet=True)


def test_it_writes_the_camera_and_the_page(mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, page = tmp_path / "new" / "camera.yaml", tmp_path / "page.html"
    words = ["--images", str(mixed), "--board", "9x6", "--square", "25", "--out", str(out), "--page", str(page)]
    assert main([*words, "--name", "left <b>", "--height", "1.4", "--vehicle-width", "1.8", "--lateral-offset", "-0.1"]) == 0
    camera = CameraFile.read(out)
    assert (camera.camera_name, camera.height_m, camera.vehicle_width_m, camera.camera_lateral_offset_m) == ("left <b>", 1.4, 1.8, -0.1)
    assert abs(camera.fx / LENS.fx - 1) < 0.002
    said = capsys.readouterr()
    assert "13 of 24 photographs, reprojection error 0.0" in said.out
    assert "fx" in said.out
    html = page.read_text()
    assert "left &lt;b&gt;" in html
    for name in ("cut_off.png", "other_board.png", "blurred.png", "no_board.png", "covered.png", "turned.png", "twice.png", "empty.jpg"):
        assert f"<b>{name}</b>: " in html
        assert f"{name}: " in said.err
    assert html.count("<circle") == 13 * 54
    assert "bent.png" in html
    assert "http://" not in html.replace("http://www.w3.org", "")


def test_it_runs_as_a_program(good: Path, tmp_path: Path) -> None:
    out = tmp_path / "camera.yaml"
    words = [sys.executable, "-m", "calibration.camera", "--images", str(good / "board_0*.png"), "--out", str(out)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert CameraFile.read(out).camera_name == "camera"
    assert f"{out}: 10 of 10 photographs" in ended.stdout


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line of a run that ends with status 2."""
    capsys.readouterr()
    assert main(words) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("calibration.camera: ")
    return line


def test_an_output_that_cannot_be_is_refused_before_any_work(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "camera.yaml"
    out.write_text("mine")
    images = ("--images", str(good))
    assert "exists already" in refused(capsys, *images, "--out", str(out))
    assert "is a folder" in refused(capsys, *images, "--out", str(tmp_path))
    assert "is the input itself" in refused(capsys, *images, "--out", str(good / "board_00.png"), "--overwrite")
    assert "two outputs have the same path" in refused(capsys, *images, "--out", str(tmp_path / "a"), "--page", str(tmp_path / "a"))
    assert "height_m is 140, not a length" in refused(capsys, *images, "--out", str(tmp_path / "a"), "--height", "140")
    assert "vehicle_width_m is nan" in refused(capsys, *images, "--out", str(tmp_path / "a"), "--vehicle-width", "nan")
    assert "camera_name is not a name" in refused(capsys, *images, "--out", str(tmp_path / "a"), "--name", "")
    assert out.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["camera.yaml"]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--images", "x"],
        ["--out", "x"],
        ["--images", "x", "--out", "y", "--board", "9"],
        ["--images", "x", "--out", "y", "--square", "0"],
        ["--images", "x", "--print-board", "y"],
        ["--print-board", "y", "--paper", "a3"],
    ],
)
def test_a_request_that_says_too_little_or_too_much(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_no_photographs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "holds no photographs" in refused(capsys, "--images", str(tmp_path), "--out", str(tmp_path / "camera.yaml"))
    assert "there is no such folder" in refused(capsys, "--images", str(tmp_path / "none"), "--out", str(tmp_path / "camera.yaml"))


def test_no_board_in_any(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((240, 320, 3), 100, np.uint8))
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    page, out = tmp_path / "page.html", tmp_path / "camera.yaml"
    line = refused(capsys, "--images", str(tmp_path), "--out", str(out), "--page", str(page))
    assert "none of 4 photographs can be used, and 8 are needed (3 no board, 1 unreadable): take sharp photographs" in line
    assert line.endswith(f"; {page} shows each photograph")
    assert not out.exists()
    assert "No camera was written" in page.read_text()


def test_a_board_that_was_counted_wrongly(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By its squares, as many do."""
    for board in ("10x7", "8x5"):
        line = refused(capsys, "--images", str(good / "board_0[1-3].png"), "--out", str(tmp_path / "camera.yaml"), "--board", board)
        assert "show 9x6 inner corners, so give --board 9x6 if that is the board" in line


def test_too_few_views(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, "--images", str(good / "board_0[0-6].png"), "--out", str(tmp_path / "camera.yaml"))
    assert "only 7 of 7 photographs can be used, and 8 are needed: take" in line


def test_few_views_are_warned_of(good: Path) -> None:
    report = examine(list_photographs(str(good / "board_0*.png")), Board(9, 6), QUIET)
    assert not report.refusal
    assert any("only 10 views" in warning for warning in report.warnings)


def test_boards_in_the_middle_alone(tmp_path: Path) -> None:
    for index in range(9):
        tilt = (0.5 * np.sin(2.4 * index), 0.5 * np.cos(2.4 * index), 0.05 * index)
        cv2.imwrite(str(tmp_path / f"{index}.png"), photograph(LENS, tilt, (0.0, 0.0, 0.9), seed=index))
    report = examine(list_photographs(str(tmp_path)), Board(9, 6), QUIET)
    assert "of the picture: take photographs with the board in all its parts, corners too" in report.refusal


def test_boards_that_are_never_tilted(tmp_path: Path) -> None:
    for index in range(9):
        place = ((index % 3 - 1) * 0.12, (index // 3 - 1) * 0.09, 0.45)
        cv2.imwrite(str(tmp_path / f"{index}.png"), photograph(LENS, (0.0, 0.0, 0.02 * index), place, seed=index))
    report = examine(list_photographs(str(tmp_path)), Board(9, 6), QUIET)
    assert "tilt the board" in report.refusal


def test_photographs_of_two_cameras(tmp_path: Path) -> None:
    """Of one size, and of an error that is small still: that they contradict each other shows when some are left out."""
    take(tmp_path, 9, name="one")
    take(tmp_path, 9, CameraFile("other", 640, 480, 430.0, 430.0, 330.0, 250.0), seed=3, name="two")
    report = examine(list_photographs(str(tmp_path)), Board(9, 6), QUIET)
    assert "and take all with one camera and one zoom" in report.refusal


def test_a_board_that_is_bent_differently_in_each(tmp_path: Path) -> None:
    for index, (rotation, place) in enumerate(poses(9)):
        image = photograph(LENS, rotation, place, bend=0.5 * (-1) ** index, seed=index)
        cv2.imwrite(str(tmp_path / f"{index}.png"), image)
    report = examine(list_photographs(str(tmp_path)), Board(9, 6), QUIET)
    assert "px RMS, above 1: the board is not flat, the photographs are not all of one camera" in report.refusal
