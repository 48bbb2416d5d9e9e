"""What this machine's processor can do, by the flags that Linux lists."""

from __future__ import annotations

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def cpu_facts() -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo; empty where there is no such file."""
    lines = CPUINFO.read_text(errors="replace").splitlines() if CPUINFO.exists() else []
    return {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in reversed(lines)}


def cpu_flags() -> list[str]:
    """Names of its instructions, x86-64 or ARM; empty where they are not known."""
    facts = cpu_facts()
    return facts.get("flags", facts.get("Features", "")).split()


def int8_saturates() -> bool:
    """Whether this is an x86-64 processor without VNNI or AMX.

    There the product of an unsigned and a signed byte is added to its neighbour's in 16 bits, which do not hold the sum of two large
    ones (`VPMADDUBSW`, Intel's manual of instructions). VNNI and AMX add in 32. Masks of the bundled `unet` in int8 had 0.014 of mean
    relaxed F1 less there.
    """
    flags = cpu_flags()
    return "avx2" in flags and not {"avx512_vnni", "avx_vnni", "amx_int8"} & set(flags)
