"""Live: whatever the stages' speeds, the newest frame wins, only a full buffer drops one, and each is accounted for at every moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise
from queue import Queue
from time import monotonic, sleep
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lanes.draw.overlay import Overlay
from lanes.errors import ProcessingError
from lanes.pipeline.pipeline import Pipeline
from lanes.results import Frame, FrameResult, RoadState
from lanes.telemetry.telemetry import FrameCounts, Telemetry
from tests.pipeline.test_pipeline import Fed, Learning, Stamped

MOST_UNDER_WAY = 8
"""A frame in the source's slot, in each of three handovers, and in each of four stages."""


class Held(Overlay):
    """Draws nothing, and takes its time."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.work = work
        self.drawn: list[RoadState] = []

    def draw(self, pixels: object, mask: object, road: RoadState, readout: object) -> None:  # type: ignore[override]  # noqa: ARG002
        self.drawn.append(road)
        self.work()


class Estimating(Learning):
    """Takes its time."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__()
        self.work = work
        self.indices: list[int] = []

    def update(self, mask: object, frame: Frame) -> RoadState:  # type: ignore[override]  # noqa: ARG002
        self.indices.append(frame.index)
        self.work()
        self.seen += 1
        return RoadState(band=(self.seen, 48))


def build(source: Fed, telemetry: Telemetry, segmenter: Stamped, lanes: Callable[[], object], draw: Callable[[], object]) -> Pipeline:
    source.open()
    segmenter.engine = SimpleNamespace(name="none", precision="fp32")  # type: ignore[assignment] # what the readout shows
    return Pipeline(source, segmenter, Estimating(lanes), telemetry, overlay=Held(draw), threshold=90)


def check_result(results: list[FrameResult], counts: FrameCounts, given_frames: int) -> None:
    """In order, none twice, the last one always, and each that is missing is counted where it was lost."""
    indices = [result.frame.index for result in results]
    assert indices == sorted(set(indices))
    assert indices[-1] == given_frames - 1
    assert all(later.frame.index == earlier.frame.index + 1 + later.frame.dropped_before for earlier, later in pairwise(results))
    assert results[0].frame.index == results[0].frame.dropped_before
    assert counts.captured == given_frames == counts.processed + sum(counts.dropped.values())
    assert counts.processed == len(results)
    assert set(counts.dropped) <= {"superseded", "lanes", "overlay", "output"}


speeds = st.lists(st.sampled_from([0.0, 0.0, 0.001, 0.004]), min_size=5, max_size=5)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(speeds)
def test_every_frame_is_accounted_for_at_every_moment_whatever_the_speeds(speeds: list[float]) -> None:
    source, telemetry = Fed(), Telemetry()
    camera, inference, lanes, draw, output = speeds
    seen: list[FrameCounts] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            seen.append(telemetry.counts())
            sleep(0.0002)

    def feed() -> None:
        for _ in range(40):
            source.orders.put(True)
            sleep(camera)
        source.finish()

    results = []
    with source, ThreadPoolExecutor(2) as others:
        running = build(source, telemetry, Stamped(inference), lambda: sleep(lanes), lambda: sleep(draw))
        others.submit(look)
        others.submit(feed)
        try:
            with closing(running.results()) as found:
                for result in found:
                    results.append(result)
                    sleep(output)
        finally:
            over.set()
    check_result(results, telemetry.counts(), 40)
    assert all(0 <= counts.under_way <= MOST_UNDER_WAY for counts in seen)
    for earlier, later in pairwise(seen):
        assert later.captured >= earlier.captured
        assert later.processed >= earlier.processed
        assert all(later.dropped.get(reason, 0) >= count for reason, count in earlier.dropped.items())


def test_nothing_is_dropped_while_every_stage_has_time() -> None:
    source, telemetry = Fed(), Telemetry()
    with source, closing(build(source, telemetry, Stamped(), lambda: None, lambda: None).results()) as results:
        source.orders.put(True)
        for index in range(20):  # the next frame comes when the one before is through
            assert next(results).frame.index == index
            source.orders.put(True)
    counts = telemetry.counts()
    assert counts.processed >= 19  # the last one counts when the next is asked for
    assert set(counts.dropped) <= {"stopped"}


@pytest.mark.parametrize("stage", ["lanes", "overlay"])
def test_a_slow_stage_gets_the_newest_frame_and_inference_waits_for_nobody(stage: str) -> None:
    source, telemetry, segmenter = Fed(), Telemetry(), Stamped()
    begun, gates = threading.Semaphore(0), {"lanes": Queue[bool](), "overlay": Queue[bool]()}

    def work(name: str) -> None:
        if name == stage:
            begun.release()
            gates[name].get(timeout=60)

    with source, ThreadPoolExecutor(1) as consumer:
        running = build(source, telemetry, segmenter, lambda: work("lanes"), lambda: work("overlay"))
        with closing(running.results()) as results:
            source.orders.put(True)
            first = consumer.submit(next, results)
            assert begun.acquire(timeout=60)
            for number in range(1, 10):  # one after the other through the network, while the stage is busy with the first
                source.feed(1)
                wait_for(lambda wanted=number + 1: len(segmenter.bands) >= wanted)
            wait_for(lambda: telemetry.counts().dropped.get(stage, 0) == 8)
            gates[stage].put(True)
            assert first.result(timeout=60).frame.index == 0
            second = consumer.submit(next, results)
            gates[stage].put(True)
            assert (second.result(timeout=60).frame.index, second.result().frame.dropped_before) == (9, 8)
            source.finish()
            assert list(results) == []
    assert telemetry.counts().dropped == {stage: 8}


def test_a_cut_before_a_frame_that_gave_way_lies_before_the_one_that_came() -> None:
    source, telemetry, segmenter = Fed(cuts=(3,)), Telemetry(), Stamped()
    gate: Queue[bool] = Queue()
    estimator = Estimating(lambda: gate.get(timeout=60))
    source.open()
    running = Pipeline(source, segmenter, estimator, telemetry, overlay=None, threshold=90)
    with source, ThreadPoolExecutor(1) as consumer, closing(running.results()) as results:
        source.orders.put(True)
        first = consumer.submit(next, results)
        wait_for(lambda: estimator.indices == [0])
        for number in range(1, 6):
            source.feed(1)
            wait_for(lambda wanted=number + 1: len(segmenter.bands) >= wanted)
        wait_for(lambda: telemetry.counts().dropped.get("lanes", 0) == 4)
        gate.put(True)
        assert not first.result(timeout=60).frame.cut
        gate.put(True)
        second = next(results)
        assert (second.frame.index, second.frame.cut, len(estimator.causes)) == (5, True, 1)
        source.finish()


def test_a_run_that_is_failed_from_outside_ends_at_once_with_that_error() -> None:
    source, telemetry = Fed(), Telemetry()
    release = threading.Event()
    with source, ThreadPoolExecutor(1) as consumer:
        running = build(source, telemetry, Stamped(), lambda: release.wait(60), lambda: None)
        ended = consumer.submit(lambda: list(running.results()))
        source.orders.put(True)
        wait_for(lambda: "lanes" in telemetry.busy.now())
        work = telemetry.busy.now()["lanes"]
        assert work.place().startswith(("threading.py:", "tests/pipeline/test_freshness.py:"))
        running.fail(ProcessingError("stuck"))
        with pytest.raises(ProcessingError, match="stuck"):
            ended.result(timeout=60)
        release.set()
    counts = telemetry.counts()
    assert counts.captured == counts.processed + sum(counts.dropped.values())


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + 60
    while not condition():
        assert monotonic() < deadline
        sleep(0.001)
