"""Live sources: the newest frame wins, every frame is counted, and nobody waits for a source that is closed or silent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from lanes.capture.live import LiveSource
from lanes.capture.source import SourceInfo
from lanes.errors import ProcessingError, SourceLostError
from lanes.results import Frame


class Ticking(LiveSource):
    """A device that sends a frame each time the test says so; frames in `cuts` come after a cut."""

    def __init__(self, cuts: frozenset[int] = frozenset(), lost_at: int | None = None) -> None:
        super().__init__("ticking")
        self.cuts, self.lost_at = cuts, lost_at
        self.go, self.released = threading.Semaphore(0), 0
        self.open()

    def _open(self) -> SourceInfo:
        return SourceInfo("ticking", "camera", 4, 4, None, None, live=True)

    def _frames(self) -> Iterator[Frame]:
        for index in range(100):
            self.go.acquire()
            if self._closing.is_set():
                return
            if index == self.lost_at:
                raise SourceLostError("ticking: unplugged")
            pixels = np.full((4, 4, 3), index, np.uint8)
            yield Frame(pixels, index, Fraction(index), "ticking", f"{index:06d}", cut=index in self.cuts)

    def _release(self) -> None:
        self.released += 1

    def send(self, count: int) -> None:
        """Let so many frames come, and wait until all have arrived."""
        before = self.counts.captured
        self.go.release(count)
        while self.counts.captured < before + count:
            threading.Event().wait(0.001)


@pytest.fixture
def ticking() -> Iterator[Ticking]:
    source = Ticking(cuts=frozenset({2}))
    yield source
    source.go.release()
    source.close()


def first(source: Ticking) -> Frame:
    source.go.release()
    frame = source.take_newest()
    assert frame is not None
    return frame


def test_the_newest_frame_wins_and_the_others_are_counted(ticking: Ticking) -> None:
    assert first(ticking).index == 0
    ticking.send(5)
    assert (ticking.counts.waiting, ticking.counts.dropped) == (1, {"superseded": 4})
    frame = next(iter(ticking))
    assert (frame.index, frame.dropped_before, frame.pixels[0, 0, 0]) == (5, 4, 5)
    ticking.send(1)
    frame = next(iter(ticking))
    assert (frame.index, frame.dropped_before) == (6, 0)
    assert frame.arrived_ns is not None
    counts = ticking.counts
    assert (counts.captured, counts.delivered, counts.waiting) == (7, 3, 0)


def test_a_cut_is_not_lost_with_the_frame_that_had_it(ticking: Ticking) -> None:
    assert not first(ticking).cut
    ticking.send(3)
    assert next(iter(ticking)).cut
    ticking.send(1)
    assert not next(iter(ticking)).cut


def test_waiting_can_be_limited(ticking: Ticking) -> None:
    first(ticking)
    assert ticking.take_newest(timeout=0.01) is None
    assert not ticking.ended
    ticking.close()
    assert ticking.take_newest(timeout=0.01) is None
    assert ticking.ended


def test_closing_ends_the_waiting_of_another_thread_though_the_device_is_stuck(ticking: Ticking) -> None:
    first(ticking)
    got: list[Frame | None] = []
    waiting = threading.Thread(target=lambda: got.append(ticking.take_newest()), daemon=True)
    waiting.start()
    ticking.close()
    waiting.join(30)
    assert got == [None]
    assert ticking.released == 0  # its read has not returned yet


def test_what_waits_when_it_is_closed_is_counted(ticking: Ticking) -> None:
    first(ticking)
    ticking.send(2)
    ticking.close()
    counts = ticking.counts
    assert (counts.captured, counts.delivered, counts.dropped, counts.waiting) == (3, 1, {"superseded": 1, "stopped": 1}, 0)


def test_a_stuck_device_is_given_back_when_its_read_returns(ticking: Ticking) -> None:
    first(ticking)
    ticking.close()
    assert ticking.released == 0
    ticking.go.release()
    ticking._grabber.join(30)
    assert ticking.released == 1
    ticking.close()
    assert ticking.released == 1


def test_silence_is_an_error(ticking: Ticking) -> None:
    ticking.frame_timeout = 0.05
    with pytest.raises(SourceLostError, match="ticking: no frame for"):
        ticking.take_newest()


def test_a_lost_source_gives_its_last_frame_first() -> None:
    source = Ticking(lost_at=2)
    assert first(source).index == 0
    source.send(1)
    source.go.release()
    source._grabber.join(30)
    frames = iter(source)
    assert next(frames).index == 1
    with pytest.raises(ProcessingError, match="unplugged"):
        next(frames)
    source.close()
