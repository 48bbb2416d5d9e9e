"""Clock: times that rise and make sense, from stamps that may stand still, be missing, or step back and forward."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

_STEP_S, _STEP_PERIODS = 10, 100
_BELIEVED_S = 600
_GAP_S, _GAP_PERIODS = 1, 10

# No camera takes frames so fast. Programs that copy recordings write such steps where a clock went back.
_CREEP_S = Fraction(1, 5000)


class Clock:
    """Gives each frame its time, always later than the one before it.

    - Ordinary stamps are kept as they are, at constant or variable rate.
    - **Set back** by a period or more (recordings joined, a camera's clock corrected): time goes on by one period, a cut.
    - **Set forward**: likewise, if the step is longer than 10 s and than 100 usual periods and nothing shows that the time has passed: no
      packet that long and no lost frames, which explain up to 10 minutes, and no sound in between. A real gap keeps its times; from 1 s
      and 10 periods on it is a cut.
    - **Standing still**, or creeping by less than 0.2 ms: time goes on by one period; a cut at the second such
      frame, for so programs write a clock that went back. **Jittering** by less than a period: by half of one, until the stamps catch up.
    - **No presentation stamps** (AVI), or stamps in the order of decoding: the decoding stamps are taken; without those, the nominal rate.

    The period is the median of the last steps, and before there are any the nominal one.

    Args:
        unit: seconds a tick; stamps and times are whole numbers of it.
        rate: nominal frames per second; None where it is not known.
    """

    def __init__(self, unit: Fraction, rate: Fraction | None) -> None:
        self._unit = unit
        self._nominal = 1 / (rate * unit) if rate else Fraction(1)
        self._gap = int(_GAP_S / unit)
        self._creep = min(int(_CREEP_S / unit), int(self._nominal / 8))
        self._stamp: int | None = None
        self._time: int | None = None
        self._shift = 0
        self._anchor = self._extrapolated = 0
        self._steps: deque[int] = deque(maxlen=15)
        self._longest = 0
        self._audio_seconds: set[int] = set()
        self._last_pts = self._last_dts = -(2**63)
        self._faulty_pts = self._faulty_dts = 0

    @property
    def shift(self) -> Fraction:
        """What is added to stamps, seconds; it changes where the clock steps."""
        return self._shift * self._unit

    @property
    def period(self) -> Fraction:
        """The usual one, seconds."""
        return self._period() * self._unit

    def note_duration(self, ticks: int) -> None:
        """A video packet claims this duration."""
        self._longest = max(self._longest, ticks)

    def note_audio(self, second: int) -> None:
        """There is sound in that second of the stamps' clock."""
        self._audio_seconds.add(second)

    def time(self, pts: int | None, dts: int | None, lost: bool = False) -> tuple[Fraction, bool]:
        """The next frame's time in seconds, and whether it is the first after a cut.

        Args:
            pts: presentation stamp, ticks.
            dts: decoding stamp, ticks.
            lost: frames before it could not be decoded.
        """
        stamp = self._choose(pts, dts)
        cut = False
        if self._time is None:
            self._keep(stamp or 0)
        elif stamp is None or self._stamp is None:
            self._extrapolate()
        elif self._creep < (step := stamp - self._stamp) <= self._gap and stamp + self._shift > self._time:
            self._steps.append(step)
            self._keep(stamp + self._shift)
        elif 0 <= step <= self._creep:
            cut = self._extrapolated == 1 and len(self._steps) > 0 and self._period() >= 4
            self._extrapolate()
        else:
            cut = self._irregular(stamp, step, lost)
        self._stamp = self._stamp if stamp is None else stamp
        assert self._time is not None
        return self._time * self._unit, cut

    def _irregular(self, stamp: int, step: int, lost: bool) -> bool:
        assert self._time is not None
        period, late = self._period(), self._time - stamp - self._shift
        if step > 0 and late < 0:
            real = self._has_passed(stamp - step, stamp, period, lost)
            self._steps.append(step)
            if real:
                self._keep(stamp + self._shift)
                return step > self._gap and step > _GAP_PERIODS * period
        elif -period < step and late < 2 * period:  # half a period, so that the stamps catch up
            self._keep(self._time + max(1, round(period / 2)))
            return False
        elif step < 0:
            self._audio_seconds.clear()
        self._keep(self._time + max(1, round(period)))
        self._shift = self._time - stamp
        return step <= -period or step > self._gap

    def _has_passed(self, begin: int, end: int, period: Fraction, lost: bool) -> bool:
        """Whether a step forward is a real gap and not a clock that was set."""
        step = end - begin
        seconds = step * self._unit
        if seconds <= _STEP_S or step <= _STEP_PERIODS * period:
            return True
        if seconds <= _BELIEVED_S and (lost or step <= 2 * self._longest or len(self._steps) < 3):
            return True
        first, last = begin * self._unit, end * self._unit
        return 2 * sum(first < second < last for second in self._audio_seconds) >= seconds

    def _period(self) -> Fraction:
        return Fraction(sorted(self._steps)[len(self._steps) // 2]) if self._steps else self._nominal

    def _keep(self, time: int) -> None:
        self._time = self._anchor = time
        self._extrapolated = 0

    def _extrapolate(self) -> None:
        """One period on, rounded to ticks such that the rate stays exact over many frames."""
        assert self._time is not None
        self._extrapolated += 1
        self._time = max(self._time + 1, self._anchor + round(self._extrapolated * self._period()))

    def _choose(self, pts: int | None, dts: int | None) -> int | None:
        """The stamp that has run backward less often, as FFmpeg's `guess_correct_pts` has it."""
        if dts is not None:
            self._faulty_dts += dts <= self._last_dts
            self._last_dts = dts
        if pts is not None:
            self._faulty_pts += pts <= self._last_pts
            self._last_pts = pts
        return dts if pts is None or (dts is not None and self._faulty_pts > self._faulty_dts) else pts
