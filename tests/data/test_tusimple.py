"""TuSimple's label files: rows without a line, broken labels, and the split by day."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lanes.data.open import list_frames
from lanes.errors import InputError
from tests.data.formats import tusimple_line, write_tusimple


def test_tusimple_without_the_usual_files_is_split_by_day(tmp_path: Path) -> None:
    lines = [tusimple_line(f"clips/day{day}/{clip}/20.jpg") for day in range(5) for clip in range(4)]
    (tmp_path / "label_data_mine.json").write_text("".join(lines))
    frames = list_frames(tmp_path)
    assert len({frame.drive for frame in frames if frame.split == "val"}) == 1
    assert len({frame.drive for frame in frames if frame.split == "train"}) == 4


def test_tusimple_leaves_out_the_rows_without_a_line(tmp_path: Path) -> None:
    write_tusimple(tmp_path)
    (tmp_path / "label_data_0313.json").write_text(tusimple_line(lanes=[[-2, -2, 30, 30, 30, -2], [-2] * 6]) + "\n")
    frame = list_frames(tmp_path, "train")[0]
    assert [line.tolist() for line in frame.polylines() or []] == [[[30, 40], [30, 50], [30, 60]]]
    mask = frame.read()[1]
    assert np.flatnonzero(mask.any(axis=1)).min() >= 39
    assert np.flatnonzero(mask.any(axis=1)).max() <= 61


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (tusimple_line(lanes=[[1, 2]]), "lane 0 has 2 values for 6 h_samples"),
        (tusimple_line(lanes=[[float("nan")] * 6]), "a point is not finite"),
        (tusimple_line(lanes=[[float("inf")] * 6]), "a point is not finite"),
        (tusimple_line(lanes=[["a"] * 6]), "not lists of numbers"),
        (tusimple_line(lanes=3), "not lists of numbers"),
    ],
)
def test_a_broken_tusimple_label_is_named(line: str, message: str, tmp_path: Path) -> None:
    write_tusimple(tmp_path)
    (tmp_path / "label_data_0313.json").write_text(tusimple_line() + line)
    with pytest.raises(InputError, match=rf"label_data_0313\.json:2: .*{message}"):
        list_frames(tmp_path, "train")[1].read()


@pytest.mark.parametrize("line", ["{", "[]", '{"raw_file": "a.jpg"}', "3", "\x00\xff"])
def test_a_line_that_is_no_tusimple_label_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "label_data_0313.json").write_text(tusimple_line() + line + "\n")
    with pytest.raises(InputError, match=r"label_data_0313\.json:2 is no JSON object with raw_file"):
        list_frames(tmp_path)
