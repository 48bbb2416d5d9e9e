"""The stages of the pipeline one after the other in one thread: as many drives at a time as there are workers, not one in many threads.

The results are those of `lanes.pipeline.Pipeline`, to the bit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from engines.engine import Engine
from lanes.arrays import Mask
from lanes.capture.source import Source
from lanes.geometry.estimator import LaneEstimator
from lanes.pipeline.pipeline import FEEDBACK_LAG
from lanes.results import Band, Frame, FrameResult
from lanes.segment.band_choice import BandChoice
from lanes.segment.segmenter import Segmenter
from lanes.segment.transform import Placement

LARGEST_BATCH = FEEDBACK_LAG
"""Frames that can go through the network at once: what one of them shows serves the one so many later, not sooner."""


class SerialPipeline:
    """One engine over one source after the other.

    Args:
        engine: takes one frame a call, or several, up to `LARGEST_BATCH`.
        band: the rows that the model looks at.
        threshold: probability, 0 to 255, above which a pixel is lane; None for the model's own.
    """

    def __init__(self, engine: Engine, band: BandChoice, threshold: int | None = None) -> None:
        if not 1 <= engine.batch <= LARGEST_BATCH:
            raise ValueError(f"batches of {engine.batch} frames, where 1 to {LARGEST_BATCH} are possible")
        self.engine = engine
        self._segmenter = Segmenter(engine, band)
        self._threshold = self._segmenter.threshold if threshold is None else threshold
        transform = engine.model.metadata.transform
        self._input: NDArray[np.uint8] = np.zeros((engine.batch, transform.height, transform.width, 3), np.uint8)
        self._masks: list[Mask] = [np.empty((0, 0), np.uint8)] * engine.batch

    def results(self, source: Source, estimator: LaneEstimator) -> Iterator[FrameResult]:
        """Every frame of an open source. A result's mask is valid until the next one is asked for; its pixels are the caller's.

        Raises:
            ProcessingError: the source cannot be read on, or the device failed. Frames before it have been given.
        """
        self._segmenter.reset()
        feedback: deque[Band | None] = deque([None] * FEEDBACK_LAG)
        settled = 0  # frames since the last cut
        frames = iter(source)
        while batch := list(islice(frames, self.engine.batch)):
            placements: list[Placement] = []
            bands: list[Band | None] = []
            for frame in batch:
                learnt = feedback.popleft()
                if frame.cut:
                    self.engine.reset()
                    settled = 0
                bands.append(self._segmenter.frame_band(frame.pixels, learnt if settled >= FEEDBACK_LAG else None, still=False))
                settled += 1
                placement = self._segmenter.transform.fit(*frame.size, bands[-1])
                placement.to_model(frame.pixels, self._input[len(placements)])
                placements.append(placement)
            probabilities = self.engine.infer(self._input)
            for position, frame in enumerate(batch):
                if frame.cut:
                    estimator.reset("the source has a cut here")
                    self._segmenter.masks.reset()
                mask = self._segmenter.masks.next(
                    probabilities[position], placements[position], self._threshold, self._mask(position, frame)
                )
                road = estimator.update(mask, frame)
                feedback.append(road.band)
                yield FrameResult(
                    frame=frame,
                    mask=mask,
                    lanes=road.lanes,
                    ego=road.ego,
                    calibration=road.calibration,
                    departure=road.departure,
                    departure_why=road.departure_why,
                    band=bands[position],
                )

    def _mask(self, position: int, frame: Frame) -> Mask:
        """A buffer of the frame's size: that of an earlier one, where it fits."""
        shape = frame.pixels.shape[:2]
        if self._masks[position].shape != shape:
            self._masks[position] = np.empty(shape, np.uint8)
        return self._masks[position]

    def close(self) -> None:
        """Releases the engine."""
        self._segmenter.close()
