"""How much the masks of an unlabelled video flicker.

A passenger sees a stroke that is missing in one frame long before a score of single frames notices. So each frame's mask is compared
with those of its two neighbours, warped to it along the optical flow (DIS, Kroeger et al. 2016): paint that both neighbours have
and the frame has not is a false negative; paint that the frame has and neither neighbour has is a false positive. Agreement of a mask
with the one before it, warped in the same way, is the temporal consistency of Varghese et al. 2020, here within the tolerance that
thin lines need (`lanes.evaluate.pixels`). Of the curves drawn through the masks, a boundary of the ego lane jumped where both neighbours
have it at one position and the frame has it at another one, or nowhere.

Flow is an estimate, and fails where a car uncovers the road: even the ground truth does not score quite 1 and 0. Compare models on one
video.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import Mask
from lanes.capture.source import Source
from lanes.errors import InputError
from lanes.evaluate.pixels import PixelCounts, count_pixels, dilate, tolerance
from lanes.geometry.estimator import PerFrameEstimator
from lanes.geometry.lanes import find_lanes
from lanes.pipeline import Pipeline
from lanes.segment.segmenter import Segmenter
from lanes.telemetry.telemetry import Telemetry
from lanes.tracking.estimator import TrackingEstimator

JUMP = 0.01
"""Two positions of a boundary are one if they are closer, and another one if they are twice as far apart, in widths of the frame."""

WORKING_WIDTH = 640
"""Frames are compared at this width: flow costs a quarter of what it does at 1280, and models see no more."""

LEAST_SIDE = 64
"""Frames are stretched to this width and height at least: OpenCV's flow reads beyond the edges of flatter ones."""


@dataclass(slots=True)
class Flicker:
    """What was counted over a video.

    Attributes:
        frames: how many frames had two neighbours.
        consistent: a mask against the one before it, warped to it.
        stable: pixels that are paint in both neighbours.
        false_negatives: those of them with no paint near in the frame between.
        predicted: pixels that are paint in the frame between.
        false_positives: those of them with no paint near in either neighbour.
        stable_boundaries: ego lane boundaries that both neighbours have at one position. jumped: those that the frame between has not.
    """

    frames: int
    consistent: PixelCounts
    stable: int = 0
    false_negatives: int = 0
    predicted: int = 0
    false_positives: int = 0
    stable_boundaries: int = 0
    jumped: int = 0

    @property
    def consistency(self) -> float:
        """Relaxed F1 of a mask against the one before it, 0 to 1."""
        return self.consistent.relaxed_f1

    @property
    def false_negative_rate(self) -> float:
        """Share of the paint in both neighbours that is missing between them."""
        return self.false_negatives / self.stable if self.stable else 0.0

    @property
    def false_positive_rate(self) -> float:
        """Share of the paint in a frame that neither neighbour has."""
        return self.false_positives / self.predicted if self.predicted else 0.0

    @property
    def boundaries_jumped(self) -> float:
        """Share of the ego lane's boundaries, steady from before to after, that are elsewhere or missing in a frame."""
        return self.jumped / self.stable_boundaries if self.stable_boundaries else 0.0


def measure_flicker(frames: Iterable[tuple[NDArray[np.uint8], Mask]]) -> Flicker:
    """Counts the flicker of a video.

    Args:
        frames: grey image and mask of each frame in order, (H, W) uint8 both, mask non-zero = lane paint; all of one shape.
    """
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flicker = Flicker(0, PixelCounts())
    last: deque[tuple[NDArray[np.uint8], Mask]] = deque(maxlen=3)
    feet: deque[dict[int, float]] = deque(maxlen=3)
    for frame in frames:
        last.append(frame)
        feet.append(_ego_feet(frame[1]))
        if len(last) < 3:
            continue
        (before, mask_before), (now, mask), (after, mask_after) = last
        earlier = _warp(mask_before, flow.calc(now, before, np.zeros((*now.shape, 2), np.float32)))
        later = _warp(mask_after, flow.calc(now, after, np.zeros((*now.shape, 2), np.float32)))
        radius = tolerance(mask.shape[1])
        stable, predicted = (earlier > 0) & (later > 0), mask > 0
        flicker.frames += 1
        flicker.consistent += count_pixels(mask, earlier)
        flicker.stable += int(np.count_nonzero(stable))
        flicker.false_negatives += int(np.count_nonzero(stable & ~dilate(predicted, radius)))
        flicker.predicted += int(np.count_nonzero(predicted))
        flicker.false_positives += int(np.count_nonzero(predicted & ~dilate((earlier > 0) | (later > 0), radius)))
        feet_before, feet_now, feet_after = feet
        for side in feet_before.keys() & feet_after.keys():
            near = JUMP * mask.shape[1]
            if abs(feet_before[side] - feet_after[side]) < near:
                flicker.stable_boundaries += 1
                flicker.jumped += abs(feet_now.get(side, math.inf) - feet_before[side]) > 2 * near
    return flicker


def _ego_feet(mask: Mask) -> dict[int, float]:
    """Column at which each boundary of the ego lane (-1 left, 1 right), prolonged, crosses the row at four fifths of the height."""
    row = 0.8 * mask.shape[0]
    feet = {}
    for lane in find_lanes(mask):
        if abs(lane.position) == 1:
            # Points run upward: the two around the row, or nearest to it.
            index = int(np.clip(np.searchsorted(-lane.points[:, 1], -row), 1, len(lane.points) - 1))
            (x, y), (x_above, y_above) = lane.points[index - 1 : index + 1].tolist()
            feet[lane.position] = x + (row - y) * (x_above - x) / min(y_above - y, -1e-3)
    return feet


def _warp(mask: Mask, flow: NDArray[Any]) -> Mask:
    """Another frame's mask as it would lie in this one; flow (H, W, 2) float32 leads from this frame's pixels to the other's."""
    rows, columns = np.indices(mask.shape, np.float32)
    warped = cv2.remap(mask, flow[..., 0] + columns, flow[..., 1] + rows, cv2.INTER_LINEAR)
    return np.where(warped > 127, 255, 0).astype(np.uint8)


def segmented(source: Source, segmenter: Segmenter) -> Iterator[tuple[NDArray[np.uint8], Mask]]:
    """Each frame in grey and its mask as a run over the video makes it, at `WORKING_WIDTH` or the frame's own width where that is less.

    Args:
        source: opened. segmenter: its own threshold and band hold: on a video the band comes from the frames before.

    Raises:
        ProcessingError: the source is lost. InputError: its frames have more than one size.
    """
    estimator = PerFrameEstimator() if source.info.kind == "images" else TrackingEstimator()
    pipeline = Pipeline(source, segmenter, estimator, Telemetry(), overlay=None, threshold=segmenter.threshold)
    size: tuple[int, int] | None = None
    with closing(pipeline.results()) as results:
        for result in results:
            frame = result.frame
            if size not in (None, frame.size):
                raise InputError(f"{source.info.name}: its frames have several sizes; give a video")
            size = frame.size
            width = max(LEAST_SIDE, min(WORKING_WIDTH, size[0]))
            small = (width, max(LEAST_SIDE, round(size[1] * width / size[0])))
            grey = cv2.resize(cv2.cvtColor(frame.pixels, cv2.COLOR_BGR2GRAY), small, interpolation=cv2.INTER_AREA)
            mask = cv2.resize(result.mask, small, interpolation=cv2.INTER_AREA)
            yield grey.astype(np.uint8, copy=False), np.where(mask > 127, 255, 0).astype(np.uint8)
