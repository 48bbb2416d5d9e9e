"""Labels: what each definition teaches, and how broken data is reported."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from lanes.data.augment import Sample, random_light, random_view
from lanes.data.labels import GUESSED_WIDTH_WEIGHT, LabelDefinition, supervise
from lanes.data.obstructions import with_bonnet
from lanes.data.open import list_frames
from lanes.errors import InputError
from lanes.segment.transform import FrameTransform

DASH = slice(0, 30)
GAP = slice(30, 60)
LINE = slice(100, 108)


def dashed_road() -> tuple[np.ndarray, np.ndarray]:
    """A dark road with one bright dash, and a label that runs on through the gap below it."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(85, 95, (60, 240, 3)).astype(np.uint8)
    pixels[DASH, LINE] = 220
    label = np.zeros((60, 240), np.uint8)
    label[:, LINE] = 255
    return pixels, label


@pytest.mark.parametrize("definition", [LabelDefinition.ALL_PAINT, LabelDefinition.EGO_PAINT])
def test_a_label_of_paint_is_taken_at_its_word(definition: LabelDefinition) -> None:
    pixels, label = dashed_road()
    target, weight = supervise(pixels, label, None, definition)
    assert (target == label).all()
    known = slice(96, 112) if definition.of_ego_lane else slice(None)  # the line and BESIDE of the width on either side
    assert (weight[:, known] == 255).all()
    weight[:, known] = 0
    assert not weight.any()


def test_a_label_of_the_ego_lane_says_nothing_of_what_lies_beside_it() -> None:
    label = np.zeros((100, 400), np.uint8)
    cv2.line(label, (190, 40), (120, 80), 255, 3)
    cv2.line(label, (210, 40), (200, 47), 255, 3)
    cv2.line(label, (270, 70), (280, 80), 255, 3)
    pixels = np.full((100, 400, 3), 90, np.uint8)
    for definition in (LabelDefinition.EGO_PAINT, LabelDefinition.EGO_CONTINUOUS):
        _, weight = supervise(pixels, label, None, definition)
        assert (weight[70, [60, 100, 320, 399]] == 0).all()  # other lanes, and what stands beside the road
        assert (weight[70, [150, 200, 250]] == 255).all()  # the ego lane
        assert (weight[:38] == 255).all()  # above the road
        assert (weight[84:] == 255).all()  # the bonnet
    assert (supervise(pixels, label, None, LabelDefinition.ALL_PAINT)[1] == 255).all()
    assert (supervise(pixels, np.zeros_like(label), None, LabelDefinition.EGO_PAINT)[1] == 255).all()  # a road without a lane


@pytest.mark.parametrize("definition", [LabelDefinition.EGO_CONTINUOUS, LabelDefinition.ALL_CONTINUOUS])
def test_a_continuous_label_teaches_the_dash_and_says_nothing_of_the_gap(definition: LabelDefinition) -> None:
    pixels, label = dashed_road()
    target, weight = supervise(pixels, label, None, definition)
    inner = slice(3, 27)  # away from the dash's ends, where a window sees both dash and gap
    assert (target[inner, LINE] == 255).all()
    assert (weight[inner, LINE] > 0).all()
    assert (weight[33:57, LINE] == 0).all()
    assert (target[33:57, LINE] == 0).all()
    assert (weight[:, :80] == (0 if definition.of_ego_lane else 255)).all()


def test_a_guessed_width_counts_less() -> None:
    pixels, label = dashed_road()
    _, weight = supervise(pixels, label, None, LabelDefinition.ALL_CONTINUOUS)
    assert weight[10, 104] == round(255 * GUESSED_WIDTH_WEIGHT)


def test_ignored_pixels_teach_nothing_in_any_definition() -> None:
    pixels, label = dashed_road()
    ignore = np.zeros_like(label)
    ignore[:, 90:120] = 255
    for definition in LabelDefinition:
        assert (supervise(pixels, label, ignore, definition)[1][:, 90:120] == 0).all()


def write_frame(root: Path, *, mask_size: tuple[int, int] = (64, 36), picture: bytes | None = None) -> None:
    """A data set of one frame."""
    for folder in ("images", "masks"):
        (root / "roboflow_ego" / folder).mkdir(parents=True)
    good = cv2.imencode(".jpg", np.zeros((36, 64, 3), np.uint8))[1].tobytes()
    (root / "roboflow_ego/images/a.jpg").write_bytes(good if picture is None else picture)
    cv2.imwrite(str(root / "roboflow_ego/masks/a.png"), np.zeros(mask_size[::-1], np.uint8))
    (root / "sources.json").write_text('{"roboflow_ego": {"definition": "B", "licence": "my own"}}')
    with (root / "index.csv").open("w", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(["source", "split", "sequence", "stem"])
        rows.writerow(["roboflow_ego", "train", "drive", "a"])


def test_a_frame_is_read_with_what_its_label_means(tmp_path: Path) -> None:
    write_frame(tmp_path)
    (frame,) = list_frames(tmp_path, "train")
    pixels, mask, ignore = frame.read()
    assert (pixels.shape, mask.shape, ignore, frame.definition) == ((36, 64, 3), (36, 64), None, LabelDefinition.EGO_PAINT)
    assert list_frames(tmp_path, "val") == []


def test_a_broken_image_a_missing_one_and_a_mask_of_another_size_are_named(tmp_path: Path) -> None:
    write_frame(tmp_path / "broken", picture=b"not a picture")
    with pytest.raises(InputError, match=r"images.a\.jpg cannot be decoded"):
        list_frames(tmp_path / "broken")[0].read()
    write_frame(tmp_path / "size", mask_size=(32, 36))
    with pytest.raises(InputError, match="the mask is 32x36 but the image 64x36"):
        list_frames(tmp_path / "size")[0].read()
    write_frame(tmp_path / "gone")
    (tmp_path / "gone/roboflow_ego/images/a.jpg").unlink()
    with pytest.raises(InputError, match=r"a\.jpg is missing"):
        list_frames(tmp_path / "gone")[0].read()
    with pytest.raises(InputError, match="in none of the known formats"):
        list_frames(tmp_path / "gone/roboflow_ego/images")


def test_augmentation_keeps_picture_and_label_together() -> None:
    """Paint is the only bright thing here, so it must be bright wherever the label says so, whatever the view."""
    pixels = np.full((360, 640, 3), 40, np.uint8)
    target = np.zeros((360, 640), np.uint8)
    cv2.line(target, (300, 350), (330, 200), 255, 9)
    pixels[target > 0] = 250
    sample = Sample(pixels, target, np.full_like(target, 255))
    rng = np.random.default_rng(5)
    seen = 0
    for _ in range(40):
        view = random_view(sample, FrameTransform(640, 384), 512, 288, rng)
        assert view.pixels.shape == (288, 512, 3)
        inside = cv2.erode(view.target, np.ones((3, 3), np.uint8)) > 0
        assert (view.pixels[inside] > 140).all()
        outside = cv2.dilate(view.target, np.ones((5, 5), np.uint8)) == 0
        assert (view.pixels[outside] < 140).all()
        seen += int(inside.any())
    assert seen > 25


def test_a_bonnet_hides_paint_at_the_bottom_and_changes_nothing_else() -> None:
    rng = np.random.default_rng(2)
    original = Sample(*(np.full((180, 320, *depth), value, np.uint8) for depth, value in (((3,), 77), ((), 255), ((), 0))))
    covered = 0
    for _ in range(40):
        view = with_bonnet(original, rng)
        hidden = view.target == 0
        assert (view.weight == np.where(hidden, 255, 0)).all()  # that there is no paint on a bonnet is known for sure
        assert (np.diff(hidden.astype(int), axis=0) >= 0).all()  # whatever lies below the edge is bonnet
        assert (view.pixels[~hidden] == 77).all()
        covered += int(hidden.any())
    assert covered > 30
    assert (original.pixels == 77).all()
    assert original.target.all()
    assert not original.weight.any()


def test_light_changes_the_picture_and_nothing_of_its_form() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (96, 160, 3)).astype(np.uint8)
    original = pixels.copy()
    rng = np.random.default_rng(1)
    lit = [random_light(pixels, rng) for _ in range(60)]
    assert all(picture.shape == pixels.shape and picture.dtype == np.uint8 for picture in lit)
    assert sum((picture != pixels).any() for picture in lit) > 55
    assert (pixels == original).all()
