"""The machine that a figure was taken on, before and after, and why to doubt the figure.

Everything is read from what Linux shows of itself under /proc and /sys, and from NVIDIA's own tools where they are installed; what a
machine does not show is left out. Nothing here runs while a benchmark does, but for the tools that sample power a few times a second.

    cpufreq:    https://docs.kernel.org/admin-guide/pm/cpufreq.html
    thermal:    https://docs.kernel.org/driver-api/thermal/sysfs-api.html
    /proc/stat: https://man7.org/linux/man-pages/man5/proc_stat.5.html
    RAPL:       https://docs.kernel.org/power/powercap/powercap.html
    tegrastats: https://docs.nvidia.com/jetson/archives/r36.3/DeveloperGuide/AT/JetsonLinuxDevelopmentTools/TegrastatsUtility.html
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from statistics import mean
from tempfile import TemporaryFile
from time import perf_counter
from typing import Any

from lanes.telemetry.machine import machine_facts, usable_cores

ROOT = Path("/")

LIBRARIES = ("numpy", "opencv-python", "onnx", "onnxruntime", "onnxruntime-gpu", "openvino", "torch", "tensorrt", "tensorrt-rtx", "av")

OTHERS_LIMIT = 0.1
"""Share of the processor that others may take before the figures are in doubt."""

STOLEN_LIMIT = 0.02

CLOCK_LIMIT = 0.9
"""A clock below this share of what it was before has fallen."""

POWER_INTERVAL_MS = 100

DYNAMIC_POWERSAVE = ("intel_pstate", "amd-pstate-epp")
"""Drivers whose governor `powersave` goes up to full clock under load."""

SLOWED_GPU = {
    0x04: "its power cap",
    0x08: "a hardware slowdown",
    0x20: "its temperature (software)",
    0x40: "its temperature (hardware)",
    0x80: "the power supply's brake signal",
}
"""Bits of the clock reasons that mean a GPU slower than it should be:
https://docs.nvidia.com/deploy/nvml-api/group__nvmlClocksEventReasons.html"""

GPU_FIELDS = ("name", "driver_version", "memory.total", "power.limit", "clocks.max.sm")
GPU_STATE_FIELDS = ("clocks.sm", "clocks.mem", "temperature.gpu", "power.draw", "pstate")

MODULE_INPUT = ("VDD_IN", "POM_5V_IN", "VIN")
"""Rails of a Jetson that feed the whole module (Nano, TX2, Xavier NX, Orin Nano and NX; VIN on Thor: with the carrier board)."""

PART_OF_ANOTHER = ("VDDQ_VDD2_1V8AO",)
"""Rails of an AGX Orin that VIN_SYS_5V0 feeds: not to be counted twice."""

RAIL = re.compile(r"(?<!\S)([A-Z][A-Z0-9_]*) (-?\d+)(?:mW)?/-?\d+(?:mW)?(?!\S)")
"""A rail of tegrastats: name, milliwatts now, milliwatts on average. The unit is there since JetPack 4.6."""

NOT_RAILS = ("RAM", "SWAP", "IRAM", "NC")


# --- what the machine is ----------------------------------------------------------------------------------------------------------


def describe_machine(root: Path = ROOT) -> dict[str, Any]:
    """What does not change over a run: processor, memory, governor, libraries, GPU, and which Jetson it is.

    Args:
        root: where /proc, /sys and /etc are.

    Returns:
        `processor`, `cores`, `system`, `architecture`, `python`, `libraries` (versions by name), and as far as known `memory_mib`,
        `governor`, `frequency_driver`, `gpus` (a list), `jetson`.
    """
    facts = machine_facts()
    facts.pop("load_average_1min")
    facts["libraries"] = {name: version for name in LIBRARIES if (version := _version(name))}
    found = {
        "memory_mib": _memory_mib(root),
        "governor": _words(root, "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor"),
        "frequency_driver": _words(root, "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_driver"),
        "gpus": _gpus(GPU_FIELDS),
        "jetson": _jetson(root),
    }
    return facts | {key: value for key, value in found.items() if value}


def machine_state(root: Path = ROOT) -> dict[str, Any]:
    """What may change over a run.

    Args:
        root: where /proc and /sys are.

    Returns:
        As far as known: `clocks_mhz` (one a core), `temperatures_c` (by zone), `at_limit` (zones as hot as where the kernel begins to
        slow down), `throttle_counts` (how often each core was slowed down, and how often a container was held back), `cooling` (what
        slows the processor now), `load_average_1min`, `memory_free_mib`, `gpus`.
    """
    temperatures, at_limit = _temperatures(root)
    found: dict[str, Any] = {
        "clocks_mhz": _clocks(root),
        "temperatures_c": temperatures,
        "at_limit": at_limit,
        "throttle_counts": _throttle_counts(root),
        "cooling": _cooling(root),
        "load_average_1min": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "memory_free_mib": _memory_mib(root, "MemAvailable"),
        "gpus": _gpu_states(),
    }
    return {key: value for key, value in found.items() if value not in (None, [], {})}


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def _read(path: Path) -> str | None:
    """The text of a file of the kernel's; None when it is not there or will not tell."""
    try:
        return path.read_text(errors="replace").strip("\0\n ")
    except OSError:
        return None


def _number(path: Path) -> int | None:
    text = _read(path)
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def _words(root: Path, pattern: str) -> str:
    """What all files of a pattern say: mostly one word."""
    return ", ".join(sorted({text for path in root.glob(pattern) if (text := _read(path))}))


def _memory_mib(root: Path, entry: str = "MemTotal") -> int | None:
    found = re.search(rf"^{entry}:\s+(\d+) kB", _read(root / "proc/meminfo") or "", re.MULTILINE)
    return int(found[1]) // 1024 if found else None


def _clocks(root: Path) -> list[float]:
    scaled = sorted(root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq"), key=lambda path: int(path.parts[-3][3:]))
    if clocks := [hertz / 1000 for path in scaled if (hertz := _number(path)) is not None]:
        return clocks
    return [float(mhz) for mhz in re.findall(r"^cpu MHz\s*:\s*([\d.]+)", _read(root / "proc/cpuinfo") or "", re.MULTILINE)]


def _temperatures(root: Path) -> tuple[dict[str, float], list[str]]:
    """Degrees Celsius by zone, and the zones that are at a trip point where the kernel slows something down."""
    temperatures: dict[str, float] = {}
    at_limit = []
    for zone in sorted(root.glob("sys/class/thermal/thermal_zone*")):
        thousandths = _number(zone / "temp")
        if thousandths is None or thousandths <= -200_000:  # -256 degrees: a part that is switched off, on a Jetson
            continue
        name = _read(zone / "type") or zone.name
        name = name if name not in temperatures else f"{name} ({zone.name})"
        temperatures[name] = thousandths / 1000
        for trip in zone.glob("trip_point_*_type"):
            limit = _number(trip.with_name(trip.name.replace("_type", "_temp")))
            if _read(trip) in ("passive", "hot", "critical") and limit is not None and 0 < limit <= thousandths:
                at_limit.append(name)
                break
    return temperatures, at_limit


def _throttle_counts(root: Path) -> dict[str, int]:
    """Events so far, by what counts them: Intel's cores and packages, and the processor quota of a container."""
    counts: dict[str, int] = {}
    for kind in ("core", "package"):
        files = root.glob(f"sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/{kind}_throttle_count")
        if found := [count for path in files if (count := _number(path)) is not None]:
            counts[f"{kind}s too hot"] = sum(found)
    quota = re.search(r"^nr_throttled (\d+)", _read(root / "sys/fs/cgroup/cpu.stat") or "", re.MULTILINE)
    if quota:
        counts["processor quota used up"] = int(quota[1])
    return counts


def _cooling(root: Path) -> list[str]:
    """Devices by which the kernel slows the machine down at this moment; fans do no harm."""
    return [
        name
        for device in sorted(root.glob("sys/class/thermal/cooling_device*"))
        if (name := _read(device / "type")) and "fan" not in name.lower() and (_number(device / "cur_state") or 0) > 0
    ]


def _run(*command: str) -> str | None:
    """What a tool prints; None where it is not installed or fails."""
    if shutil.which(command[0]) is None:
        return None
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ended.stdout.strip() if ended.returncode == 0 else None


def _gpus(fields: Sequence[str]) -> list[dict[str, Any]]:
    return read_gpus(_run("nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits") or "", fields)


def _gpu_states() -> list[dict[str, Any]]:
    # The name of this field changed with driver 535; either is refused by some drivers.
    for reasons in ("clocks_event_reasons.active", "clocks_throttle_reasons.active"):
        if states := _gpus((*GPU_STATE_FIELDS, reasons)):
            return [
                {**state, "slowed_by": [why for bit, why in SLOWED_GPU.items() if _hexadecimal(state.pop(reasons)) & bit]}
                for state in states
            ]
    return []


def read_gpus(printed: str, fields: Sequence[str]) -> list[dict[str, Any]]:
    """The lines of `nvidia-smi --format=csv,noheader,nounits`, one GPU a line; MHz, degrees Celsius, watts and MiB as numbers.

    A field that the GPU does not tell (`[N/A]`) is None; lines that are something else are passed over.
    """
    gpus = []
    for line in printed.splitlines():
        values = [value.strip() for value in line.split(",")]
        if len(values) == len(fields):
            gpus.append({name: _value(value) for name, value in zip(fields, values, strict=True)})
    return gpus


def _value(text: str) -> str | float | None:
    if text.startswith("["):
        return None
    try:
        return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else text
    except ValueError:
        return text


def _hexadecimal(value: object) -> int:
    try:
        return int(str(value), 16)
    except ValueError:
        return 0


def _jetson(root: Path) -> dict[str, str]:
    """Which Jetson, its software and its power mode, stated and not judged; nothing where it is none."""
    model = _read(root / "proc/device-tree/model") or ""
    if not (root / "etc/nv_tegra_release").exists() and "jetson" not in model.lower():
        return {}
    found = {
        "model": model,
        "release": (_read(root / "etc/nv_tegra_release") or "").partition("\n")[0].lstrip("# "),
        "power_mode": read_power_mode(_run("nvpmodel", "-q") or ""),
        "clocks": _run("jetson_clocks", "--show") or "not told: run as root",
    }
    return {key: value for key, value in found.items() if value}


def read_power_mode(printed: str) -> str:
    """The mode in what `nvpmodel -q` prints: `MAXN`, `MODE_15W`."""
    found = re.search(r"NV Power Mode:\s*(\S+)", printed)
    return found[1] if found else ""


# --- power ------------------------------------------------------------------------------------------------------------------------


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


@contextmanager
def _sampling(*command: str) -> Iterator[list[str]]:
    """Runs a tool beside the block and leaves the lines that it printed in the list given; none where it is not installed."""
    lines: list[str] = []
    if shutil.which(command[0]) is None:
        yield lines
        return
    with TemporaryFile("w+") as file:
        tool = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL)
        try:
            yield lines
        finally:
            tool.terminate()
            tool.wait()
            file.seek(0)
            lines += file.read().splitlines()


def _rapl(root: Path) -> dict[str, tuple[int, int]]:
    """Microjoules used so far, and where the counter starts again, by processor package."""
    found = {}
    for zone in sorted(root.glob("sys/class/powercap/intel-rapl:[0-9]*")):
        used, most = _number(zone / "energy_uj"), _number(zone / "max_energy_range_uj")
        if zone.name.count(":") == 1 and used is not None and most is not None:
            found[f"{_read(zone / 'name')}"] = (used, most)
    return found


def _meter(of: str, by: str, watts: float, seconds: float) -> dict[str, Any]:
    return {"of": of, "by": by, "watts": watts, "joules": watts * seconds}


def read_meters(tegrastats: Sequence[str], nvidia_smi: Sequence[str], seconds: float) -> list[dict[str, Any]]:
    """Mean power over `seconds` from the lines that the tools printed meanwhile; see `Watch.facts`."""
    meters = []
    samples = [sample for line in tegrastats if (sample := module_watts(read_rails(line)))]
    if samples:
        meters.append(_meter(f"module ({samples[0][1]})", "tegrastats", mean(watts for watts, _ in samples), seconds))
    gpus: dict[str, list[float]] = {}
    for gpu in read_gpus("\n".join(nvidia_smi), ("index", "power.draw")):
        if isinstance(gpu["power.draw"], float) and isinstance(gpu["index"], float):
            gpus.setdefault(f"GPU {gpu['index']:.0f}", []).append(gpu["power.draw"])
    return meters + [_meter(name, "nvidia-smi", mean(watts), seconds) for name, watts in gpus.items()]


# --- a run ------------------------------------------------------------------------------------------------------------------------


@dataclass
class Watch:
    """The machine over a run, complete when the run has ended.

    Attributes:
        facts: of `describe_machine`; `before` and `after`: of `machine_state`; `seconds`: how long it took; as far as known
            `others`: share of the usable cores that other processes took, 0 to 1, `stolen`: that the host of a virtual machine
            took, `power`: what was metered, each with `of` (module, package or GPU), `by` (tool), mean `watts` and `joules`.
        doubts: why figures of this run are not to be trusted, one sentence each.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)

    @property
    def joules(self) -> float | None:
        """Energy of all that was metered over the run; None where nothing is. `facts` says what is in it."""
        meters = self.facts.get("power")
        return sum(meter["joules"] for meter in meters) if meters else None


@contextmanager
def watch_machine(root: Path = ROOT) -> Iterator[Watch]:
    """Looks at the machine before and after the block.

    Child processes that ended in the block count as own load, others do not.

    Args:
        root: where /proc and /sys are.
    """
    watch = Watch(describe_machine(root))
    before = machine_state(root)
    with ExitStack() as stack:
        tegrastats = stack.enter_context(_sampling("tegrastats", "--interval", str(POWER_INTERVAL_MS)))
        nvidia_smi = stack.enter_context(
            _sampling("nvidia-smi", "--query-gpu=index,power.draw", "--format=csv,noheader,nounits", f"-lms={POWER_INTERVAL_MS}")
        )
        energy, ticks, own, begun = _rapl(root), _ticks(root), _own_seconds(), perf_counter()
        yield watch
        seconds, own_seconds, ticks_after, energy_after = perf_counter() - begun, _own_seconds() - own, _ticks(root), _rapl(root)
        after = machine_state(root)
    watch.facts |= {"before": before, "after": after, "seconds": seconds}
    if ticks and ticks_after and seconds > 0:
        watch.facts |= _load(ticks, ticks_after, own_seconds, seconds)
    meters = [
        _meter(f"processor ({name})", "RAPL", (energy_after[name][0] - used) % most / 1e6 / seconds, seconds)
        for name, (used, most) in energy.items()
        if name in energy_after and most > 0
    ] + read_meters(tegrastats, nvidia_smi, seconds)
    if meters:
        watch.facts["power"] = meters
    watch.doubts += find_doubts(watch.facts)


def find_doubts(facts: dict[str, Any]) -> list[str]:
    """Why figures taken on a machine with these facts, as `Watch` has them, are not to be trusted: one sentence each."""
    before, after = facts["before"], facts["after"]
    doubts = []
    if facts.get("others", 0) > OTHERS_LIMIT:
        doubts.append(f"other processes took {facts['others']:.0%} of the processor")
    if facts.get("stolen", 0) > STOLEN_LIMIT:
        doubts.append(f"the host of this virtual machine took {facts['stolen']:.0%} of its processor")
    clocks = [min(state["clocks_mhz"]) for state in (before, after) if state.get("clocks_mhz")]
    if len(clocks) == 2 and clocks[1] < CLOCK_LIMIT * clocks[0]:
        doubts.append(f"the processor's clock fell from {clocks[0]:.0f} to {clocks[1]:.0f} MHz")
    for what, count in after.get("throttle_counts", {}).items():
        if (more := count - before.get("throttle_counts", {}).get(what, 0)) > 0:
            doubts.append(f"the processor was throttled {more} times during the run ({what})")
    doubts += [f"{zone} is as hot as where the machine slows down" for zone in after.get("at_limit", [])]
    doubts += [f"the kernel is slowing the machine down ({device})" for device in after.get("cooling", [])]
    if "powersave" in facts.get("governor", "") and facts.get("frequency_driver") not in DYNAMIC_POWERSAVE:
        doubts.append("the processor's governor is powersave, its lowest clock: choose performance")
    for index, gpu in enumerate(after.get("gpus", [])):
        doubts += [f"GPU {index} was slowed down by {why}" for why in gpu["slowed_by"]]
    return doubts


def _own_seconds() -> float:
    """Processor time of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _ticks(root: Path) -> dict[str, int] | None:
    """Ticks that the usable processors have worked so far, and those that were stolen from them."""
    lines = [line.split() for line in (_read(root / "proc/stat") or "").splitlines() if re.match(r"cpu\d", line)]
    usable = {f"cpu{index}" for index in os.sched_getaffinity(0)} if hasattr(os, "sched_getaffinity") else {line[0] for line in lines}
    counts = [[int(tick) for tick in line[1:9]] for line in lines if line[0] in usable and len(line) >= 9]
    if not counts:
        return None
    user, nice, system, _idle, _waiting, irq, softirq, stolen = (sum(column) for column in zip(*counts, strict=True))
    return {"busy": user + nice + system + irq + softirq, "stolen": stolen}


def _load(before: dict[str, int], after: dict[str, int], own_seconds: float, seconds: float) -> dict[str, float]:
    """Shares of the usable cores over a run, 0 to 1: `others`, `stolen`."""
    available = seconds * usable_cores()
    busy, stolen = ((after[what] - before[what]) / os.sysconf("SC_CLK_TCK") for what in ("busy", "stolen"))
    return {"others": min(1.0, max(0.0, (busy - own_seconds) / available)), "stolen": min(1.0, max(0.0, stolen / available))}
