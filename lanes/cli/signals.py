"""Signals that end a run: the first in order, the second at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from lanes.cli.streams import release_stuck_streams


def ending_signals() -> list[signal.Signals]:
    """Ctrl-C, a polite `kill`, and the terminal's end. The last is left out where it is ignored, as under nohup."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    return numbers


@contextmanager
def as_interrupt() -> Iterator[None]:
    """Within the block each of them raises KeyboardInterrupt, as Ctrl-C does."""
    with _handled(_interrupt):
        yield


@contextmanager
def calling(stop: Callable[[], None]) -> Iterator[None]:
    """Within the block the first of them calls `stop`, and a second one of the same kind raises KeyboardInterrupt.

    The end of a terminal is announced twice, by the system and by the shell, and means no more the second time.
    """

    def first(number: int, _: FrameType | None) -> None:
        release_stuck_streams()
        once = hasattr(signal, "SIGHUP") and number == signal.SIGHUP
        signal.signal(number, signal.SIG_IGN if once else _interrupt)
        stop()

    with _handled(first):
        yield


def _interrupt(number: int, frame: FrameType | None) -> None:
    release_stuck_streams()
    signal.default_int_handler(number, frame)


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # signals belong to the main thread
        yield
        return
    before = {number: signal.signal(number, handler) for number in ending_signals()}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
