"""What blinks in a video is counted, and what merely moves is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lanes.evaluate.flicker import measure_flicker
from lanes.flicker import main
from lanes.renderer import RoadRenderer, Scene
from tests.media import Clip

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]
WIDTH, HEIGHT, FRAMES = 480, 288, 9


@pytest.fixture(scope="module")
def drive() -> list[Pair]:
    """A rendered drive past no other car, at 25 frames a second, with the ground truth of every frame."""
    renderer = RoadRenderer(replace(Scene.demo(), vehicles=()), WIDTH, HEIGHT)
    renderings = [renderer.render(1 + index / 25) for index in range(FRAMES)]
    return [(cv2.cvtColor(one.pixels, cv2.COLOR_BGR2GRAY).astype(np.uint8), one.paint) for one in renderings]


def test_the_ground_truth_of_a_drive_does_not_flicker(drive: list[Pair]) -> None:
    found = measure_flicker(drive)
    assert found.frames == FRAMES - 2
    assert found.consistency > 0.9
    assert found.false_negative_rate < 0.02
    assert found.false_positive_rate < 0.02
    # Where only a dash far ahead is in sight, a boundary at the car may move by a little more than counts as steady.
    assert found.stable_boundaries in (2 * (FRAMES - 2) - 1, 2 * (FRAMES - 2))
    assert found.jumped == 0


def test_paint_missing_in_one_frame_is_a_false_negative(drive: list[Pair]) -> None:
    grey, mask = drive[4]
    found = measure_flicker([*drive[:4], (grey, np.zeros_like(mask)), *drive[5:]])
    steady = measure_flicker(drive)
    # Of seven frames one had lost all that was in both its neighbours, and one neighbour each of two others was empty.
    assert found.false_negative_rate == pytest.approx(1 / 5, abs=0.05)
    assert found.consistency < steady.consistency - 0.1
    # Both boundaries are missing in that frame; in those beside it a neighbour has none, so that they count nowhere.
    assert found.jumped == 2
    assert found.stable_boundaries == steady.stable_boundaries - 4


def test_paint_of_one_frame_alone_is_a_false_positive(drive: list[Pair]) -> None:
    grey, mask = drive[4]
    painted = mask.copy()
    painted[:40, :100] = 255  # as much again in the sky, where there is none
    found = measure_flicker([*drive[:4], (grey, painted), *drive[5:]])
    assert found.false_positives == pytest.approx(40 * 100, rel=0.05)
    assert found.false_negative_rate == measure_flicker(drive).false_negative_rate


def test_a_still_picture_is_perfectly_steady(drive: list[Pair]) -> None:
    found = measure_flicker([drive[0]] * 4)
    assert (found.consistency, found.false_negative_rate, found.false_positive_rate) == (1.0, 0.0, 0.0)


def test_no_paint_at_all_is_no_flicker(drive: list[Pair]) -> None:
    found = measure_flicker([(grey, np.zeros_like(mask)) for grey, mask in drive[:4]])
    assert (found.frames, found.consistency, found.false_negative_rate, found.false_positive_rate) == (2, 0.0, 0.0, 0.0)


@pytest.fixture
def pictures(tmp_path: Path, drive: list[Pair]) -> Path:
    for index, (grey, _) in enumerate(drive[:4]):
        cv2.imwrite(str(tmp_path / f"{index}.png"), cv2.merge([grey] * 3))
    return tmp_path


def test_the_program_prints_a_row_a_video(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(pictures)]) == 0
    row = capsys.readouterr().out.splitlines()[1].split()
    assert row[:2] == [pictures.name, "2"]
    assert float(row[2]) > 0.9


def test_a_broken_video_among_others_is_skipped_and_shown_by_the_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Clip(frames=4).write(tmp_path / "a.mp4")
    (tmp_path / "b.mp4").write_text("no video")
    assert main([str(tmp_path)]) == 1
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["video", "a.mp4"]


def test_a_video_too_short_to_compare_loses_nothing_of_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    for name, frames in (("a", 4), ("b", 2), ("c", 4)):
        Clip(frames=frames).write(tmp_path / f"{name}.mp4")
    assert main([str(tmp_path)]) == 1
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["video", "a.mp4", "c.mp4"]
    assert "b.mp4: fewer than three frames" in caplog.text


@pytest.mark.parametrize("size", [(8, 64), (640, 8), (16, 16)])
def test_frames_flatter_than_flow_can_look_at_are_stretched(size: tuple[int, int], tmp_path: Path) -> None:
    width, height = size
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((height, width, 3), 90, np.uint8))
    assert main([str(tmp_path)]) == 0


def test_what_cannot_be_compared_is_refused(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(pictures / "9.png"), np.zeros((30, 40, 3), np.uint8))
    assert main([str(pictures)]) == 2
    assert "several sizes" in capsys.readouterr().err
    for index in (2, 3, 9):
        (pictures / f"{index}.png").unlink()
    assert main([str(pictures)]) == 2
    assert "fewer than three frames" in capsys.readouterr().err
    assert main(["synthetic:"]) == 2
    assert "lanes.flicker: " in capsys.readouterr().err
