"""Returns: how soon a run has frames again after its RTSP server is back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import Empty, Queue
from random import Random
from time import monotonic, sleep
from typing import Any

from benchmarks.soak.rtsp_camera import RTSPCamera, rtsp_camera
from lanes.capture import find_sources
from lanes.capture.source import Source
from lanes.errors import InputError, ProcessingError

SHORT_S, LONG_S = (0.5, 9.0), (12.0, 40.0)
"""Seconds that an outage lasts: every fourth one is long."""

LIMIT_SHORT_S, LIMIT_LONG_S = 2.0, 11.0
"""Seconds within which a run is back after the server is, by notes on what the best systems do."""

BETWEEN_S = 12.0
"""Seconds of frames between two outages, so that each begins with the first step of the waiting again."""

_GIVEN_UP_S = 60.0


def measure_returns(count: int, seed: int = 0, progress: Callable[[int], None] = lambda _: None) -> dict[str, Any]:
    """Kills a real server, starts it again, and waits for the first frame, so many times.

    Args:
        count: outages.
        seed: of their lengths.
        progress: is called with the number so far.

    Returns:
        `outages`, each with `seconds` (that the server was away), `long`, and `back_s` (from its return, when it listens, to the first
        frame that a consumer has), and `passed`.

    Raises:
        InputError: GStreamer's server is not installed.
        ProcessingError: the source did not come back within a minute.
    """
    chance = Random(seed)
    outages = []
    with rtsp_camera() as camera:
        camera.start()
        (source,) = find_sources(camera.address(), reconnect=True)
        with source, _read(source) as first_frames:
            for number in range(count):
                sleep(BETWEEN_S)
                is_long = number % 4 == 3
                seconds = chance.uniform(*(LONG_S if is_long else SHORT_S))
                outages.append({"seconds": seconds, "long": is_long, "back_s": _outage(camera, seconds, first_frames)})
                progress(number + 1)
    return judge(outages)


def judge(outages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Holds them against the limits."""
    passed = all(outage["back_s"] <= (LIMIT_LONG_S if outage["long"] else LIMIT_SHORT_S) for outage in outages)
    return {"outages": list(outages), "passed": passed}


def _outage(camera: RTSPCamera, seconds: float, first_frames: Queue[float]) -> float:
    begun = monotonic()
    camera.kill()
    sleep(max(0.0, seconds - (monotonic() - begun)))
    camera.start()
    returned = monotonic()
    try:
        return first_frames.get(timeout=_GIVEN_UP_S) - returned
    except Empty:
        raise ProcessingError(f"the source is not back {_GIVEN_UP_S:.0f} s after its server") from None


@contextmanager
def _read(source: Source) -> Iterator[Queue[float]]:
    """Reads it in a thread, as a run does; gives the moments of the first frames after each loss."""
    moments: Queue[float] = Queue()

    def read() -> None:
        for frame in source:
            if frame.cut:
                moments.put(monotonic())

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield moments
    finally:
        source.close()
        thread.join(10)


def check_server() -> None:
    """Raises InputError where the server does not start, before anything else is done."""
    with rtsp_camera() as camera:
        try:
            camera.start()
        except InputError as error:
            raise InputError(f"--returns: {error}") from None
