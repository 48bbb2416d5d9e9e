"""Runs a model over labelled frames and counts, in one pass, by source and condition; every score follows from the counts.

Frames go through `Segmenter` at the frame's own size, drive by drive in the order of their names. Each is a still: labelled frames of one
drive are seconds apart, and what a model with memory kept of the one before would be of another place. So the memory is empty at each, as
at the first frame of a video: such a model is scored at what it sees, not at what it remembers, which `lanes.flicker` shows.
Counts are pooled over the frames of a source.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.progress import track

from lanes.arrays import Mask, ProbabilityMap
from lanes.data.frames import LabelledFrame
from lanes.data.polylines import visible_lines
from lanes.data.tusimple import TuSimpleFrame
from lanes.evaluate.lanes import TUSIMPLE_ROWS, CULaneScore, TuSimpleScore, score_culane, score_tusimple
from lanes.evaluate.pixels import PixelCounts
from lanes.evaluate.probability import LevelCounts, count_levels
from lanes.geometry.lanes import find_lanes

if TYPE_CHECKING:  # a training scores its network without the engines and their libraries
    from lanes.segment.segmenter import Segmenter

NOT_STATED = "not stated"
"""Condition of a frame whose data set does not say."""


@dataclass(slots=True)
class Counts:
    """What is counted of frames that belong together; two of them add up.

    Attributes:
        levels: of the probability map.
        tusimple, culane: of the lanes found in the mask, over the frames whose data set has lanes as lines.
    """

    levels: LevelCounts = field(default_factory=LevelCounts)
    tusimple: TuSimpleScore = field(default_factory=TuSimpleScore)
    culane: CULaneScore = field(default_factory=CULaneScore)

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.levels + other.levels, self.tusimple + other.tusimple, self.culane + other.culane)


@dataclass(frozen=True)
class Evaluation:
    """One pass over labelled frames.

    Attributes:
        threshold: 0 to 255, above which a pixel is lane.
        groups: counts by source and condition.
        frames: every frame with its own pixel counts.
    """

    threshold: int
    groups: dict[tuple[str, str], Counts]
    frames: list[tuple[LabelledFrame, PixelCounts]]

    @property
    def sources(self) -> dict[str, Counts]:
        """Counts by source."""
        sums: dict[str, Counts] = defaultdict(Counts)
        for (source, _), counts in self.groups.items():
            sums[source] += counts
        return dict(sums)

    @property
    def conditions(self) -> dict[str, dict[str, Counts]]:
        """Counts by source, and in it by condition."""
        found: dict[str, dict[str, Counts]] = defaultdict(dict)
        for (source, condition), counts in self.groups.items():
            found[source][condition] = counts
        return dict(found)

    def worst(self, number: int) -> dict[str, list[LabelledFrame]]:
        """The frames of least relaxed F1 by source, the worst first; equals by the pixels that are wrong.

        A frame without paint in which none was seen is right, though its F1 is 0.
        """
        by_source: dict[str, list[tuple[float, int, LabelledFrame]]] = defaultdict(list)
        for frame, counts in self.frames:
            wrong = counts.predicted - counts.predicted_near + counts.ground_truth - counts.ground_truth_near
            if wrong:
                by_source[frame.source].append((counts.relaxed_f1, -wrong, frame))
        return {source: [frame for *_, frame in sorted(found, key=lambda each: each[:2])[:number]] for source, found in by_source.items()}


def measure(
    segmenter: Segmenter, frames: Sequence[LabelledFrame], threshold: int | None = None, console: Console | None = None
) -> Evaluation:
    """Runs a model over the frames and counts.

    Args:
        segmenter: the model.
        frames: in any order; they are taken drive by drive.
        threshold: 0 to 255, above which a pixel is lane; None for the model's own.
        console: where progress is shown; None for nowhere.

    Raises:
        InputError: a frame or its label is missing or broken.
    """
    threshold = segmenter.threshold if threshold is None else threshold
    groups: dict[tuple[str, str], Counts] = defaultdict(Counts)
    by_frame = []
    for frame in track(by_drive(frames), "frames", console=console, transient=True, disable=console is None):
        segmenter.reset()
        pixels, ground_truth, ignore = frame.read_as_labelled()
        probability = segmenter(pixels)
        levels = count_levels(probability, ground_truth, ignore)
        groups[frame.source, frame.condition or NOT_STATED] += Counts(levels, *_score_lanes(frame, probability, threshold))
        by_frame.append((frame, levels.at(threshold)))
    return Evaluation(threshold, dict(groups), by_frame)


def by_drive(frames: Sequence[LabelledFrame]) -> list[LabelledFrame]:
    """The frames drive by drive, each in the order of its names, numbers in them by their value; sources stay in their order."""
    order = {source: index for index, source in enumerate(dict.fromkeys(frame.source for frame in frames))}

    def sort_key(frame: LabelledFrame) -> tuple[int, str, list[tuple[int, str]]]:
        parts = re.split(r"(\d+)", frame.stem)
        return order[frame.source], frame.drive, [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]

    return sorted(frames, key=sort_key)


def evaluate(segmenter: Segmenter, frames: Sequence[LabelledFrame], threshold: int | None = None) -> dict[str, PixelCounts]:
    """Pixel counts by source: the short way to what `measure` finds."""
    found = measure(segmenter, frames, threshold)
    return {source: counts.levels.at(found.threshold) for source, counts in found.sources.items()}


def _score_lanes(frame: LabelledFrame, probability: ProbabilityMap, threshold: int) -> tuple[TuSimpleScore, CULaneScore]:
    """Scores of the curves found in the mask; of no frame where the data set has no lanes as lines."""
    lines = frame.polylines()
    if lines is None:
        return TuSimpleScore(), CULaneScore()
    mask: Mask = np.where(probability > threshold, 255, 0).astype(np.uint8)
    size = (mask.shape[1], mask.shape[0])
    ground_truth = visible_lines(lines, *size)
    predicted = [lane.points for lane in find_lanes(mask)]
    rows = frame.h_samples if isinstance(frame, TuSimpleFrame) else TUSIMPLE_ROWS
    return score_tusimple(predicted, ground_truth, size, rows), score_culane(predicted, ground_truth, size)
