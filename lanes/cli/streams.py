"""Standard streams that outlive their reader, and text that is safe to show on a terminal."""

from __future__ import annotations

import os
import re
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, cast

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

PATIENCE_MS = 500
"""How long a slow reader of a pipe is waited for, milliseconds, when the run is to end."""


def printable(text: str) -> str:
    """The text in one line, control characters written as `\\x1b`: a file may be called anything, and a terminal obeys such characters."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class _LastingStream:
    """A stream whose reader may go, as `head -1` or a closed terminal does: what is written later is lost, and the run goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes the text, or drops it where nobody reads."""
        with self._dropping():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Writes out what is buffered, or drops it where nobody reads."""
        with self._dropping():
            self._stream.flush()

    @contextmanager
    def _dropping(self) -> Iterator[None]:
        try:
            yield
        except OSError:  # EPIPE from a pipe, EIO from a terminal
            with suppress(OSError, ValueError):  # libraries in C write to the descriptor, and the interpreter flushes it when it ends
                _lead_nowhere(self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def release_stuck_streams() -> None:
    """Where nobody empties the pipe that stdout or stderr is, what is written from here on is lost, and who waits to write goes on.

    For a handler of signals: a run that is to end would else wait for its reader without end.
    """
    if not hasattr(select, "poll"):  # on Windows
        return
    for descriptor in (1, 2):
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        if not poll.poll(PATIENCE_MS):
            _lead_nowhere(descriptor)


@contextmanager
def lasting_streams() -> Iterator[None]:
    """Within the block, stdout and stderr may lose their readers, or have had none from the start (`2>&-`)."""
    before = sys.stdout, sys.stderr
    _fill_descriptors()
    with Path(os.devnull).open("w") as nowhere:
        sys.stdout, sys.stderr = (cast(TextIO, _LastingStream(stream or nowhere)) for stream in before)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stdout, sys.stderr = before


def _lead_nowhere(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _fill_descriptors() -> None:
    """Opens what is closed of the standard descriptors: else the next file gets the number, and libraries in C write messages into it."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
