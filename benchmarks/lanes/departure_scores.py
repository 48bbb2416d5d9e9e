"""Departures against the ground truth: when a tyre nears, reaches and passes the marking, and when that was warned of.

Distances are from the tyre's outer edge to the marking's inner edge (DTLM of EU 2021/646), metres, negative beyond it. The earliest and
the latest place of a warning are those that are cited of ISO 17361: 0.75 m inside at up to 0.5 m/s of lateral speed, above that as far
as 1.5 s of it and 1.5 m at most; and 0.3 m outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.lanes.measure import Row
from lanes.departure import DEFAULT_VEHICLE_WIDTH_M

Floats = NDArray[np.float64]
Way = Literal["left", "right"]

LATEST_M = -0.3


def earliest_m(closing_mps: float) -> float:
    """Where a warning is too early, by the lateral speed."""
    return 0.75 if closing_mps <= 0.5 else min(1.5, 1.5 * closing_mps)


def tyre_gaps(rows: Sequence[Row], way: Way, line_m: float, width_m: float = DEFAULT_VEHICLE_WIDTH_M) -> Floats:
    """(N,) the distance to the marking that bounds the lane of the first frame, on one side, in every frame.

    Args:
        rows: measured frames of one drive. way: which side. line_m: width of that marking. width_m: of the vehicle.
    """
    boundary = int(rows[0]["ground_truth"]["ego_lane"]) + (way == "right")
    beside = np.array([row["ground_truth"]["boundaries"][boundary] for row in rows])
    return (beside if way == "left" else -beside) - line_m / 2 - width_m / 2


def score_departure(times: Floats, gaps: Floats, warned: Sequence[str], way: Way) -> dict[str, Any]:
    """What was made of one departure.

    Args:
        times: (N,) seconds at which each state holds, rising. gaps: (N,) of `tyre_gaps`, at these times.
        warned: the states of the warning. way: the side that is left.

    Returns:
        `verdict`: `warned`, `early`, `late` (after the tyre reached the marking) or `missed` (past the latest place). `speed_mps`: closing
        speed where the tyre reaches the marking. `warned_s`, `distance_m`, `time_to_crossing_s`: of the first warning, None without.
        `approaches`: warnings begun on that side. `wrong_side`: warnings begun on the other one.
    """
    speed = -np.gradient(gaps, times)
    crossing = float(np.interp(0.0, -gaps, times)) if gaps.min() < 0 else float("nan")
    begun = [i for i in range(len(warned)) if warned[i] == way and (i == 0 or warned[i - 1] != way)]
    other = "right" if way == "left" else "left"
    wrong = sum(warned[i] == other and (i == 0 or warned[i - 1] != other) for i in range(len(warned)))
    at = begun[0] if begun else None
    verdict = "missed"
    if at is not None and gaps[at] > LATEST_M:
        verdict = "early" if gaps[at] > earliest_m(float(speed[at])) else "warned" if gaps[at] >= 0 else "late"
    return {
        "verdict": verdict,
        "way": way,
        "speed_mps": float(np.interp(crossing, times, speed)) if np.isfinite(crossing) else float(speed[-1]),
        "warned_s": None if at is None else float(times[at]),
        "distance_m": None if at is None else float(gaps[at]),
        "time_to_crossing_s": None if at is None or not np.isfinite(crossing) else crossing - float(times[at]),
        "approaches": len(begun),
        "wrong_side": wrong,
    }


def count_warnings(states: Sequence[str]) -> int:
    """Warnings begun."""
    before = ["none", *states]
    return sum(now in ("left", "right") and now != then for then, now in zip(before, states, strict=False))


def rate_bound(events: int, hours: float, confidence: float = 0.95) -> float:
    """The most events an hour that so many in so many hours allow for, with this confidence; of none it is the rule of three.

    The exact limit of Poisson's distribution (Garwood 1936), found by bisection.
    """
    low, high = 0.0, 10.0 + 3.0 * events
    while high - low > 1e-6:
        middle = (low + high) / 2
        term = total = np.exp(-middle)
        for k in range(1, events + 1):
            term *= middle / k
            total += term
        low, high = (middle, high) if total > 1 - confidence else (low, middle)
    return high / hours if events else -log(1 - confidence) / hours
