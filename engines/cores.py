"""How many processor cores this process may use: affinity (taskset), hyper-threading and the quota of a container all count."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")
"""`man 7 cgroups`: lines of `0::/path` in version 2, of `number:controllers:/path` in version 1."""

TOPOLOGY = Path("/sys/devices/system/cpu")


def usable_cores() -> int:
    """Logical processors that this process may keep busy: those of its affinity, or fewer where a container's quota is smaller."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, cpu_quota() or cores)


def codec_threads() -> int:
    """Threads for a decoder or an encoder beside which the rest of a run works: both together have as many as there are cores.

    With as many each, they hold up the thread that inference runs in: with a clip of 960x540 or 1920x1080 on two cores a run gave 0.94 of
    the frames a second; one of 3840x2160, where decoding and encoding take most of the time, 1.05.
    """
    return max(1, usable_cores() // 2)


def physical_cores() -> int:
    """The same, counting cores that appear as several (hyper-threading) once."""
    try:
        usable = os.sched_getaffinity(0)
        cores = len({(TOPOLOGY / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text() for cpu in usable})
    except (AttributeError, OSError):  # not Linux, or its /sys is hidden
        cores = os.cpu_count() or 1
    return min(cores, cpu_quota() or cores)


def cpu_quota() -> int | None:
    """Whole processors that the container's quota allows, at least one; None without a quota.

    The rest of a fraction is left unused: a thread more would be stopped by the kernel in the middle of a frame.
    """
    quotas = [quota for folder in _own_cgroups() if (quota := _quota(folder)) is not None]
    return max(1, int(min(quotas))) if quotas else None


def _own_cgroups() -> list[Path]:
    """The folders of the groups that this process is in, each with those above it, whose quotas hold as well."""
    try:
        lines = OWN_CGROUP.read_text().splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = CGROUPS / controllers if controllers else CGROUPS
        # Within a container the path may be the host's, of which only the root is to be seen.
        groups = [PurePosixPath(path), *PurePosixPath(path).parents]
        folders += [root / group.relative_to("/") for group in groups if ".." not in group.parts]
        folders += [CGROUPS / "cpu"] if controllers else []
    return folders


def _quota(folder: Path) -> float | None:
    """Processors that a group's quota allows; None where it sets none."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
        return None if quota == "max" or int(quota) < 1 else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None
