"""What this machine can run models with, and what it lacks: `python -m engines.doctor`."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable

from engines.cores import physical_cores
from engines.engine import UnavailableError
from engines.probe import has_driver, probe
from engines.processor import cpu_facts, cpu_flags
from engines.registry import ENGINES, GPU_ENGINES, EngineEntry, load_engine_class
from engines.tensorrt.plan_cache import default_folder
from lanes.cli.arguments import Parser

FEATURES = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX-512 VNNI (int8)",
    "avx_vnni": "AVX-VNNI (int8)",
    "avx512_bf16": "AVX-512 BF16",
    "amx_bf16": "AMX bf16",
    "amx_int8": "AMX int8",
    "asimddp": "dot product (int8)",
    "bf16": "bf16",
    "i8mm": "int8 matrices",
}
"""Flags of /proc/cpuinfo, x86-64 and ARM, that make inference faster."""


def main(arguments: list[str] | None = None) -> int:
    """Entry point. Whatever it meets, it goes on to the next line."""
    Parser("python -m engines.doctor", "Lists what this machine can run models with, and what it lacks.").parse_args(arguments)
    for title, find in (
        ("processor", _processor),
        ("GPU", _gpu),
        *((f"{name} on a GPU", _engine(name, entry, True)) for name, entry in GPU_ENGINES.items()),
        *((f"{name} on a CPU", _engine(name, entry, False)) for name, entry in ENGINES.items()),
        ("engine cache", lambda: str(default_folder())),
    ):
        try:
            found = find()
        except Exception as error:  # a broken library may throw anything, and the other lines still count
            found = f"cannot be determined: {type(error).__name__}: {error}"
        print(f"{title:20}{' '.join(found.split())}")
    return 0


def _processor() -> str:
    flags = cpu_flags()
    features = [words for flag, words in FEATURES.items() if flag in flags]
    name = cpu_facts().get("model name", platform.processor() or platform.machine())
    return f"{name}, {physical_cores()} cores, {', '.join(features) or 'features not known'}"


def _gpu() -> str:
    found = probe()
    if found.gpu is None:
        return f"none: {found.lacking}"
    return f"{found.gpu}, {found.memory_mib} MiB, compute capability {found.compute_capability}, driver {found.driver}"


def _engine(name: str, entry: EngineEntry, on_gpu: bool) -> Callable[[], str]:
    def find() -> str:
        if on_gpu and name != "tensorrt" and not has_driver():
            return "lacks an NVIDIA driver"
        try:
            kind = load_engine_class(name, entry)
            precisions = kind.precisions()
        except UnavailableError as lack:
            return f"lacks: {lack}"
        version = probe().tensorrt if name == "tensorrt" else kind.version
        return f"works: {', '.join(precisions)} ({version})"

    return find


if __name__ == "__main__":
    sys.exit(main())
