"""What a process holds: memory, descriptors, threads."""

from __future__ import annotations

import ctypes
import gc
from dataclasses import dataclass

import psutil

from lanes.errors import InputError

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # malloc.h


@dataclass(frozen=True, slots=True)
class Resources:
    """What this process holds at one moment.

    Attributes:
        resident_bytes: its memory, without what the allocator would give back if it were asked.
        descriptors: open files and sockets.
        threads: of Python and of libraries.
    """

    resident_bytes: int
    descriptors: int
    threads: int


def held() -> Resources:
    """What this process holds now; garbage is collected first, so that only what is kept counts.

    Raises:
        InputError: this system does not say.
    """
    process = psutil.Process()
    if not hasattr(process, "num_fds"):
        raise InputError("memory, descriptors and threads can be measured on Linux and macOS only")
    gc.collect()
    _trim()
    return Resources(process.memory_info().rss, process.num_fds(), process.num_threads())


def steady_allocator() -> None:
    """For this process, from its start: one heap for all threads, and every frame's memory back to the system when it is freed.

    glibc keeps a heap for each of some threads and grows the size that it takes from them, so that the memory of a process that leaks
    nothing goes up and down by megabytes, in which a leak of some hundred kilobytes does not show.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_M_ARENA_MAX, 1)
        set_option(_M_MMAP_THRESHOLD, 128 << 10)


def _trim() -> None:
    """Lets glibc give free memory back."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
