"""Folders of images and masks, with the statement of what the masks mark."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lanes.data.open import list_frames
from lanes.errors import InputError
from tests.data.formats import BLACK, STATEMENT, save, stripe, write_folder


def test_a_folder_must_say_what_its_masks_mark(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "dataset.json").unlink()
    with pytest.raises(InputError, match=r"what do the masks in .* mark\? Say so in .*dataset\.json.*ALL_PAINT.*EGO_CONTINUOUS"):
        list_frames(tmp_path)
    for text, message in (
        ("{", "cannot be read as JSON"),
        ("[]", "give an object with a definition and a licence"),
        ('{"definition": "ALL_PAINT"}', "give an object with a definition and a licence"),
        ('{"definition": "LANES", "licence": "mine"}', "the definition 'LANES' is not known"),
        ('{"definition": ["ALL_PAINT"], "licence": "mine"}', "is not known"),
    ):
        (tmp_path / "dataset.json").write_text(text)
        with pytest.raises(InputError, match=message):
            list_frames(tmp_path)


def test_a_picture_without_a_mask_and_a_mask_without_a_picture_are_named(tmp_path: Path) -> None:
    write_folder(tmp_path)
    save(tmp_path / "images/b/2.jpg")
    with pytest.raises(InputError, match=r"masks has no mask \(png or bmp\) for b/2"):
        list_frames(tmp_path)
    for name in ("b/2", "c/7"):
        save(tmp_path / f"masks/{name}.png", stripe())
    with pytest.raises(InputError, match="images has no image for c/7"):
        list_frames(tmp_path)


DEEP = np.where(stripe() > 0, 256, 0).astype(np.uint16)


@pytest.mark.parametrize("values", [stripe(1), stripe(1).astype(np.uint16), DEEP, np.dstack([BLACK, BLACK, stripe(1)])])
def test_whatever_is_not_0_in_a_mask_is_lane(values: NDArray[np.generic], tmp_path: Path) -> None:
    write_folder(tmp_path, ("a/1",))
    cv2.imwrite(str(tmp_path / "masks/a/1.png"), values)
    assert (list_frames(tmp_path)[0].read()[1] == stripe()).all()


def test_transparency_is_no_lane(tmp_path: Path) -> None:
    write_folder(tmp_path, ("a/1",))
    cv2.imwrite(str(tmp_path / "masks/a/1.png"), np.dstack([stripe(7), BLACK, BLACK, np.full_like(BLACK, 255)]))
    assert (list_frames(tmp_path)[0].read()[1] == stripe()).all()


def test_what_is_ignored_is_found_beside_a_mask_of_another_kind(tmp_path: Path) -> None:
    write_folder(tmp_path, ("a/1",))
    (tmp_path / "masks/a/1.png").unlink()
    save(tmp_path / "masks/a/1.bmp", stripe())
    save(tmp_path / "ignore/a/1.png", stripe(columns=slice(0, 9)))
    _, mask, ignore = list_frames(tmp_path)[0].read()
    assert (mask == stripe()).all()
    assert ignore is not None
    assert (ignore == stripe(columns=slice(0, 9))).all()


def test_two_pictures_of_one_name_are_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, ("a/1",))
    save(tmp_path / "images/a/1.bmp")
    with pytest.raises(InputError, match=r"has both a/1\.bmp and a/1\.(jpg|png): which"):
        list_frames(tmp_path)


@pytest.mark.parametrize("name", ["all", "mean", "synthetic"])
def test_a_name_that_tables_and_mixes_need_is_refused(name: str, tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "dataset.json").write_text(json.dumps({"name": name, "definition": "ALL_PAINT", "licence": "own"}))
    with pytest.raises(InputError, match=f"source called '{name}'"):
        list_frames(tmp_path)


@pytest.mark.parametrize("layout", ["{split}/{kind}/x/1", "{kind}/{split}/x/1"])
def test_splits_that_a_folder_has_are_taken(layout: str, tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        save(tmp_path / f"{layout.format(split=split, kind='images')}.png")
        save(tmp_path / f"{layout.format(split=split, kind='masks')}.png", stripe())
        save(tmp_path / f"{layout.format(split=split, kind='ignore')}.png", stripe(columns=slice(0, 9)))
    (tmp_path / "dataset.json").write_text(STATEMENT)
    frames = list_frames(tmp_path)
    assert sorted((frame.split, frame.drive) for frame in frames) == [("test", "x"), ("train", "x"), ("val", "x")]
    for frame in frames:
        ignore = frame.read()[2]
        assert ignore is not None
        assert ignore[50, 4]


def test_without_folders_a_name_less_its_number_is_the_drive(tmp_path: Path) -> None:
    write_folder(tmp_path, ("clip_a_0001", "clip_a_0002", "clip_b-f7", "000123"))
    assert {Path(frame.stem).name: frame.drive for frame in list_frames(tmp_path)} == {
        "clip_a_0001": "clip_a",
        "clip_a_0002": "clip_a",
        "clip_b-f7": "clip_b",
        "000123": "mine",
    }
