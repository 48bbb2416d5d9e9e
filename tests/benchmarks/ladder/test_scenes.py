"""The six frames: what each is for is in it, and frames of one's own take their place."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.ladder.scenes import SCENES, Shot, read_shots, render_shots
from lanes.errors import InputError


@pytest.fixture(scope="module")
def shots() -> dict[str, Shot]:
    return {shot.name: shot for shot in render_shots(320, 180)}


def test_there_is_paint_in_all_but_one(shots: dict[str, Shot]) -> None:
    assert list(shots) == list(SCENES) == ["day", "night", "rain", "bend", "shadow", "none"]
    for name, shot in shots.items():
        assert shot.ground_truth is not None
        assert bool(shot.ground_truth.any()) == (name != "none")
        assert shot.pixels.shape == (180, 320, 3)


def test_each_is_what_it_is_called(shots: dict[str, Shot]) -> None:
    brightness = {name: float(shot.pixels.mean()) for name, shot in shots.items()}
    assert brightness["night"] < 0.5 * brightness["day"]
    contrast = {name: float(cv2.cvtColor(shot.pixels, cv2.COLOR_BGR2GRAY)[100:].std()) for name, shot in shots.items()}
    assert contrast["rain"] < contrast["day"]


def test_a_frame_comes_after_the_frames_before_it(shots: dict[str, Shot]) -> None:
    before = shots["day"].before
    steps = [float(np.abs(a.astype(int) - b).mean()) for a, b in zip(before, [*before[1:], shots["day"].pixels], strict=True)]
    assert min(steps) > 0  # the car moves
    assert max(steps) < 3 * min(steps)  # evenly


def test_they_are_the_same_every_time(shots: dict[str, Shot]) -> None:
    again = render_shots(320, 180)
    assert all(np.array_equal(shot.pixels, shots[shot.name].pixels) for shot in again)


def test_frames_of_ones_own_come_with_their_labels_or_without(tmp_path: Path) -> None:
    for name in ("b", "a"):
        cv2.imwrite(str(tmp_path / f"{name}.jpg"), np.full((18, 32, 3), 90, np.uint8))
    (tmp_path / "masks").mkdir()
    cv2.imwrite(str(tmp_path / "masks" / "a.png"), np.eye(18, 32, dtype=np.uint8))
    first, second = read_shots(tmp_path)
    assert (first.name, second.name) == ("a", "b")
    assert first.ground_truth is not None
    assert np.array_equal(first.ground_truth > 0, np.eye(18, 32, dtype=bool))
    assert second.ground_truth is None


def test_a_folder_without_frames_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no images"):
        read_shots(tmp_path)
