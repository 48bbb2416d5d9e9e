"""The streaming loop: capture -> segment -> draw -> output.

Four threads, each with one stage, joined by short bounded channels, so that decoding, inference, drawing and encoding of
neighbouring frames overlap while every frame stays in order:

    capture   Source                      frame in memory
    segment   Segmenter                   lane probability, thresholded into a mask at the frame's size
    draw      find_lanes, Overlay         lane curves; the picture, drawn into the frame
    output    sinks (the caller's thread) video, masks, records

When a stage fails, all stop at once and `run` raises that stage's error. `stop` ends the run in order: what was captured is finished.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.capture.source import Source
from lanes.draw.overlay import Overlay
from lanes.draw.readout import Readout
from lanes.geometry.lanes import find_lanes
from lanes.output.sink import Sink
from lanes.results import Frame, FrameResult, Lane
from lanes.segment.segmenter import Segmenter
from lanes.telemetry.latency import FrameTiming, LatencyLog

Mask = NDArray[np.uint8]
T = TypeVar("T")

FILE_DEPTH = 3
"""Frames that may wait before each stage when none may be lost: enough to ride out a slow frame."""

LIVE_DEPTH = 1
"""The same for a live source, where a waiting frame is an ageing one."""


class ChannelClosed(Exception):
    """The other side has gone: no more items will come, or none will be taken."""


class Channel(Generic[T]):
    """A bounded first-in-first-out hand-over between two threads that can be ended from either side at any moment."""

    def __init__(self, depth: int) -> None:
        self._items: deque[T] = deque()
        self._depth = depth
        self._finished = False
        self._aborted = False
        self._change = threading.Condition()

    def put(self, item: T) -> None:
        """Waits for room. Raises ChannelClosed after `abort`."""
        with self._change:
            self._change.wait_for(lambda: len(self._items) < self._depth or self._aborted)
            if self._aborted:
                raise ChannelClosed
            self._items.append(item)
            self._change.notify_all()

    def get(self) -> T:
        """Waits for an item. Raises ChannelClosed after `abort`, or when all items are taken after `finish`."""
        with self._change:
            self._change.wait_for(lambda: self._items or self._finished or self._aborted)
            if self._aborted or not self._items:
                raise ChannelClosed
            item = self._items.popleft()
            self._change.notify_all()
            return item

    def finish(self) -> None:
        """No more will be put; what waits can still be taken."""
        with self._change:
            self._finished = True
            self._change.notify_all()

    def abort(self) -> None:
        """Ends it at once; what waits is lost."""
        with self._change:
            self._aborted = True
            self._items.clear()
            self._change.notify_all()


@dataclass(slots=True)
class Job:
    """A frame on its way, with what the stages so far have found."""

    frame: Frame
    timing: FrameTiming
    mask: Mask
    lanes: Sequence[Lane] = ()


class Pipeline:
    """Runs one source through the segmenter into the sinks.

    Args:
        source: where frames come from; the caller opens and closes it.
        segmenter: frame to lane probability.
        sinks: what is written, in this order; the caller opens and closes them.
        log: takes every frame's timing.
        draw: whether the overlay is drawn into the frames.
        threshold: probability, 0 to 255, above which a pixel is lane; default the model's own.
    """

    def __init__(
        self,
        source: Source,
        segmenter: Segmenter,
        sinks: Sequence[Sink],
        log: LatencyLog,
        *,
        draw: bool = True,
        threshold: int | None = None,
    ) -> None:
        self.source = source
        self.segmenter = segmenter
        self.sinks = sinks
        self.overlay = Overlay() if draw else None
        self.threshold = segmenter.threshold if threshold is None else threshold
        self.log = log
        depth = LIVE_DEPTH if source.info.live else FILE_DEPTH
        self._captured: Channel[tuple[Frame, FrameTiming]] = Channel(depth)
        self._segmented: Channel[Job] = Channel(depth)
        self._drawn: Channel[Job] = Channel(depth)
        # Masks go round: as many as can be under way at once, so that none is made while frames flow.
        self._spare_masks: deque[Mask] = deque(maxlen=2 * depth + 3)
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._failure_lock = threading.Lock()

    def run(self, limit: int | None = None, on_frame: Callable[[FrameResult], None] | None = None) -> None:
        """Processes the source to its end, or `limit` frames. `on_frame` is called after each frame is written.

        Raises:
            ProcessingError: a stage failed for a reason outside this program. Frames before it have been written.
        """
        threads = [
            threading.Thread(target=self._guard, args=(stage,), name=f"lanestream-{name}", daemon=True)
            for name, stage in (("capture", lambda: self._capture(limit)), ("segment", self._segment), ("draw", self._draw))
        ]
        self.log.start()
        for thread in threads:
            thread.start()
        self._guard(lambda: self._output(on_frame))
        for thread in threads:
            thread.join()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Ends the run in order, from any thread or a signal handler: no more is captured, what was captured is finished."""
        self._stopping.set()
        if self.source.info.live:
            self.source.close()

    def _guard(self, stage: Callable[[], None]) -> None:
        try:
            stage()
        except ChannelClosed:
            pass  # another stage ended the run and has told why
        except BaseException as error:
            with self._failure_lock:
                self._failure = self._failure or error
            self._stopping.set()
            for channel in (self._captured, self._segmented, self._drawn):
                channel.abort()

    def _capture(self, limit: int | None) -> None:
        frames = iter(self.source)
        count = 0
        while not self._stopping.is_set() and (limit is None or count < limit):
            asked = perf_counter_ns()
            frame = next(frames, None)
            arrived = perf_counter_ns()
            if frame is None:
                break
            count += 1
            self._captured.put((frame, FrameTiming(arrived, {"capture": (arrived - asked) / 1e6})))
        self._captured.finish()

    def _segment(self) -> None:
        while (item := self._take(self._captured, self._segmented)) is not None:
            frame, timing = item
            with timing.measure("preprocess"):
                self.segmenter.preprocess(frame.pixels)
            with timing.measure("inference"):
                self.segmenter.infer()
            with timing.measure("postprocess"):
                mask = self.segmenter.postprocess(self._mask_for(frame))
                cv2.threshold(mask, self.threshold, 255, cv2.THRESH_BINARY, dst=mask)
            self._segmented.put(Job(frame, timing, mask))

    def _draw(self) -> None:
        while (job := self._take(self._segmented, self._drawn)) is not None:
            with job.timing.measure("postprocess"):
                job.lanes = find_lanes(job.mask)
            if self.overlay is not None:
                with job.timing.measure("overlay"):
                    self.overlay.draw(job.frame.pixels, job.mask, job.lanes, self._readout())
            self._drawn.put(job)

    def _output(self, on_frame: Callable[[FrameResult], None] | None) -> None:
        while (job := self._take(self._drawn, None)) is not None:
            job.timing.hand_over()
            captured = job.frame.arrived_ns
            age_ms = None if captured is None else (perf_counter_ns() - captured) / 1e6
            latency = job.timing.stages | {"total": job.timing.total_ms}
            result = FrameResult(job.frame, job.mask, job.lanes, latency_ms=latency)
            with job.timing.measure("output"):
                for sink in self.sinks:
                    sink.write(result)
            self.log.add(job.timing, job.frame.dropped_before, age_ms)
            if on_frame is not None:
                on_frame(result)
            self._spare_masks.append(job.mask)

    @staticmethod
    def _take(incoming: Channel[T], outgoing: Channel[Any] | None) -> T | None:
        """The next item, or None when the stage before has finished, which is passed on."""
        try:
            return incoming.get()
        except ChannelClosed:
            if outgoing is not None:
                outgoing.finish()
            return None

    def _mask_for(self, frame: Frame) -> Mask:
        """A buffer of the frame's size: one that has come back from the output, if it fits."""
        shape = frame.pixels.shape[:2]
        try:
            mask = self._spare_masks.popleft()
        except IndexError:
            return np.empty(shape, np.uint8)
        return mask if mask.shape == shape else np.empty(shape, np.uint8)

    def _readout(self) -> Readout:
        engine = self.segmenter.engine
        return Readout(engine.name, engine.precision, self.log.throughput_fps or None, self.log.recent())
