"""One engine in a process of its own, for `benchmarks.tradeoff`: nothing else adds to its memory or its threads' work.

`python -m benchmarks.common.alone MODEL ENGINE PRECISION PICTURE RUNS` prints one JSON object.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import cv2

from benchmarks.common.machine import watch_machine
from lanes import load_segmenter
from lanes.data.frames import read_image
from lanes.errors import exit_status

WARM_UP_RUNS = 10


def run_alone(model: str, engine: str, precision: str, picture: Path, runs: int) -> dict[str, Any]:
    """Milliseconds of `runs` calls of the segmenter on a picture in memory, one after the other, and what they cost.

    Returns:
        `ms`: of each call. `peak_memory_mb`: the most that this process had resident, libraries and all, None where that cannot be
        read. `joules`: a call, None where the machine has no meter. And what ran: `engine`, `precision`, `version`, `device`,
        `model_sha256`, `width` and `height` of its input.

    Raises:
        InputError: the picture or the model cannot be used, or not by that engine.
    """
    frame = read_image(picture, cv2.IMREAD_COLOR)
    times = []
    with load_segmenter(model, engine, precision) as segmenter:
        for _ in range(WARM_UP_RUNS):
            segmenter(frame)
        with watch_machine() as watch:
            for _ in range(runs):
                start = perf_counter_ns()
                segmenter(frame)
                times.append((perf_counter_ns() - start) / 1e6)
        opened = segmenter.engine
        return {
            "ms": times,
            "peak_memory_mb": peak_memory_mb(),
            "joules": None if watch.joules is None else watch.joules / runs,
            "engine": opened.name,
            "precision": opened.precision,
            "version": opened.version,
            "device": opened.device,
            "model_sha256": opened.model.sha256,
            "width": segmenter.transform.width,
            "height": segmenter.transform.height,
        }


def peak_memory_mb() -> float | None:
    """The most that this process had resident so far, in 10^6 bytes. (`ru_maxrss` would count the process that started it.)"""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    return int(found[1]) * 1024 / 1e6 if found else None


def main() -> int:
    """Entry point."""
    model, engine, precision, picture, runs = sys.argv[1:]
    return exit_status("benchmarks.common.alone", lambda: print(json.dumps(run_alone(model, engine, precision, Path(picture), int(runs)))))


if __name__ == "__main__":
    sys.exit(main())
