"""The facts of the machine that stand in every report."""

from __future__ import annotations

import json
import os
import platform
import sys
from types import ModuleType
from typing import Any

import pytest

from lanes.telemetry.gpu import gpu_facts, gpu_states
from lanes.telemetry.machine import machine_facts


class NVMLError(Exception):
    """As pynvml's."""


class FakeNVML(ModuleType):
    """One GPU whose power is metered and whose limits are not known, under a driver before 535."""

    NVMLError = NVMLError
    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0
    reasons = 0x44

    def __init__(self, driver: bool = True) -> None:
        super().__init__("pynvml")
        self.driver, self.running = driver, 0

    def nvmlInit(self) -> None:  # noqa: N802
        if not self.driver:
            raise NVMLError("driver not loaded")
        self.running += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.running -= 1

    def __getattr__(self, name: str) -> Any:
        answers = {
            "nvmlDeviceGetCount": 1,
            "nvmlDeviceGetHandleByIndex": "handle",
            "nvmlDeviceGetName": b"NVIDIA Testor",
            "nvmlSystemGetDriverVersion": "525.1",
            "nvmlDeviceGetMemoryInfo": type("Memory", (), {"total": 8 << 30}),
            "nvmlDeviceGetClockInfo": 1500,
            "nvmlDeviceGetTemperature": 61,
            "nvmlDeviceGetPowerUsage": 120_500,
            "nvmlDeviceGetPerformanceState": 0,
            "nvmlDeviceGetTotalEnergyConsumption": 9_000_000,
            "nvmlDeviceGetCurrentClocksThrottleReasons": self.reasons,
        }

        def answer(*_: object) -> Any:
            if name not in answers:
                raise NVMLError("not supported")
            return answers[name]

        return answer


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNVML:
    fake = FakeNVML()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    return fake


def test_the_facts_are_those_of_this_machine() -> None:
    facts = machine_facts()
    json.dumps(facts, allow_nan=False)
    assert facts["processor"]
    assert 1 <= facts["cores"] <= (os.cpu_count() or 1)
    assert facts["memory_mib"] > 100
    assert facts["python"] == platform.python_version()
    assert facts["load_average_1min"] >= 0


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity of processes")
def test_cores_are_those_that_this_process_may_use() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert machine_facts()["cores"] == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_a_gpu_is_described_as_far_as_its_driver_tells(nvml: FakeNVML) -> None:
    (facts,) = gpu_facts()
    assert facts == {"name": "NVIDIA Testor", "driver": "525.1", "memory_mib": 8192, "power_limit_w": None, "clock_limit_mhz": None}
    (state,) = gpu_states()
    assert (state["clock_mhz"], state["power_w"], state["joules"]) == (1500, 120.5, 9000)
    assert state["slowed_by"] == ["its power cap", "its temperature (hardware)"]
    assert machine_facts()["gpus"] == [facts]
    assert nvml.running == 0


def test_no_driver_and_no_library_are_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    for missing in (FakeNVML(driver=False), None):
        monkeypatch.setitem(sys.modules, "pynvml", missing)
        assert gpu_facts() == gpu_states() == []
        assert "gpus" not in machine_facts()
