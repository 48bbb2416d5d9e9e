"""The command line: what it refuses, and what it says of its progress."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lanes.archive.command import in_words, main, speed
from lanes.archive.listener import Tally


def test_what_is_not_there_is_refused_and_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nothing"), "--out", str(tmp_path / "out")]) == 2
    assert f"lanes.archive: {tmp_path}/nothing: no such file or folder; check the path" in capsys.readouterr().err
    assert list(tmp_path.rglob("*.parquet")) == []


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main([str(tmp_path), "--out", str(tmp_path / "file/out")]) == 2
    assert "lanes.archive: --out: cannot write" in capsys.readouterr().err


def test_the_library_that_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main([str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == ("lanes.archive: archives need a library that is not installed: pip install 'lanestream[archive]'\n")


def test_progress_in_words() -> None:
    tally = Tally(drives=10, size=1000, done=3, known=2, quarantined=1, processed=400, seconds=7200.0)
    assert speed(tally, 60.0) == "0.05 drives/s, 0.0333 h of video/s, 0:01:30 left, 1 given up"
    assert in_words(tally) == "3 drives processed (2.00 h of video), 2 there before, 1 given up"
    assert speed(Tally(), 0.0) == ""
