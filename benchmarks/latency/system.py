"""The system under test, as MLPerf calls it: an engine with the product's scaling around it, for batches of any size."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.latency.clock import ReadClock
from engines.engine import Engine
from lanes.arrays import BGRImage, ProbabilityMap
from lanes.errors import ProcessingError
from lanes.segment.transform import PADDING

STAGES = ("preprocess", "inference", "postprocess")

INSIDE = {
    "latency": "from a query's frames in memory, as BGR pixels, to lane probability at their size in memory; decoding, lanes, drawing and "
    "output are not in it",
    "preprocess": "each frame scaled to the model's input",
    "inference": "the engine, input in host memory to probability in host memory: copies to a GPU and back are in it",
    "postprocess": "probability scaled to each frame's size",
    "batch": "from one batch's results to the next one's, both in memory: what the throughput is made of",
}
"""What lies inside each interval, in words, for every output."""


class System:
    """What MLPerf calls the system under test: an engine with the steps of `Segmenter` around it, for batches of any size.

    Args:
        engine: it stays the caller's to close.
        read: the clock of the stages.

    Attributes:
        results: (H, W) uint8 for each frame of the last query or batch, lane probability at the frame's size.
    """

    def __init__(self, engine: Engine, read: ReadClock = time.perf_counter_ns) -> None:
        self.engine = engine
        self.results: list[ProbabilityMap] = []
        self._read = read
        self._transform = engine.model.metadata.transform
        self._input = np.full((engine.batch, self._transform.height, self._transform.width, 3), PADDING, np.uint8)
        self._probability: NDArray[np.uint8] = np.empty((0, 0, 0), np.uint8)

    def answer(self, frames: Sequence[BGRImage]) -> dict[str, float]:
        """Processes the frames of a query, (H, W, 3) uint8 BGR each, batch by batch; the last batch may be partly filled.

        Returns milliseconds by stage, summed over the batches.
        """
        spent = dict.fromkeys(STAGES, 0.0)
        results: list[ProbabilityMap] = []
        for start in range(0, len(frames), self.engine.batch):
            part = frames[start : start + self.engine.batch]
            started = self._read()
            self.preprocess(part)
            fitted = self._read()
            self.infer()
            inferred = self._read()
            self.postprocess(part)
            ended = self._read()
            for stage, spent_ns in zip(STAGES, (fitted - started, inferred - fitted, ended - inferred), strict=True):
                spent[stage] += spent_ns / 1e6
            results += self.results
        self.results = results
        return spent

    def preprocess(self, frames: Sequence[BGRImage]) -> None:
        """Scales up to a batch of frames into the engine's input."""
        for frame, row in zip(frames, self._input, strict=False):
            self._transform.fit(frame.shape[1], frame.shape[0]).to_model(frame, row)

    def infer(self) -> None:
        """Runs the engine. What it returns is made an array here, so that an engine that hands out promises is waited for."""
        self._probability = np.asarray(self.engine.infer(self._input))

    def postprocess(self, frames: Sequence[BGRImage]) -> None:
        """Scales probability to the size of each frame."""
        self.results = [
            self._transform.fit(frame.shape[1], frame.shape[0]).to_frame(probability, np.empty(frame.shape[:2], np.uint8))
            for frame, probability in zip(frames, self._probability, strict=False)
        ]

    def check_done(self, frame: BGRImage, timeout_s: float) -> None:
        """Makes sure that the engine has finished when it returns: what it returned must not change any more.

        Args:
            frame: any.
            timeout_s: how long to wait for a change, seconds.

        Raises:
            ProcessingError: it did change.
        """
        for pixels in (np.asarray(255 - frame, np.uint8), frame):  # two images, so that a late result is another than the last one
            self.preprocess([pixels])
            self.infer()
            at_once = self._probability.copy()
            time.sleep(timeout_s)
            if not np.array_equal(at_once, self._probability):
                raise ProcessingError(
                    f"the {self.engine.name} engine returned before its result was there, so it cannot be timed: its infer must wait until "
                    "the probability is in memory"
                )
