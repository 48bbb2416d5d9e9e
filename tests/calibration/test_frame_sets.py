"""Which frames are calibrated, selected and tested on."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from calibration.int8.frame_sets import FittedFrame, FrameSets, choose_unlike, gather, hold_out, read_frames
from engines.model_file import ModelFile
from lanes.data.open import list_frames
from lanes.segment.transform import FrameTransform
from tests.calibration.conftest import QUIET
from tests.media import Clip


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12), st.integers(0, 2**32 - 1))
def test_choice_takes_one_of_each_kind_before_a_second_of_any(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    kind = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    vectors = np.eye(len(sizes))[kind] * 10 + rng.uniform(-0.5, 0.5, (len(kind), len(sizes)))
    chosen = choose_unlike(vectors.astype(np.float32), len(sizes))
    assert sorted(kind[chosen]) == list(range(len(sizes)))


@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 40), st.just(3)), elements=st.sampled_from([0.0, 1.0, 2.0])), st.integers(1, 50))
def test_choice_never_takes_a_frame_twice(vectors: NDArray[np.float32], count: int) -> None:
    chosen = choose_unlike(vectors, count)
    assert len(chosen) == len(set(chosen)) == min(count, len(vectors))


class Place(NamedTuple):
    """Where a frame comes from."""

    source: str
    drive: str
    number: int


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5)), min_size=8, max_size=120), st.sampled_from([0.25, 0.4, 0.5]))
def test_no_drive_is_on_both_sides(places: list[tuple[str, int]], share: float) -> None:
    frames = [Place(source, f"{source}{drive}", n) for n, (source, drive) in enumerate(sorted(places))]
    kept, held = hold_out(frames, share)
    assert sorted(frame.number for frame in [*kept, *held]) == [frame.number for frame in frames]
    for source in {frame.source for frame in frames}:
        of_it = [frame for frame in frames if frame.source == source]
        drives = [{frame.drive for frame in side if frame.source == source} for side in (kept, held)]
        if len({frame.drive for frame in of_it}) > 1:
            assert drives[0].isdisjoint(drives[1])
            assert all(drives)
        elif len(of_it) >= 4:
            assert all(drives)


def drives(frames: list[FittedFrame]) -> set[tuple[str, str]]:
    return {(frame.source, frame.drive) for frame in frames}


def test_labelled_sets_share_no_drive_and_score_none_that_was_trained_on(sets: FrameSets, labels: Path) -> None:
    trained = {(frame.source, frame.drive) for frame in list_frames(labels, "train")}
    assert drives(sets.calibration) <= trained
    assert not trained & (drives(sets.validation) | drives(sets.test))
    # udacity_ego has a single drive in val, which had to be cut.
    assert drives(sets.validation) & drives(sets.test) == {("udacity_ego", "drive1")}
    names = [{frame.name for frame in part} for part in (sets.calibration, sets.validation, sets.test)]
    assert len(set.union(*names)) == sum(map(len, names))
    assert len(sets.calibration) == 16
    assert all(frame.ground_truth is not None for frame in (*sets.validation, *sets.test))


def test_a_split_of_its_own_tests_where_there_is_one(model: ModelFile, labels: Path, tmp_path: Path) -> None:
    for name in ("ceymo_lines", "udacity_ego", "sources.json"):
        (tmp_path / name).symlink_to(labels / name)
    rows = list(csv.reader((labels / "index.csv").open(newline="")))
    changed = [[row[0], "test", *row[2:]] if row[2] in ("drive6", "drive7") else row for row in rows]
    with (tmp_path / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows(changed)
    sets = gather(model.metadata.transform, None, tmp_path, "train", 16, QUIET)
    assert drives(sets.test) == {("ceymo_lines", "drive6"), ("ceymo_lines", "drive7")}
    assert drives(sets.validation) == {("ceymo_lines", "drive4"), ("ceymo_lines", "drive5"), ("udacity_ego", "drive1")}


def test_unlabelled_frames_are_in_one_set_each(model: ModelFile, unlabelled: Path) -> None:
    sets = gather(model.metadata.transform, str(unlabelled), None, "train", 40, QUIET)
    names = [frame.name for part in (sets.calibration, sets.validation, sets.test) for frame in part]
    assert len(names) == len(set(names)) == 40
    assert len(sets.validation) == len(sets.test) == 10


def test_real_labelled_frames_are_divided_by_drive(shared: Path) -> None:
    validation, test = hold_out(list_frames(shared / "lanedata", "val"), 0.5)
    assert {frame.source for frame in validation} == {frame.source for frame in test}
    assert 0.3 < len(test) / (len(validation) + len(test)) < 0.67


def test_a_long_video_is_thinned_evenly_over_its_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibration.int8.frame_sets.CANDIDATES", 16)
    Clip(frames=100).write(tmp_path / "long.mp4")
    numbers = [int(frame.name.split()[-1]) for frame in read_frames(str(tmp_path / "long.mp4"), FrameTransform(64, 32), QUIET)]
    assert 8 <= len(numbers) <= 17
    assert len(set(np.diff(numbers))) == 1
    assert numbers[0] == 0
    assert numbers[-1] + np.diff(numbers)[0] >= 100
