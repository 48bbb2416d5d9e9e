"""Live sources: frames that come by their own clock, of which the newest is the one that counts."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from time import monotonic, perf_counter_ns

from lanes.capture.source import Source
from lanes.errors import ProcessingError
from lanes.results import Frame


class LiveSource(Source):
    """A thread takes each frame as it comes and keeps the newest only; one that nobody asked for in time is dropped and counted.

    Delivered frames say in `dropped_before` how many were lost before them, so that delivered and dropped together are all
    that came. The last frame of a source that ends is always delivered.

    A subclass sets `info`, gives the frames in `_produce`, and gives the device back in `_release`.
    """

    patience: float | None = None
    """Seconds without a frame after which the source counts as lost; None waits for ever."""

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._newest: Frame | None = None
        self._failure: BaseException | None = None
        self._ended = False
        self._closing = threading.Event()
        self._released = False
        self._thread = threading.Thread(target=self._run, name="lanestream-grab", daemon=True)
        self._started: tuple[float, Fraction] | None = None

    @abstractmethod
    def _produce(self) -> Iterator[Frame]:
        """Every frame as it comes, numbered without gaps. Runs in the thread; ends when the source does."""

    @abstractmethod
    def _release(self) -> None:
        """Give back what was opened. Called once, when nothing is being read."""

    def __iter__(self) -> Iterator[Frame]:
        self._thread.start()
        expected = 0
        while (frame := self._take()) is not None:
            frame.dropped_before = frame.index - expected
            expected = frame.index + 1
            yield frame

    def close(self) -> None:
        self._closing.set()
        with self._change:
            self._newest = None
            self._ended = True
            self._change.notify_all()
        if self._thread.ident is None:
            self._release_once()
        elif self._thread is not threading.current_thread():
            # A thread that is stuck in a read gives the device back itself when the read returns.
            self._thread.join(timeout=1.0)

    def wait_until_due(self, time: Fraction) -> bool:
        """For `_produce`: sleep until a recording that began with the first call would show its frame of that time; False when closed."""
        if self._started is None:
            self._started = monotonic(), time
        begun, first = self._started
        return not self._closing.wait(max(0.0, begun + float(time - first) - monotonic()))

    def _take(self) -> Frame | None:
        """The newest frame, waited for; None at the end."""
        with self._change:
            if not self._change.wait_for(lambda: self._newest is not None or self._ended, self.patience):
                raise ProcessingError(f"{self.info.name}: no frame for {self.patience:g} seconds; check that it is still there and sending")
            frame, self._newest = self._newest, None
            if self._closing.is_set():
                return None
            if frame is None and self._failure is not None:
                raise self._failure
            return frame

    def _run(self) -> None:
        try:
            for frame in self._produce():
                frame.arrived_ns = perf_counter_ns()
                with self._change:
                    if self._closing.is_set():
                        break
                    self._newest = frame
                    self._change.notify_all()
        except BaseException as error:
            self._failure = error
        finally:
            self._release_once()
            with self._change:
                self._ended = True
                self._change.notify_all()

    def _release_once(self) -> None:
        with self._change:
            if self._released:
                return
            self._released = True
        self._release()


class Paced(LiveSource):
    """A recording treated as if it were live: each frame comes when its time has come, and late ones are dropped and counted.

    Args:
        source: a file source; it is closed with this one.
    """

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source
        self.info = replace(source.info, live=True)

    @property
    def corrupt(self) -> int:  # type: ignore[override]
        """Frames that could not be decoded so far, and were passed over."""
        return self._source.corrupt

    def _produce(self) -> Iterator[Frame]:
        # Numbered anew: an unreadable image leaves a gap in the numbers, and was not dropped for being late.
        for index, frame in enumerate(self._source):
            if not self.wait_until_due(frame.time):
                return
            frame.index = index
            yield frame

    def _release(self) -> None:
        self._source.close()
