"""Ends FFmpeg's waiting from another thread.

PyAV gives no way to: a call that waits for a server comes back when its time is up, not before. FFmpeg asks every 100 ms whether it is, and
PyAV answers by `time.monotonic()` of its own module. There this module puts a clock that runs ahead in threads whose waiting is over.
Besides being prompt, this keeps a stuck thread from asking while the interpreter goes down, which can crash it. A PyAV that answers
otherwise waits for the time to be up, as before.
"""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any

import av.container.core

_AHEAD = 1e6
"""Seconds by which the clock jumps with each look at it: more than any timeout."""

_this_thread = threading.local()


class _Clock:
    """`time`, as PyAV sees it."""

    def __init__(self) -> None:
        self._jumps = itertools.count(1)

    def monotonic(self) -> float:
        over: threading.Event | None = getattr(_this_thread, "over", None)
        ahead = _AHEAD * next(self._jumps) if over is not None and over.is_set() else 0.0
        return time.monotonic() + ahead

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


def interrupt_by(over: threading.Event) -> None:
    """From now on, FFmpeg's calls in this thread that have a timeout come back within 100 ms once `over` is set."""
    _this_thread.over = over


av.container.core.time = _Clock()  # type: ignore[attr-defined]
