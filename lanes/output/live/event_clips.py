"""EventClips: the seconds around a departure, or a moment that somebody marks, as a clip with its records."""

from __future__ import annotations

import json
import logging
import random
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from time import monotonic
from typing import Any, TextIO

import av

from lanes.capture.backoff import Backoff
from lanes.errors import InputError, OutputError
from lanes.files import check_folder, make_folder, numbered, remove_empty
from lanes.output.claim import Claim
from lanes.output.live.left_behind import SETTLE_S, Finisher
from lanes.output.live.part import Part
from lanes.output.live.ring import Ring
from lanes.output.live.segments import utc_now
from lanes.output.live.writer import EncodedFrame, Outage, PacketWriter
from lanes.output.records import make_record
from lanes.results import DepartureState

_log = logging.getLogger(__name__)

BEFORE_S, AFTER_S = 10, 10
"""Seconds of a clip before and after what it is of."""

RING_BYTES = 64_000_000
"""Of encoded video in memory: 10 s of 50 Mbit/s."""

MOST_BYTES, LONGEST_S, PATIENCE_S = 32_000_000, 20.0, 20.0

_LONGEST_REASON = 200  # letters; it may come from a page


class Clip:
    """One clip while it is written: an MP4 as `Part` makes it, and its records beside it, a line a frame as it goes.

    Args:
        target: the MP4's name; that of the records ends in `.jsonl`.
        template: the encoder's stream.
        begin: when its first frame is shown, seconds on the source's clock.

    Raises:
        OSError, av.FFmpegError: it cannot be written.
    """

    def __init__(self, target: Path, template: Any, begin: Fraction) -> None:
        self.part = Part(target, template, begin)
        try:
            self._records: TextIO = target.with_suffix(".jsonl").open("x", encoding="utf-8", newline="\n")
        except BaseException:
            self.part.discard()
            raise

    def write(self, frame: EncodedFrame, reasons: Sequence[str]) -> None:
        """Takes the next frame, and what happens in it. Raises OSError or av.FFmpegError."""
        self.part.write(frame)
        record = make_record(frame.result) | ({"events": list(reasons)} if reasons else {})
        self._records.write(json.dumps(record, allow_nan=False, separators=(",", ":")) + "\n")
        self._records.flush()

    def finish(self) -> None:
        """Makes it whole. Raises OutputError as `Part.finish`."""
        with suppress(OSError):
            self._records.close()
        if not self.part.finish():
            with suppress(OSError):
                self.part.target.with_suffix(".jsonl").unlink()


class EventClips(PacketWriter):
    """Writes a clip from 10 s before to 10 s after each departure and each mark, from a key frame on, without encoding anything anew.

    What happens while a clip is being written makes it longer. Clips are called after the time of day and what they are of:
    `20261125T235619Z-departure-left.mp4`, `20261125T235619Z-mark.mp4`.

    Args:
        folder: made where it is missing.
        template: the encoder's stream.
        settle_s: see `Finisher`.
        clock: seconds, never set back.

    Raises:
        InputError: the folder cannot be written, or another run writes there.
    """

    def __init__(self, folder: Path, template: Any, settle_s: float = SETTLE_S, clock: Callable[[], float] = monotonic) -> None:
        super().__init__(str(folder), MOST_BYTES, LONGEST_S, PATIENCE_S)
        self._folder, self._template, self._clock = folder, template, clock
        self._ring = Ring(Fraction(BEFORE_S), RING_BYTES)
        self._clip: Clip | None = None
        self._until = Fraction(0)
        self._came_at = clock()
        self._departure: DepartureState = "none"
        self._marks: deque[str] = deque()
        self._retry_at = 0.0
        self._backoff = Backoff(clock, random.random)
        self._outage = Outage(self.name)
        self._made: list[Path] = []
        self._claim = Claim(folder)
        try:
            check_folder(folder, (), overwrite=True)
            self._made = make_folder(folder)
            Finisher(folder, r"\d{8}T\d{6}Z-.+\.mp4", self.closing, settle_s)
        except BaseException:
            remove_empty(self._made)
            self._claim.release()
            raise
        self.start()

    def mark(self, reason: str) -> None:
        """Something happens now, and a clip of it is wanted. From any thread; returns at once.

        Args:
            reason: in words, for the records.
        """
        self._marks.append(reason[:_LONGEST_REASON])

    def _write(self, frame: EncodedFrame) -> None:
        self._came_at = self._clock()
        self._ring.add(frame)
        reasons = self._reasons(frame)
        if reasons or frame.result.departure in ("left", "right"):
            self._until = frame.time + AFTER_S
        if self._clip is not None and frame.time > self._until:
            self._finish()
        try:
            if self._clip is not None:
                self._clip.write(frame, reasons)
            elif reasons:
                self._begin(reasons)
        except (OSError, ValueError, av.FFmpegError, InputError, OutputError) as error:
            self._fail(str(getattr(error, "strerror", None) or error))

    def _reasons(self, frame: EncodedFrame) -> list[str]:
        """What begins with this frame."""
        before, self._departure = self._departure, frame.result.departure
        reasons = [f"departure: {self._departure}"] if self._departure in ("left", "right") and self._departure != before else []
        while self._marks:
            reasons.append(f"mark: {self._marks.popleft()}")
        return reasons

    def _begin(self, reasons: Sequence[str]) -> None:
        """A clip with all that the ring holds; the frame that the reasons are of is the last one in it."""
        frames = list(self._ring)
        if not frames or self._clock() < self._retry_at:
            return
        make_folder(self._folder)  # it may have been taken away
        kind = _kind_of(reasons[0])
        names = numbered(self._folder / f"{utc_now()}-{kind}.mp4")
        target = next(name for name in names if not (name.exists() or name.with_suffix(".jsonl").exists()))
        self._clip = Clip(target, self._template, frames[0].time)
        for each in frames[:-1]:
            self._clip.write(each, ())
        self._clip.write(frames[-1], reasons)
        self._backoff.note_frame()
        self._outage.end()

    def _fail(self, why: str) -> None:
        self.dropped += 1
        self.problem = f"{self.name}: not all clips were written ({why}); what was is kept and plays"
        self._outage.begin(f"clips cannot be written ({why})")
        self._finish()
        self._retry_at = self._clock() + self._backoff.wait_s()

    def _idle(self) -> None:
        # The source has gone, perhaps with the vehicle: what there is of the clip is put away.
        if self._clip is not None and self._clock() - self._came_at > AFTER_S:
            self._finish()

    def _finish(self) -> None:
        clip, self._clip = self._clip, None
        if clip is None:
            return
        try:
            clip.finish()
            _log.info("%s: %.0f s, with its records beside it", clip.part.target, clip.part.last - clip.part.begin)
        except OutputError as error:
            self.problem = self.problem or str(error)
            _log.warning("%s", error)

    def _end(self) -> None:
        self._finish()
        remove_empty(self._made)
        self._claim.release()


def _kind_of(reason: str) -> str:
    """What a clip is called after: `departure-left` for `departure: left`, `mark` for a mark whatever its words."""
    kind, _, rest = reason.partition(": ")
    return f"{kind}-{rest}" if kind == "departure" else kind
