"""CULane's line files and label images, and its lists of splits."""

from __future__ import annotations

from pathlib import Path

import pytest

from lanes.data.open import list_frames
from lanes.errors import InputError
from tests.data.formats import save, stripe, write_culane


@pytest.mark.parametrize(
    ("text", "message"),
    [("63 70 63", "3 numbers are no pairs"), ("63 nan 3 4", "a point is not finite"), ("63 x", "is no row of numbers")],
)
def test_a_broken_culane_label_is_named(text: str, message: str, tmp_path: Path) -> None:
    write_culane(tmp_path)
    frame = list_frames(tmp_path, "train")[0]
    frame.image_path.with_suffix(".lines.txt").write_text(f"63 70 63 40\n{text}\n")
    with pytest.raises(InputError, match=rf"00000\.lines\.txt:2: .*{message}"):
        frame.read()


def test_culane_is_read_from_the_label_images_where_there_are_no_lines(tmp_path: Path) -> None:
    write_culane(tmp_path)
    frame = list_frames(tmp_path, "val")[0]
    frame.image_path.with_suffix(".lines.txt").unlink()
    with pytest.raises(InputError, match=r"val_gt\.png is missing"):
        frame.read()
    save(tmp_path / "laneseg_label_w16/val_gt.png", stripe(3))
    assert (frame.read()[1] > 0).sum() == (stripe() > 0).sum()
    assert frame.polylines() is None


def test_culane_refuses_a_picture_in_two_splits(tmp_path: Path) -> None:
    write_culane(tmp_path)
    (tmp_path / "list/val_gt.txt").write_text((tmp_path / "list/train_gt.txt").read_text())
    with pytest.raises(InputError, match=r"val_gt\.txt:1: .* is in the lists of train and of val"):
        list_frames(tmp_path)
