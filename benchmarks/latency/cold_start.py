"""How long a fresh process takes to its first result."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from time import perf_counter_ns

from benchmarks.common.cli import ROOT
from engines.engine import Engine
from lanes.arrays import BGRImage
from lanes.errors import ProcessingError

TIMES = 3

TIMEOUT_S = 900
"""TensorRT may have to build its engine in the first."""

PROGRAM = """
import sys
from time import perf_counter_ns
marks = [perf_counter_ns()]
import json
root, engine, precision, model, height, width = json.loads(sys.argv[1])
sys.path.insert(0, root)
import numpy
from engines.registry import open_engine
from lanes.segment.band_choice import BandChoice
from lanes.segment.segmenter import Segmenter
marks.append(perf_counter_ns())
segmenter = Segmenter(open_engine(engine, precision, model), BandChoice())
marks.append(perf_counter_ns())
for _ in range(2):
    segmenter(numpy.full((height, width, 3), 114, numpy.uint8))
    marks.append(perf_counter_ns())
print(json.dumps(marks))
"""

STEPS = ("interpreter_ms", "import_ms", "load_ms", "first_frame_ms", "second_frame_ms")

INSIDE = {
    "interpreter_ms": "from asking for the process to its first line of Python",
    "import_ms": "the project's modules and NumPy",
    "load_ms": "the engine's library imported, the model file read and compiled (or taken from a cache of engines)",
    "first_frame_ms": "the first frame, its latency as above",
    "second_frame_ms": "the second, for comparison",
    "total_ms": "from asking for the process to the first frame's probability in memory",
}
"""What each step holds."""


def measure_cold_starts(engine: Engine, frame: BGRImage, times: int = TIMES) -> list[dict[str, float]]:
    """Starts fresh processes that load the engine and process a frame; files may be in the system's cache, as after any first run.

    Returns milliseconds of each process by STEPS, and `total_ms`. Raises ProcessingError when such a process fails.
    """
    request = json.dumps([str(ROOT), engine.name, engine.precision, str(engine.model.path), *frame.shape[:2]])
    found = []
    for _ in range(times):
        asked = perf_counter_ns()
        try:
            ended = subprocess.run([sys.executable, "-c", PROGRAM, request], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            raise ProcessingError(f"a fresh process did not give a first frame in {TIMEOUT_S} s") from None
        if ended.returncode != 0:
            raise ProcessingError(f"a fresh process could not give a first frame: {(ended.stderr.strip().splitlines() or ['killed'])[-1]}")
        # All processes of a machine read the same perf_counter.
        marks = [asked, *json.loads(ended.stdout.splitlines()[-1])]
        steps = [(late - early) / 1e6 for early, late in pairwise(marks)]
        found.append(dict(zip(STEPS, steps, strict=True)) | {"total_ms": (marks[-2] - asked) / 1e6})
    return found
