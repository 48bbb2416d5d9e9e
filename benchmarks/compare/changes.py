"""Whether a stage became slower or faster, from the times of both versions in each round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log2
from statistics import median

import numpy as np

from benchmarks.common.confidence import percentile_interval
from lanes.errors import InputError

CONFIDENCE = 0.95
"""That no interval of a comparison misses the true ratio."""

MIN_SHARE, MIN_MS = 0.03, 0.1
"""A relevant difference is at least this share of the stage, and at least this long."""

BLIND_RATIO = 1.25
"""An interval that reaches so far from 1, or as far below, cannot distinguish a change of a quarter from none."""

SPLIT = {"lanes": "postprocess"}
"""Stages that versions before them timed as part of another."""

StageTimes = dict[str, dict[str, float]]
"""Milliseconds by stage and percentile, of one run."""


def align_stages(before: Sequence[StageTimes], after: Sequence[StageTimes]) -> tuple[list[StageTimes], list[StageTimes], list[str]]:
    """Makes comparable what one version times apart and the other as part of another stage: it is added to that stage.

    A sum of percentiles is not the percentile of the sum, but close to it where one of the two hardly varies.

    Returns:
        The runs of both, and a warning for each stage that was added.
    """
    runs, warnings = [list(before), list(after)], []
    for stage, whole in SPLIT.items():
        apart = [all(stage in run for run in version) for version in runs]
        if apart[0] == apart[1]:
            continue
        side = apart.index(True)
        runs[side] = [_merged(run, stage, whole) for run in runs[side]]
        warnings.append(f"only one of the two times {stage} apart from {whole}: the medians of both are added there")
    return runs[0], runs[1], warnings


def _merged(run: StageTimes, stage: str, whole: str) -> StageTimes:
    summed = {name: value + run[whole].get(name, 0.0) for name, value in run[stage].items() if name != "n"}
    return {name: summed if name == whole else times for name, times in run.items() if name != stage}


def median_interval(values: Sequence[float], confidence: float) -> tuple[float, float, float]:
    """The median with its interval, exact for any distribution and any number of values, where a bootstrap of few is too narrow.

    It inverts the sign test: an outlier counts no more than any other value, and a machine that is busy for one run gives outliers.

    Returns:
        Median, lower and upper end.

    Raises:
        InputError: there are too few values for that confidence; it says how many are needed.
    """
    ends = percentile_interval(values, 0.5, confidence)
    if ends is None:
        needed = rounds_needed(confidence)
        raise InputError(f"{len(values)} rounds are too few for an interval of {confidence:.1%} confidence: {needed} are needed")
    return median(values), *ends


def rounds_needed(confidence: float) -> int:
    """The fewest rounds whose signs, all alike, are as unlikely as `confidence` demands."""
    return ceil(log2(2 / (1 - confidence)) - 1e-9)


@dataclass(frozen=True)
class Change:
    """One stage before and after.

    Attributes:
        stage: which.
        before_ms, after_ms: median over rounds of the stage's median.
        difference_ms: median over rounds of after less before.
        ratio, low, high: median over rounds of after over before, with its interval.
        verdict: `slower`, `faster` or `no difference`.
        before, after: the medians of each round, milliseconds.
    """

    stage: str
    before_ms: float
    after_ms: float
    difference_ms: float
    ratio: float
    low: float
    high: float
    verdict: str
    before: list[float]
    after: list[float]


def compare_stage(stage: str, before: Sequence[float], after: Sequence[float], confidence: float) -> Change:
    """The change of a stage from its milliseconds in each round, before and after. Raises InputError when there are too few rounds."""
    ratios = np.log(np.maximum(after, 1e-6)) - np.log(np.maximum(before, 1e-6))
    ratio, low, high = (float(np.exp(value)) for value in median_interval(ratios.tolist(), confidence))
    difference = float(np.median(np.asarray(after) - np.asarray(before)))
    relevant = abs(difference) >= MIN_MS and abs(ratio - 1) >= MIN_SHARE
    verdict = "no difference"
    if relevant and low > 1:
        verdict = "slower"
    elif relevant and high < 1:
        verdict = "faster"
    return Change(stage, median(before), median(after), difference, ratio, low, high, verdict, list(before), list(after))


def compare_stages(before: Sequence[StageTimes], after: Sequence[StageTimes], confidence: float = CONFIDENCE) -> list[Change]:
    """Every stage that both have, from the runs of each round. The confidence is that of all verdicts together (Bonferroni).

    Raises InputError when there are too few rounds, or no stage is common to all runs.
    """
    stages = [stage for stage in before[0] if all(stage in run for run in (*before, *after))]
    if not stages:
        raise InputError("the two have no stage in common")
    each = 1 - (1 - confidence) / len(stages)
    return [compare_stage(stage, [run[stage]["p50"] for run in before], [run[stage]["p50"] for run in after], each) for stage in stages]


def conclusion(changes: Sequence[Change]) -> str:
    """The verdict in a sentence, the largest change first; what is end to end comes last, since it follows from the stages."""
    relevant = [change for change in changes if change.verdict != "no difference"]
    if not relevant:
        return "no stage differs"
    relevant.sort(key=lambda change: (change.stage == "end_to_end", -abs(change.difference_ms)))
    return "; ".join(
        f"{change.stage} is {change.verdict} by {abs(change.difference_ms):.2f} ms ({change.ratio - 1:+.1%})" for change in relevant
    )


def scatter_warnings(changes: Sequence[Change]) -> list[str]:
    """A warning where the rounds scatter so much that `no difference` says little."""
    blind = [
        change.stage
        for change in changes
        if change.verdict == "no difference" and (change.high > BLIND_RATIO or change.low < 1 / BLIND_RATIO)
    ]
    if not blind:
        return []
    return [f"the rounds scatter so much that a change of a quarter in {', '.join(blind)} would not be seen: quieten the machine"]
