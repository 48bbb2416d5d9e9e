"""Results for the outputs of live runs, and an input to wait for what another thread does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from lanes.capture.source import Colour, SourceInfo
from lanes.output.encoder import Encoder
from lanes.output.live.encoded import EncodedSink
from lanes.output.live.segments import Limits
from lanes.output.live.writer import EncodedFrame
from lanes.results import DepartureState
from tests.media import numbered
from tests.output.results import result

CAMERA = SourceInfo("camera", "camera", 96, 64, Fraction(25), None, live=True)
PATIENT = replace(CAMERA, live=False)
"""Waited for, as a file is: no frame is lost, however slow the machine is."""


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def record(path: Path, count: int, limits: Limits | None = None, overwrite: bool = False) -> None:
    """A recording of so many numbered pictures, 25 a second."""
    with EncodedSink.open(PATIENT, path, None, None, limits, overwrite) as sink:
        for number in range(count):
            sink.write(result(number))


def encoder() -> Encoder:
    return Encoder((96, 64), Fraction(25), Fraction(1, 90_000), Colour(), Fraction(1), low_delay=True)


def encoded(encoding: Encoder, begin: int = 0, departures: dict[int, DepartureState] | None = None) -> Iterator[EncodedFrame]:
    """Encoded frames without end, 25 a second, a key frame a second. `departures`: the state from a frame on."""
    state: DepartureState = "none"
    number = begin
    while True:
        state = (departures or {}).get(number, state)
        each = replace(result(number), departure=state)
        (packet,) = encoding.encode(numbered(number % 256), Fraction(number - begin, 25))
        yield EncodedFrame(bytes(packet), each.frame.time, packet.is_keyframe, each)
        number += 1
