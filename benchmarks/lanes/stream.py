"""RenderedSource: a drive as a source, rendered while it runs, with the ground truth of the frames beside it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction

from benchmarks.lanes.drives import Drive
from benchmarks.lanes.ground_truth import FrameTruth
from benchmarks.lanes.render import renderings
from lanes.capture.source import FileInfo, Source, SourceInfo
from lanes.results import Frame


class RenderedSource(Source):
    """A drive that is not kept.

    Args:
        drive: which. size: of the frames, pixels.

    Attributes:
        truths: of the frames that were given and not taken from here yet, in order.
    """

    def __init__(self, drive: Drive, size: tuple[int, int]) -> None:
        super().__init__(drive.name)
        self._drive, self._size = drive, size
        self.truths: deque[FrameTruth] = deque()

    def _open(self) -> SourceInfo:
        rate = Fraction(self._drive.rate)
        return SourceInfo(
            name=self.name,
            kind="synthetic",
            width=self._size[0],
            height=self._size[1],
            frame_rate=rate,
            frames=self._drive.frames,
            time_base=1 / rate,
            file=FileInfo(end=self._drive.frames / rate),
        )

    def _frames(self) -> Iterator[Frame]:
        for index, rendering in enumerate(renderings(self._drive, self._size)):
            self.truths.append(FrameTruth.of(rendering.ground_truth))
            yield Frame(rendering.pixels, index, Fraction(index, self._drive.rate), self.name, f"{index:06d}")
