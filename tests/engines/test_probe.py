"""What is found of NVIDIA's, by a process that may die, hang or print what it likes."""

from __future__ import annotations

import json
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines import probe as probing
from engines.probe import Probe, has_driver, probe, read_findings

GPU = {"gpu": "NVIDIA Orin", "compute_capability": "8.7", "memory_mib": 15000, "driver": "540.4, CUDA 12.6"}


def printed(*steps: dict[str, object]) -> str:
    return "".join(json.dumps(step) + "\n" for step in steps)


def test_all_found() -> None:
    found = read_findings(printed({"trying": "the NVIDIA driver"}, GPU, {"cuda_library": "pycuda"}, {"tensorrt": "TensorRT 10.3.0"}), 0)
    assert found == Probe(None, "NVIDIA Orin", "8.7", 15000, "540.4, CUDA 12.6", "pycuda", "TensorRT 10.3.0")


def test_process_that_was_killed_is_named_by_its_last_step() -> None:
    steps = printed(
        {"trying": "the NVIDIA driver"}, GPU, {"cuda_library": "pycuda", "trying": "loading TensorRT"}, {"trying": "starting TensorRT"}
    )
    found = read_findings(f"a library's own banner\n{steps}", -11)
    assert found.lacking is not None
    assert found.lacking.startswith("starting TensorRT kills the process (exit status -11)")
    assert found.gpu == "NVIDIA Orin"


def test_process_that_hangs_is_named_by_its_last_step() -> None:
    found = read_findings(printed({"trying": "the NVIDIA driver"}), None)
    assert found.lacking is not None
    assert found.lacking.startswith("the NVIDIA driver does not return")


def test_what_the_process_says_is_lacking_is_taken_over() -> None:
    found = read_findings(printed(GPU, {"trying": "loading TensorRT"}, {"lacking": "TensorRT is not installed"}), 0)
    assert (found.lacking, found.gpu) == ("TensorRT is not installed", "NVIDIA Orin")


def test_probe_runs_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the first check, it is the other process that tries: here it finds out for itself that there is no driver."""
    monkeypatch.setattr(probing, "has_driver", lambda: True)
    if has_driver():
        pytest.skip("this machine has an NVIDIA driver")
    probe.cache_clear()
    try:
        found = probe()
    finally:
        probe.cache_clear()
    assert found.lacking is not None
    assert found.lacking.startswith("the NVIDIA driver fails (OSError: libcuda")


BANNERS = ["{", "{}", "[1]", "null", '{"gpu"', '{"trying": "a step"}', '{"level": "warning"}']


@given(st.lists(st.one_of(st.text(), st.sampled_from(BANNERS))))
def test_whatever_a_library_prints_the_probe_never_raises(lines: list[str]) -> None:
    found = read_findings("\n".join([*lines, json.dumps(GPU)]), 0)
    assert found.gpu == "NVIDIA Orin"


@pytest.mark.parametrize("end", [None, 0])
def test_bytes_that_are_no_text_are_passed_over(end: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    printed_bytes = b"\xff\xfe{banner\n" + printed(GPU).encode()

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        if end is None:
            raise subprocess.TimeoutExpired(command, 1, printed_bytes)
        return subprocess.CompletedProcess(command, end, printed_bytes)

    monkeypatch.setattr(probing, "has_driver", lambda: True)
    monkeypatch.setattr(subprocess, "run", run)
    probe.cache_clear()
    try:
        assert probe().gpu == "NVIDIA Orin"
    finally:
        probe.cache_clear()
