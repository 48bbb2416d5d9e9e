"""Outputs: what one sink's failure means for the others, and for the run."""

from __future__ import annotations

import logging

import pytest

from lanes.errors import OutputError
from lanes.output.sink import Outputs, Sink
from lanes.results import FrameResult
from tests.output.results import result


class Counting(Sink):
    """Fails, once, at the frame of that number."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.written: list[int] = []
        self._fails_at = fails_at

    def write(self, result: FrameResult) -> None:
        if result.frame.index == self._fails_at:
            raise OutputError("the disk is full")
        self.written.append(result.frame.index)

    def close(self) -> None:
        """Nothing."""


def test_a_file_is_not_processed_on_where_its_output_fails() -> None:
    failing, other = Counting(fails_at=1), Counting()
    outputs = Outputs([failing, other], live=False)
    outputs.write(result(0))
    with pytest.raises(OutputError):
        outputs.write(result(1))
    assert other.written == [0]


def test_a_live_run_goes_on_with_the_others_and_fails_at_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    failing, other = Counting(fails_at=1), Counting()
    outputs = Outputs([failing, other], live=True)
    for number in range(4):
        outputs.write(result(number))
    assert other.written == [0, 1, 2, 3]
    assert caplog.messages == ["the disk is full; frames are processed on"]
    with pytest.raises(OutputError, match="the disk is full"):
        outputs.check()


def test_where_nothing_failed_there_is_nothing_to_say() -> None:
    outputs = Outputs([Counting()], live=True)
    outputs.write(result(0))
    outputs.check()
