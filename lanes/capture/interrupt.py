"""Ends the waiting for a server from another thread: that of Python's sockets, and that of FFmpeg.

PyAV gives no way to the latter: a call that waits for a server comes back when its time is up, not before. FFmpeg asks every 100 ms
whether it is, and PyAV answers by `time.monotonic()` of its own module. There this module puts a clock that runs ahead in threads whose
waiting is over. Besides being prompt, this keeps a stuck thread from asking while the interpreter goes down, which can crash it. A PyAV
that answers otherwise waits for the time to be up, as before.
"""

from __future__ import annotations

import itertools
import socket
import threading
import time
from contextlib import suppress
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


class Sockets:
    """Connections of a client that another thread can end, whatever they wait for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._over = False

    def add(self, connection: socket.socket) -> None:
        """From now on `shut` ends this one too; if it was called before, at once."""
        with self._lock:
            self._sockets.append(connection)
        if self._over:
            self.shut()

    def shut(self) -> None:
        """Whoever reads from one of them sees the end at once."""
        self._over = True
        with self._lock:
            for connection in self._sockets:
                with suppress(OSError):  # it is closed by now
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)


av.container.core.time = _Clock()  # type: ignore[attr-defined]
