"""The stopwatch, and the report it makes.

Times are taken with `time.perf_counter_ns`, which never steps back, around blocking calls: a stage's time ends when its result
is in memory. Percentiles are of single frames; nothing is averaged before.
"""

from __future__ import annotations

import os
import platform
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np

STAGES = ("capture", "preprocess", "inference", "postprocess", "overlay", "output")
"""What is timed of every frame, in order.

capture      waiting for and decoding the frame, until its BGR pixels are in memory
preprocess   scaling it to the model's input
inference    the engine, from input in memory to probability in memory
postprocess  probability back to the frame's size, threshold, lane curves
overlay      drawing
output       encoding and writing of every output asked for
"""

WARM_UP_FRAMES = 10
"""Frames kept out of the percentiles at the start: caches, clocks and code paths settle. At most a quarter of a run."""


@dataclass(slots=True)
class FrameTiming:
    """The times of one frame on its way.

    Attributes:
        arrived_ns: when the frame was in memory, by `perf_counter_ns`.
        stages: milliseconds by stage.
        total_ms: from frame in memory to drawn frame handed to the output, waiting in queues included; set by `hand_over`.
    """

    arrived_ns: int
    stages: dict[str, float] = field(default_factory=dict)
    total_ms: float = 0.0

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Times the block as `stage`, adding to what the stage has taken of this frame so far."""
        start = perf_counter_ns()
        yield
        self.stages[stage] = self.stages.get(stage, 0.0) + (perf_counter_ns() - start) / 1e6

    def hand_over(self) -> None:
        """The drawn frame goes to the output now."""
        self.total_ms = (perf_counter_ns() - self.arrived_ns) / 1e6


class LatencyLog:
    """Collects the timings of a run; grows by 64 bytes a frame."""

    def __init__(self) -> None:
        self._stages = {stage: array("d") for stage in STAGES}
        self._end_to_end = array("d")
        self._frame_age = array("d")
        self._before_ns = 0
        self._started_ns = self._last_ns = perf_counter_ns()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._end_to_end)

    def start(self) -> None:
        """A loop starts now: throughput counts from here, and what went before it, in earlier loops, on top."""
        self._before_ns += self._last_ns - self._started_ns
        self._started_ns = self._last_ns = perf_counter_ns()

    def add(self, timing: FrameTiming, dropped_before: int = 0, age_ms: float | None = None) -> None:
        """Takes a finished frame's timing. `age_ms`: how old a live frame was when it was handed to the output."""
        for stage, values in self._stages.items():
            values.append(timing.stages.get(stage, float("nan")))
        self._end_to_end.append(timing.total_ms)
        if age_ms is not None:
            self._frame_age.append(age_ms)
        self.dropped += dropped_before
        self._last_ns = perf_counter_ns()

    @property
    def seconds(self) -> float:
        """From the start of each loop to its last finished frame."""
        return (self._before_ns + self._last_ns - self._started_ns) / 1e9

    @property
    def throughput_fps(self) -> float:
        """Frames finished a second, warm-up included."""
        return len(self) / self.seconds if self.seconds > 0 else 0.0

    def recent(self, frames: int = 30) -> float | None:
        """Median end-to-end milliseconds of the last frames, for the readout."""
        return float(np.median(self._end_to_end[-frames:])) if self._end_to_end else None

    def report(self, *, corrupt: int, engine: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
        """The latency report: what `--report` writes. Times in milliseconds; a stage that never ran is left out."""
        processed = len(self)
        warm_up = min(WARM_UP_FRAMES, processed // 4)
        stages = {stage: summarise(values[warm_up:]) for stage, values in self._stages.items()}
        report: dict[str, Any] = {
            "frames": {"captured": processed + self.dropped, "processed": processed, "dropped": self.dropped, "corrupt": corrupt},
            "warmup_frames": warm_up,
            "stages": {stage: summary for stage, summary in stages.items() if summary["n"]},
            "end_to_end": summarise(self._end_to_end[warm_up:]),
        }
        if self._frame_age:
            report["frame_age"] = summarise(self._frame_age[warm_up:])
        return report | {"throughput_fps": self.throughput_fps, "engine": engine, "machine": machine_facts(), "source": source}


def summarise(milliseconds: array[float]) -> dict[str, float | int | None]:
    """Percentiles, by linear interpolation between order statistics, of the values that are not NaN."""
    values = np.asarray(milliseconds, np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return {"p50": None, "p90": None, "p95": None, "p99": None, "max": None, "mean": None, "n": 0}
    p50, p90, p95, p99 = np.percentile(values, (50, 90, 95, 99)).tolist()
    return {"p50": p50, "p90": p90, "p95": p95, "p99": p99, "max": float(values.max()), "mean": float(values.mean()), "n": len(values)}


def machine_facts() -> dict[str, Any]:
    """The machine that the figures were taken on."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "processor": _processor_name(),
        "cores": usable_cores(),
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "load_average_1min": load,
    }


def usable_cores() -> int:
    """Logical processors this process may use: fewer than the machine has, in a container or under taskset."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
