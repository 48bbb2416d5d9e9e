"""Deinterlacer: progressive frames from interlaced ones, whose odd and even lines were taken at two moments."""

from __future__ import annotations

from collections.abc import Iterator

import av
from av.filter import Graph


class Deinterlacer:
    """Gives a frame for each that it takes, in order, each one frame late: it looks at the frames before and after. Progressive frames pass
    through unchanged.

    Args:
        frame: the first; all have its size and pixel format.
    """

    def __init__(self, frame: av.VideoFrame) -> None:
        self._graph = Graph()
        source = self._graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
        # One frame for each frame, not for each field: the source's times are kept.
        bwdif = self._graph.add("bwdif", "mode=send_frame:deint=interlaced")
        self._graph.link_nodes(source, bwdif, self._graph.add("buffersink")).configure()

    def push(self, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """Take a frame, or None for the end; gives those that are ready."""
        self._graph.vpush(frame)
        while True:
            try:
                yield self._graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                return
