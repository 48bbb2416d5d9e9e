"""The machine that figures were taken on, in the few facts that stand in every report."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

from engines.cores import usable_cores
from lanes.telemetry.gpu import gpu_facts

MIB = 1 << 20


def machine_facts() -> dict[str, Any]:
    """What figures depend on.

    Returns:
        `processor`, `cores` (that this process may use, by affinity and quota), `memory_mib`, `system`, `architecture`, `python`,
        `load_average_1min`, and `gpus`: what `lanes.telemetry.gpu.gpu_facts` says, left out where there is none.
    """
    import psutil  # here, since it takes 10 ms that a program's start does without

    facts: dict[str, Any] = {
        "processor": processor_name(),
        "cores": usable_cores(),
        "memory_mib": psutil.virtual_memory().total // MIB,
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "load_average_1min": psutil.getloadavg()[0],
    }
    gpus = gpu_facts()
    return facts | ({"gpus": gpus} if gpus else {})


def processor_name() -> str:
    """As its maker calls it, where the system knows that; else its architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
