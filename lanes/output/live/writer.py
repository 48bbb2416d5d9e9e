"""PacketWriter: what writes encoded frames to a disk or a network that may be slow, stuck or gone."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from time import monotonic

from lanes.results import FrameResult

_log = logging.getLogger(__name__)

_SAY_EVERY_S = 60.0
"""Seconds after which it is said once more that a writer is too slow."""

_IDLE_S = 0.5
"""Seconds without a frame after which a writer is asked what it has to do besides."""


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """A frame as an encoder gave it.

    Attributes:
        data: H.264 (ITU-T H.264, annex B). Nothing is reordered.
        time: of the frame on the source's clock, seconds.
        is_key: whether decoding can begin here.
        result: what is known of the frame, without its pixels and its mask.
    """

    data: bytes
    time: Fraction
    is_key: bool
    result: FrameResult


class PacketWriter(ABC):
    """Writes in a thread of its own. `offer` never blocks: where more waits than may, all of it is dropped, up to the next key frame.

    A subclass writes in `_write` and ends in `_end`, in that thread alone; neither raises what the outside world may cause.

    Args:
        name: for messages: a path, or of an address what may be shown.
        most_bytes, longest_s: how much may wait, bytes and seconds of video.
        patience_s: how long `join` waits for what is stuck, seconds.

    Attributes:
        dropped: frames that it was offered and has not written.
        problem: what a user must be told of at the end, in one line; None for nothing.
    """

    def __init__(self, name: str, most_bytes: int, longest_s: float, patience_s: float) -> None:
        self.name = name
        self.dropped = 0
        self.problem: str | None = None
        self.closing = threading.Event()
        self._most_bytes, self._longest_s, self.patience_s = most_bytes, Fraction(longest_s), patience_s
        self._waiting: deque[EncodedFrame] = deque()
        self._bytes = 0
        self._skipping = self._failed = False
        self._said_at: float | None = None
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"lanestream-{type(self).__name__}", daemon=True)

    def start(self) -> None:
        """Begins to write. For the subclass, when all is ready."""
        self._thread.start()

    def offer(self, frame: EncodedFrame, wait: bool = False) -> None:
        """Takes a frame, or drops it. `wait`: until there is space for it."""
        with self._change:
            if wait:
                self._change.wait_for(lambda: self._fits(frame) or self._failed or self.closing.is_set())
            elif not self._fits(frame):
                self._forget()
                self._say_slow()
            if self._failed or self.closing.is_set() or (self._skipping and not frame.is_key):
                self.dropped += 1
                return
            self._skipping = False
            self._waiting.append(frame)
            self._bytes += len(frame.data)
            self._change.notify_all()

    def finish(self) -> None:
        """Nothing more is offered. Returns at once: `join` waits."""
        self.closing.set()
        with self._change:
            self._change.notify_all()

    def join(self) -> bool:
        """Waits until all is written and put away, as long as that goes on. Says whether it is."""
        self._thread.join(self.patience_s)
        if self._thread.is_alive():
            self.problem = f"{self.name}: takes nothing more; what waits for it is lost"
            return False
        return True

    @abstractmethod
    def _write(self, frame: EncodedFrame) -> None:
        """Writes a frame, or counts it as dropped."""

    def _idle(self) -> None:  # noqa: B027 - most have nothing to do then
        """No frame has come for a while."""

    @abstractmethod
    def _end(self) -> None:
        """Puts away what was written."""

    def _forget(self) -> None:
        """For whoever holds `_change`: what waits is dropped, and what comes up to the next key frame."""
        self.dropped += len(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        self._skipping = True

    def _say_slow(self) -> None:
        now = monotonic()
        if self._said_at is None or now - self._said_at >= _SAY_EVERY_S:
            self._said_at = now
            _log.warning("%s: takes frames too slowly, or is stuck; some are dropped for it alone", self.name)

    def _fits(self, frame: EncodedFrame) -> bool:
        if not self._waiting:
            return True
        return self._bytes + len(frame.data) <= self._most_bytes and frame.time - self._waiting[0].time <= self._longest_s

    def _run(self) -> None:
        try:
            while True:
                with self._change:
                    self._change.wait_for(lambda: self._waiting or self.closing.is_set(), _IDLE_S)
                    if not self._waiting and self.closing.is_set():
                        break
                    frame = self._waiting.popleft() if self._waiting else None
                    self._bytes -= len(frame.data) if frame is not None else 0
                    self._change.notify_all()
                if frame is None:
                    self._idle()
                else:
                    self._write(frame)
            self._end()
        except Exception as error:  # a fault of this program's own ends this output, not the run
            _log.exception("%s: is not written any more", self.name)
            with self._change:
                self._failed = True
                self._forget()
                self._change.notify_all()
            self.problem = f"{self.name}: failed ({error}); what was written before is kept"


class Outage:
    """Says once when an output fails, and once when it is back.

    Args:
        name: of the output, for messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._since: float | None = None

    def begin(self, why: str) -> None:
        """It fails, in words."""
        if self._since is None:
            self._since = monotonic()
            _log.warning("%s: %s; it is tried again, and frames are processed on", self._name, why)

    def end(self) -> None:
        """It works."""
        if self._since is not None:
            _log.info("%s: is written again after %.1f s", self._name, monotonic() - self._since)
            self._since = None
