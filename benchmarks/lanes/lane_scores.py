"""What the measured frames of lane drives add up to: errors, the ego lane, ids, intervals, confidence, and the filter's lag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.lanes.measure import EGO, Row, coverage

Floats = NDArray[np.float64]
Rows = Sequence[Row]

BINS = 10
"""Of confidence in the reliability diagram."""

LARGEST_LAG_S, LAG_STEP_S = 0.6, 0.005

LAG_LEAST_S = 3.0
"""Of one lane without a break: in less, a wander of seconds does not show its phase."""


def score_drive(rows: Rows) -> dict[str, Any]:
    """The scores of one drive, or of several together (ids apart: see `score_ids`)."""
    near = np.array([[abs(error), std, x] for row in rows for x, error, std in row["near"]]).reshape(-1, 3)
    ego = {name: _pairs(rows, name) for name in EGO}
    verdicts = Counter(row["ego_lane"] for row in rows)
    return {
        "frames": len(rows),
        "near_m": percentiles(near[:, 0]),
        **{name: percentiles(np.abs(errors)) for name, (errors, _) in ego.items()},
        "coverage": {
            **{name: coverage(errors, stds) for name, (errors, stds) in ego.items() if len(errors)},
            **({"near_m": coverage(near[:, 0], near[:, 1])} if len(near) else {}),
        },
        "metric": len(ego["offset_m"][0]) / max(1, len(rows)),
        "ego_lane": {name: verdicts[name] / max(1, len(rows)) for name in ("right", "half", "wrong", "none")},
        "lanes_ms": percentiles(np.array([row["lanes_ms"] for row in rows if row["lanes_ms"] is not None])),
    }


def percentiles(values: Floats) -> dict[str, float | None]:
    """Median, 95th percentile and the greatest; None of nothing."""
    if not len(values):
        return {"p50": None, "p95": None, "max": None}
    p50, p95 = np.percentile(values, (50, 95))
    return {"p50": float(p50), "p95": float(p95), "max": float(np.max(values))}


def score_ids(rows: Rows) -> dict[str, int]:
    """How ids stay with their boundaries.

    Returns:
        `seen`: lanes that were given in two frames running. `switched`: of them, those whose boundary had another id in the frame before.
        `changes`: lane changes of the ground truth; `kept`: those through which every boundary that was seen a second before and a second
        after kept its id.
    """
    seen = switched = changes = kept = 0
    for before, after in pairwise(rows):
        same = _ids(before).keys() & _ids(after).keys()
        seen += len(same)
        switched += sum(_ids(before)[boundary] != _ids(after)[boundary] for boundary in same)
    for index in range(1, len(rows)):
        if rows[index]["ground_truth"]["ego_lane"] != rows[index - 1]["ground_truth"]["ego_lane"]:
            at = rows[index]["time_s"]
            earlier = [row for row in rows if at - 1.5 <= row["time_s"] <= at - 1.0]
            later = [row for row in rows if at + 1.0 <= row["time_s"] <= at + 1.5]
            if earlier and later:
                one, other = _ids(earlier[-1]), _ids(later[0])
                shared = one.keys() & other.keys()
                changes += 1
                kept += bool(shared) and all(one[boundary] == other[boundary] for boundary in shared)
    return {"seen": seen, "switched": switched, "changes": changes, "kept": kept}


def reliability(rows: Rows) -> list[dict[str, float]]:
    """Of lanes in bins of confidence: mean `confidence`, the share that is `correct`, and how many, `lanes`."""
    confidence = np.array([lane["confidence"] for row in rows for lane in row["lanes"]])
    correct = np.array([lane["correct"] for row in rows for lane in row["lanes"]], float)
    which = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        {"confidence": float(confidence[which == b].mean()), "correct": float(correct[which == b].mean()), "lanes": int((which == b).sum())}
        for b in range(BINS)
        if (which == b).any()
    ]


def expected_calibration_error(bins: Sequence[Mapping[str, float]]) -> float | None:
    """Mean distance of confidence and share, weighted by lanes; None of nothing."""
    lanes = sum(each["lanes"] for each in bins)
    return sum(each["lanes"] * abs(each["confidence"] - each["correct"]) for each in bins) / lanes if lanes else None


def lag_of_offset(rows: Rows) -> float | None:
    """Seconds by which the given offset lags behind the ground truth's; None where there is too little in one lane to tell.

    That shift of the ground truth in time at which the two differ least, constants apart.
    """
    best: list[tuple[float, float]] = []
    for stretch in _stretches(rows):
        times = np.array([row["time_s"] for row in stretch])
        real = np.array([row["ground_truth"]["offset_m"] for row in stretch])
        given = real + np.array([row["ego"]["offset_m"][0] for row in stretch])
        if times[-1] - times[0] >= LAG_LEAST_S:
            best.append((lag(times, given, real), times[-1] - times[0]))
    return float(np.average([b[0] for b in best], weights=[b[1] for b in best])) if best else None


def lag(times: Floats, late: Floats, early: Floats) -> float:
    """Seconds by which one signal lags behind another: the shift at which the spread of their difference is smallest.

    Args:
        times: (N,) seconds, rising. late, early: (N,) the signals, of any unit.
    """
    shifts = np.arange(-LARGEST_LAG_S, LARGEST_LAG_S + LAG_STEP_S / 2, LAG_STEP_S)
    inner = (times >= times[0] + LARGEST_LAG_S) & (times <= times[-1] - LARGEST_LAG_S)
    spread = [float(np.var(late[inner] - np.interp(times[inner] - shift, times, early))) for shift in shifts]
    return float(shifts[int(np.argmin(spread))])


def _stretches(rows: Rows) -> list[list[Row]]:
    """Frames in one lane running, all with an offset."""
    found: list[list[Row]] = [[]]
    for row in rows:
        lane = row["ground_truth"]["ego_lane"]
        if "offset_m" not in row["ego"] or (found[-1] and found[-1][-1]["ground_truth"]["ego_lane"] != lane):
            found.append([])
        if "offset_m" in row["ego"]:
            found[-1].append(row)
    return [stretch for stretch in found if len(stretch) > 1]


def _pairs(rows: Rows, name: str) -> tuple[Floats, Floats]:
    found = np.array([row["ego"][name] for row in rows if name in row["ego"]]).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _ids(row: Row) -> dict[int, int]:
    return {lane["boundary"]: lane["id"] for lane in row["lanes"] if lane["boundary"] is not None}
