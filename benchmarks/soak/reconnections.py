"""Reconnections: a source whose server dies at once, again and again, and what each of them leaves behind."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import sleep
from typing import Any

from benchmarks.soak.resources import Resources, held
from lanes.capture.events import Event, Resumed
from lanes.capture.live import LiveSource
from lanes.capture.network import NetworkStream
from lanes.capture.reconnecting import Reconnecting
from lanes.errors import ProcessingError

SETTLING = 50
"""Reconnections before anything is compared: caches fill, and the allocator finds its size."""

PATHS = ("mjpeg", "ts", "cut", "deaf")
"""Ways to die, in turn: see `benchmarks.soak.dying_server`."""

MOST_GROWTH_BYTES = 1_000_000

_SAMPLES = 20

_ENDING_S = 0.05
"""Seconds for threads that have nothing left to do but to end."""


@contextmanager
def dying_server() -> Iterator[str]:
    """The server; gives its address. Raises ProcessingError when it does not start."""
    command = [sys.executable, "-m", "benchmarks.soak.dying_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            if not port:
                raise ProcessingError("the server for the reconnections does not start")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def reconnect(count: int, progress: Callable[[int], None] = lambda _: None) -> dict[str, Any]:
    """Loses a source and finds it again, so often after the first `SETTLING` times. It is not waited for in between.

    Args:
        count: reconnections that are measured.
        progress: is called with the number so far.

    Returns:
        `reconnections`, `frames`, `samples` (each with `reconnections`, `resident_bytes`, `descriptors`, `threads`), the `growth` of the
        three, and `passed`.
    """
    with dying_server() as server:
        addresses = itertools.cycle(f"{server}/{path}" for path in PATHS)
        sampler = _Sampler(count, progress)

        def make() -> LiveSource:  # here the last connection is closed, and the next one is not open yet
            sampler.sample()
            return NetworkStream(next(addresses))

        source = Reconnecting(make, pause=lambda closing, _: closing.wait(0.001))
        source.on_event = sampler.listen
        with source:
            for _ in source:
                if sampler.finished:
                    break
        samples, counts = sampler.samples, source.counts
    first, last = samples[0][1], samples[-1][1]
    growth = {name: getattr(last, name) - getattr(first, name) for name in Resources.__slots__}
    return {
        "reconnections": count,
        "frames": counts.captured,
        "samples": [{"reconnections": done} | {name: getattr(at, name) for name in Resources.__slots__} for done, at in samples],
        "growth": growth,
        "passed": growth["resident_bytes"] < MOST_GROWTH_BYTES and growth["descriptors"] <= 0 and growth["threads"] <= 0,
    }


class _Sampler:
    """Counts reconnections, and looks now and then at what the process holds, from the end of the settling to the last one."""

    def __init__(self, count: int, progress: Callable[[int], None]) -> None:
        self.samples: list[tuple[int, Resources]] = []
        self._wanted = [SETTLING + round(count * part / _SAMPLES) for part in range(_SAMPLES + 1)]
        self._done = 0
        self._progress = progress

    @property
    def finished(self) -> bool:
        return not self._wanted

    def listen(self, event: Event) -> None:
        if isinstance(event, Resumed):
            self._done += 1
            self._progress(self._done)

    def sample(self) -> None:
        if self._wanted and self._done >= self._wanted[0]:
            sleep(_ENDING_S)
            resources = held()
        while self._wanted and self._done >= self._wanted[0]:
            self.samples.append((self._wanted.pop(0) - SETTLING, resources))
