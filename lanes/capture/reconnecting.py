"""Reconnecting: a live source that is waited for when it is lost, for ever."""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from statistics import median
from time import monotonic

from lanes.capture.backoff import Backoff
from lanes.capture.events import LossKind, Lost, Notice, PictureBack, Resumed
from lanes.capture.live import LiveSource
from lanes.capture.picture_watch import PictureWatch
from lanes.capture.source import SourceInfo
from lanes.errors import InputError, NotFoundError, ProcessingError, SourceLostError, UnauthorizedError, UnsupportedCodecError
from lanes.results import Frame

OPEN_TIMEOUT_S = 20.0
"""Seconds for a whole opening: a server that trickles meets all time-outs for a single answer."""

REOPEN_TIMEOUT_S, REOPEN_FACTOR = 2.0, 3
"""Seconds for the first opening after a loss, or so many times what the last one took if that is longer; doubled with each that is silent.
A connection that was made while the network or the server was away does not keep the source from its return."""

STALL_INTERVALS = 5
"""Frame intervals without a frame after which a source counts as lost, if that is longer than its `pause_s`."""

# Until the interval is known, seconds for the second frame.
_FIRST_INTERVAL_S = 10.0

_TICK = Fraction(1, 10_000)


class _StalledError(SourceLostError):
    """A connection that is open and silent."""


class Reconnecting(LiveSource):
    """Frames of one live source after the other, each made anew when the one before was lost.

    It is lost when it fails, ends (unless it is a recording), or sends no frame for the longer of its `pause_s` (2 s) and 5 frame
    intervals. Then it is opened again as `Backoff` says, for ever; so it is when it is not there at first. Events say once when it goes
    (`Lost`) and once when it is back (`Resumed`), and when its picture is frozen or black (`PictureWatch`).

    Frames are numbered on, and their time goes on by what the monotonic clock says has passed. The first one has `cut=True`.

    Args:
        make: makes a source, not open yet.
        clock: seconds, never set back.
        random: a number from 0 to 1, for the waiting.
        pause: waits for the event or so many seconds, whichever comes first; whether it was the event.

    Opening, and later iterating, raises:
        UnauthorizedError, UnsupportedCodecError: waiting would not help.
        NotFoundError: likewise, as long as there has been no frame. Later it is waited for: a server that starts again has its
            address before it has its video, and a camera is plugged in again.
    """

    def __init__(
        self,
        make: Callable[[], LiveSource],
        *,
        clock: Callable[[], float] = monotonic,
        random: Callable[[], float] = random.random,
        pause: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self._make, self._source = make, make()
        super().__init__(self._source.name)
        self._clock, self._pause = clock, pause
        self._backoff = Backoff(clock, random)
        self._watch = PictureWatch()
        self._final: tuple[type[InputError], ...] = (UnauthorizedError, NotFoundError, UnsupportedCodecError)
        self._open_timeout_s = OPEN_TIMEOUT_S
        self._alive_at = clock()
        self._lost = False
        self._notices: list[str] = []
        self._index = 0
        self._last: tuple[Fraction, int] | None = None  # time and arrival of the last frame
        self._shift = Fraction(0)

    @property
    def endless(self) -> bool:
        return self._source.endless

    @property
    def corrupt(self) -> int:
        """Frames that could not be decoded so far, and were skipped."""
        with self._change:
            return self._corrupt + self._source.corrupt

    def _say_waiting(self) -> None:
        if not self._lost:  # of which more has been said
            self.awaited = self._source.awaited
            super()._say_waiting()

    def close(self) -> None:
        with self._change:  # from here on there is no other source
            self._closing.set()
        self._source.close()
        super().close()

    def _open(self) -> SourceInfo:
        self._connect()
        self._final = (UnauthorizedError, UnsupportedCodecError)
        return self._source.info

    def _frames(self) -> Iterator[Frame]:
        while True:
            kind: LossKind
            try:
                yield from self._until_lost()
                cause, kind = f"{self.name}: the stream was ended by the other side", "ended"
            except ProcessingError as error:
                if not self._source.endless:
                    raise
                cause, kind = str(error), "stalled" if isinstance(error, _StalledError) else "failed"
            if self._closing.is_set() or not self._source.endless:
                return
            self._note_lost(cause, kind)
            if not self._renew():
                return
            self._connect()
            if self._closing.is_set():
                return

    def _connect(self) -> None:
        """Opens the source, or the next one, or the one after that; returns also when this one is closed."""
        while not self._closing.is_set():
            begun = monotonic()
            try:
                self._source.open(self._open_timeout_s)
            except self._final:
                raise
            except InputError as error:
                if self._closing.is_set():
                    return
                self._note_lost(str(error), "unreachable")
                if monotonic() - begun >= self._open_timeout_s:
                    self._open_timeout_s = min(2 * self._open_timeout_s, OPEN_TIMEOUT_S)
                self._renew()
            else:
                self._open_timeout_s = min(max(REOPEN_TIMEOUT_S, REOPEN_FACTOR * (monotonic() - begun)), OPEN_TIMEOUT_S)
                self._forward_notices()
                return

    def _forward_notices(self) -> None:
        """What the new connection has to say, unless the one before has said the same."""
        notices = [event.message for event in self._source.events() if isinstance(event, Notice)]
        for message in notices:
            if message not in self._notices:
                self._announce(Notice(message))
        self._notices = notices

    def _renew(self) -> bool:
        """Waits, and makes the next source; False when this one is closed."""
        self._source.close()
        while True:
            if self._pause(self._closing, self._backoff.wait_s()):
                return False
            if self._source.is_free:  # else a driver is stuck, and the device with it: more threads would be stuck the same
                break
        following = self._make()
        with self._change:
            if not self._closing.is_set():
                self._corrupt += self._source.corrupt
                self._source = following
        return not self._closing.is_set()

    def _until_lost(self) -> Iterator[Frame]:
        """The frames of one connection. Raises SourceLostError when it fails or stalls."""
        source = self._source
        begun, late = False, 0
        intervals: deque[Fraction] = deque(maxlen=15)
        while True:
            limit = self._stall_limit(source, intervals)
            frame = source.take_newest(limit)
            if frame is None:
                if source.ended:
                    return
                raise _StalledError(f"{self.name}: no frame for {limit:g} seconds")
            dropped, late_before = frame.dropped_before, late
            late = source.counts.dropped.get("late", 0) if dropped else late
            self._count_dropped(dropped, late - late_before)
            before = self._last
            self._adopt(frame, source, first=not begun)
            if begun and before is not None:
                intervals.append((frame.time - before[0]) / (1 + dropped))
            begun = True
            yield frame

    def _stall_limit(self, source: LiveSource, intervals: deque[Fraction]) -> float | None:
        """Seconds to wait for the next frame; None for a recording, which has its own limit."""
        if not source.endless:
            return None
        if intervals:
            return max(source.pause_s, float(STALL_INTERVALS * median(intervals)))
        rate = source.info.frame_rate
        return max(source.pause_s, float(STALL_INTERVALS / rate)) if rate else max(source.pause_s, _FIRST_INTERVAL_S)

    def _count_dropped(self, count: int, late: int) -> None:
        late = min(late, count)
        self._skip(late)
        self._skip(count - late, "superseded")
        self._index += count

    def _adopt(self, frame: Frame, source: LiveSource, first: bool) -> None:
        """Makes the frame of a connection one of this source."""
        assert frame.arrived_ns is not None
        if first:
            self._begin(frame, source)
        elif frame.cut:
            self._take_info(source.info)
        time, unit = frame.time + self._shift, self.info.time_base
        if unit is not None:  # the connection may count in other ones
            time = round(time / unit) * unit
        if self._last is not None:
            time = max(time, self._last[0] + (unit or _TICK))
        frame.time, frame.clock_shift = time, frame.clock_shift + self._shift
        frame.index, frame.stem = self._index, f"{self._index:06d}"
        event = self._watch.look(frame)
        if event is not None:
            frame.cut |= isinstance(event, PictureBack)
            self._announce(event)
        self._index += 1
        self._last = time, frame.arrived_ns
        self._alive_at = self._clock()
        self._backoff.note_frame()

    def _begin(self, frame: Frame, source: LiveSource) -> None:
        """The first frame of a connection: where its clock stands, and what is new."""
        if self._last is not None:
            assert frame.arrived_ns is not None
            time, arrived_ns = self._last
            unit = self.info.time_base or _TICK
            passed = max(1, round(Fraction(frame.arrived_ns - arrived_ns, 10**9) / unit)) * unit
            self._shift = time + passed - frame.time
            frame.cut = True
            self._take_info(source.info)
        if self._lost:
            self._lost = False
            self._announce(Resumed(self._clock() - self._alive_at))

    def _take_info(self, info: SourceInfo) -> None:
        """The facts of a connection; an output's clock keeps to those of the first one."""
        info = replace(info, time_base=self.info.time_base, start=self.info.start)
        if info != self.info:
            self._set_info(info)

    def _note_lost(self, cause: str, kind: LossKind) -> None:
        if not self._lost:
            self._lost = True
            self._announce(Lost(cause, kind))

    def _release(self) -> None:
        self._source.close()
