"""Watcher: reads a source in a thread, and keeps what came and when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

from lanes.capture import find_sources
from lanes.capture.events import Event
from lanes.capture.source import Source
from lanes.errors import InputError
from lanes.results import Frame
from tests.capture.rtsp_camera import count_burnt_in


class Watcher:
    """Reads a source in a thread, and keeps what came and when."""

    def __init__(self, address: str) -> None:
        (self.source,) = find_sources(address, reconnect=True)
        self.events: list[Event] = []
        self.frames: list[tuple[float, int, Frame]] = []  # when, the counter in its picture, and the frame without its pixels
        self.error: InputError | None = None
        self.source.on_event = self.events.append
        self._thread = threading.Thread(target=self._read, args=(self.source,))
        self._thread.start()

    def _read(self, source: Source) -> None:
        try:
            with source:
                for frame in source:
                    counter = count_burnt_in(frame.pixels)
                    frame.pixels = frame.pixels[:1, :1].copy()
                    self.frames.append((time.monotonic(), counter, frame))
        except InputError as error:
            self.error = error

    def wait_for(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.events
            assert self._thread.is_alive(), self.error
            time.sleep(0.01)

    def wait_for_frames(self, count: int) -> None:
        """So many more."""
        wanted = len(self.frames) + count
        self.wait_for(lambda: len(self.frames) >= wanted)

    def wait_for_event(self, kind: type[Event], count: int = 1) -> None:
        self.wait_for(lambda: self.count(kind) >= count)

    def count(self, kind: type[Event]) -> int:
        return sum(isinstance(event, kind) for event in self.events)

    def close(self) -> None:
        begun = time.monotonic()
        self.source.close()
        self._thread.join(30)
        assert not self._thread.is_alive()
        assert time.monotonic() - begun < 5

    def check(self) -> None:
        """What always holds: numbers and times rise, every frame is accounted for, and a frame after a loss has a cut before it."""
        frames = [frame for _, _, frame in self.frames]
        assert all(later.time > earlier.time for earlier, later in pairwise(frames))
        assert all(later.index == earlier.index + 1 + later.dropped_before for earlier, later in pairwise(frames))
        counts = self.source.counts
        assert counts.captured == counts.delivered + sum(counts.dropped.values()) + counts.waiting
        assert "right" not in repr((self.events, self.source.name, frames[-1] if frames else None))


Watch = Callable[[str], Watcher]


@contextmanager
def watchers() -> Iterator[Watch]:
    """Makes watchers of addresses; each is closed and checked in the end."""
    made: list[Watcher] = []

    def make(address: str) -> Watcher:
        made.append(Watcher(address))
        return made[-1]

    try:
        yield make
    finally:
        for watcher in made:
            watcher.close()
    for watcher in made:
        watcher.check()
