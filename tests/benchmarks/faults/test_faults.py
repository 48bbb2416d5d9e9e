"""A part of the damaged sources, and that a reader that crashes, hangs or gets frames out of order is noticed."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from random import Random

import numpy as np
import pytest

from benchmarks.faults import reader, run
from benchmarks.faults.command import main
from benchmarks.faults.mutate import MUTATIONS
from benchmarks.faults.reader import _Checks
from benchmarks.faults.run import Reader
from benchmarks.faults.samples import all_samples, number_of, numbered
from lanes.results import Frame


def test_no_damaged_file_or_stream_crashes_hangs_or_comes_out_of_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--files", "24", "--streams", "6", "--seed", "1", "--keep", str(tmp_path / "keep"), "--json", str(tmp_path / "f.json")])
    said = capsys.readouterr().out
    assert status == 0, said
    result = json.loads((tmp_path / "f.json").read_text())
    assert (result["kind"], len(result["cases"]), result["problems"]) == ("faults", 30, [])
    assert all(case["frames"] or case["sentence"] for case in result["cases"])
    assert "passed: 30 damaged sources" in said
    assert "0 problems" in said
    assert not (tmp_path / "keep").exists()


def test_every_number_is_found_again_and_every_mutation_is_the_same_for_the_same_seed() -> None:
    assert [number_of(numbered(number)) for number in range(256)] == list(range(256))
    data, other = bytes(range(256)) * 8, b"other" * 100
    for mutation in MUTATIONS:
        first, second = (mutation(data, other, Random(3)) for _ in range(2))
        assert first == second != data


def test_whole_samples_are_read_whole(tmp_path: Path) -> None:
    samples, _ = all_samples()
    assert len(samples) > 25
    for sample in samples[:3]:
        path = tmp_path / f"whole.{sample.suffix}"
        path.write_bytes(sample.data)
        found = reader.read(str(path), ordered=True)
        assert (found["frames"], found["sentence"], found["problem"]) == (20, "", "")


def frame(index: int, number: int) -> Frame:
    return Frame(numbered(number), index, Fraction(index, 25), "made", f"{index:06d}")


def test_frames_out_of_order_are_a_problem_and_those_of_a_second_recording_are_not() -> None:
    for frames, problem in (
        ([frame(0, 4), frame(1, 5), frame(2, 0), frame(3, 1)], ""),
        ([frame(0, 5), frame(1, 4)], ""),  # it may be half a picture, at the end of what is left
        ([frame(0, 5), frame(1, 4), frame(2, 5)], "frame 1 is out of order: picture 4 after picture 5"),
        ([frame(1, 4), frame(1, 5)], "frame 1 is out of order: time 0.0400 after 0.0400"),
    ):
        checks = _Checks(ordered=True)
        for each in frames:
            checks.look(each)
        assert checks.problem == problem
    checks = _Checks(ordered=False)
    flat = frame(0, 4)
    flat.pixels = np.zeros((3, 4), np.uint8)  # type: ignore[assignment]
    checks.look(flat)
    assert "a picture of the shape (3, 4)" in checks.problem


@pytest.mark.parametrize(
    ("body", "words"),
    [("os._exit(139)", "crashes: the reader ended with status 139"), ("time.sleep(60)", "hangs: no end after 0 s")],
)
def test_a_reader_that_crashes_or_hangs_is_a_problem_and_is_started_anew(
    body: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "stand_in.py").write_text(f"import os, sys, time\nfor line in sys.stdin:\n    {body}\n")
    monkeypatch.setattr(run, "READER", [str(tmp_path / "stand_in.py")])
    process = Reader()
    for _ in range(2):
        assert process.read("x.mp4", False, 60 if "crash" in words else 0.3)["problem"] == words
    process.close()
