"""The ladder's trainings: a budget that is kept, a threshold that validation does not choose, jobs that are not done twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")

from engines.export import load_checkpoint  # noqa: E402
from lanes.cli.console import plain_console  # noqa: E402
from lanes.data.frames import LabelledFrame  # noqa: E402
from lanes.data.labels import LabelDefinition  # noqa: E402
from lanes.data.lanedata import LanedataFrame  # noqa: E402
from lanes.data.statement import Statement  # noqa: E402
from lanes.errors import InputError  # noqa: E402
from lanes.models import LADDER  # noqa: E402
from lanes.train.ladder.command import list_jobs, parse, train_ladder  # noqa: E402
from lanes.train.ladder.frames import PreparedFrames, divide  # noqa: E402
from lanes.train.ladder.job import one_cycle, subset  # noqa: E402
from lanes.train.ladder.summary import spread, typical  # noqa: E402
from lanes.train.loaders import read_sample  # noqa: E402


def frames(drives: dict[str, int], split: str = "train") -> list[LabelledFrame]:
    statement = Statement(LabelDefinition.ALL_PAINT, "my own")
    return [LanedataFrame(Path(), "own", split, drive, f"{drive}{n}", statement) for drive, count in drives.items() for n in range(count)]


def test_two_rungs_are_trained_once_within_their_budget(rendered_sources: Path, tmp_path: Path) -> None:
    few = ["--seconds", "2", "--curve-seconds", "1", "--curve-frames", "1", "--seeds", "1", "--batch", "1", "--only", "unet_plain", "patch"]
    arguments = ["--data", str(rendered_sources), "--out", str(tmp_path / "ladder"), *few]
    path = train_ladder(parse(arguments), plain_console(stderr=True))
    summary = json.loads(path.read_text())
    assert list(summary["rungs"]) == ["unet_plain", "patch"]
    (point,) = summary["curves"]["unet_plain"]
    assert (point["frames"], point["budget_s"], point["seeds"]) == (1, 1.0, [1])
    report = json.loads((tmp_path / "ladder/jobs/unet_plain-seed1.json").read_text())
    assert report["used_s"] >= 2
    assert report["steps"] >= 1
    assert set(report["scores"]["validation"]) == {"north", "south", "mean"}
    network, metadata = load_checkpoint(tmp_path / "ladder/jobs/unet_plain-seed1.pt")
    assert (network.arch, metadata.name, metadata.bands) == ("unet_plain", "unet_plain", True)
    assert metadata.training_data == ["north", "south"]
    written = {file: file.stat().st_mtime_ns for file in (tmp_path / "ladder/jobs").iterdir()}
    assert len(written) == 6
    train_ladder(parse(arguments), plain_console(stderr=True))
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "ladder/jobs").iterdir()} == written
    with pytest.raises(InputError, match="give the same ones, or another --out"):
        train_ladder(parse([*arguments, "--batch", "2"]), plain_console(stderr=True))
    frame = divide(rendered_sources, 32)["training"][0]
    prepared, read = PreparedFrames(tmp_path / "ladder/frames")[frame], read_sample(frame)
    assert all((getattr(prepared, plane) == getattr(read, plane)).all() for plane in ("pixels", "target", "weight"))
    assert prepared.frame_size == read.frame_size


def test_the_threshold_is_chosen_on_drives_that_are_neither_trained_on_nor_validated_on(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = {"train": frames({"a": 40, "b": 8, "c": 12, "d": 40}), "val": frames({"e": 90}, "val")}
    monkeypatch.setattr("lanes.train.ladder.frames.list_frames", lambda _root, split: listed[split])
    parts = divide(Path(), 30)
    drives = {part: {frame.drive for frame in found} for part, found in parts.items()}
    assert drives["threshold"] <= {"b", "c"}
    assert drives["threshold"]
    assert not drives["threshold"] & drives["training"]
    assert drives["threshold"] | drives["training"] == {"a", "b", "c", "d"}
    assert len(parts["validation"]) == 30
    listed["train"] = frames({"a": 40, "b": 8})
    assert not divide(Path(), 30)["threshold"]
    listed["val"] = []
    with pytest.raises(InputError, match="no frames to validate on"):
        divide(Path(), 30)


@given(st.integers(1, 40), st.integers(0, 40), st.integers(1, 5))
def test_few_frames_are_among_the_many_of_their_seed(few: int, more: int, seed: int) -> None:
    listed = frames({"a": 60})
    one, other = subset(listed, few, seed), subset(listed, few + more, seed)
    assert len({frame.stem for frame in one}) == min(few, 60)
    assert {frame.stem for frame in one} <= {frame.stem for frame in other}
    assert subset(listed, None, seed) == listed


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_schedule_rises_once_and_ends_at_nothing(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= one_cycle(one) <= 1
    if high <= 0.1:
        assert one_cycle(low) <= one_cycle(high) + 1e-9
    if low >= 0.1:
        assert one_cycle(low) >= one_cycle(high) - 1e-9
    assert one_cycle(1.0) == pytest.approx(0, abs=1e-9)


def test_every_rung_gets_the_same_and_the_long_ones_come_first() -> None:
    jobs = list_jobs(parse(["--data", "d", "--out", "o", "--seconds", "9", "--curve-seconds", "4", "--curve-frames", "25", "all"]))
    rungs = [job for job in jobs if not job.curve]
    assert jobs[: len(rungs)] == rungs
    assert {(job.model, job.seed) for job in rungs} == {(name, seed) for name in LADDER for seed in (1, 2, 3)}
    assert {job.seconds for job in rungs} == {9.0}
    assert [job.frames for job in jobs if job.curve and job.model == "fcn" and job.seed == 2] == [25, None]
    assert len({job.name for job in jobs}) == len(jobs)


def test_the_seed_to_show_is_the_middle_one_and_a_spread_is_that_of_seeds() -> None:
    reports = [{"seed": seed, "scores": {"threshold": {"mean": {"relaxed_f1": f1}}}} for seed, f1 in ((1, 0.3), (2, 0.9), (3, 0.5))]
    assert typical(reports) == 3
    assert spread([1.0, 3.0]) == {"mean": 2.0, "std": pytest.approx(2**0.5, abs=1e-5)}
    assert spread([4.0])["std"] == 0
