"""What a model makes of labelled frames: counted in one pass, by source and condition, from which every score follows.

Frames go the way a video's frames go: through `Segmenter`, at the frame's own size. Counts are pooled over the frames of a source; the
mean is over sources and without weights, so that none drowns another.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from lanes.arrays import ProbabilityMap
from lanes.data.frames import LabelledFrame
from lanes.data.tusimple import TuSimpleFrame
from lanes.evaluate.lanes import TUSIMPLE_ROWS, CULaneScore, TuSimpleScore, score_culane, score_tusimple
from lanes.evaluate.pixels import Mask, PixelCounts
from lanes.evaluate.probability import LEVELS, LevelCounts, Reliability, average_precision, count_levels, precision_recall, reliability
from lanes.geometry.lanes import find_lanes
from lanes.segment.segmenter import Segmenter

SCORES = ("iou", "dice", "relaxed_precision", "relaxed_recall", "relaxed_f1", "false_area")

NOT_STATED = "not stated"
"""Condition of a frame whose data set does not say."""

Row = dict[str, Any]


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
            wrong = counts.predicted - counts.predicted_near + counts.true - counts.true_near
            if wrong:
                by_source[frame.source].append((counts.relaxed_f1, -wrong, frame))
        return {source: [frame for *_, frame in sorted(found, key=lambda each: each[:2])[:number]] for source, found in by_source.items()}


def measure(segmenter: Segmenter, frames: Sequence[LabelledFrame], threshold: int | None = None) -> Evaluation:
    """Runs a model over the frames and counts. `threshold`: 0 to 255, above which a pixel is lane; default the model's own.

    Raises:
        InputError: a frame or its label is missing or broken.
    """
    threshold = segmenter.threshold if threshold is None else threshold
    groups: dict[tuple[str, str], Counts] = defaultdict(Counts)
    singly = []
    for frame in track(frames, "frames", console=Console(stderr=True), transient=True):
        pixels, truth, ignore = frame.read_as_labelled()
        probability = segmenter(pixels)
        levels = count_levels(probability, truth, ignore)
        groups[frame.source, frame.condition or NOT_STATED] += Counts(levels, *_score_lanes(frame, probability, threshold))
        singly.append((frame, levels.at(threshold)))
    return Evaluation(threshold, dict(groups), singly)


def evaluate(segmenter: Segmenter, frames: Sequence[LabelledFrame], threshold: int | None = None) -> dict[str, PixelCounts]:
    """Pixel counts by source: the short way to what `measure` finds."""
    found = measure(segmenter, frames, threshold)
    return {source: counts.levels.at(found.threshold) for source, counts in found.sources.items()}


def as_table(counts: Mapping[str, PixelCounts]) -> dict[str, Row]:
    """Every score by source, and their unweighted mean."""
    rows = {source: score_row(count) for source, count in counts.items()}
    return rows | {"mean": mean_row(list(rows.values()))}


def score_row(counts: PixelCounts) -> Row:
    """Every score, and the frames that were counted."""
    return {"frames": counts.frames} | {score: getattr(counts, score) for score in SCORES}


def mean_row(rows: Sequence[Row]) -> Row:
    """The unweighted mean of rows of scores, and the frames of all."""
    return {"frames": sum(row["frames"] for row in rows)} | {score: float(np.mean([row[score] for row in rows])) for score in SCORES}


def condition_rows(found: Evaluation) -> dict[str, dict[str, Row]]:
    """Every score by source and condition; under `mean`, each condition's unweighted mean over the sources that have it."""
    rows = {
        source: {condition: row for condition, row in as_table(_at(groups, found.threshold)).items() if condition != "mean"}
        for source, groups in found.conditions.items()
    }
    conditions = dict.fromkeys(condition for groups in rows.values() for condition in groups)
    return rows | {"mean": {name: mean_row([groups[name] for groups in rows.values() if name in groups]) for name in conditions}}


def score_rows(found: Evaluation) -> list[tuple[str, str, Row]]:
    """Scores as (source, condition, row) in the order to show them: a source, then its conditions where it has several.

    Last the mean over sources, and over those with the same condition where several have it.
    """
    by_condition = condition_rows(found)
    sharing = Counter(condition for source, conditions in by_condition.items() if source != "mean" for condition in conditions)
    rows = []
    for source, row in as_table(_at(found.sources, found.threshold)).items():
        conditions = by_condition[source]
        rows.append((source, "all" if source == "mean" or len(conditions) > 1 else next(iter(conditions)), row))
        shown = [name for name in conditions if len(conditions) > 1 and (source != "mean" or (sharing[name] > 1 and name != NOT_STATED))]
        rows += [("", name, conditions[name]) for name in shown]
    return rows


def sweep_rows(found: Evaluation) -> dict[str, dict[str, list[float]]]:
    """Every score at the thresholds 0 to 255, by source, and the mean over sources at each threshold."""
    rows = {}
    for source, counts in found.sources.items():
        sweep = counts.levels.sweep()
        rows[source] = {score: np.array([getattr(at, score) for at in sweep]) for score in SCORES}
    rows |= {"mean": {score: np.mean([row[score] for row in rows.values()], axis=0) for score in SCORES}}
    return {source: {score: curve.round(6).tolist() for score, curve in row.items()} for source, row in rows.items()}


def probability_rows(found: Evaluation) -> dict[str, dict[str, float]]:
    """Average precision and calibration of the probability by source, and their unweighted mean."""
    rows = {}
    for source, counts in found.sources.items():
        bins = reliability(counts.levels)
        names = ("calibration_error", "calibration_error_lane", "brier", "brier_skill")
        values = (bins.error, bins.error_lane, bins.brier, bins.brier_skill)
        rows[source] = {"average_precision": average_precision(counts.levels)} | dict(zip(names, values, strict=True))
    return rows | {"mean": {name: float(np.mean([row[name] for row in rows.values()])) for name in next(iter(rows.values()))}}


def lane_rows(found: Evaluation) -> dict[str, dict[str, Row]]:
    """TuSimple's and CULane's scores by source and condition, and of `all` of a source; only of sources that have lanes as lines."""
    rows = {}
    for source, counts in found.sources.items():
        groups = {"all": counts} | found.conditions[source]
        if counts.tusimple.frames:
            rows[source] = {condition: _lane_row(group) for condition, group in groups.items()}
    return rows


def as_json(found: Evaluation) -> Row:
    """All that was found, in JSON's types; thresholds and probabilities from 0 to 1."""
    return {
        "threshold": found.threshold / (LEVELS - 1),
        "scores": as_table(_at(found.sources, found.threshold)),
        "by_condition": condition_rows(found),
        "probability": probability_rows(found),
        "lanes": lane_rows(found),
        "sweep": {"threshold": (np.arange(LEVELS) / (LEVELS - 1)).round(6).tolist()} | sweep_rows(found),
        "precision_recall": {source: _curve(counts.levels) for source, counts in found.sources.items()},
        "reliability": {source: _bins(reliability(counts.levels)) for source, counts in found.sources.items()},
        "frames": [
            {"source": frame.source, "stem": frame.stem, "condition": frame.condition or NOT_STATED}
            | {score: getattr(counts, score) for score in SCORES}
            for frame, counts in found.frames
        ],
    }


def _at(groups: Mapping[str, Counts], threshold: int) -> dict[str, PixelCounts]:
    return {name: counts.levels.at(threshold) for name, counts in groups.items()}


def _score_lanes(frame: LabelledFrame, probability: ProbabilityMap, threshold: int) -> tuple[TuSimpleScore, CULaneScore]:
    """Scores of the curves found in the mask; of no frame where the data set has no lanes as lines."""
    truth = frame.polylines()
    if truth is None:
        return TuSimpleScore(), CULaneScore()
    mask: Mask = np.where(probability > threshold, 255, 0).astype(np.uint8)
    size = (mask.shape[1], mask.shape[0])
    predicted = [lane.points for lane in find_lanes(mask)]
    rows = frame.h_samples if isinstance(frame, TuSimpleFrame) else TUSIMPLE_ROWS
    return score_tusimple(predicted, truth, size, rows), score_culane(predicted, truth, size)


def _lane_row(counts: Counts) -> Row:
    tusimple, culane = counts.tusimple, counts.culane
    return {
        "frames": tusimple.frames,
        "tusimple": {"accuracy": tusimple.accuracy, "fp": tusimple.fp, "fn": tusimple.fn},
        "culane": {"tp": culane.tp, "fp": culane.fp, "fn": culane.fn}
        | {"precision": culane.precision, "recall": culane.recall, "f1": culane.f1},
    }


def _curve(counts: LevelCounts) -> dict[str, list[float]]:
    precision, recall = precision_recall(counts)
    return {"precision": precision.round(6).tolist(), "recall": recall.round(6).tolist()}


def _bins(bins: Reliability) -> dict[str, list[Any]]:
    """Of an empty bin there is nothing to say but its number of pixels."""
    said, lane = ([None if np.isnan(value) else round(value, 6) for value in values.tolist()] for values in (bins.said, bins.lane))
    return {"pixels": bins.pixels.tolist(), "said": said, "lane": lane}
