"""Part: one MP4 of a recording, from its first fragment to a file that players and browsers seek in."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from lanes.errors import OutputError
from lanes.files import Draft, numbered
from lanes.output.fragments import FragmentWriter, sync_folder, whole_fragments
from lanes.output.live.writer import EncodedFrame
from lanes.output.mp4 import finish_mp4
from lanes.output.publish import publish

FRAGMENT_S = Fraction(1, 5)
"""Seconds of video in a fragment: what is being collected, and the frames that are on their way, are lost in a crash. At five frames a
second, too, that is less than a second."""

TICKS = 90_000
"""A second, in the times of packets."""

UNFINISHED = ".unfinished"
"""Before the suffix of the draft that a finished file is written into: its content is in the fragments still."""

# An index has up to 8 bytes of times, 4 of sizes and 4 of key frames for each frame, and 20 for each chunk, and then its headers.
_INDEX_OF_A_FRAME, _INDEX_HEADERS = 40, 8192


class Part:
    """Writes fragments into a draft beside the target, each brought to the disk. `finish` makes them an ordinary MP4.

    Args:
        target: the file it becomes.
        template: the encoder's stream.
        begin: when its first frame is shown, on the source's clock, seconds.

    Attributes:
        target: as above, until `finish` had to take another name.
        path: of the draft.
        begin: as above.
        last: when the last frame is shown. frames: how many.

    Raises:
        OSError, av.FFmpegError: it cannot be written.
    """

    def __init__(self, target: Path, template: Any, begin: Fraction) -> None:
        self.target, self.begin, self.last, self.frames = target, begin, begin, 0
        self._usual = Fraction(1, 30)
        self._ended: tuple[int, bool] | None = None
        self._gone: OSError | None = None
        self._draft = Draft(target)
        self.path = self._draft.path
        try:
            self._writer = FragmentWriter(self.path, template, FRAGMENT_S, synced=True)
        except BaseException:
            self._draft.discard()
            raise

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._writer.size

    def write(self, frame: EncodedFrame) -> None:
        """Takes the next frame, the first one a key frame. Raises OSError or av.FFmpegError."""
        packet: av.Packet[Any] = av.Packet(frame.data)
        packet.time_base = Fraction(1, TICKS)
        packet.pts = packet.dts = round((frame.time - self.begin) * TICKS)
        packet.is_keyframe = frame.is_key
        self._usual = frame.time - self.last or self._usual
        self._writer.mux([packet])
        self.last = frame.time
        self.frames += 1

    def end(self) -> None:
        """Writes what it still holds; no more comes. Quick, unlike `finish`, which may be left to another thread. Never raises."""
        if self._ended is None and self._gone is None:
            try:
                self._ended = self._writer.end()
            except OSError as error:
                self._gone = error

    def finish(self, overwrite: bool = False) -> bool:
        """Makes it a whole file under its target's name, or keeps the fragments under it. `overwrite`: replace what is there.

        Returns:
            Whether there is anything: not where the disk took no whole fragment.

        Raises:
            OutputError: it is less than that, or has another name.
        """
        self.end()
        if self._gone is not None:
            raise OutputError(f"{self.target}: was taken away while it was being written ({self._gone.strerror})") from self._gone
        whole, lost = self._ended or (0, True)
        if not whole:
            self._draft.discard()
            return False
        finish_draft(self._draft, self.frames, self._usual, overwrite)
        self.target = self._draft.target
        if lost:
            raise OutputError(f"{self.target}: the disk was full before its last frames; what came before is kept and plays")
        return True

    def discard(self) -> None:
        """Leaves nothing of it behind. Never raises."""
        self._writer.close()
        self._draft.discard()


def finish_draft(draft: Draft, frames: int, last: Fraction, overwrite: bool = False) -> None:
    """Makes a draft of whole fragments an ordinary MP4 under the target's name; where there is no space for that, it gets the name itself.

    Args:
        draft: gone when this returns.
        frames: how many are in it at the most.
        last: how long the last one stays, seconds.
        overwrite: replace what is there.

    Raises:
        OutputError: it has another name, or could not be made an ordinary one. It plays.
    """
    target, final = draft.target, None
    try:
        if 0 < shutil.disk_usage(target.parent).free < draft.path.stat().st_size:  # half of it would be in the way of the next file
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        final = Draft(target.with_name(f"{target.stem}{UNFINISHED}{target.suffix}"))
        finish_mp4(draft.path, final.path, begin=Fraction(0), last=last, reserve=_INDEX_HEADERS + _INDEX_OF_A_FRAME * frames)
        with final.path.open("rb") as file:
            os.fsync(file.fileno())  # before the fragments go
    except (OSError, ValueError, av.FFmpegError) as error:
        if final is not None:
            final.discard()
        publish(draft, overwrite)
        sync_folder(target.parent)
        why = getattr(error, "strerror", error)
        raise OutputError(f"{draft.target}: plays, but could not be made an ordinary MP4 ({why}): few programs seek in it") from error
    final.target = target
    try:
        publish(final, overwrite)
    finally:
        sync_folder(target.parent)
        draft.target = final.target
        draft.discard()


def finish_file(path: Path, target: Path) -> Path | None:
    """Makes what a crash left of a recording an ordinary MP4.

    Args:
        path: the draft that was left. What is not whole at its end is cut off; it is gone when this returns.
        target: the file it becomes, or, where another one has that name, the next free one.

    Returns:
        That file; None where the recording had just begun, and has not one whole fragment.

    Raises:
        OutputError: it cannot be read, or as `finish_draft` does.
    """
    try:
        with path.open("rb") as file:
            head = file.read(8)
        whole = whole_fragments(path)
        if whole:
            os.truncate(path, whole)
        frames, last = _extent(path) if whole else (0, Fraction(0))
        if frames and target.exists() and _same_video(path, target):  # the end came after the copy was whole, and before this one was gone
            path.unlink()
            return target
        if not whole and head[4:] in (b"ftyp", b""):
            path.unlink()
            return None
    except (OSError, ValueError, av.FFmpegError) as error:
        raise OutputError(f"{path}: cannot be read ({getattr(error, 'strerror', error)})") from error
    if not frames:
        raise OutputError(f"{path}: there is nothing in it that plays")
    free = next(each for each in numbered(target) if not each.exists())
    finish_draft(Draft.left(path, free), frames, last)
    return free


def _extent(path: Path) -> tuple[int, Fraction]:
    """How many frames there are, and how long the last one is shown: as long as the one before."""
    frames, before, last = 0, 0, 0
    with av.open(f"file:{path}") as container:
        stream = container.streams.video[0]
        for packet in container.demux(stream):
            if packet.dts is not None:
                frames, before, last = frames + 1, last, packet.dts
        return frames, (last - before) * stream.time_base or Fraction(1, 30)


def _same_video(path: Path, other: Path) -> bool:
    """Whether two files hold the same frames."""
    try:
        with av.open(f"file:{path}") as one, av.open(f"file:{other}") as two:
            packets = itertools.zip_longest(one.demux(one.streams.video[0]), two.demux(two.streams.video[0]))
            return all(a is not None and b is not None and bytes(a) == bytes(b) for a, b in packets)
    except (OSError, IndexError, av.FFmpegError):
        return False
