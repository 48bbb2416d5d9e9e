"""Labelled frames in the formats that people have: what all loaders have in common, errors included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanes.data.frames import inside, split_by_drive
from lanes.data.labels import LabelDefinition
from lanes.data.lanedata import LanedataFrame
from lanes.data.open import list_frames
from lanes.data.statement import Statement
from lanes.errors import InputError
from tests.data.formats import (
    HEIGHT,
    WIDTH,
    save,
    tusimple_line,
    write_bdd100k,
    write_camvid,
    write_comma10k,
    write_culane,
    write_folder,
    write_lanedata,
    write_tusimple,
)

ALL = LabelDefinition.ALL_PAINT


CONTINUOUS = LabelDefinition.ALL_CONTINUOUS


FORMATS: list[tuple[Callable[[Path], None], LabelDefinition, set[tuple[str, str, str]]]] = [
    (write_lanedata, LabelDefinition.EGO_CONTINUOUS, {("udacity_ego", "train", "drive-train"), ("udacity_ego", "val", "drive-val")}),
    (write_tusimple, CONTINUOUS, {("tusimple", "train", "0313-1"), ("tusimple", "val", "0531"), ("tusimple", "test", "0530")}),
    (
        write_culane,
        CONTINUOUS,
        {("culane", split.removesuffix("_gt"), f"driver_23_30frame/{split}.MP4") for split in ("train_gt", "val_gt", "test")},
    ),
    (write_bdd100k, CONTINUOUS, {("bdd100k", "train", "0000f77c-6257be58"), ("bdd100k", "val", "b1c9c847-3bda4659")}),
    (write_camvid, ALL, {("camvid", "train", "0006R0"), ("camvid", "val", "0001TP")}),
    (
        write_comma10k,
        ALL,
        {("comma10k", "train", "0085e9e41513078a_2018-08-19--13-26-08"), ("comma10k_wide", "val", "20f59690c1da9379_2021-02-08--17-31-49")},
    ),
    (write_folder, LabelDefinition.EGO_PAINT, {("mine", "train", "a"), ("mine", "val", "b")}),
]


each_format = pytest.mark.parametrize("write", [write for write, _, _ in FORMATS])


@pytest.mark.parametrize(("write", "definition", "places"), FORMATS)
def test_a_format_is_recognised_and_read(
    write: Callable[[Path], None], definition: LabelDefinition, places: set[tuple[str, str, str]], tmp_path: Path
) -> None:
    write(tmp_path)
    frames = list_frames(tmp_path)
    assert {(frame.source, frame.split, frame.drive) for frame in frames} == places
    assert len({(frame.source, frame.stem) for frame in frames}) == len(frames)
    for frame in frames:
        pixels, mask, ignore = frame.read()
        assert pixels.shape == (HEIGHT, WIDTH, 3)
        assert mask[60, 63] > 0
        assert not mask[60, 70:].any()
        assert not mask[10].any()
        assert ignore is None or ignore[60, 63] == 0
        assert frame.definition is definition
        assert frame.licence
    for split in {split for _, split, _ in places}:
        assert list_frames(tmp_path, split) == [frame for frame in frames if frame.split == split]
    source = frames[0].source
    assert list_frames(tmp_path, sources=[source]) == [frame for frame in frames if frame.source == source]


@each_format
def test_a_missing_picture_and_a_broken_one_are_named(write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path)
    frame = list_frames(tmp_path)[0]
    frame.image_path.write_bytes(b"no picture")
    with pytest.raises(InputError, match=f"{frame.image_path.name} cannot be decoded"):
        frame.read()
    frame.image_path.unlink()
    with pytest.raises(InputError, match=f"{frame.image_path.name} is missing"):
        frame.read()


@pytest.mark.parametrize("write", [write_lanedata, write_bdd100k, write_camvid, write_comma10k, write_folder])
def test_a_mask_of_another_size_is_named(write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path)
    frame = list_frames(tmp_path)[0]
    save(frame.image_path, np.zeros((40, 80, 3), np.uint8))
    with pytest.raises(InputError, match=f"the mask is {WIDTH}x{HEIGHT} but the image 80x40"):
        frame.read()


@pytest.mark.parametrize("write", [write_lanedata, write_bdd100k, write_camvid, write_comma10k, write_folder])
def test_a_missing_mask_is_named(write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path)
    frame = list_frames(tmp_path)[0]
    masks = [path for path in tmp_path.rglob(f"*{Path(frame.stem).name}*.png") if path != frame.image_path]
    for mask in masks:
        mask.unlink()
    assert masks
    with pytest.raises(InputError, match=f"{masks[0].name} is missing"):
        frame.read()


def test_a_folder_in_no_format_is_told_what_there_is(tmp_path: Path) -> None:
    save(tmp_path / "pictures/1.jpg")
    with pytest.raises(
        InputError, match=r"TuSimple: label_data_\*\.json.*comma10k: imgs/ and masks/.*image and mask folder: images/, masks/"
    ):
        list_frames(tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        list_frames(tmp_path / "gone")


def test_a_folder_of_data_sets_is_all_of_them(tmp_path: Path) -> None:
    write_camvid(tmp_path / "camvid")
    write_tusimple(tmp_path / "tusimple")
    assert {frame.source for frame in list_frames(tmp_path)} == {"camvid", "tusimple"}


@pytest.mark.parametrize("name", ["../up.jpg", "a/../../up.jpg", "..", "", "/", "/..", "a\0b"])
def test_a_path_that_leaves_the_data_set_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"list:3: .* is no path inside"):
        inside(tmp_path, name, "list:3")


def test_no_list_leads_out_of_its_data_set(tmp_path: Path) -> None:
    write_tusimple(tmp_path / "tusimple")
    (tmp_path / "tusimple/label_data_0313.json").write_text(tusimple_line() + tusimple_line("../../secret.jpg"))
    write_culane(tmp_path / "culane")
    (tmp_path / "culane/list/val_gt.txt").write_text("/../secret.jpg /x.png 1 1 1 1\n")
    write_lanedata(tmp_path / "lanedata")
    (tmp_path / "lanedata/index.csv").write_text("source,split,sequence,stem\nudacity_ego,train,d,../../secret\n")
    for name, where in (("tusimple", r"label_data_0313\.json:2"), ("culane", r"val_gt\.txt:1"), ("lanedata", r"index\.csv:2")):
        with pytest.raises(InputError, match=rf"{where}: .*secret.* is no path inside"):
            list_frames(tmp_path / name)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.randoms())
def test_a_drive_is_held_back_whole_or_not_at_all(drives: list[int], random: object) -> None:
    statement = Statement(LabelDefinition.ALL_PAINT, "my own")
    frames = [LanedataFrame(Path(), "camvid", "", f"drive {drive}", str(number), statement) for number, drive in enumerate(drives)]
    split = split_by_drive(frames)
    sides = [{frame.drive for frame in split if frame.split == side} for side in ("train", "val")]
    assert sides[0].isdisjoint(sides[1])
    assert sides[0]
    assert bool(sides[1]) == (len(set(drives)) > 1)
    shuffled = frames.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert {frame.stem: frame.split for frame in split_by_drive(shuffled)} == {frame.stem: frame.split for frame in split}


def test_lists_that_cannot_be_read_are_told_in_one_line(tmp_path: Path) -> None:
    for number, write in enumerate((write_tusimple, write_culane, write_lanedata)):
        write(tmp_path / str(number))
    (tmp_path / "0/label_data_0313.json").unlink()
    (tmp_path / "0/label_data_0313.json").symlink_to("nowhere.json")
    (tmp_path / "1/list/val_gt.txt").unlink(missing_ok=True)
    (tmp_path / "1/list/val_gt.txt").mkdir()
    with (tmp_path / "2/index.csv").open("a") as index:
        index.write("udacity_ego,train,d," + "x" * 200_000 + "\n")
    for number, name in enumerate(("label_data_0313.json", "val_gt.txt", "cannot be read as lanedata")):
        with pytest.raises(InputError, match=name):
            list_frames(tmp_path / str(number))
    (tmp_path / "3").mkdir()
    (tmp_path / "3/label_data_0601.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="TuSimple"):
        list_frames(tmp_path / "3")
