"""Reconnections leave nothing behind; the limits are those of the program itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.soak import reconnections
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
