"""NVIDIA GPUs as their driver describes them, by NVML where nvidia-ml-py is installed; empty where it or the driver is not.

Never run on a GPU so far: written by NVML's documents, and tested against a stand-in.

    https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

THROTTLE_REASONS = {
    0x04: "its power cap",
    0x08: "a hardware slowdown",
    0x20: "its temperature (software)",
    0x40: "its temperature (hardware)",
    0x80: "the power supply's brake signal",
}
"""Bits of the clock reasons that mean a GPU slower than it should be:
https://docs.nvidia.com/deploy/nvml-api/group__nvmlClocksEventReasons.html"""

MIB = 1 << 20


def gpu_facts() -> list[dict[str, Any]]:
    """What does not change: `name`, `driver`, `memory_mib`, and as far as the GPU says so `power_limit_w` and `clock_limit_mhz`."""

    def facts(nvml: Any, gpu: Any) -> dict[str, Any]:
        return {
            "name": _text(nvml.nvmlDeviceGetName(gpu)),
            "driver": _text(nvml.nvmlSystemGetDriverVersion()),
            "memory_mib": nvml.nvmlDeviceGetMemoryInfo(gpu).total // MIB,
            "power_limit_w": _query(nvml, lambda: nvml.nvmlDeviceGetPowerManagementLimit(gpu) / 1000),
            "clock_limit_mhz": _query(nvml, lambda: nvml.nvmlDeviceGetMaxClockInfo(gpu, nvml.NVML_CLOCK_SM)),
        }

    return _of_every_gpu(facts)


def gpu_states() -> list[dict[str, Any]]:
    """What changes, as far as the GPU says so: `clock_mhz`, `memory_clock_mhz`, `temperature_c`, `power_w`, `performance_state` (0 is the
    fastest), `joules` used since the driver was loaded (from Volta on), and `slowed_by`, why it is slower than it should be."""

    def state(nvml: Any, gpu: Any) -> dict[str, Any]:
        reasons = _query(nvml, lambda: nvml.nvmlDeviceGetCurrentClocksEventReasons(gpu))
        if reasons is None:  # drivers before 535 have the same function under its former name
            reasons = _query(nvml, lambda: nvml.nvmlDeviceGetCurrentClocksThrottleReasons(gpu))
        return {
            "clock_mhz": _query(nvml, lambda: nvml.nvmlDeviceGetClockInfo(gpu, nvml.NVML_CLOCK_SM)),
            "memory_clock_mhz": _query(nvml, lambda: nvml.nvmlDeviceGetClockInfo(gpu, nvml.NVML_CLOCK_MEM)),
            "temperature_c": _query(nvml, lambda: nvml.nvmlDeviceGetTemperature(gpu, nvml.NVML_TEMPERATURE_GPU)),
            "power_w": _query(nvml, lambda: nvml.nvmlDeviceGetPowerUsage(gpu) / 1000),
            "performance_state": _query(nvml, lambda: nvml.nvmlDeviceGetPerformanceState(gpu)),
            "joules": _query(nvml, lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(gpu) / 1000),
            "slowed_by": [why for bit, why in THROTTLE_REASONS.items() if (reasons or 0) & bit],
        }

    return _of_every_gpu(state)


def _of_every_gpu(describe: Callable[[Any, Any], dict[str, Any]]) -> list[dict[str, Any]]:
    """What `describe(pynvml, handle)` says of each GPU; a GPU that fails at something asked of every GPU is left out."""
    try:
        import pynvml
    except ImportError:
        return []
    found: list[dict[str, Any]] = []
    with suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
        try:
            for index in range(pynvml.nvmlDeviceGetCount()):
                with suppress(pynvml.NVMLError):
                    found.append(describe(pynvml, pynvml.nvmlDeviceGetHandleByIndex(index)))
        finally:
            pynvml.nvmlShutdown()
    return found


def _query(nvml: Any, query: Callable[[], Any]) -> Any:
    """The answer; None where this GPU or its driver gives none."""
    try:
        return query()
    except nvml.NVMLError:
        return None


def _text(words: str | bytes) -> str:
    """NVML's words: bytes before nvidia-ml-py 11.515."""
    return words.decode() if isinstance(words, bytes) else words
