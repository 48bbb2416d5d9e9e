"""Reads sources, each to its end, in a process of its own: `python -m benchmarks.faults.reader`, for `benchmarks.faults`.

For each line on stdin, a JSON object with `source` and `ordered`, it prints one with what came of it.
"""

from __future__ import annotations

import json
import os
import sys
from time import perf_counter
from typing import Any

from benchmarks.faults.samples import number_of
from lanes.capture import find_sources
from lanes.capture.source import Source
from lanes.errors import InputError, ProcessingError
from lanes.results import Frame

MEMORY_BYTES = 6 << 30
"""What the process may take: a size in a header must not take all of the machine's."""


def main() -> int:
    """Reads what it is told to, until stdin ends."""
    limit_memory()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # a library that prints must not be taken for an answer
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(read(asked["source"], asked["ordered"])), file=answers, flush=True)
    return 0


def read(text: str, ordered: bool) -> dict[str, Any]:
    """Reads a source to its end.

    Args:
        text: as a user gives it.
        ordered: the pictures are whole, so that the numbers in them show their order.

    Returns:
        `frames`, `corrupt`, `sentence` (of the error that ended it; empty for none), `problem` (what should not be; empty where all is
        well) and `seconds`.
    """
    begun, checks, sentence, problem, corrupt = perf_counter(), _Checks(ordered), "", "", 0
    try:
        (source,) = find_sources(text)
        with source:
            for frame in source:
                checks.look(frame)
        corrupt = source.corrupt
        problem = checks.problem or _miscount(source)
    except (InputError, ProcessingError) as error:
        sentence = str(error)
        problem = checks.problem or _no_sentence(sentence)
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
    if not (problem or sentence or checks.frames):
        problem = "it gave no frame and no reason"
    seconds = perf_counter() - begun
    return {"frames": checks.frames, "corrupt": corrupt, "sentence": sentence, "problem": problem, "seconds": seconds}


class _Checks:
    """What holds of the frames of any source, however damaged. Picture 0 begins a recording, so it may come after any.

    Args:
        ordered: the pictures are whole.
    """

    def __init__(self, ordered: bool) -> None:
        self.frames = 0
        self.problem = ""
        self._unsure = ""  # the last picture of a file that was cut may be half of one
        self._ordered = ordered
        self._last: Frame | None = None
        self._number: int | None = None

    def look(self, frame: Frame) -> None:
        """One more frame."""
        last, number = self._last, None if frame.suspect else number_of(frame.pixels)
        self.frames += 1
        if frame.pixels.ndim != 3 or frame.pixels.shape[2] != 3 or not frame.pixels.size:
            self._note(frame, f"a picture of the shape {frame.pixels.shape}")
        if last is not None and frame.time <= last.time:
            self._note(frame, f"time {float(frame.time):.4f} after {float(last.time):.4f}")
        if last is not None and frame.index <= last.index:
            self._note(frame, f"number {frame.index} after {last.index}")
        self.problem, self._unsure = self.problem or self._unsure, ""
        if self._ordered and not frame.cut and number is not None and self._number is not None and 0 < number < self._number:
            self._unsure = f"frame {frame.index} is out of order: picture {number} after picture {self._number}"
        self._last, self._number = frame, number

    def _note(self, frame: Frame, words: str) -> None:
        self.problem = self.problem or f"frame {frame.index} is out of order: {words}"


def _miscount(source: Source) -> str:
    counts = source.counts
    if counts.captured == counts.delivered + sum(counts.dropped.values()) + counts.waiting:
        return ""
    return f"frames are not accounted for: {counts}"


def _no_sentence(text: str) -> str:
    """What is wrong with a message that a person reads."""
    if "\n" in text or not text.isprintable():
        return f"its message is not one line of text: {text!r}"
    return "" if len(text.split()) >= 4 else f"its message says too little: {text!r}"


def limit_memory() -> None:
    """Bounds this process's memory, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, hard))


if __name__ == "__main__":
    sys.exit(main())
