"""The scores that follow from what was counted, as rows to show and as JSON.

The mean is over sources and without weights, so that none drowns another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lanes.evaluate.pixels import PixelCounts
from lanes.evaluate.probability import LEVELS, LevelCounts, Reliability, average_precision, precision_recall, reliability
from lanes.evaluate.run import NOT_STATED, Counts, Evaluation

SCORES = ("iou", "dice", "relaxed_precision", "relaxed_recall", "relaxed_f1", "false_area")

Row = dict[str, Any]


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


def condition_rows(evaluation: Evaluation) -> dict[str, dict[str, Row]]:
    """Every score by source and condition; under `mean`, each condition's unweighted mean over the sources that have it."""
    rows = {
        source: {condition: row for condition, row in as_table(_at(groups, evaluation.threshold)).items() if condition != "mean"}
        for source, groups in evaluation.conditions.items()
    }
    conditions = dict.fromkeys(condition for groups in rows.values() for condition in groups)
    return rows | {"mean": {name: mean_row([groups[name] for groups in rows.values() if name in groups]) for name in conditions}}


def score_rows(evaluation: Evaluation) -> list[tuple[str, str, Row]]:
    """Scores as (source, condition, row) in the order to show them: a source, then its conditions where it has several.

    Last the mean over sources, and over those with the same condition where several have it.
    """
    by_condition = condition_rows(evaluation)
    sharing = Counter(condition for source, conditions in by_condition.items() if source != "mean" for condition in conditions)
    rows = []
    for source, row in as_table(_at(evaluation.sources, evaluation.threshold)).items():
        conditions = by_condition[source]
        rows.append((source, "all" if source == "mean" or len(conditions) > 1 else next(iter(conditions)), row))
        shown = [name for name in conditions if len(conditions) > 1 and (source != "mean" or (sharing[name] > 1 and name != NOT_STATED))]
        rows += [("", name, conditions[name]) for name in shown]
    return rows


def sweep_rows(evaluation: Evaluation) -> dict[str, dict[str, list[float]]]:
    """Every score at the thresholds 0 to 255, by source, and the mean over sources at each threshold."""
    rows = {}
    for source, counts in evaluation.sources.items():
        sweep = counts.levels.sweep()
        rows[source] = {score: np.array([getattr(at, score) for at in sweep]) for score in SCORES}
    rows |= {"mean": {score: np.mean([row[score] for row in rows.values()], axis=0) for score in SCORES}}
    return {source: {score: curve.round(6).tolist() for score, curve in row.items()} for source, row in rows.items()}


def probability_rows(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    """Average precision and calibration of the probability by source, and their unweighted mean."""
    rows = {}
    for source, counts in evaluation.sources.items():
        bins = reliability(counts.levels)
        names = ("calibration_error", "calibration_error_lane", "brier", "brier_skill")
        values = (bins.error, bins.error_lane, bins.brier, bins.brier_skill)
        rows[source] = {"average_precision": average_precision(counts.levels)} | dict(zip(names, values, strict=True))
    return rows | {"mean": {name: float(np.mean([row[name] for row in rows.values()])) for name in next(iter(rows.values()))}}


def lane_rows(evaluation: Evaluation) -> dict[str, dict[str, Row]]:
    """TuSimple's and CULane's scores by source and condition, and of `all` of a source; only of sources that have lanes as lines."""
    rows = {}
    for source, counts in evaluation.sources.items():
        groups = {"all": counts} | evaluation.conditions[source]
        if counts.tusimple.frames:
            rows[source] = {condition: _lane_row(group) for condition, group in groups.items()}
    return rows


def as_json(evaluation: Evaluation) -> Row:
    """Every figure of an evaluation, in JSON's types; thresholds and probabilities from 0 to 1."""
    return {
        "threshold": evaluation.threshold / (LEVELS - 1),
        "scores": as_table(_at(evaluation.sources, evaluation.threshold)),
        "by_condition": condition_rows(evaluation),
        "probability": probability_rows(evaluation),
        "lanes": lane_rows(evaluation),
        "sweep": {"threshold": (np.arange(LEVELS) / (LEVELS - 1)).round(6).tolist()} | sweep_rows(evaluation),
        "precision_recall": {source: _curve(counts.levels) for source, counts in evaluation.sources.items()},
        "reliability": {source: _bins(reliability(counts.levels)) for source, counts in evaluation.sources.items()},
        "frames": [
            {"source": frame.source, "stem": frame.stem, "condition": frame.condition or NOT_STATED}
            | {score: getattr(counts, score) for score in SCORES}
            for frame, counts in evaluation.frames
        ],
    }


def _at(groups: Mapping[str, Counts], threshold: int) -> dict[str, PixelCounts]:
    return {name: counts.levels.at(threshold) for name, counts in groups.items()}


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
    values = {name: getattr(bins, name).tolist() for name in ("probability", "lane")}
    rounded = {name: [None if np.isnan(value) else round(value, 6) for value in column] for name, column in values.items()}
    return {"pixels": bins.pixels.tolist()} | rounded
