"""The stopwatch here against benchmark_app: what is found, how it is put, and when there is a warning."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import against_benchmark_app
from benchmarks.against_benchmark_app import main, scatter_warnings

QUIET = ([10.1, 10.2, 10.0, 10.3, 10.1], [10.0, 10.1, 10.1, 10.2, 10.0])
LOUD = ([10.373, 10.197, 10.271, 13.541, 13.458], [10.05, 10.11, 13.54, 10.19, 13.60])
"""Milliseconds of each round, here and there. In a loud one the machine changed its speed between two runs: the median hides it."""


def run(
    times: tuple[list[float], list[float]], out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[dict[str, Any], str]:
    """The program's result and what it printed, when the rounds take these times."""
    metadata = SimpleNamespace(name="unet")
    engine = SimpleNamespace(name="openvino", precision="int8", version="1", device="CPU", model=SimpleNamespace(metadata=metadata))
    monkeypatch.setattr(against_benchmark_app, "open_engine", lambda *_: nullcontext(engine))
    for way, rounds in zip(("time_engine", "time_benchmark_app"), (iter(one) for one in times), strict=True):
        monkeypatch.setattr(against_benchmark_app, way, lambda *_, rounds=rounds: next(rounds))
    assert main(["--rounds", str(len(times[0])), "--json", str(out)]) == 0
    return json.loads(out.read_text()), capsys.readouterr().out


def test_rounds_that_scatter_are_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    result, printed = run(LOUD, tmp_path / "result.json", monkeypatch, capsys)
    warning = "the rounds' ratios, 0.759 to 1.329, scatter by more than the 5% that is tested: quieten the machine"
    assert warning in result["warnings"]
    assert f"warning: {warning}" in printed
    assert result["agrees"]  # as the median has it
    assert "ratio 1.009 (rounds 0.759 to 1.329): the medians agree within 5%" in printed


def test_rounds_that_agree_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    result, printed = run(QUIET, tmp_path / "result.json", monkeypatch, capsys)
    assert "scatter" not in printed
    assert "scatter" not in str(result["warnings"])
    assert "ratio 1.010 (rounds 0.990 to 1.010): the medians agree within 5%" in printed


@pytest.mark.parametrize(
    ("by_round", "warned"), [([1.0], False), ([1.2, 1.21, 1.22], False), ([0.96, 1.0, 1.04], False), ([1.0, 1.0, 1.06], True)]
)
def test_scatter_is_about_the_median_of_the_rounds(by_round: list[float], warned: bool) -> None:
    assert bool(scatter_warnings(by_round)) == warned  # a ratio that is steadily wrong is no scatter: the medians show
