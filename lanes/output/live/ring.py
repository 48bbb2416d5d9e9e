"""Ring: the last seconds of encoded video in memory, cut at key frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction

from lanes.output.live.writer import EncodedFrame


class Ring:
    """Holds at least the last `seconds` of frames, from a key frame on; less where they are more than `most_bytes`.

    Args:
        seconds: of video.
        most_bytes: of encoded frames.
    """

    def __init__(self, seconds: Fraction, most_bytes: int) -> None:
        self._seconds, self._most_bytes = seconds, most_bytes
        self._groups: deque[list[EncodedFrame]] = deque()  # each begins with a key frame
        self.bytes = 0

    def add(self, frame: EncodedFrame) -> None:
        """Takes the next frame. Those before the first key frame are of no use, and forgotten."""
        if frame.is_key:
            self._groups.append([])
        if not self._groups:
            return
        self._groups[-1].append(frame)
        self.bytes += len(frame.data)
        while len(self._groups) > 1 and (self._groups[1][0].time <= frame.time - self._seconds or self.bytes > self._most_bytes):
            self.bytes -= sum(len(each.data) for each in self._groups.popleft())

    def __iter__(self) -> Iterator[EncodedFrame]:
        """The frames in order; the first one is a key frame."""
        for group in self._groups:
            yield from group
