"""Live sources: frames that come by their own clock, of which the newest is the one that counts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from time import perf_counter_ns

from lanes.capture.events import Notice
from lanes.capture.source import DropReason, Source
from lanes.errors import SourceLostError
from lanes.results import Frame


class LiveSource(Source):
    """A thread takes each frame as it comes and keeps the newest only; one that nobody took in time is dropped and counted.

    Whoever asks gets the newest frame at that moment, or waits for the next one. Delivered frames say in `dropped_before` how many
    were lost before them, so that delivered and dropped together are all that came. The last frame of a source that ends is
    always delivered. One consumer at a time.

    A subclass numbers the frames that it gives in `_frames` without gaps, but for those that it dropped itself.
    """

    frame_timeout: float | None = None
    """Seconds without a frame after which the source counts as lost; None waits for ever."""

    pause_s = 2.0
    """Seconds between two frames that mean nothing, for whoever looks whether it has stalled."""

    awaited = "an answer"
    """What opening waits for, in words."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._newest: Frame | None = None
        self._failure: BaseException | None = None
        self._ended = False
        self._expected = 0
        self._grabber = threading.Thread(target=self._grab, name="lanestream-grab", daemon=True)

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self.take_newest()) is not None:
            yield frame

    def take_newest(self, timeout: float | None = None) -> Frame | None:
        """The newest frame that was not taken yet, waited for. The first call starts the source.

        Args:
            timeout: seconds to wait at most; None for as long as the source is expected to send.

        Returns:
            The frame; None when the source has ended (`ended`), or no frame came in time.

        Raises:
            SourceLostError: the source has gone, or was silent for too long.
        """
        with self._change:
            if self._grabber.ident is None and not self._closing.is_set():
                self._grabber.start()
            limits = [limit for limit in (timeout, self.frame_timeout) if limit is not None]
            came = self._change.wait_for(lambda: self._newest is not None or self._ended, min(limits, default=None))
            if not came and timeout is not None and timeout == min(limits):
                return None
            if not came:
                raise SourceLostError(f"{self.name}: no frame for {self.frame_timeout:g} seconds; check that it is still there and sending")
            frame, self._newest = self._newest, None
            if frame is None:
                if self._failure is not None and not self._closing.is_set():
                    raise self._failure
                return None
            frame.dropped_before = frame.index - self._expected
            self._expected = frame.index + 1
            self._delivered += 1
            return frame

    def _say_waiting(self) -> None:
        self._announce(Notice(f"{self.name}: waits for {self.awaited}"))

    @property
    def endless(self) -> bool:
        """Whether its end is a loss. A recording that is played as if it were live ends in order."""
        return True

    @property
    def ended(self) -> bool:
        """No more frames will come."""
        with self._change:
            return self._ended and self._newest is None

    def close(self) -> None:
        with self._change:
            self._closing.set()
            self._drop("stopped", self._newest is not None)
            self._newest = None
            self._ended = True
            self._change.notify_all()
        super().close()

    def _drop(self, reason: DropReason, count: int) -> None:
        """For whoever holds `_change`: that many captured frames will not be delivered."""
        if count:
            self._dropped[reason] += count

    def _grab(self) -> None:
        try:
            for frame in self._read():
                self._offer(frame)
        except BaseException as error:  # raised anew in `take_newest`
            self._failure = error
        finally:
            with self._in_use:
                self._release_once()
            with self._change:
                self._ended = True
                self._change.notify_all()

    def _offer(self, frame: Frame) -> None:
        """Puts a frame where the consumer takes it, in place of one that was not taken."""
        if frame.arrived_ns is None:
            frame.arrived_ns = perf_counter_ns()
        with self._change:
            self._captured += 1
            self._suspect += frame.suspect
            if self._closing.is_set():
                self._drop("stopped", 1)
                return
            if self._newest is not None:
                self._drop("superseded", 1)
                frame.cut = frame.cut or self._newest.cut  # the cut lies before this frame as well
            self._newest = frame
            self._change.notify_all()
