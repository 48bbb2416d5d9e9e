"""EncodedSink: encodes the overlay once, in a thread of its own, and hands the encoded frames to whoever writes them."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from lanes.capture.address import public_address
from lanes.capture.source import SourceInfo
from lanes.errors import InputError, OutputError
from lanes.output.encoder import Encoder, letterboxed
from lanes.output.live.event_clips import EventClips
from lanes.output.live.network import NetworkOut
from lanes.output.live.recording import Recording
from lanes.output.live.segments import Limits
from lanes.output.live.writer import EncodedFrame, PacketWriter
from lanes.output.sink import Policy, Sink
from lanes.results import FrameResult

_log = logging.getLogger(__name__)

WAITING = 4
"""Frames that may wait for the encoder: a slow one of them is no reason to lose the next."""

_TICKS = 90_000  # a second, where the source's own times have no common unit
_JOIN_S = 10.0

_NO_PIXELS = np.empty((0, 0, 3), np.uint8)
_NO_MASK = np.empty((0, 0), np.uint8)


def is_recorded(info: SourceInfo, limits: Limits | None = None) -> bool:
    """Whether the overlay video of a source is a recording. That of a file has the file's sound, also where it is played as live.

    Raises:
        InputError: segments are asked for of a source that is not live.
    """
    segmented = limits is not None and limits != Limits()
    if segmented and not info.live:
        raise InputError(
            f"{info.name}: is not live, and its overlay is one video; leave out --segment-time, --segment-size and --keep-size"
        )
    return info.live and info.kind != "images" and (segmented or info.file is None or info.file.path is None)


class EncodedSink(Sink):
    """Never holds up a live run: where encoding or a writer is slow, frames are lost to that output alone, and counted in `dropped`,
    once for each output that lost them.

    The video has the size of its first frame; later ones of another size are scaled into it, their proportions kept, on black.

    Args:
        info: of the source.
        encoder: of frames of its size; closed with the sink.
        writers: what takes the encoded frames; closed with the sink.

    `close` raises OutputError where something was lost, with what that was.
    """

    def __init__(self, info: SourceInfo, encoder: Encoder, writers: Sequence[PacketWriter]) -> None:
        self.policy = Policy.NEVER_BLOCK if info.live else Policy.NEVER_LOSE
        self._size = info.width, info.height
        self._encoder, self._writers = encoder, writers
        self._waiting: deque[FrameResult] = deque()
        self._encoding: deque[FrameResult] = deque()  # the encoder has them
        self._unencoded = 0
        self._begin: Fraction | None = None
        self._problem: str | None = None
        self._closing = self._closed = False
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="lanestream-encode", daemon=True)
        self._thread.start()

    @classmethod
    def open(
        cls,
        info: SourceInfo,
        output: Path | None,
        address: str | None,
        events: Path | None,
        limits: Limits | None = None,
        overwrite: bool = False,
        encoder: str = "auto",
    ) -> EncodedSink:
        """One that writes a recording, sends to an address, and writes clips of events: each where it is not None.

        Raises:
            InputError: one of them cannot be written, the encoder does not work here, or it needs a live source.
        """
        if info.kind == "images":
            raise InputError(f"{info.name}: images have no clips and are sent nowhere; give a video or a camera")
        if address is not None and not info.live:
            raise InputError(f"{public_address(address)}: a file is not sent there faster than it plays; give --live too")
        unit = Fraction(1, info.time_base.denominator if info.time_base else _TICKS)
        rate = info.frame_rate or Fraction(30)
        encoding = Encoder((info.width, info.height), rate, unit, info.colour, info.pixel_aspect, encoder, low_delay=True)
        writers: list[PacketWriter] = []
        try:
            if output is not None:
                writers.append(Recording(output, encoding.stream, limits, overwrite, info.file.files if info.file else ()))
            if events is not None:
                writers.append(EventClips(events, encoding.stream))
            if address is not None:
                writers.append(NetworkOut(address, encoding.stream))
        except BaseException:
            for writer in writers:
                writer.finish()
            for writer in writers:
                writer.join()
            encoding.close()
            raise
        return cls(info, encoding, writers)

    def mark(self, reason: str) -> None:
        """A clip of this moment is wanted, where clips are written (`EventClips.mark`). From any thread."""
        for writer in self._writers:
            if isinstance(writer, EventClips):
                writer.mark(reason)

    def write(self, result: FrameResult) -> None:
        with self._change:
            if self.policy is Policy.NEVER_LOSE:
                self._change.wait_for(lambda: len(self._waiting) < WAITING or self._problem is not None)
            elif len(self._waiting) >= WAITING:
                self._waiting.popleft()
                self._unencoded += 1
            if self._problem is not None:
                self._unencoded += 1
            else:
                self._waiting.append(replace(result, mask=_NO_MASK, undrawn=None))
                self._change.notify_all()
            self._count()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._end()
        for writer in self._writers:
            writer.finish()
        ended = [writer.join() for writer in self._writers]
        if all(ended) and not self._thread.is_alive():
            self._encoder.close()
        self._count()
        problems = [problem for problem in (self._problem, *(writer.problem for writer in self._writers)) if problem]
        if problems:
            raise OutputError("; ".join(problems))
        if self._unencoded:
            _log.warning("%d frames are in no video: the encoder was too slow for them", self._unencoded)

    def discard(self) -> None:
        with self._change:
            self._waiting.clear()
        self.close()

    def _end(self) -> None:
        with self._change:
            self._closing = True
            self._change.notify_all()
        self._thread.join(_JOIN_S)

    def _count(self) -> None:
        self.dropped = self._unencoded + sum(writer.dropped for writer in self._writers)

    def _run(self) -> None:
        try:
            while (result := self._take()) is not None:
                self._encode(result)
            self._hand_over(self._encoder.flush())
        except (OSError, ValueError, av.FFmpegError) as error:
            with self._change:
                self._problem = f"the encoder {self._encoder.name} failed ({getattr(error, 'strerror', error)}); what came before is kept"
                self._unencoded += len(self._waiting)
                self._waiting.clear()
                self._change.notify_all()
            _log.warning("%s", self._problem)

    def _take(self) -> FrameResult | None:
        """Waits for a frame; None when there will be none."""
        with self._change:
            self._change.wait_for(lambda: self._waiting or self._closing)
            result = self._waiting.popleft() if self._waiting else None
            self._change.notify_all()
            return result

    def _encode(self, result: FrameResult) -> None:
        frame = result.frame
        self._begin = frame.time if self._begin is None else self._begin
        pixels = frame.pixels if frame.size == self._size else letterboxed(frame.pixels, self._size)
        self._encoding.append(replace(result, frame=replace(frame, pixels=_NO_PIXELS)))
        self._hand_over(self._encoder.encode(pixels, frame.time - self._begin))

    def _hand_over(self, packets: Sequence[av.Packet[Any]]) -> None:
        for packet in packets:
            result = self._encoding.popleft()
            encoded = EncodedFrame(bytes(packet), result.frame.time, packet.is_keyframe, result)
            for writer in self._writers:
                writer.offer(encoded, wait=self.policy is Policy.NEVER_LOSE)
