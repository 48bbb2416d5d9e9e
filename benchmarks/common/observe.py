"""The machine before and after a run, the load of others meanwhile, and the warnings that follow.

Nothing here runs while a benchmark does, but for the tool that samples a Jetson's power ten times a second.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import psutil

from benchmarks.common.machine import ROOT, describe_machine, machine_state
from benchmarks.common.power import gpu_meters, module_meters, package_meters, rapl_counters, sample_tegrastats

OTHERS_LIMIT = 0.1
"""Share of the processor that other processes may take before it is a warning."""

STOLEN_LIMIT = 0.02

LOAD_SECONDS = 0.2
"""Shorter runs say nothing of the load: the kernel counts processor time in ticks of 10 ms."""

CLOCK_LIMIT = 0.9
"""A clock below this share of what it was before has fallen."""

DYNAMIC_POWERSAVE = ("intel_pstate", "amd-pstate-epp")
"""Drivers whose governor `powersave` goes up to full clock under load."""


@dataclass
class Observation:
    """The machine over a run, complete when the run has ended.

    Attributes:
        facts: of `describe_machine`; `before` and `after`: of `machine_state`; `seconds`: how long it took; as far as known
            `others`: share of the usable cores that other processes took, 0 to 1, `stolen`: that the host of a virtual machine
            took, `power`: what was metered, see `benchmarks.common.power.Meter`.
        warnings: why figures of this run are not to be trusted, one sentence each.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def joules(self) -> float | None:
        """Energy of all that was metered over the run; None where nothing is. `facts` says what is in it."""
        meters = self.facts.get("power")
        return sum(meter["joules"] for meter in meters) if meters else None


@contextmanager
def observe_machine(root: Path = ROOT) -> Iterator[Observation]:
    """Observes the machine before and after the block.

    Child processes that ended in the block count as own load, others do not.

    Args:
        root: where /proc and /sys are.
    """
    observation = Observation(describe_machine(root))
    before = machine_state(root)
    with sample_tegrastats() as tegrastats:
        energy, load, own, started = rapl_counters(root), _processor_seconds(), _own_seconds(), perf_counter()
        yield observation
        seconds = perf_counter() - started
        own_seconds, load_after, energy_after = _own_seconds() - own, _processor_seconds(), rapl_counters(root)
        after = machine_state(root)
    observation.facts |= {"before": before, "after": after, "seconds": seconds}
    if seconds >= LOAD_SECONDS:
        observation.facts |= _load(load, load_after, own_seconds, seconds * observation.facts["cores"])
    if seconds > 0:
        meters = [
            *module_meters(tegrastats, seconds),
            *package_meters(energy, energy_after, seconds),
            *gpu_meters(before.get("gpus", []), after.get("gpus", []), seconds),
        ]
        observation.facts |= {"power": meters} if meters else {}
    observation.warnings += machine_warnings(observation.facts)


def machine_warnings(facts: dict[str, Any]) -> list[str]:
    """Why figures taken on a machine with these facts, as `Observation` has them, are not to be trusted: one sentence each."""
    before, after = facts["before"], facts["after"]
    warnings = []
    if facts.get("others", 0) > OTHERS_LIMIT:
        warnings.append(f"other processes took {facts['others']:.0%} of the processor")
    if facts.get("stolen", 0) > STOLEN_LIMIT:
        warnings.append(f"the host of this virtual machine took {facts['stolen']:.0%} of its processor")
    clocks = [min(state["clocks_mhz"]) for state in (before, after) if state.get("clocks_mhz")]
    if len(clocks) == 2 and clocks[1] < CLOCK_LIMIT * clocks[0]:
        warnings.append(f"the processor's clock fell from {clocks[0]:.0f} to {clocks[1]:.0f} MHz")
    for cause, count in after.get("throttle_counts", {}).items():
        if (more := count - before.get("throttle_counts", {}).get(cause, 0)) > 0:
            warnings.append(f"the processor was throttled {more} times during the run ({cause})")
    warnings += [f"{zone} is as hot as where the machine slows down" for zone in after.get("at_limit", [])]
    warnings += [f"the kernel is slowing the machine down ({device})" for device in after.get("cooling", [])]
    if "powersave" in facts.get("governor", "") and facts.get("frequency_driver") not in DYNAMIC_POWERSAVE:
        warnings.append("the processor's governor is powersave, its lowest clock: choose performance")
    for index, gpu in enumerate(after.get("gpus", [])):
        warnings += [f"GPU {index} was slowed down by {why}" for why in gpu["slowed_by"]]
    return warnings


def _own_seconds() -> float:
    """Processor time of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _processor_seconds() -> dict[str, float]:
    """Seconds that the usable processors have worked so far, and that were stolen from them."""
    every = psutil.cpu_times(percpu=True)
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(len(every))
    chosen = [every[index] for index in usable if index < len(every)]
    working = ("user", "nice", "system", "irq", "softirq")  # by the system, not all of them
    return {
        "busy": sum(getattr(times, kind, 0.0) for times in chosen for kind in working),
        "stolen": sum(getattr(times, "steal", 0.0) for times in chosen),
    }


def _load(before: dict[str, float], after: dict[str, float], own_seconds: float, available: float) -> dict[str, float]:
    """Shares of the processor seconds `available` in a run, 0 to 1: `others`, `stolen`."""
    busy, stolen = (after[kind] - before[kind] for kind in ("busy", "stolen"))
    return {"others": min(1.0, max(0.0, (busy - own_seconds) / available)), "stolen": min(1.0, max(0.0, stolen / available))}
