"""Labels from teachers: what they agree on, what lies across the road, and the folder that training reads."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from lanes.data.across import across_the_road
from lanes.data.labels import LabelDefinition
from lanes.data.open import list_frames
from lanes.train.pseudo_label import agree, main


def at(value: float, *places: tuple[slice, slice]) -> np.ndarray:
    drawn = np.zeros((90, 160), np.float32)
    for place in places:
        drawn[place] = value
    return drawn


LEFT, RIGHT = (slice(40, 80), slice(40, 44)), (slice(40, 80), slice(110, 114))


def test_only_what_all_teachers_see_is_paint_and_what_one_sees_is_unknown() -> None:
    mask, ignore = agree([at(0.9, LEFT, RIGHT), at(0.9, LEFT)], None)
    assert (mask[LEFT] == 255).all()
    assert not mask[RIGHT].any()
    assert (ignore[RIGHT] == 255).all()
    assert not ignore[LEFT].any()
    assert not ignore[:30].any()


def test_another_model_can_refuse_paint_and_background() -> None:
    foreign = np.zeros((90, 160), np.uint8)
    foreign[RIGHT] = 200
    mask, ignore = agree([at(0.9, LEFT)], foreign)
    assert not mask.any()
    assert (ignore[LEFT] == 255).all()
    assert (ignore[RIGHT] == 255).all()


def test_another_model_can_teach_paint_that_the_models_doubt() -> None:
    foreign = np.zeros((90, 160), np.uint8)
    foreign[LEFT] = 230
    foreign[RIGHT] = 230
    mask, ignore = agree([at(0.3, LEFT)], foreign)
    assert (mask[LEFT] == 255).all()
    assert not mask[RIGHT].any()  # which they do not see at all
    assert (ignore[RIGHT] == 255).all()


def test_a_zebra_that_all_teachers_take_for_paint_teaches_that_it_is_none() -> None:
    bars = [(slice(50, 62), slice(column, column + 6)) for column in (20, 34, 48)]
    mask, ignore = agree([at(0.9, RIGHT, *bars)] * 2, None)
    assert (mask[RIGHT] == 255).all()
    for bar in bars:
        assert not mask[bar].any()
        assert not ignore[bar].any()


def test_an_arrow_that_all_teachers_take_for_paint_teaches_nothing() -> None:
    arrow = (slice(48, 78), slice(60, 64)), (slice(40, 48), slice(52, 72))
    mask, ignore = agree([at(0.9, RIGHT, *arrow)] * 2, None)
    assert (mask[RIGHT] == 255).all()
    for part in arrow:
        assert not mask[part].any()
        assert (ignore[part] == 255).all()


def test_bars_side_by_side_and_lines_across_are_hardly_lanes() -> None:
    mask = np.zeros((90, 160), np.uint8)
    for column in range(20, 60, 8):
        mask[50:58, column : column + 4] = 255
    mask[70:73, 80:140] = 255
    lane = np.zeros_like(mask)
    lane[30:88, 150:153] = 255
    across = across_the_road(mask | lane)
    np.testing.assert_array_equal(across, mask)


def test_the_folder_is_read_as_a_source_for_training_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    road = np.full((360, 640, 3), 90, np.uint8)
    for x in (200, 440):
        cv2.line(road, (320 + (x - 320) // 8, 180), (x, 350), (250, 250, 250), 9)
    cv2.imwrite(str(frames / "a_0001.png"), road)
    cv2.imwrite(str(frames / "b_0001.png"), np.full((360, 640, 3), 90, np.uint8))
    (tmp_path / "index.csv").write_text("file,drive\na_0001.png,monday\nb_0001.png,tuesday\n")
    out = tmp_path / "pseudo"
    request = [str(frames), "--out", str(out), "--licence", "my own", "--models", "unet", "--index", str(tmp_path / "index.csv")]
    assert main(request) == 0
    assert "1 of 2 frames" in capsys.readouterr().err
    (frame,) = list_frames(out)
    assert (frame.source, frame.split, frame.drive) == ("pseudo", "train", "monday")
    assert frame.definition is LabelDefinition.ALL_PAINT
    assert not frame.for_validation
    _, mask, ignore = frame.read()
    assert mask.any()
    assert ignore is not None


@pytest.mark.parametrize("missing", ["frames", "index"])
def test_what_is_not_there_is_said(tmp_path: Path, missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "empty").mkdir()
    frames = tmp_path / ("empty" if missing == "frames" else ".")
    index = ["--index", str(tmp_path / "none.csv")] if missing == "index" else []
    assert main([str(frames), "--out", str(tmp_path / "out"), "--licence", "x", *index]) == 2
    assert ("holds no images" if missing == "frames" else "cannot read") in capsys.readouterr().err
