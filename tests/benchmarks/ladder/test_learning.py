"""What the training of the ladder wrote is read, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.ladder.learning import read_training
from lanes.errors import InputError
from lanes.train.ladder.summary import summarise


def report(model: str, seed: int, f1: float, frames: int | None) -> dict[str, Any]:
    """As a job of the training writes it."""
    names = ("iou", "dice", "relaxed_precision", "relaxed_recall", "relaxed_f1", "false_area")
    row = dict.fromkeys(names, f1) | {"frames": 4}
    known = {"model": model, "seed": seed, "seconds": 240.0, "used_s": 240.3, "steps": 800, "threshold": 0.4, "parameters": 9}
    scores = {"validation": {"camvid": row, "mean": row}}
    return known | {"curve": frames is not None, "training_frames": frames or 900, "scores": scores}


def write(path: Path, reports: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps({"settings": {"seeds": 2, "seconds": 240.0, "curve_seconds": 110.0}} | summarise(reports)))
    return path


def test_curves_and_seeds_are_kept(tmp_path: Path) -> None:
    reports = [report("fcn", seed, 0.5 + 0.1 * seed, frames) for seed in (1, 2) for frames in (None, 100, 25)]
    found = read_training([write(tmp_path / "ladder.json", reports)])
    assert [(point["frames"], point["mean"]) for point in found["curves"]["fcn"]] == [(25, 0.65), (100, 0.65)]
    assert found["curves"]["fcn"][0]["std"] == pytest.approx(0.0707, abs=1e-3)
    assert found["rungs"]["fcn"]["scores"]["camvid"]["relaxed_f1"]["mean"] == 0.65
    assert found["rungs"]["fcn"]["seeds"] == [1, 2]


def test_a_later_file_stands_for_its_rungs(tmp_path: Path) -> None:
    first = write(tmp_path / "a.json", [report("fcn", 1, 0.5, None), report("patch", 1, 0.4, None)])
    second = write(tmp_path / "b.json", [report("fcn", 1, 0.6, None)])
    rungs = read_training([first, second])["rungs"]
    assert {name: rung["scores"]["mean"]["relaxed_f1"]["mean"] for name, rung in rungs.items()} == {"fcn": 0.6, "patch": 0.4}


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"rungs": {"fcn": 1}}')
    with pytest.raises(InputError, match=r"is no ladder\.json"):
        read_training([tmp_path / "other.json"])
