"""What this machine has of NVIDIA's: found out in a process of its own, since TensorRT's runtime without a driver kills the process.

Each step prints a line before and after it, so that the last line says where a process died. The order matters: nothing is
touched before what it stands on has proved to work.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from engines.tensorrt import api as trt_api

DRIVER_LIBRARY = "nvcuda.dll" if os.name == "nt" else "libcuda.so.1"

TIMEOUT_S = 120
"""Longest wait for the probe. A GPU that sleeps and a cold disk take some seconds."""

COMPUTE_CAPABILITY = (75, 76)
"""CUdevice_attribute: compute capability, major and minor."""


@dataclass(frozen=True)
class Probe:
    """What was found.

    Attributes:
        lacking: the first thing that keeps TensorRT from running, with what to do, in one clause; None when nothing does.
        gpu: name of the first GPU; None where there is none that works. It stands even when TensorRT is lacking.
        compute_capability: of that GPU, `8.7`.
        memory_mib: of that GPU.
        driver: version of the driver, and of CUDA up to which it goes.
        cuda_library: what calls the driver: `pycuda` or `cuda.bindings`.
        tensorrt: product and version, `TensorRT 10.3.0`.
    """

    lacking: str | None
    gpu: str | None = None
    compute_capability: str = ""
    memory_mib: int = 0
    driver: str = ""
    cuda_library: str = ""
    tensorrt: str = ""


@lru_cache(maxsize=1)
def has_driver() -> bool:
    """Whether NVIDIA's driver is installed: the one step that is safe, and quick, in this process."""
    try:
        ctypes.CDLL(DRIVER_LIBRARY)
    except OSError:
        return False
    return True


@lru_cache(maxsize=1)
def probe() -> Probe:
    """Finds out, once a process; takes some seconds where there is a driver, no time where there is none. Never raises."""
    if not has_driver():
        return Probe(f"there is no NVIDIA driver here ({DRIVER_LIBRARY} cannot be loaded): install it, or reach it from the container")
    root = str(Path(__file__).resolve().parents[1])
    # Not as `-m` or by path: either would make the result depend on the working folder.
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {root!r}); from engines.probe import main; main()"]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)
        return read_findings(ended.stdout.decode(errors="replace"), ended.returncode)
    except subprocess.TimeoutExpired as late:
        return read_findings((late.stdout or b"").decode(errors="replace"), None)
    except OSError as error:
        return Probe(f"the driver could not be tried out in a process of its own ({error.strerror})")


def read_findings(printed: str, status: int | None) -> Probe:
    """The findings from what the process printed, one JSON object a line, and its exit status: None when it did not end in time.

    What a library prints in between is passed over.
    """
    found: dict[str, Any] = {"lacking": None}
    known = {field.name for field in fields(Probe)} | {"trying", "error"}
    for line in printed.splitlines():
        with suppress(ValueError, RecursionError):
            facts = json.loads(line)
            found |= facts if isinstance(facts, dict) and facts.keys() <= known else {}
    trying, error = found.pop("trying", "starting Python"), found.pop("error", None)
    if error is not None:
        found["lacking"] = f"{trying} fails ({error})"
    elif status != 0 and not found["lacking"]:
        how = "does not return" if status is None else f"kills the process (exit status {status})"
        found["lacking"] = f"{trying} {how}: see that driver and TensorRT are of versions that belong together"
    return Probe(**found)


def main() -> None:
    """Prints what `read_findings` reads. Runs in the process that may die."""
    try:
        _probe_steps()
    except _LackingError as lack:
        _report(lacking=str(lack))
    except Exception as error:  # whatever a library throws, the caller is to hear of it in one line
        _report(error=f"{type(error).__name__}: {' '.join(str(error).split())}")


class _LackingError(Exception):
    pass


def _report(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)


def _probe_steps() -> None:
    _report(trying="the NVIDIA driver")
    driver = ctypes.CDLL(DRIVER_LIBRARY)
    code = driver.cuInit(0)
    count = ctypes.c_int()
    if code != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value < 1:
        raise _LackingError(
            f"the NVIDIA driver is installed but gives no GPU (CUDA error {code}): try `nvidia-smi`, restart after an update"
        )
    _report(**_gpu_facts(driver))
    _report(trying="loading pycuda or cuda-python")
    library = next((name for name in ("pycuda.driver", "cuda.bindings.driver") if _can_import(name)), None)
    if library is None:
        raise _LackingError("neither pycuda nor cuda-python is installed: pip install cuda-bindings")
    _report(cuda_library=library.removesuffix(".driver"), trying="loading TensorRT")
    try:
        trt = trt_api.import_tensorrt()
    except ImportError as error:
        raise _LackingError(
            f"TensorRT is not installed ({error}): pip install tensorrt; on a Jetson it comes with JetPack (docs/jetson.md)"
        ) from None
    _report(tensorrt=trt_api.product(trt), trying="starting TensorRT")
    runtime = trt.Runtime(trt_api.make_logger(trt))
    # Some versions return an object that dies at its first use, or when it is released.
    del runtime


def _can_import(name: str) -> bool:
    try:
        importlib.import_module(name)
    except Exception:  # pycuda raises its own errors while it loads
        return False
    return True


def _gpu_facts(driver: ctypes.CDLL) -> dict[str, Any]:
    name = ctypes.create_string_buffer(256)
    driver.cuDeviceGetName(name, len(name), 0)
    numbers = [ctypes.c_int() for _ in COMPUTE_CAPABILITY]
    for number, attribute in zip(numbers, COMPUTE_CAPABILITY, strict=True):
        driver.cuDeviceGetAttribute(ctypes.byref(number), attribute, 0)
    memory, cuda = ctypes.c_size_t(), ctypes.c_int()
    driver.cuDeviceTotalMem_v2(ctypes.byref(memory), 0)
    driver.cuDriverGetVersion(ctypes.byref(cuda))
    version = f"CUDA {cuda.value // 1000}.{cuda.value % 1000 // 10}"
    module = Path("/sys/module/nvidia/version")
    if module.exists():
        version = f"{module.read_text().strip()}, {version}"
    return {
        "gpu": name.value.decode(errors="replace"),
        "compute_capability": ".".join(str(number.value) for number in numbers),
        "memory_mib": memory.value >> 20,
        "driver": version,
    }
