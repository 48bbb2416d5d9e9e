"""Denormal numbers, those too near zero for full precision: a processor takes a hundred times as long over each.

A network whose small weights training has let decay is full of them: one with 11 % such weights takes ONNX Runtime 10 s a frame
instead of 0.1 s. Processors can take them as zero, which no lane notices. The switch belongs to the thread, though, and what else
the thread calculates (NumPy warns of it) must not find it thrown: so it is thrown for the time of a call.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

FLUSH_TO_ZERO = 0x8000
DENORMALS_ARE_ZERO = 0x0040
"""Bits of the control register MXCSR (Intel 64 Architectures Software Developer's Manual, volume 1, section 10.2.3)."""


class _FloatingPointEnvironment(ctypes.Structure):
    """C's `fenv_t` on Linux on x86-64: the old floating-point unit's state, then MXCSR."""

    _fields_ = (("x87", ctypes.c_uint8 * 28), ("mxcsr", ctypes.c_uint32))


@lru_cache(maxsize=1)
def _libm() -> ctypes.CDLL | None:
    """C's mathematics where it has the environment above, else None."""
    return ctypes.CDLL("libm.so.6") if sys.platform == "linux" and platform.machine() == "x86_64" else None


@contextmanager
def denormals_as_zero() -> Iterator[None]:
    """In this block, this thread and threads that it starts take denormal numbers as zero. Without effect but on Linux on x86-64."""
    libm = _libm()
    if libm is None:
        yield
        return
    before = _FloatingPointEnvironment()
    libm.fegetenv(ctypes.byref(before))
    within = _FloatingPointEnvironment.from_buffer_copy(before)
    within.mxcsr |= FLUSH_TO_ZERO | DENORMALS_ARE_ZERO
    libm.fesetenv(ctypes.byref(within))
    try:
        yield
    finally:
        libm.fesetenv(ctypes.byref(before))
