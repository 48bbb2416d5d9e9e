"""Paced: a recording treated as if it were live."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from time import perf_counter_ns

from lanes.capture.live import LiveSource
from lanes.capture.source import Source, SourceInfo
from lanes.results import Frame

_log = logging.getLogger(__name__)

# A longer gap between two frames is a clock that was set, not a pause that anybody wants to sit through.
_LONGEST_GAP_NS = 60 * 10**9


# As late as a frame of a live stream may be before its pace is set anew: two frames at 10 a second.
_LATE_NS = 2 * 10**8


class Pace:
    """When each frame of a recording is due, if the first one was due when it was first asked about.

    Args:
        closing: ends the waiting when it is set.
    """

    def __init__(self, closing: threading.Event) -> None:
        self._closing = closing
        self._start: tuple[int, Fraction] | None = None

    def due_ns(self, time: Fraction) -> int:
        """The moment at which the frame of that time is due, by `perf_counter_ns`."""
        now = perf_counter_ns()
        if self._start is not None:
            begun, first = self._start
            due = begun + int((time - first) * 10**9)
            if due - now <= _LONGEST_GAP_NS:
                return due
        self._start = now, time
        return now

    def position(self) -> Fraction:
        """The time in the recording that is due now."""
        assert self._start is not None
        begun, first = self._start
        return first + Fraction(perf_counter_ns() - begun, 10**9)

    def wait_until(self, due_ns: int) -> bool:
        """Sleeps until then; False when the source was closed."""
        return not self._closing.wait(max(0.0, (due_ns - perf_counter_ns()) / 1e9))


def paced(frames: Iterable[Frame], closing: threading.Event, skip_to: Callable[[Fraction], None]) -> Iterator[Frame]:
    """Gives each frame when it is due, or as soon as it is decoded if that is later, and stamps it with the moment it was due.

    Args:
        frames: of a recording.
        closing: ends it.
        skip_to: is called with the time that is due now, before each frame is asked for: see `Source.skip_to`.
    """
    pace = Pace(closing)
    for frame in frames:
        frame.arrived_ns = pace.due_ns(frame.time)
        if not pace.wait_until(frame.arrived_ns):
            return
        yield frame
        skip_to(pace.position())


def evenly(frames: Iterable[Frame], closing: threading.Event) -> Iterator[Frame]:
    """Gives the frames of a live stream that come many at a time, as from a playlist, at the pace of their times. One that comes too late
    for that sets the pace anew.

    Args:
        frames: of a live stream.
        closing: ends it.
    """
    pace = Pace(closing)
    for frame in frames:
        due = pace.due_ns(frame.time)
        if perf_counter_ns() - due > _LATE_NS:
            pace = Pace(closing)
            due = pace.due_ns(frame.time)
        frame.arrived_ns = due
        if not pace.wait_until(due):
            return
        yield frame


class Paced(LiveSource):
    """A recording treated as if it were live: each frame comes when it is due, and late ones are dropped and counted.

    A decoder that is slower than the recording's clock skips frames whose successor is due already (`late`), as far as the
    coding allows; how late it is with the others is part of their age.

    Args:
        source: a source that is not live, not yet open; it is opened and closed with this one.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source.name)
        self._source = source

    def _open(self) -> SourceInfo:
        self._source.open()
        info = self._source.info
        if info.kind == "images":
            rate = f"{float(info.frame_rate):g}" if info.frame_rate else "so many"
            _log.warning("%s: images have no clock; --live takes them as %s a second, and drops those that are late", info.name, rate)
        return replace(info, live=True)

    @property
    def endless(self) -> bool:
        return False

    @property
    def corrupt(self) -> int:
        """Frames that could not be decoded so far, and were skipped."""
        return self._source.corrupt

    def _frames(self) -> Iterator[Frame]:
        # Numbered anew: an unreadable image leaves a gap in the numbers, and was not dropped for being late.
        late = 0
        for count, frame in enumerate(paced(self._source, self._closing, self._source.skip_to)):
            now_late = self._source.counts.dropped.get("late", 0)
            self._skip(now_late - late)
            late = now_late
            frame.index = count + late
            yield frame

    def close(self) -> None:
        self._closing.set()
        self._source.close()  # ends the opening or the read that this one is in
        super().close()

    def _release(self) -> None:
        self._source.close()
