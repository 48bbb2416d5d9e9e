"""Reconnections leave nothing behind, an overload makes no frame old, a source is soon back; the limits are those of the program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.soak import overload, reconnections, returns
from benchmarks.soak.command import main
from benchmarks.soak.resources import Resources

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="memory and descriptors are read from /proc")
def test_fifty_reconnections_leave_no_memory_no_descriptor_and_no_thread(tmp_path: Path) -> None:
    file = tmp_path / "soak.json"
    command = [sys.executable, "-m", "benchmarks.soak", "--reconnections", "50", "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed: " in done.stdout
    result = json.loads(file.read_text())
    assert result["kind"] == "soak"
    assert result["samples"][-1]["reconnections"] == result["reconnections"] == 50
    assert result["frames"] > 100
    assert result["growth"]["resident_bytes"] < 1_000_000
    assert result["growth"]["descriptors"] == result["growth"]["threads"] == 0


@pytest.mark.parametrize(
    ("last", "passed"),
    [
        (Resources(1_900_000, 8, 4), True),
        (Resources(2_000_000, 8, 4), False),
        (Resources(1_000_000, 9, 4), False),
        (Resources(1_000_000, 8, 5), False),
    ],
)
def test_growth_of_any_of_them_fails(last: Resources, passed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([Resources(1_000_000, 8, 4)])
    monkeypatch.setattr(reconnections, "held", lambda: next(looks, last))
    monkeypatch.setattr(reconnections, "SETTLING", 2)
    assert reconnections.reconnect(4)["passed"] == passed


def test_frames_of_an_overloaded_run_are_all_accounted_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--overload", "0.015", "--json", str(tmp_path / "soak.json")])  # how old they are is a question of the machine
    result = json.loads((tmp_path / "soak.json").read_text())
    assert status == (0 if result["passed"] else 1)
    assert result["captured"] == result["processed"] + sum(result["dropped"].values())
    assert result["dropped"]["superseded"] > 0
    assert sum(part["frames"] for part in result["parts"]) <= result["age_ms"]["frames"] <= result["processed"]
    assert "age p99 " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("age", "accounted", "passed"),
    [
        ([120.0] * 100, True, True),
        ([120.0] * 100, False, False),
        ([120.0] * 95 + [220.0] * 5, True, False),  # the limit is 216.7 ms
        ([100.0] * 80 + [115.0] * 20, True, False),  # it grows
        ([120.0], True, True),
    ],
)
def test_an_age_above_the_limit_or_one_that_grows_fails(age: list[float], accounted: bool, passed: bool) -> None:
    found = overload.judge(age, accounted)
    assert found["passed"] == passed
    assert round(found["limit_ms"], 1) == 216.7


@pytest.mark.parametrize(("long", "back_s", "passed"), [(False, 1.9, True), (False, 2.1, False), (True, 10.9, True), (True, 11.1, False)])
def test_a_return_that_is_late_fails(long: bool, back_s: float, passed: bool) -> None:
    outages = [{"seconds": 5.0, "long": False, "back_s": 1.0}, {"seconds": 15.0 if long else 5.0, "long": long, "back_s": back_s}]
    assert returns.judge(outages)["passed"] == passed
