"""RunState: what happens to a source, and what departs, as whoever watches sees it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from lanes.capture.events import Black, Lost, PictureBack, Resumed
from lanes.capture.source import SourceInfo
from lanes.results import Calibration, Frame, FrameResult
from lanes.telemetry.state import NOTABLE, RunState

INFO = SourceInfo("rtsp://camera", "stream", 64, 48, Fraction(25), None, live=True)
FRAME = FrameResult(
    Frame(np.zeros((48, 64, 3), np.uint8), 0, Fraction(0), "rtsp://camera", "000000"),
    np.zeros((48, 64), np.uint8),
    calibration=Calibration("calibrating"),
)


def test_a_source_that_goes_and_comes_back() -> None:
    state = RunState()
    assert state.facts().phase == "starting"
    state.source_opening("rtsp://camera")
    assert (state.facts().phase, state.facts().source, state.facts().info) == ("opening", "rtsp://camera", None)
    state.source_event(Lost("rtsp://camera: nobody there", "unreachable"))
    assert (state.facts().phase, state.facts().cause) == ("lost", "rtsp://camera: nobody there")
    state.source_event(Resumed(3.0))
    state.source_opened(INFO)
    assert (state.facts().phase, state.facts().info, state.facts().cause) == ("up", INFO, "")
    state.source_event(Lost("rtsp://camera: no frame for 2 seconds", "stalled"))
    state.source_event(Resumed(2.5))
    assert state.facts().reconnects == {"unreachable": 1, "stalled": 1}
    state.source_event(Black(2.0))
    assert state.facts().picture == "black"
    state.source_event(PictureBack(4.0))
    assert state.facts().picture == "moving"
    state.source_ended()
    assert state.facts().phase == "ended"
    assert [each.kind for each in state.facts().happenings] == ["lost", "back", "lost", "back", "black", "moving"]


def test_a_departure_counts_once_from_its_begin_to_its_end() -> None:
    state = RunState()
    for departure in ("none", "left", "left", "none", "left", "right", "inactive", "right"):
        state.note(replace(FRAME, departure=departure))
    facts = state.facts()
    assert facts.departures == {"left": 2, "right": 2}
    assert facts.calibration == "calibrating"
    assert facts.last_frame is not None
    assert facts.happenings[0].text == "lane departure to the left"


def test_only_the_last_happenings_are_kept() -> None:
    state = RunState()
    for number in range(NOTABLE + 10):
        state.mark(str(number))
    assert [each.text for each in state.facts().happenings] == [str(number) for number in range(10, NOTABLE + 10)]
