"""The lanedata layout: its lines and its notes."""

from __future__ import annotations

from pathlib import Path

from lanes.data.open import list_frames
from tests.data.formats import WIDTH, save, stripe, write_statements


def test_lines_of_lanedata_are_in_pixels_of_the_picture_as_it_lies_there(tmp_path: Path) -> None:
    write_statements(tmp_path, curvelanes_mini={"definition": "D", "polygon_width": 1280})
    save(tmp_path / "curvelanes_mini/images/a.jpg")
    save(tmp_path / "curvelanes_mini/masks/a.png", stripe())
    (tmp_path / "index.csv").write_text(f"source,split,sequence,stem,width,note\ncurvelanes_mini,train,d,a,{WIDTH},night\n")
    (frame,) = list_frames(tmp_path)
    assert frame.polylines() is None
    assert frame.condition == "night"
    (tmp_path / "curvelanes_mini/polylines.json").write_text('{"a": {"lines": [[[640, 360], [320, 720]]]}}')
    assert [line.tolist() for line in frame.polylines() or []] == [[[64, 36], [32, 72]]]
