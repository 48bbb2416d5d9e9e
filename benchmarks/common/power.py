"""Energy over a run, where the machine has a meter: a Jetson's rails, a processor's RAPL counters, an NVIDIA GPU's own counter.

RAPL:       https://docs.kernel.org/power/powercap/powercap.html
tegrastats: https://docs.nvidia.com/jetson/archives/r36.3/DeveloperGuide/AT/JetsonLinuxDevelopmentTools/TegrastatsUtility.html
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import mean
from tempfile import TemporaryFile
from typing import Any

from benchmarks.common.machine import read_integer, read_text

INTERVAL_MS = 100

MODULE_INPUT = ("VDD_IN", "POM_5V_IN", "VIN")
"""Rails of a Jetson that feed the whole module (Nano, TX2, Xavier NX, Orin Nano and NX; VIN on Thor: with the carrier board)."""

PART_OF_ANOTHER = ("VDDQ_VDD2_1V8AO",)
"""Rails of an AGX Orin that VIN_SYS_5V0 feeds: not to be counted twice."""

RAIL = re.compile(r"(?<!\S)([A-Z][A-Z0-9_]*) (-?\d+)(?:mW)?/-?\d+(?:mW)?(?!\S)")
"""A rail of tegrastats: name, milliwatts now, milliwatts on average. The unit is there since JetPack 4.6."""

NOT_RAILS = ("RAM", "SWAP", "IRAM", "NC")

Meter = dict[str, Any]
"""`of` (module, package or GPU), `by` (tool), mean `watts` and `joules`."""


def read_rails(line: str) -> dict[str, float]:
    """Watts by rail in one line of tegrastats, of any JetPack from 4 on."""
    return {name: int(milliwatts) / 1000 for name, milliwatts in RAIL.findall(line) if name not in NOT_RAILS}


def module_watts(rails: dict[str, float]) -> tuple[float, str] | None:
    """Power of the whole module, and the rails it is the sum of; None when no rail is there.

    The rail that feeds all others where it is measured; else the sum of those there are, as on AGX Xavier and AGX Orin.
    """
    for name in MODULE_INPUT:
        if name in rails:
            return rails[name], name
    summed = {name: watts for name, watts in rails.items() if name not in PART_OF_ANOTHER}
    return (sum(summed.values()), " + ".join(summed)) if summed else None


def module_meters(lines: Sequence[str], seconds: float) -> list[Meter]:
    """A Jetson's energy from the lines that tegrastats printed over `seconds`: mean power times time."""
    samples = [sample for line in lines if (sample := module_watts(read_rails(line)))]
    return [_meter(f"module ({samples[0][1]})", "tegrastats", seconds * mean(watts for watts, _ in samples), seconds)] if samples else []


def rapl_counters(root: Path) -> dict[str, tuple[int, int]]:
    """Microjoules used so far, and where the counter starts again, by processor package."""
    found = {}
    for zone in sorted(root.glob("sys/class/powercap/intel-rapl:[0-9]*")):
        used, limit = read_integer(zone / "energy_uj"), read_integer(zone / "max_energy_range_uj")
        if zone.name.count(":") == 1 and used is not None and limit:
            found[f"{read_text(zone / 'name')}"] = (used, limit)
    return found


def package_meters(before: Mapping[str, tuple[int, int]], after: Mapping[str, tuple[int, int]], seconds: float) -> list[Meter]:
    """Energy of processor packages between two readings of `rapl_counters`, the counter's wrap included."""
    return [
        _meter(f"processor ({name})", "RAPL", (after[name][0] - used) % limit / 1e6, seconds)
        for name, (used, limit) in before.items()
        if name in after
    ]


def gpu_meters(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], seconds: float) -> list[Meter]:
    """Energy of GPUs between two readings of `lanes.telemetry.gpu.gpu_states`; those without a counter (before Volta) are left out."""
    return [
        _meter(f"GPU {index}", "NVML", late["joules"] - early["joules"], seconds)
        for index, (early, late) in enumerate(zip(before, after, strict=False))
        if early.get("joules") is not None and late.get("joules") is not None
    ]


@contextmanager
def sample_tegrastats() -> Iterator[list[str]]:
    """Runs tegrastats beside the block and leaves its lines in the list given when the block ends; none where it is not installed."""
    lines: list[str] = []
    if shutil.which("tegrastats") is None:
        yield lines
        return
    with TemporaryFile("w+") as file:
        tool = subprocess.Popen(["tegrastats", "--interval", str(INTERVAL_MS)], stdout=file, stderr=subprocess.DEVNULL)
        try:
            yield lines
        finally:
            tool.terminate()
            tool.wait()
            file.seek(0)
            lines += file.read().splitlines()


def _meter(of: str, by: str, joules: float, seconds: float) -> Meter:
    return {"of": of, "by": by, "watts": joules / seconds, "joules": joules}
