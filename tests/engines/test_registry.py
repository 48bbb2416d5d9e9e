"""The order in which engines are tried, and what is said where NVIDIA's part of it is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engines import probe as probing
from engines import registry as choose
from engines.probe import Probe, has_driver, probe, read_findings
from engines.registry import ENGINES, GPU_ENGINES, open_engine
from lanes.errors import InputError

without_driver = pytest.mark.skipif(has_driver(), reason="this machine has an NVIDIA driver")


def candidates(engine: str) -> list[tuple[str, str]]:
    return [(name, place) for name, place, _ in choose._candidates(engine)]


def test_gpu_comes_before_cpu_and_tensorrt_before_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "has_driver", lambda: True)
    assert candidates("auto") == [
        ("tensorrt", "GPU"),
        ("onnx", "GPU"),
        ("torch", "GPU"),
        ("openvino", "CPU"),
        ("onnx", "CPU"),
        ("torch", "CPU"),
    ]
    assert candidates("torch") == [("torch", "GPU"), ("torch", "CPU")]
    assert candidates("openvino") == [("openvino", "CPU")]


def test_without_a_driver_only_tensorrt_itself_speaks_of_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "has_driver", lambda: False)
    assert candidates("auto") == [("openvino", "CPU"), ("onnx", "CPU"), ("torch", "CPU")]
    assert candidates("onnx") == [("onnx", "CPU")]
    assert candidates("tensorrt") == [("tensorrt", "GPU")]


@without_driver
def test_tensorrt_asked_for_without_a_driver_names_the_one_thing_missing() -> None:
    with pytest.raises(InputError) as refusal:
        open_engine("tensorrt", "fp32")
    assert "there is no NVIDIA driver here" in str(refusal.value)
    assert "Ask for openvino" in str(refusal.value) or "Ask for onnx" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@without_driver
def test_auto_on_a_machine_without_a_gpu_says_nothing_of_gpus() -> None:
    with open_engine() as engine:
        assert engine.device == "CPU"
        assert "GPU" not in engine.reason
        assert "NVIDIA" not in engine.reason


def test_every_engine_has_a_module_a_class_and_a_cure() -> None:
    root = Path(__file__).resolve().parents[2]
    for module, kind, cure in [*ENGINES.values(), *GPU_ENGINES.values()]:
        assert f"class {kind}(" in (root / f"{module.replace('.', '/')}.py").read_text()
        assert cure


# --- the probe -------------------------------------------------------------------------------------------------------------------

GPU = {"gpu": "NVIDIA Orin", "compute_capability": "8.7", "memory_mib": 15000, "driver": "540.4, CUDA 12.6"}


def printed(*steps: dict[str, object]) -> str:
    return "".join(json.dumps(step) + "\n" for step in steps)


def test_all_found() -> None:
    found = read_findings(printed({"trying": "the NVIDIA driver"}, GPU, {"cuda_library": "pycuda"}, {"tensorrt": "TensorRT 10.3.0"}), 0)
    assert found == Probe(None, "NVIDIA Orin", "8.7", 15000, "540.4, CUDA 12.6", "pycuda", "TensorRT 10.3.0")


def test_process_that_was_killed_is_told_by_its_last_step() -> None:
    steps = printed(
        {"trying": "the NVIDIA driver"}, GPU, {"cuda_library": "pycuda", "trying": "loading TensorRT"}, {"trying": "starting TensorRT"}
    )
    found = read_findings(f"a library's own banner\n{steps}", -11)
    assert found.lacking is not None
    assert found.lacking.startswith("starting TensorRT kills the process (exit status -11)")
    assert found.gpu == "NVIDIA Orin"


def test_process_that_hangs_is_told_by_its_last_step() -> None:
    found = read_findings(printed({"trying": "the NVIDIA driver"}), None)
    assert found.lacking is not None
    assert found.lacking.startswith("the NVIDIA driver does not come back")


def test_what_the_process_says_is_lacking_is_taken_over() -> None:
    found = read_findings(printed(GPU, {"trying": "loading TensorRT"}, {"lacking": "TensorRT is not installed"}), 0)
    assert (found.lacking, found.gpu) == ("TensorRT is not installed", "NVIDIA Orin")


def test_probe_runs_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the first look, it is the other process that tries: here it finds out for itself that there is no driver."""
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
