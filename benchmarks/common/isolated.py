"""One engine in a process of its own, for `benchmarks.tradeoff`: nothing else adds to its memory or its threads' work.

`python -m benchmarks.common.isolated MODEL ENGINE PRECISION IMAGE RUNS` prints one JSON object.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import cv2

from benchmarks.common.cli import ROOT
from benchmarks.common.combinations import Combination
from benchmarks.common.observe import observe_machine
from engines.model_file import is_path
from lanes import load_segmenter
from lanes.data.frames import read_image
from lanes.errors import InputError, exit_status

PROGRAM = "benchmarks.common.isolated"

WARM_UP_RUNS = 10


def run_in_process(combination: Combination, image: Path, runs: int) -> dict[str, Any]:
    """What `run_isolated` returns, in a fresh process. Raises InputError when that fails, with its reason."""
    model = str(Path(combination.model).resolve()) if is_path(combination.model) else combination.model
    words = [model, combination.engine, combination.precision, str(image.resolve()), str(runs)]
    ended = subprocess.run([sys.executable, "-m", PROGRAM, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        message = ended.stderr.strip().splitlines() or ["no message"]
        raise InputError(f"{combination} ended with {ended.returncode}: {message[-1]}")
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def run_isolated(model: str, engine: str, precision: str, image: Path, runs: int) -> dict[str, Any]:
    """Times the segmenter on an image in memory, one call after the other.

    Returns:
        `ms`: of each call. `peak_memory_mb`: the most that this process had resident, libraries and all, None where that cannot be
        read. `joules`: a call, None where the machine has no meter. And what ran: `engine`, `precision`, `version`, `device`,
        `model_sha256`, `width` and `height` of its input.

    Raises:
        InputError: the image or the model cannot be used, or not by that engine.
    """
    frame = read_image(image, cv2.IMREAD_COLOR)
    times = []
    with load_segmenter(model, engine, precision, "off") as segmenter:
        for _ in range(WARM_UP_RUNS):
            segmenter(frame)
        with observe_machine() as observation:
            for _ in range(runs):
                start = perf_counter_ns()
                segmenter(frame)
                times.append((perf_counter_ns() - start) / 1e6)
        opened = segmenter.engine
        return {
            "ms": times,
            "peak_memory_mb": peak_memory_mb(),
            "joules": None if observation.joules is None else observation.joules / runs,
            "engine": opened.name,
            "precision": opened.precision,
            "version": opened.version,
            "device": opened.device,
            "model_sha256": opened.model.sha256,
            "width": segmenter.transform.width,
            "height": segmenter.transform.height,
        }


def peak_memory_mb() -> float | None:
    """The most that this process had resident so far, in 10^6 bytes. (`ru_maxrss` would count the process that started it, and psutil
    knows no peak but on Windows.)"""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    return int(found[1]) * 1024 / 1e6 if found else None


def main() -> int:
    """Entry point."""
    model, engine, precision, image, runs = sys.argv[1:]
    return exit_status(PROGRAM, lambda: print(json.dumps(run_isolated(model, engine, precision, Path(image), int(runs)))))


if __name__ == "__main__":
    sys.exit(main())
