"""The machine that a figure was taken on: what it is, and the state it is in.

psutil and NVML give what they know; the rest is read from what Linux shows under /proc and /sys. psutil's temperatures are not used: its
limits are those of the chip's maker, where a warning needs the trip point at which this kernel slows down. What a machine does not show is
left out.

    cpufreq: https://docs.kernel.org/admin-guide/pm/cpufreq.html
    thermal: https://docs.kernel.org/driver-api/thermal/sysfs-api.html
"""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from lanes.telemetry.gpu import gpu_states
from lanes.telemetry.machine import machine_facts

ROOT = Path("/")

LIBRARIES = ("numpy", "opencv-python", "onnx", "onnxruntime", "onnxruntime-gpu", "openvino", "torch", "tensorrt", "tensorrt-rtx", "av")

MIB = 1 << 20

SWITCHED_OFF = -200_000
"""Thousandths of a degree below which a zone of a Jetson belongs to a part that is switched off (it reads -256 degrees)."""


def describe_machine(root: Path = ROOT) -> dict[str, Any]:
    """What does not change over a run: processor, memory, governor, libraries, GPU, and which Jetson it is.

    Args:
        root: where /proc, /sys and /etc are.

    Returns:
        What `machine_facts` has but the load, `libraries` (versions by name), and as far as known `governor`, `frequency_driver`, `jetson`.
    """
    facts = machine_facts()
    facts.pop("load_average_1min")
    facts["libraries"] = {name: version for name in LIBRARIES if (version := _version(name))}
    found = {
        "governor": _distinct(root, "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor"),
        "frequency_driver": _distinct(root, "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_driver"),
        "jetson": _jetson(root),
    }
    return facts | {key: value for key, value in found.items() if value}


def machine_state(root: Path = ROOT) -> dict[str, Any]:
    """What may change over a run.

    Args:
        root: where /sys is.

    Returns:
        As far as known: `clocks_mhz` (one a core), `temperatures_c` (by zone), `at_limit` (zones as hot as where the kernel begins to
        slow down), `throttle_counts` (how often each core was slowed down, and how often a container was held back), `cooling` (what
        slows the processor now), `load_average_1min`, `memory_free_mib`, `gpus` (of `lanes.telemetry.gpu.gpu_states`).
    """
    temperatures, at_limit = _temperatures(root)
    found: dict[str, Any] = {
        "clocks_mhz": _clocks(),
        "temperatures_c": temperatures,
        "at_limit": at_limit,
        "throttle_counts": _throttle_counts(root),
        "cooling": _cooling(root),
        "load_average_1min": psutil.getloadavg()[0],
        "memory_free_mib": psutil.virtual_memory().available // MIB,
        "gpus": gpu_states(),
    }
    return {key: value for key, value in found.items() if value not in (None, [], {})}


def read_text(path: Path) -> str | None:
    """The text of one of the kernel's files; None when it is not there or cannot be read."""
    try:
        return path.read_text(errors="replace").strip("\0\n ")
    except OSError:
        return None


def read_integer(path: Path) -> int | None:
    """A number in one of the kernel's files; None when there is none."""
    text = read_text(path)
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def read_power_mode(printed: str) -> str:
    """The mode in what `nvpmodel -q` prints: `MAXN`, `MODE_15W`."""
    found = re.search(r"NV Power Mode:\s*(\S+)", printed)
    return found[1] if found else ""


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def _distinct(root: Path, pattern: str) -> str:
    """The different contents of all files of a pattern, mostly one word."""
    return ", ".join(sorted({text for path in root.glob(pattern) if (text := read_text(path))}))


def _clocks() -> list[float]:
    try:
        return [float(core.current) for core in psutil.cpu_freq(percpu=True)]
    except (AttributeError, NotImplementedError, OSError):  # by the system
        return []


def _temperatures(root: Path) -> tuple[dict[str, float], list[str]]:
    """Degrees Celsius by zone, and the zones that are at a trip point where the kernel slows something down."""
    temperatures: dict[str, float] = {}
    at_limit = []
    for zone in sorted(root.glob("sys/class/thermal/thermal_zone*")):
        thousandths = read_integer(zone / "temp")
        if thousandths is None or thousandths <= SWITCHED_OFF:
            continue
        name = read_text(zone / "type") or zone.name
        name = name if name not in temperatures else f"{name} ({zone.name})"
        temperatures[name] = thousandths / 1000
        for trip in zone.glob("trip_point_*_type"):
            limit = read_integer(trip.with_name(trip.name.replace("_type", "_temp")))
            if read_text(trip) in ("passive", "hot", "critical") and limit is not None and 0 < limit <= thousandths:
                at_limit.append(name)
                break
    return temperatures, at_limit


def _throttle_counts(root: Path) -> dict[str, int]:
    """Events so far, by what counts them: Intel's cores and packages, and the processor quota of a container."""
    counts: dict[str, int] = {}
    for kind in ("core", "package"):
        files = root.glob(f"sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/{kind}_throttle_count")
        if found := [count for path in files if (count := read_integer(path)) is not None]:
            counts[f"{kind}s too hot"] = sum(found)
    quota = re.search(r"^nr_throttled (\d+)", read_text(root / "sys/fs/cgroup/cpu.stat") or "", re.MULTILINE)
    if quota:
        counts["processor quota used up"] = int(quota[1])
    return counts


def _cooling(root: Path) -> list[str]:
    """Devices by which the kernel slows the machine down at this moment; fans do no harm."""
    return [
        name
        for device in sorted(root.glob("sys/class/thermal/cooling_device*"))
        if (name := read_text(device / "type")) and "fan" not in name.lower() and (read_integer(device / "cur_state") or 0) > 0
    ]


def _jetson(root: Path) -> dict[str, str]:
    """Which Jetson, its software and its power mode, without a verdict on it; empty where it is none."""
    model = read_text(root / "proc/device-tree/model") or ""
    if not (root / "etc/nv_tegra_release").exists() and "jetson" not in model.lower():
        return {}
    found = {
        "model": model,
        "release": (read_text(root / "etc/nv_tegra_release") or "").partition("\n")[0].lstrip("# "),
        "power_mode": read_power_mode(_output_of("nvpmodel", "-q") or ""),
        "clocks": _output_of("jetson_clocks", "--show") or "not known: run as root",
    }
    return {key: value for key, value in found.items() if value}


def _output_of(*command: str) -> str | None:
    """What a tool prints; None where it is not installed or fails."""
    if shutil.which(command[0]) is None:
        return None
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ended.stdout.strip() if ended.returncode == 0 else None
