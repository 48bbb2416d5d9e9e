"""A video while it is being written: an MP4 in fragments, which plays up to its last whole one whatever happens."""

from __future__ import annotations

import io
import os
import struct
import threading
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from lanes.output.encoder import parameter_sets

SYNC_EVERY_S = 0.4
"""Seconds from one synchronisation of a file with the disk to the next at the least: each wears a memory card."""


class MuxedFile(io.FileIO):
    """A file for PyAV to write to. On a full disk FFmpeg keeps a file that it has opened itself, and its space, until the process ends.

    What is written is written whole, or the first failure is raised. PyAV would print a second one, with its traceback, before it
    raises the first.

    Attributes:
        written: bytes that were written.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path.absolute(), "w")  # FFmpeg opens it by this name once more, for fast start
        self.written = 0
        self._failed = False

    def write(self, data: Any, /) -> int:
        view = memoryview(data)
        written = len(view) if self._failed else 0
        while written < len(view):
            try:
                written += super().write(view[written:]) or 0
            except OSError:
                self._failed = True
                raise
        self.written += len(view)
        return len(view)


class Syncer:
    """Brings a new file's name, and then what was written of it, to the disk, in a thread of its own: on a memory card that takes seconds.

    Args:
        file: open for writing.
        folder: where it is.
    """

    def __init__(self, file: io.FileIO, folder: Path) -> None:
        self._folder = folder
        self._descriptor = os.dup(file.fileno())
        self._asked, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="lanestream-sync", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """What is written by now is to be on the disk soon."""
        self._asked.set()

    def close(self) -> None:
        """No more is asked for. Does not wait for the disk."""
        self._over.set()
        self._asked.set()

    def _run(self) -> None:
        sync_folder(self._folder)
        while not self._over.wait(SYNC_EVERY_S):
            self._asked.wait()
            self._asked.clear()
            self._sync()
        self._sync()
        os.close(self._descriptor)

    def _sync(self) -> None:
        with suppress(OSError):  # some file systems have no such thing
            os.fsync(self._descriptor)


class FragmentWriter:
    """Muxes an encoder's packets into fragments, which begin with key frames.

    Args:
        path: the file.
        stream: the encoder's, see `Encoder.stream`.
        longest_s: seconds; a fragment that lasts longer is ended before the next key frame. None for never.
        synced: bring each fragment to the disk, so that it outlives a power cut.

    Attributes:
        size: bytes that were written.

    Raises:
        OSError, av.FFmpegError: the file cannot be written.
    """

    def __init__(self, path: Path, stream: Any, longest_s: Fraction | None = None, synced: bool = False) -> None:
        self._path = path
        self._file = MuxedFile(path)
        self._syncer = Syncer(self._file, path.parent) if synced else None
        self.size = 0
        options = {"movflags": "+empty_moov+default_base_moof+frag_keyframe"}
        if longest_s is not None:
            options["frag_duration"] = str(int(longest_s * 1_000_000))
        self._container = av.open(self._file, "w", format="mp4", options=options)
        self._stream: Any = self._container.add_stream_from_template(stream, opaque=True)

    def mux(self, packets: Sequence[av.Packet[Any]]) -> None:
        """Takes packets in the order of decoding. Raises OSError or av.FFmpegError, as on a full disk."""
        for packet in packets:
            if not self._stream.codec_context.extradata:
                self._stream.codec_context.extradata = parameter_sets(packet)
            packet.stream = self._stream
            self._container.mux_one(packet)
        written = self._file.written
        if written > self.size and self._syncer is not None:
            self._syncer.ask()
        self.size = written

    def end(self) -> tuple[int, bool]:
        """Closes the file and cuts off what is not whole.

        Returns:
            Bytes that are left, and whether something was lost at the end.

        Raises:
            OSError: the file is gone.
        """
        lost = not self.close()
        size = self._path.stat().st_size
        whole = whole_fragments(self._path)
        if 0 < whole < size:  # the muxer does not report that its last fragment did not fit
            os.truncate(self._path, whole)
        return whole, lost or whole < size

    def close(self) -> bool:
        """Closes the file as it is, and says whether all went well. Safe to call twice; never raises."""
        if self._syncer is not None:
            self._syncer.close()
        try:
            self._container.close()
        except (OSError, ValueError, av.FFmpegError):
            with suppress(OSError):
                self._file.close()
            return False
        try:
            self._file.close()
        except OSError:
            return False
        return True


def sync_folder(folder: Path) -> None:
    """Brings the names in a folder to the disk, where there is such a thing. Never raises."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def whole_fragments(path: Path) -> int:
    """How many bytes at the start of a fragmented MP4 are complete (ISO/IEC 14496-12: a box is its size, its type, its content).

    That is all of it if every box is complete, else what ends with the last complete fragment (`moof` with its `mdat`); 0 if there is none.
    """
    good = at = 0
    size = path.stat().st_size
    with path.open("rb") as file:
        while at + 8 <= size:
            file.seek(at)
            length, kind = struct.unpack(">I4s", file.read(8))
            if length == 1:
                length = struct.unpack(">Q", file.read(8))[0]
            if length < 8 or at + length > size:
                break
            at += length
            if kind == b"mdat":
                good = at
    return size if good and at == size else good
