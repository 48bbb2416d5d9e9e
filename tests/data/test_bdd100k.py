"""BDD100K's masks: what their bits mean, and their strokes filled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lanes.data.bdd100k import fill_strokes
from lanes.data.open import list_frames
from lanes.errors import InputError
from tests.data.formats import BLACK, HEIGHT, WIDTH, save, write_bdd100k


def test_the_bits_of_bdd100k_mean_what_its_makers_say(tmp_path: Path) -> None:
    """Each of the 64 values as one pixel, far enough apart that none is taken for the edge of another's stroke."""
    names = ["crosswalk", "double other", "double white", "double yellow", "road curb", "single other", "single white", "single yellow"]
    byte = np.full_like(BLACK, 255)
    byte[:32:4, ::16] = np.arange(64).reshape(8, 8)
    save(tmp_path / "images/100k/train/a.jpg")
    save(tmp_path / "labels/lane/masks/train/a.png", byte)
    frame = list_frames(tmp_path)[0]
    _, mask, labelled = frame.read_as_labelled()
    ignore = frame.read()[2]
    assert labelled is None
    assert ignore is not None
    for value in range(64):
        place = value // 8 * 4, value % 8 * 16
        across, marked, category = bool(value >> 5 & 1), not value >> 3 & 1, names[value & 7]
        assert bool(mask[place]) == (marked and not across and category not in ("crosswalk", "road curb"))
        assert bool(ignore[place]) == (marked and category != "road curb" and (across or category == "crosswalk"))
    assert not mask[byte == 255].any()


def test_the_two_edges_of_a_stroke_become_one_stroke() -> None:
    mask = np.zeros((100, 400), np.uint8)
    mask[10:, [100, 116, 300]] = 255
    filled = fill_strokes(mask)
    assert filled[95, 100:117].all()
    assert not filled[95, 117:300].any()
    assert not filled[95, :100].any()
    assert not filled[30, 101:116].any()  # so far away a stroke is not as wide as that
    assert (filled[mask > 0] == 255).all()


def test_bdd100k_colour_maps_are_refused(tmp_path: Path) -> None:
    write_bdd100k(tmp_path)
    frame = list_frames(tmp_path)[0]
    save(tmp_path / f"labels/lane/masks/{frame.stem}.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    with pytest.raises(InputError, match=r"take the folder lane/masks, not lane/colormaps"):
        frame.read()
