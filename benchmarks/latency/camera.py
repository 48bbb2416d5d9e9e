"""The camera scenario: the product's own pipeline behind a camera of fixed rate.

Nothing of the product is replaced but the device: a source paced by a clock gives the frames of a library, and `lanes.pipeline.Pipeline`
takes them as it takes any live source's, drops what it is late for, finds lanes and draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from itertools import count
from time import perf_counter_ns, sleep

import numpy as np

from benchmarks.latency.clock import CheckedClock
from benchmarks.latency.scenarios import Advance, Length, Run
from engines.engine import Engine
from lanes.arrays import BGRImage
from lanes.capture.paced import Paced
from lanes.capture.source import Source, SourceInfo
from lanes.draw.overlay import Overlay
from lanes.geometry.estimator import LaneEstimator, PerFrameEstimator
from lanes.pipeline import Pipeline
from lanes.results import Frame
from lanes.segment.segmenter import Segmenter
from lanes.telemetry.stages import CONTENT, Stage
from lanes.telemetry.telemetry import WARM_UP_FRAMES, Figures, Telemetry

STAGES: tuple[Stage, ...] = ("preprocess", "inference", "postprocess", "lanes", "overlay")

INSIDE: dict[str, str] = {
    "age": "from when the camera had the frame to the drawn frame handed to the output: waiting, and latency",
    "latency": "from the frame taken from the camera to the drawn frame handed to the output, waiting between stages included",
    **{stage: CONTENT[stage] for stage in STAGES},
}
"""What lies inside each interval, in words."""


class LibraryCamera(Source):
    """The frames of a library, again and again without end, at a fixed rate by their times.

    Args:
        library: frames, (H, W, 3) uint8 BGR, all of one size; they are copied, as a camera's driver does.
        fps: frames a second.
    """

    def __init__(self, library: Sequence[BGRImage], fps: float) -> None:
        super().__init__("camera")
        self._library = library
        self._fps = Fraction(fps).limit_denominator(1001)

    def _open(self) -> SourceInfo:
        height, width = self._library[0].shape[:2]
        return SourceInfo(self.name, "camera", width, height, self._fps, None)

    def _frames(self) -> Iterator[Frame]:
        for index in count():
            pixels = self._library[index % len(self._library)].copy()
            yield Frame(pixels, index, index / self._fps, self.name, f"{index:06d}")


class StubSegmenter(Segmenter):
    """Sleeps in place of inference and finds no paint: shows what the pipeline adds to an engine of a given speed, on any machine.

    Args:
        engine: of the model whose input and output sizes are kept; it is not run.
        inference_ms: milliseconds of a sleep.
    """

    def __init__(self, engine: Engine, inference_ms: float) -> None:
        super().__init__(engine)
        self._seconds = inference_ms / 1e3

    def infer(self) -> None:
        """Sleeps."""
        sleep(self._seconds)
        self._probability = np.zeros((self.transform.height, self.transform.width), np.uint8)


def run_camera(
    segmenter: Segmenter,
    library: Sequence[BGRImage],
    fps: float,
    length: Length,
    clock: CheckedClock,
    advance: Advance,
    estimator: LaneEstimator | None = None,
) -> tuple[Run, list[float], Figures]:
    """Runs the pipeline behind a camera of fixed rate.

    Args:
        segmenter: of the engine to be measured.
        library: frames, (H, W, 3) uint8 BGR, in the order in which the camera gives them.
        fps: frames a second.
        length: of the run, in frames processed and seconds.
        clock: checked after every frame.
        advance: see `Advance`.
        estimator: of the lanes; default the product's.

    Returns:
        What was measured, the milliseconds end to end of the first frames, which are warm-up and not in it, and the pipeline's own figures.

    Raises:
        ProcessingError: the clock stepped, or a stage failed.
    """
    run, warm_up, telemetry = Run(), list[float](), Telemetry()
    share = 0.0
    with Paced(LibraryCamera(library, fps)) as source:
        pipeline = Pipeline(
            source, segmenter, estimator or PerFrameEstimator(), telemetry, overlay=Overlay(), threshold=segmenter.threshold
        )
        started = perf_counter_ns()
        with closing(pipeline.results()) as results:
            for result in results:
                now = perf_counter_ns()
                clock.check()
                if share >= 1:
                    continue  # was under way when the run ended
                assert result.frame.arrived_ns is not None  # of a live source
                stages = dict(result.latency_ms)
                total = stages.pop("total")
                if len(warm_up) < WARM_UP_FRAMES:
                    warm_up.append(total)
                    started = now
                    continue
                run.add(total, {stage: stages[stage] for stage in STAGES}, 1)
                run.age.append((now - result.frame.arrived_ns) / 1e6)
                run.seconds = (now - started) / 1e9
                share = length.done(run.frames, run.seconds)
                if share >= 1:
                    pipeline.stop()
                advance(share)
    figures = telemetry.figures()
    run.dropped = dict(figures.frames.dropped)
    return run, warm_up, figures
