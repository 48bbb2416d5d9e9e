"""Connection: FFmpeg's protocols to write to, without keeping Python's other threads waiting.

PyAV opens an output's address, and closes it, while it holds Python's lock: a server that does not answer would stop the whole run. Here
PyAV muxes into memory, and the bytes go to FFmpeg's own `avio_...` functions through ctypes, which releases the lock. They are found in
the library that PyAV has loaded.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Mapping
from functools import cache
from typing import Any

import av.container.core

from lanes.errors import InputError

_WRITE = 2  # AVIO_FLAG_WRITE

_Interrupt = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)


class _Context(ctypes.Structure):
    """The beginning of AVIOContext (FFmpeg 5 and later), as far as `error`."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("av_class", "buffer")),
        ("buffer_size", ctypes.c_int),
        *((name, ctypes.c_void_p) for name in ("buf_ptr", "buf_end", "opaque", "read_packet", "write_packet", "seek")),
        ("pos", ctypes.c_int64),
        ("eof_reached", ctypes.c_int),
        ("error", ctypes.c_int),
    )


class _InterruptCallback(ctypes.Structure):
    _fields_ = (("callback", _Interrupt), ("opaque", ctypes.c_void_p))


_ContextPointer = ctypes.POINTER(_Context)


class Connection:
    """An open address that takes bytes. Used by one thread; `over` ends its waiting from another.

    Args:
        address: of a protocol that FFmpeg writes to.
        options: of the protocol.
        over: when it is set, every call comes back within 100 ms, and fails.

    Raises:
        OSError: it cannot be opened.
        InputError: PyAV's FFmpeg cannot be reached here, as on Windows.
    """

    def __init__(self, address: str, options: Mapping[str, str], over: threading.Event) -> None:
        self._library = _library()
        self._failed = False
        self._interrupt = _InterruptCallback(_Interrupt(lambda _: int(over.is_set())), None)  # kept for as long as FFmpeg asks it
        self._context = _ContextPointer()
        given = ctypes.c_void_p()
        for name, value in options.items():
            self._library.av_dict_set(ctypes.byref(given), name.encode(), value.encode(), 0)
        failed = self._library.avio_open2(
            ctypes.byref(self._context), address.encode(), _WRITE, ctypes.byref(self._interrupt), ctypes.byref(given)
        )
        self._library.av_dict_free(ctypes.byref(given))
        if failed < 0:
            raise OSError(-failed, _words(self._library, failed))

    def write(self, data: bytes) -> int:
        """Sends the bytes. Raises OSError, once, where the other side has gone or takes nothing; what a muxer still writes goes nowhere."""
        context = self._context
        if self._failed or not context:
            return len(data)
        self._library.avio_write(context, bytes(data), len(data))
        self._library.avio_flush(context)
        if context.contents.error < 0:
            self._failed = True
            raise OSError(-context.contents.error, _words(self._library, context.contents.error))
        return len(data)

    def close(self) -> None:
        """Ends the connection. Safe to call twice; never raises."""
        if self._context:
            self._library.avio_closep(ctypes.byref(self._context))


@cache
def _library() -> Any:
    """PyAV's FFmpeg. Raises InputError where it cannot be reached."""
    # The system looks a name up in what a library is linked with, too.
    library = ctypes.CDLL(av.container.core.__file__)
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    try:
        library.avio_open2.argtypes = [ctypes.POINTER(_ContextPointer), text, number, pointer, pointer]
        library.avio_write.argtypes = [_ContextPointer, text, number]
        library.avio_flush.argtypes = [_ContextPointer]
        library.avio_closep.argtypes = [ctypes.POINTER(_ContextPointer)]
        library.av_dict_set.argtypes = [pointer, text, text, number]
        library.av_dict_free.argtypes = [pointer]
        library.av_strerror.argtypes = [number, text, ctypes.c_size_t]
        for name in ("avio_write", "avio_flush", "av_dict_free"):
            getattr(library, name).restype = None
    except AttributeError:
        raise InputError("--output: addresses are sent to on Linux and macOS alone; give a file") from None
    return library


def _words(library: Any, error: int) -> str:
    """FFmpeg's, or the system's, words for an error: without the address."""
    text = ctypes.create_string_buffer(256)
    library.av_strerror(error, text, len(text))
    return text.value.decode(errors="replace") or os.strerror(-error)
