"""CamVid's and comma10k's colour maps: which colours are lane, and which are ignored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lanes.data.open import list_frames
from lanes.errors import InputError
from tests.data.formats import HEIGHT, WIDTH, coloured, save, write_camvid, write_comma10k


def test_camvid_takes_driving_markings_and_leaves_other_markings_and_void_open(tmp_path: Path) -> None:
    for split in ("train", "val"):
        save(tmp_path / f"{split}/0016E5_00390.png")
        save(tmp_path / f"{split}_labels/0016E5_00390_L.png", coloured(lane=0x8000C0, other=0xC00040, void=0, road=0x804080, car=0x400080))
    frames = list_frames(tmp_path)
    assert [frame.split for frame in frames] == ["train", "val"]
    _, mask, ignore = frames[0].read()
    assert ignore is not None
    assert [bool(mask[5, 16 * band + 8]) for band in range(5)] == [True, False, False, False, False]
    assert [bool(ignore[5, 16 * band + 8]) for band in range(5)] == [False, True, True, False, False]


def test_comma10k_takes_lane_markings_and_leaves_unknown_colours_open(tmp_path: Path) -> None:
    write_comma10k(tmp_path)
    mask_file = next((tmp_path / "masks").iterdir())
    colours = {"road": 0x402020, "lane": 0xFF0000, "undrivable": 0x808060, "movable": 0x00FF66, "car": 0xCC00FF, "empty": 0xFFFFFF}
    save(mask_file, coloured(**colours, near=0xFE0000))
    _, mask, ignore = list_frames(tmp_path, "train")[0].read()
    assert ignore is not None
    assert [bool(mask[5, 16 * band + 8]) for band in range(7)] == [False, True, False, False, False, False, False]
    assert [bool(ignore[5, 16 * band + 8]) for band in range(7)] == [False] * 5 + [True, True]


@pytest.mark.parametrize("write", [write_camvid, write_comma10k])
def test_a_grey_mask_where_colours_are_meant_is_refused(write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path)
    frame = list_frames(tmp_path)[0]
    for path in tmp_path.rglob(f"*{frame.stem}*.png"):
        if path != frame.image_path:
            save(path, np.full((HEIGHT, WIDTH), 3, np.uint8))
    with pytest.raises(InputError, match="has none of the colours of its format"):
        frame.read()
