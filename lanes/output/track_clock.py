"""TrackClock: sound and other tracks follow the times of the video where the recording's clock steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

_TOLERANCE_S = Fraction(2)
"""How far a track's step may lie from the video's: tracks are interleaved loosely, and begin and end at moments of their own."""

_GAP_S = Fraction(1, 4)
"""A packet that comes so long after the end of the one before it may be behind a step."""


@dataclass(frozen=True, slots=True)
class ClockStep:
    """A recording's clock was set anew, as where recordings are joined; the video's times go on without the step.

    Attributes:
        before, after: what the clock showed at the last frame before it and the first one after it, seconds.
        shift: what is added to the clock from then on, seconds.
    """

    before: Fraction
    after: Fraction
    shift: Fraction


class TrackClock:
    """Gives the packets of one track, in the order of the file, the times that keep them with the video.

    - Where the track's clock steps near a step of the video, it is shifted as the video is from then on.
    - Where it steps back without it, it goes on where it was. Where it steps forward, that is a gap and stays one.
    - After a step, what begins more than half its length before the end of what came last is left out: recordings that are joined
      overlap a little, sound being longer than the video by a part of a packet.

    Args:
        steps: of the video's clock, in order.
    """

    def __init__(self, steps: Sequence[ClockStep]) -> None:
        self._steps = steps
        self._passed = 0
        self._shift = Fraction(0)
        self._last: Fraction | None = None
        self._end = Fraction(0)
        self._joining = False

    def time(self, stamp: Fraction, duration: Fraction) -> Fraction | None:
        """The time of a packet in seconds, or None if it is to be left out.

        Args:
            stamp: what the track's clock shows, seconds.
            duration: of the packet, seconds; 0 where it is not known.
        """
        last, self._last = self._last, stamp
        if last is not None and (stamp < last or stamp + self._shift > self._end + _GAP_S):
            self._step(last, stamp)
        time = stamp + self._shift
        if self._joining and time < self._end - duration / 2:
            return None
        self._joining = False
        self._end = time + duration
        return time

    def _step(self, last: Fraction, stamp: Fraction) -> None:
        for number, step in enumerate(self._steps[self._passed :], self._passed + 1):
            if abs(last - step.before) < _TOLERANCE_S and abs(stamp - step.after) < _TOLERANCE_S:
                self._passed, self._shift, self._joining = number, step.shift, True
                return
        if stamp < last:
            self._shift, self._joining = self._end - stamp, True
