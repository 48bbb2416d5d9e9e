"""NewestSink: a slow sink gets the newest result, and the pipeline never waits for it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from lanes.errors import OutputError
from lanes.output.newest import NewestSink
from lanes.output.sink import Policy, Sink
from lanes.results import FrameResult
from tests.output.results import result


class Viewer(Sink):
    """Takes a result only when the test lets it."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.masks: list[np.ndarray] = []
        self.end = ""
        self.entered = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)
        self.failure: Exception | None = None

    def write(self, result: FrameResult) -> None:
        self.entered.release()
        assert self.gate.acquire(timeout=30)
        if self.failure is not None:
            raise self.failure
        self.taken.append(result.frame.index)
        self.masks.append(result.mask)

    def close(self) -> None:
        self.end = self.end or "closed"

    def discard(self) -> None:
        self.end = "discarded"


def test_the_newest_of_what_came_meanwhile_and_the_others_counted() -> None:
    viewer = Viewer()
    sink = NewestSink(viewer)
    assert sink.policy is Policy.NEVER_BLOCK
    mask = np.zeros((64, 96), np.uint8)
    for number in range(10):
        each = result(number)
        mask[:] = number  # the pipeline's masks go round
        each.mask = mask
        sink.write(each)
        if not number:
            assert viewer.entered.acquire(timeout=30)
    assert sink.dropped == 8
    viewer.gate.release(2)
    sink.close()
    assert viewer.taken == [0, 9]
    assert [int(mask[0, 0]) for mask in viewer.masks] == [0, 9]
    assert viewer.end == "closed"
    assert sink.dropped == 8


def test_a_fast_sink_loses_nothing() -> None:
    viewer = Viewer()
    viewer.gate.release(20)
    sink = NewestSink(viewer)
    for number in range(20):
        sink.write(result(number))
        assert viewer.entered.acquire(timeout=30)
    sink.close()
    assert (viewer.taken, sink.dropped) == (list(range(20)), 0)


def test_what_it_raises_comes_out_of_the_next_write_once() -> None:
    viewer = Viewer()
    viewer.failure = OutputError("the viewer has gone")
    viewer.gate.release()
    sink = NewestSink(viewer)
    sink.write(result(0))
    sink._thread.join(30)
    with pytest.raises(OutputError, match="gone"):
        sink.write(result(1))
    sink.write(result(2))
    sink.close()
    assert viewer.end == "closed"


def test_what_it_raises_at_the_end_comes_out_of_close() -> None:
    viewer = Viewer()
    viewer.failure = OutputError("the viewer has gone")
    viewer.gate.release()
    sink = NewestSink(viewer)
    sink.write(result(0))
    with pytest.raises(OutputError, match="gone"):
        sink.close()
    sink.close()


def test_one_that_is_stuck_is_left_behind_and_closed_when_it_comes_out(caplog: pytest.LogCaptureFixture) -> None:
    viewer = Viewer()
    sink = NewestSink(viewer, close_timeout_s=0.01)
    sink.write(result(0))
    sink.close()
    assert caplog.messages == ["Viewer does not take its last result; it is left behind"]
    assert viewer.end == ""
    viewer.gate.release()
    sink._thread.join(30)
    assert viewer.end == "closed"


def test_discard_reaches_the_sink_and_writes_nothing_more() -> None:
    viewer = Viewer()
    sink = NewestSink(viewer, close_timeout_s=0.01)
    sink.write(result(0))
    assert viewer.entered.acquire(timeout=30)
    sink.write(result(1))
    sink.discard()
    viewer.gate.release(2)
    sink._thread.join(30)
    assert viewer.end == "discarded"
    assert viewer.taken == [0]
