"""Stages are timed until their result is there, and engines that return earlier are found out."""

from __future__ import annotations

import threading
import time
from statistics import median
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.latency.clock import CheckedClock
from benchmarks.latency.scenarios import Length, run_stream
from benchmarks.latency.system import STAGES, System
from lanes.errors import ProcessingError
from tests.benchmarks.latency.engines import GreenEngine, ignore, images


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_replaced_by_a_sleep_reads_as_that_sleep(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    system, slept = System(GreenEngine()), []
    step = {"preprocess": "preprocess", "inference": "infer", "postprocess": "postprocess"}[stage]

    def sleep(*_: object) -> None:
        started = time.monotonic_ns()  # another stopwatch, since a busy machine sleeps longer than it is printed
        time.sleep(0.003)
        slept.append((time.monotonic_ns() - started) / 1e6)

    monkeypatch.setattr(system, step, sleep)
    run = run_stream(system, images(3), 1, Length(80), CheckedClock(), ignore)
    assert abs(median(read - true for read, true in zip(run.stages[stage], slept, strict=True))) < 0.2
    others = [median(run.stages[other]) for other in STAGES if other != stage]
    assert max(others) < median(slept) / 2
    assert all(sum(run.stages[name][index] for name in STAGES) <= whole for index, whole in enumerate(run.latency))


# --- traps ------------------------------------------------------------------------------------------------------------------------


class Promise:
    """An array that is not there yet."""

    def __init__(self, values: NDArray[np.uint8], seconds: float) -> None:
        self._values, self._due = values, time.monotonic() + seconds

    def __array__(self, *_: object, **__: object) -> NDArray[np.uint8]:
        time.sleep(max(0.0, self._due - time.monotonic()))
        return self._values


class PromisingEngine(GreenEngine):
    """Returns at once what is there 5 ms later."""

    def _infer(self, batch: NDArray[np.uint8]) -> Any:
        return Promise(super()._infer(batch), 0.005)


def test_an_engine_that_returns_a_promise_is_timed_until_it_is_kept() -> None:
    system = System(PromisingEngine())
    run = run_stream(system, images(3), 1, Length(20), CheckedClock(), ignore)
    assert min(run.stages["inference"]) >= 4.9
    assert min(run.latency) >= 4.9
    system.check_done(images(1)[0], 0.02)


class HastyEngine(GreenEngine):
    """Returns memory that a thread fills later, without a way to wait for it."""

    def _infer(self, batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
        given, there = super()._infer(batch), np.zeros(batch.shape[:3], np.uint8)
        self.thread = threading.Timer(0.1, lambda: np.copyto(there, given))
        self.thread.start()
        return there


def test_an_engine_that_returns_before_it_is_done_is_refused() -> None:
    engine = HastyEngine()
    with pytest.raises(ProcessingError, match="returned before its result was there"):
        System(engine).check_done(images(1)[0], 1.0)
    engine.thread.join()
    System(GreenEngine()).check_done(images(1)[0], 0.01)
