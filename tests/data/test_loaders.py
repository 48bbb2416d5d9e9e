"""Labelled frames in the formats that people have: what each label means, and how what is wrong with one is told."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lanes.data.bdd100k import fill_strokes
from lanes.data.frames import inside, split_by_drive
from lanes.data.labels import LabelDefinition
from lanes.data.lanedata import LanedataFrame
from lanes.data.open import list_frames
from lanes.data.polylines import beyond_outermost, draw_lines
from lanes.data.statement import Statement
from lanes.errors import InputError

WIDTH, HEIGHT = 128, 72
BLACK = np.zeros((HEIGHT, WIDTH), np.uint8)


def save(path: Path, image: NDArray[np.uint8] | None = None) -> Path:
    """Writes an image, a grey picture by default."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((HEIGHT, WIDTH, 3), 90, np.uint8) if image is None else image)
    return path


def stripe(value: int = 255, columns: slice = slice(60, 66)) -> NDArray[np.uint8]:
    mask = BLACK.copy()
    mask[30:, columns] = value
    return mask


def coloured(**columns: int) -> NDArray[np.uint8]:
    """A colour-coded label: bands 16 pixels wide of 0xRRGGBB, in the order given."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for index, colour in enumerate(columns.values()):
        image[:, 16 * index : 16 * index + 16] = [colour & 255, colour >> 8 & 255, colour >> 16]
    return image


# --- a small data set of each format: two frames or more, the label a line at column 63 or so ------------------------------------


def write_statements(root: Path, **sources: dict[str, object]) -> None:
    """The sources.json of a lanedata folder, with the licence of each left to the default."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "sources.json").write_text(json.dumps({name: {"licence": "my own"} | statement for name, statement in sources.items()}))


def write_lanedata(root: Path) -> None:
    write_statements(root, udacity_ego={"definition": "C"})
    for split in ("train", "val"):
        save(root / f"udacity_ego/images/{split}.jpg")
        save(root / f"udacity_ego/masks/{split}.png", stripe())
    with (root / "index.csv").open("w", newline="") as file:
        rows = [["udacity_ego", split, f"drive-{split}", split] for split in ("train", "val")]
        csv.writer(file).writerows([["source", "split", "sequence", "stem"], *rows])


ROWS = [20, 30, 40, 50, 60, 70]


def tusimple_line(raw_file: str = "clips/0313-1/6040/20.jpg", lanes: object = None, h_samples: object = None) -> str:
    label = {"raw_file": raw_file, "lanes": [[-2, -2, 63, 63, 63, 63]] if lanes is None else lanes, "h_samples": h_samples or ROWS}
    return json.dumps(label) + "\n"


def write_tusimple(root: Path) -> None:
    for name, clip in (("label_data_0313", "0313-1/6040"), ("label_data_0531", "0531/1492"), ("test_label", "0530/77")):
        save(root / f"clips/{clip}/20.jpg")
        (root / f"{name}.json").write_text(tusimple_line(f"clips/{clip}/20.jpg"))


def write_culane(root: Path) -> None:
    (root / "list").mkdir(parents=True)
    for split in ("train_gt", "val_gt", "test"):
        image = f"driver_23_30frame/{split}.MP4/00000.jpg"
        save(root / image)
        (root / image).with_suffix(".lines.txt").write_text("63 70 63 60 63 50 63 40 \n")
        (root / f"list/{split}.txt").write_text(f"/{image} /laneseg_label_w16/{split}.png 0 1 0 0\n" if "gt" in split else f"/{image}\n")


def write_bdd100k(root: Path) -> None:
    for split, name in (("train", "0000f77c-6257be58"), ("val", "b1c9c847-3bda4659")):
        save(root / f"images/100k/{split}/{name}.jpg")
        mask = np.full_like(BLACK, 255)
        mask[30:, 60:66] = 6
        save(root / f"labels/lane/masks/{split}/{name}.png", mask)


def write_camvid(root: Path) -> None:
    for stem in ("0006R0_f00930", "0001TP_006690"):
        save(root / f"701_StillsRaw_full/{stem}.png")
        label = coloured(sky=0x808080, road=0x804080)
        label[30:, 60:66] = [192, 0, 128]
        save(root / f"LabeledApproved_full/{stem}_L.png", label)


COMMA = ("imgs/0000_0085e9e41513078a_2018-08-19--13-26-08_11_864", "imgs2/00001_e_20f59690c1da9379_2021-02-08--17-31-49_10_259")


def write_comma10k(root: Path) -> None:
    for name in COMMA:
        save(root / f"{name}.png")
        mask = coloured(**{f"road{n}": 0x402020 for n in range(8)})
        mask[30:, 60:66] = [0, 0, 255]
        save(root / f"{name.replace('imgs', 'masks')}.png", mask)


STATEMENT = '{"definition": "EGO_PAINT", "licence": "my own", "name": "mine"}'


def write_folder(root: Path, names: tuple[str, ...] = ("a/1", "a/2", "b/1")) -> None:
    for name in names:
        save(root / f"images/{name}.jpg")
        save(root / f"masks/{name}.png", stripe())
    (root / "dataset.json").write_text(STATEMENT)


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


# --- splits ----------------------------------------------------------------------------------------------------------------------


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


def test_tusimple_without_the_usual_files_is_split_by_day(tmp_path: Path) -> None:
    lines = [tusimple_line(f"clips/day{day}/{clip}/20.jpg") for day in range(5) for clip in range(4)]
    (tmp_path / "label_data_mine.json").write_text("".join(lines))
    frames = list_frames(tmp_path)
    assert len({frame.drive for frame in frames if frame.split == "val"}) == 1
    assert len({frame.drive for frame in frames if frame.split == "train"}) == 4


# --- lines -----------------------------------------------------------------------------------------------------------------------


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


FLOATS = st.floats(-1e12, 1e12)


@given(st.lists(st.lists(st.tuples(FLOATS, FLOATS), max_size=6), max_size=5))
@settings(max_examples=50, deadline=None)
def test_lines_of_any_kind_can_be_drawn(lines: list[list[tuple[float, float]]]) -> None:
    arrays = [np.array(line, np.float64).reshape(-1, 2) for line in lines]
    mask = draw_lines(arrays, WIDTH, HEIGHT)
    assert mask.shape == (HEIGHT, WIDTH)
    assert set(np.unique(mask)) <= {0, 255}
    ignore = beyond_outermost(arrays, WIDTH, HEIGHT)
    assert ignore is None or ignore.shape == mask.shape


@given(st.lists(st.floats(5, WIDTH - 6), min_size=2, max_size=8), st.integers(1, 9))
def test_a_line_goes_through_its_points_and_widens_downwards(xs: list[float], step: int) -> None:
    line = np.array([(x, HEIGHT - 2 - step * index) for index, x in enumerate(xs)])
    mask = draw_lines([line], WIDTH, HEIGHT)
    for x, y in line:
        assert mask[round(y), round(x)] == 255
    upright = draw_lines([np.array([[64.0, 0.0], [64.0, HEIGHT - 1.0]])], WIDTH, HEIGHT)
    widths = np.count_nonzero(upright, axis=1)
    assert (np.diff(widths) >= 0).all()
    assert widths[-1] > widths[0]


def test_beyond_two_lines_of_a_side_nothing_is_known() -> None:
    """Two lines on the left, one on the right: further ones would be left out on the left only."""
    lines = [np.array([[60.0, 20.0], [50.0, 70.0]]), np.array([[58.0, 20.0], [20.0, 70.0]]), np.array([[66.0, 20.0], [90.0, 70.0]])]
    ignore = beyond_outermost(lines, WIDTH, HEIGHT)
    assert ignore is not None
    assert ignore[60, :15].all()
    assert not ignore[60, 26:].any()
    assert not ignore[:20].any()
    assert not (ignore & draw_lines(lines, WIDTH, HEIGHT)).any()
    assert beyond_outermost(lines[1:], WIDTH, HEIGHT) is None


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


# --- classes ---------------------------------------------------------------------------------------------------------------------


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


# --- image and mask folder -------------------------------------------------------------------------------------------------------


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
