"""What the trainings of the ladder amount to: means over seeds with their spread, as JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from lanes.evaluate.scores import SCORES

Report = Mapping[str, Any]
"""What `lanes.train.ladder.job.run_job` returns."""


def summarise(reports: Sequence[Report]) -> dict[str, Any]:
    """The trainings of each rung, and its learning curve.

    Returns:
        `rungs`: model -> `seeds`, the seed `typical`, and `scores`, source -> score -> `mean` and `std` over seeds; `mean` is a source.
        `curves`: model -> a list by number of frames, each with `frames`, `seeds`, `budget_s` and `scores` as above.
    """
    rungs: dict[str, list[Report]] = defaultdict(list)
    curves: dict[str, dict[int, list[Report]]] = defaultdict(lambda: defaultdict(list))
    for report in reports:
        if report["curve"]:
            curves[report["model"]][report["training_frames"]].append(report)
        else:
            rungs[report["model"]].append(report)
    return {
        "rungs": {
            model: _group(group) | {"typical": typical(group), "parameters": group[0]["parameters"]} for model, group in rungs.items()
        },
        "curves": {
            model: [{"frames": frames} | _group(group) for frames, group in sorted(by_frames.items())]
            for model, by_frames in curves.items()
        },
    }


def typical(reports: Sequence[Report]) -> int:
    """The seed of the middle relaxed F1 where the threshold was chosen: the one to show. What is validated on chooses nothing."""
    ordered = sorted(reports, key=lambda report: report["scores"].get("threshold", {}).get("mean", {}).get("relaxed_f1", 0.0))
    return int(ordered[len(ordered) // 2]["seed"])


def _group(reports: Sequence[Report]) -> dict[str, Any]:
    tables = [report["scores"]["validation"] for report in reports]
    scores = {source: {score: spread([table[source][score] for table in tables]) for score in SCORES} for source in tables[0]}
    return {
        "seeds": sorted(report["seed"] for report in reports),
        "budget_s": reports[0]["seconds"],
        "used_s": spread([report["used_s"] for report in reports]),
        "steps": spread([report["steps"] for report in reports]),
        "threshold": spread([report["threshold"] for report in reports]),
        "scores": scores,
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Mean and standard deviation over seeds; that of one is 0."""
    return {"mean": round(fmean(values), 5), "std": round(stdev(values), 5) if len(values) > 1 else 0.0}
