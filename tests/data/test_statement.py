"""What data says of itself is what is done with it, and a source that says nothing is skipped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lanes.data.labels import LabelDefinition
from lanes.data.open import list_frames
from lanes.data.statement import parse_statement
from lanes.errors import InputError

MASK = np.zeros((40, 80), np.uint8)
MASK[20:, 30:34] = 255

LABELLED = {"definition": "A", "licence": "my own"}


def write(root: Path, rows: list[str], statements: object) -> Path:
    """A lanedata folder: `source,split,sequence,stem` a row, every frame with the mask above."""
    for row in rows:
        source, _, _, stem, *_ = row.split(",")
        for kind, suffix, image in (("images", "jpg", np.full((40, 80, 3), 90, np.uint8)), ("masks", "png", MASK)):
            (root / source / kind).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / source / kind / f"{stem}.{suffix}"), image)
    (root / "index.csv").write_text("source,split,sequence,stem,note\n" + "".join(f"{row}\n" for row in rows))
    if statements is not None:
        (root / "sources.json").write_text(json.dumps(statements))
    return root


@pytest.mark.parametrize("name", ["A", "ALL_PAINT"])
def test_a_definition_has_a_name_and_a_letter(name: str) -> None:
    assert parse_statement(LABELLED | {"definition": name}, "here").definition is LabelDefinition.ALL_PAINT


def test_a_source_that_says_nothing_is_passed_over_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = ["north,train,d,1,", "new,train,d,1,", "odd,train,d,1,", "new,train,d,2,"]
    frames = list_frames(write(tmp_path, rows, {"north": LABELLED, "odd": LABELLED | {"definition": "E"}}))
    assert [frame.source for frame in frames] == ["north"]
    first, second = caplog.messages
    assert "source new is skipped" in first
    assert "give an object with a definition and a licence" in first
    assert "source odd is skipped" in second
    assert "'E' is not known" in second


@pytest.mark.parametrize("statements", [None, [], {}])
def test_a_folder_that_says_nothing_is_told_how_to_say_it(tmp_path: Path, statements: object) -> None:
    with pytest.raises(InputError, match=r'sources\.json.*for example.*"definition": "ALL_PAINT", "licence": "my own"'):
        list_frames(write(tmp_path, ["north,train,d,1,"], statements))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("share", 1.5),
        ("share", True),
        ("share", float("nan")),
        ("judge_on", "no"),
        ("incomplete", 1),
        ("one_split", None),
        ("ids_to_ignore", 3),
        ("ids_to_ignore", [300]),
        ("ids_to_ignore", [1.5]),
        ("polygon_width", 0),
        ("polygon_width", "wide"),
        ("drives", ["a"]),
        ("drives", {"a": 3}),
    ],
)
def test_a_value_that_is_not_what_it_should_be_is_named(key: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"here: {key} must be "):
        parse_statement(LABELLED | {key: value}, "here")


def test_labels_for_training_only_never_validate(tmp_path: Path) -> None:
    rows = ["rough,train,a,1,", "rough,val,b,2,", "rough,test,c,3,", "north,val,d,1,"]
    write(tmp_path, rows, {"rough": LABELLED | {"judge_on": False}, "north": LABELLED})
    assert [frame.source for split in ("val", "test") for frame in list_frames(tmp_path, split)] == ["north"]
    assert [frame.source for frame in list_frames(tmp_path, "train")] == ["rough"]
    assert len(list_frames(tmp_path)) == 4


def test_what_is_not_in_an_incomplete_mask_is_unknown_unless_ignore_says_where_it_is_uncertain(tmp_path: Path) -> None:
    write(tmp_path, ["rough,train,a,1,", "rough,train,a,2,"], {"rough": LABELLED | {"incomplete": True}})
    (tmp_path / "rough/ignore").mkdir()
    uncertain = np.zeros_like(MASK)
    uncertain[:5] = 255
    cv2.imwrite(str(tmp_path / "rough/ignore/2.png"), uncertain)
    (_, _, without), (_, _, with_ignore) = (frame.read() for frame in list_frames(tmp_path))
    assert without is not None
    assert np.array_equal(without > 0, MASK == 0)
    assert with_ignore is not None
    assert np.array_equal(with_ignore, uncertain)


def test_where_drives_are_not_known_all_frames_are_one(tmp_path: Path) -> None:
    write(tmp_path, ["runs,train,a,1,", "runs,train,b,2,"], {"runs": LABELLED | {"one_split": True}})
    assert {frame.drive for frame in list_frames(tmp_path)} == {"runs"}


def test_ids_that_the_source_names_are_left_open(tmp_path: Path) -> None:
    write(tmp_path, ["north,train,a,1,"], {"north": LABELLED | {"ids_to_ignore": [2, 7]}})
    ids = np.zeros_like(MASK)
    ids[:, 1], ids[:, 2], ids[:, 7] = 1, 2, 7
    (tmp_path / "north/ids").mkdir()
    cv2.imwrite(str(tmp_path / "north/ids/1.png"), ids)
    (frame,) = list_frames(tmp_path)
    _, _, ignore = frame.read()
    assert ignore is not None
    assert np.array_equal(ignore > 0, np.isin(ids, (2, 7)))


def test_a_condition_is_noted_of_the_frame_or_of_its_drive(tmp_path: Path) -> None:
    rows = ["north,val,a,1,night", "north,val,b,2,blurred", "north,val,c,3,dusk or tunnel", "north,val,d,4,"]
    write(tmp_path, rows, {"north": LABELLED | {"drives": {"a": "day", "b": "rain"}}})
    assert [frame.condition for frame in list_frames(tmp_path)] == ["night", "rain", "dusk or tunnel", ""]


def test_the_shared_frames_are_all_read(shared: Path) -> None:
    frames = list_frames(shared / "lanedata")
    assert len(frames) == len((shared / "lanedata/index.csv").read_text().splitlines()) - 1
    assert {frame.source for frame in frames if not frame.for_validation} == {"bdd_guided"}
    assert len({frame.drive for frame in frames if frame.source == "rtk_brazil"}) == 1
    for frame in frames[::150]:
        frame.read()
