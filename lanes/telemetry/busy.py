"""Busy: which stages are at work on a frame, and since when, for whoever looks whether one is stuck."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident
from time import perf_counter_ns

from lanes.telemetry.stages import Stage

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Work:
    """A stage at work on one frame.

    Attributes:
        since_ns: when it began, by `perf_counter_ns`.
        thread: that does it, by `threading.get_ident`.
    """

    since_ns: int
    thread: int

    def place(self) -> str:
        """Where that thread is now: `engines/backends/openvino.py:83`; empty where that is not known."""
        frame = sys._current_frames().get(self.thread)
        if frame is None:
            return ""
        path = Path(frame.f_code.co_filename)
        return f"{path.relative_to(_ROOT) if path.is_relative_to(_ROOT) else path.name}:{frame.f_lineno}"


class Busy:
    """The stages that are at work now. Each stage is one thread's; anybody may look."""

    def __init__(self) -> None:
        self._works: dict[Stage, Work] = {}

    @contextmanager
    def at(self, stage: Stage) -> Iterator[None]:
        """The stage works on a frame within the block."""
        self._works[stage] = Work(perf_counter_ns(), get_ident())
        try:
            yield
        finally:
            self._works.pop(stage, None)

    def now(self) -> dict[Stage, Work]:
        """The stages at work."""
        return dict(self._works)
