"""The commands that list what a machine can do, and those that need a GPU, on a machine without one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engines import doctor
from engines import registry as choose
from engines.probe import has_driver

ROOT = Path(__file__).resolve().parents[2]


def test_doctor_has_a_line_for_every_engine(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    for start in (
        "processor",
        "GPU",
        *(f"{name} on a GPU" for name in choose.GPU_ENGINES),
        *(f"{name} on a CPU" for name in choose.ENGINES),
    ):
        assert sum(line.startswith(f"{start:20}") for line in lines) == 1
    onnx = next(line for line in lines if line.startswith("onnx on a CPU"))
    assert "works: fp32, int8 (1." in onnx


def test_doctor_names_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(choose.ENGINES, "openvino", ("engines.no_such_module", "OpenVinoEngine", "pip install openvino"))
    assert doctor.main([]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("openvino"))
    assert "lacks: openvino is not installed" in line
    assert line.endswith("pip install openvino")


def test_doctor_survives_a_library_that_breaks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "broken_library.py").write_text("raise SystemError('half of it\\nis missing')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(choose.ENGINES, "openvino", ("broken_library", "OpenVinoEngine", "pip install openvino"))
    assert doctor.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "cannot be determined: SystemError: half of it is missing" in next(line for line in lines if line.startswith("openvino"))
    assert lines[-1].startswith("engine cache")


@pytest.mark.skipif(has_driver(), reason="this machine has an NVIDIA driver")
def test_gpu_benchmark_without_a_gpu_is_one_line() -> None:
    ended = subprocess.run([sys.executable, "-m", "benchmarks.gpu"], capture_output=True, text=True, timeout=120, cwd=ROOT, check=False)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("benchmarks.gpu: there is no NVIDIA driver here")
    assert ended.stderr.count("\n") == 1
