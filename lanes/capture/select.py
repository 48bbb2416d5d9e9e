"""Selected: a part of a source, by time and by number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from lanes.capture.events import Event
from lanes.capture.live import LiveSource
from lanes.capture.paced import Paced
from lanes.capture.source import Counts, Source, SourceInfo
from lanes.errors import InputError
from lanes.results import Frame
from lanes.settings import Settings


def selected(source: Source, settings: Settings) -> Source:
    """The part of a source that the settings ask for, at the pace that they ask for: `Selected`, `Paced`.

    A live source is not limited here: of its frames some may be dropped later, and `limit` is of those that are processed.
    """
    is_live = isinstance(source, LiveSource)
    limit = None if is_live or settings.live else settings.limit
    if settings.start is not None or settings.end is not None or settings.every > 1 or limit is not None:
        source = Selected(source, start=settings.start or Fraction(0), end=settings.end, every=settings.every, limit=limit)
    return Paced(source) if settings.live and not is_live else source


class Selected(Source):
    """Frames of another source between two times, every n-th of them, so many at most. Frames keep their numbers and times.

    Args:
        source: not open yet; it is opened and closed with this one.
        start: seconds after the source's start; frames before it are decoded, not converted, and skipped.
        end: seconds after the source's start; the first frame at or after it is not given any more. None for the source's own end.
        every: 1 for all frames, 2 for every other one.
        limit: frames at most; None for all.
    """

    def __init__(
        self, source: Source, *, start: Fraction = Fraction(0), end: Fraction | None = None, every: int = 1, limit: int | None = None
    ) -> None:
        super().__init__(source.name)
        self._source = source
        self._start, self._end, self._every, self._limit = start, end, every, limit
        self._skipped = 0
        self._unconverted: int | None = None  # skipped by the source itself, before the first frame; None until there is one

    def _open(self) -> SourceInfo:
        self._source.open()
        return self._describe(self._source.info)

    def _describe(self, info: SourceInfo) -> SourceInfo:
        frames = info.frames
        if info.file and frames and self._start and info.frame_rate and frames <= self._start * info.frame_rate:
            raise InputError(f"{info.name}: ends before --start; it is {float(frames / info.frame_rate):.1f} seconds long")
        if frames is not None and info.frame_rate:
            first, last = math.ceil(self._start * info.frame_rate), frames
            if self._end is not None:
                last = min(frames, math.ceil(self._end * info.frame_rate))
            frames = max(0, -(-(last - first) // self._every))
        if self._limit is not None:
            frames = self._limit if frames is None else min(frames, self._limit)
        rate = info.frame_rate and info.frame_rate / self._every
        # `info.file.end` stays the recording's own: an output sees by it that there is more sound than video.
        return replace(info, start=info.start + self._start, frames=frames, frame_rate=rate)

    def _frames(self) -> Iterator[Frame]:
        begin = self._source.info.start + self._start
        end = None if self._end is None else self._source.info.start + self._end
        given = position = 0
        cut = False
        if self._start and not self._source.info.live:
            self._source.skip_to(begin)  # what is not wanted is not converted; numbers and cuts are kept
        for frame in self._source:
            if end is not None and frame.time >= end:
                self._skipped += 1
                break
            cut |= frame.cut  # of a frame that is skipped, too
            if frame.time < begin:
                self._skipped += 1
                continue
            if not position:
                self._unconverted = self._source.counts.dropped.get("late", 0)
            position += 1
            if (position - 1) % self._every:
                self._skipped += 1
                continue
            frame.cut, cut = cut, False
            given += 1
            yield frame
            if given == self._limit:
                break
        self._source.close()

    def _release(self) -> None:
        self._source.close()

    def close(self) -> None:
        # At once, and not only when nobody reads: that is what ends a blocked read.
        self._source.close()
        super().close()

    def events(self) -> Iterator[Event]:
        return self._source.events()

    def skip_to(self, time: Fraction) -> None:
        self._source.skip_to(time)

    @property
    def counts(self) -> Counts:
        """Those of the source without the frames that were skipped."""
        counts = self._source.counts
        dropped = dict(counts.dropped)
        late = dropped.pop("late", 0)
        unconverted = late if self._unconverted is None else self._unconverted
        if late > unconverted:
            dropped["late"] = late - unconverted
        captured, delivered = counts.captured - self._skipped - unconverted, counts.delivered - self._skipped
        return replace(counts, captured=captured, delivered=delivered, dropped=dropped)

    @property
    def corrupt(self) -> int:
        """Frames that could not be decoded so far."""
        return self._source.corrupt
