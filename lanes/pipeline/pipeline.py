"""The streaming loop: capture -> segment -> lanes -> draw -> output.

Each stage has a thread of its own, so that decoding, inference, drawing and encoding of neighbouring frames overlap while every frame
stays in order:

    capture   Source                   frame in memory
    segment   Segmenter                lane probability, thresholded into a mask at the frame's size
    lanes     LaneEstimator            lane curves, position in the lane, the band of rows where the road is
    draw      Overlay                  the image, drawn into the frame
    output    the caller's loop        video, masks, records

A file's frames wait for each other in short queues, and none is lost. Of a live source the newest frame wins: the segment stage takes
it from the source's own slot at the moment it is free, and a frame that is still waiting for the lanes, the draw or the output stage when
the next one comes gives way to it, and is counted.

What the lanes stage learns from a frame serves the segment stage `FEEDBACK_LAG` frames later, waited for if need be: never sooner,
however fast the threads are, so two runs over one file give the same results to the bit. For a frame that gave way, what is known then
serves instead.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from time import perf_counter_ns

import numpy as np

from lanes.arrays import Mask
from lanes.capture.source import Source
from lanes.draw.overlay import Overlay
from lanes.draw.readout import Readout
from lanes.errors import InputError, ProcessingError
from lanes.geometry.estimator import LaneEstimator
from lanes.pipeline.handover import Closed, Handover
from lanes.pipeline.job import Job
from lanes.results import Band, Frame, FrameResult
from lanes.segment.segmenter import Segmenter
from lanes.telemetry.telemetry import FrameTiming, Telemetry

FILE_DEPTH = 3
"""Frames that may wait before each stage when none may be lost: enough to ride out a slow frame."""

FEEDBACK_LAG = 4
"""Frames after which what was learnt from one is used: as many as the segment stage may be ahead of the lanes stage."""

JOIN_TIMEOUT_S = 2.0
"""Seconds that the end of a run waits for a stage that is stuck in a call of somebody else's, as a camera's driver."""


class Pipeline:
    """Runs one source through segmenter, estimator and overlay.

    Args:
        source: where frames come from, opened; the caller closes it.
        segmenter: frame to lane probability.
        estimator: mask to lanes, fresh for this source.
        telemetry: takes every frame's timing.
        overlay: draws into the frames; None leaves them as they are.
        threshold: probability, 0 to 255, above which a pixel is lane.
        keep_undrawn: give each result a copy of the frame's pixels from before the overlay, for a sink that asks for it.
        limit: results after which it ends before the source does; None for none.
    """

    def __init__(
        self,
        source: Source,
        segmenter: Segmenter,
        estimator: LaneEstimator,
        telemetry: Telemetry,
        *,
        overlay: Overlay | None,
        threshold: int,
        keep_undrawn: bool = False,
        limit: int | None = None,
    ) -> None:
        self.source, self.segmenter, self.estimator = source, segmenter, estimator
        self.telemetry, self.overlay, self.threshold = telemetry, overlay, threshold
        self.keep_undrawn, self.limit = keep_undrawn, limit
        self.live = source.info.live
        self._captured: Handover[tuple[Frame, FrameTiming]] = Handover(FILE_DEPTH)
        self._segmented: Handover[Job] = self._towards("lanes")
        self._estimated: Handover[Job] = self._towards("overlay")
        self._drawn: Handover[Job] = self._towards("output")
        self._feedback: Handover[Band | None] = Handover(2 * FEEDBACK_LAG, first=[None] * FEEDBACK_LAG)
        self._band: Band | None = None  # what was learnt last
        # Masks go round: as many as can be under way at once, so that none is made while frames flow.
        self._spare_masks: deque[Mask] = deque(maxlen=4 * FILE_DEPTH)
        self._stopping = threading.Event()
        self._failure: BaseException | None = None

    def results(self) -> Generator[FrameResult, None, None]:
        """Processes the source to its end. What the caller does with a result before it asks for the next one is the output stage.

        A result's mask and pixels are valid until the next one is asked for. Close the iterator to end the run before the source does.

        Raises:
            InputError, ProcessingError: a stage failed. Frames before it have been given.
        """
        stages: list[tuple[str, Callable[[], None]]] = [("segment", self._segment), ("lanes", self._lanes), ("draw", self._draw)]
        if not self.live:
            stages.insert(0, ("capture", self._capture))
        threads = [threading.Thread(target=self._guard, args=(run,), name=f"lanestream-{name}", daemon=True) for name, run in stages]
        self.telemetry.start_source(lambda: self.source.counts)
        for thread in threads:
            thread.start()
        try:
            yield from self._output()
        finally:
            self._abort()
            for thread in threads:
                thread.join(JOIN_TIMEOUT_S)
            self.telemetry.end_source()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Ends the run in order, from any thread or a signal handler: no more is captured, what was captured is finished."""
        self._stopping.set()
        if self.live:
            self.source.close()

    def fail(self, error: BaseException) -> None:
        """Ends the run at once with this error, from any thread: what is under way is given up."""
        self._failure = self._failure or error
        self._abort()

    def _capture(self) -> None:
        for item in self._frames():
            self._captured.put(item)
        self._captured.finish()

    def _frames(self) -> Iterator[tuple[Frame, FrameTiming]]:
        """The source's frames, timed."""
        frames = iter(self.source)
        while not self._stopping.is_set():
            asked = perf_counter_ns()
            try:
                with (
                    nullcontext() if self.live else self.telemetry.busy.at("capture")
                ):  # a live source may be silent: it sees to that itself
                    frame = next(frames, None)
            except (InputError, ProcessingError) as error:  # the source is lost, and what it gave before is finished
                self._failure = self._failure or error
                return
            in_memory = perf_counter_ns()
            if frame is None:
                return
            yield frame, FrameTiming(in_memory, {"capture": (in_memory - asked) / 1e6}, busy=self.telemetry.busy)

    def _segment(self) -> None:
        self.segmenter.reset()
        settled = 0  # frames since the last cut, from which on feedback means something
        for frame, timing in self._frames() if self.live else self._captured:
            band = self._feedback.get()
            if frame.cut:
                self.segmenter.reset()
                settled = 0
            estimate = band if settled >= FEEDBACK_LAG else None
            settled += 1
            with timing.measure("preprocess"):
                band = self.segmenter.frame_band(frame.pixels, estimate, still=self.source.info.kind == "images")
                self.segmenter.preprocess(frame.pixels, band)
            with timing.measure("inference"):
                self.segmenter.infer()
            with timing.measure("postprocess"):
                mask = self.segmenter.mask(self._mask_for(frame), self.threshold)
                instances = self.segmenter.instances(self.threshold)
            self._segmented.put(Job(frame, timing, mask, band, instances))
        self._segmented.finish()

    def _lanes(self) -> None:
        for job in self._segmented:
            if job.frame.cut:
                self._band = None
                self.estimator.reset("the source has a cut here")
            with job.timing.measure("lanes"):
                job.road = job.estimate(self.estimator)
            self._band = job.road.band
            self._feedback.put(self._band)
            self._estimated.put(job)
        self._estimated.finish()

    def _draw(self) -> None:
        for job in self._estimated:
            if self.overlay is not None:
                with job.timing.measure("overlay"):
                    job.undrawn = job.frame.pixels.copy() if self.keep_undrawn else None
                    self.overlay.draw(job.frame.pixels, job.mask, job.road, self._readout())
            self._drawn.put(job)
        self._drawn.finish()

    def _output(self) -> Iterator[FrameResult]:
        for number, job in enumerate(self._drawn, 1):
            timing = job.timing
            timing.hand_over(job.frame.arrived_ns)
            result = job.result()
            with timing.measure("output"):
                yield result
            self.telemetry.finish(timing, suspect=job.frame.suspect)
            self._spare_masks.append(job.mask)
            if number == self.limit:
                return

    def _towards(self, reason: str) -> Handover[Job]:
        """What leads to a stage that a live source does not wait for."""

        def displace(old: Job, new: Job) -> None:
            new.frame.dropped_before += 1 + old.frame.dropped_before
            new.frame.cut |= old.frame.cut
            self.telemetry.drop(reason)
            self._spare_masks.append(old.mask)
            if reason == "lanes":
                self._feedback.put(None if new.frame.cut else self._band)

        return Handover(1, displace) if self.live else Handover(FILE_DEPTH)

    def _guard(self, stage: Callable[[], None]) -> None:
        """Runs a stage; when it fails, the whole run ends at once."""
        try:
            stage()
        except Closed:
            return  # another stage ended the run, and its error is the one that counts
        except BaseException as error:
            self.fail(error)

    def _abort(self) -> None:
        self._stopping.set()
        for handover in (self._captured, self._segmented, self._estimated, self._drawn, self._feedback):
            handover.abort()
        if self.live:
            self.source.close()  # whoever waits for its next frame goes on

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
        return Readout(engine.name, engine.precision, self.telemetry.recent_fps(), self.telemetry.recent_ms())
