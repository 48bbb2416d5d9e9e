"""Coded frames of containers that are not what they were when they were opened."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from lanes.capture.coded import CodedFrames
from tests.media import Clip


class Growing:
    """A container in which a stream appears under way, as in a damaged SWF or a transport stream: PyAV fails at its end."""

    def __init__(self, container: Any) -> None:
        self._container = container
        self.flags, self.streams = container.flags, container.streams

    def demux(self, streams: Any) -> Iterator[Any]:
        yield from self._container.demux(streams)
        raise IndexError("list index out of range")


def test_a_stream_that_appears_under_way_ends_no_run(tmp_path: Path) -> None:
    with av.open(str(Clip(frames=10).write(tmp_path / "clip.mp4"))) as container:
        frames = list(CodedFrames(Growing(container), container.streams.video[0], Fraction(25)))
    assert [frame.time for frame in frames] == [Fraction(index, 25) for index in range(10)]
