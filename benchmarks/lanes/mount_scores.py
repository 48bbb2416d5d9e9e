"""How the camera's mount was found: errors over time, and what the state said of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.lanes.measure import Row

WRONG_DEGREES = 0.5
"""A calibration that is `valid` must not be further off."""

NOTICED_S = 10.0
"""Within which a bump is to be noticed; what the state says meanwhile is not counted."""

AFTER_S = 30.0
LAST_S = 2.0
"""The error after 30 s is the mean over so long from there on; of a shorter drive, over its end."""


def score_mount(rows: Sequence[Row]) -> dict[str, Any]:
    """Errors after 30 s in degrees, and when the state first was `valid`, in seconds from the start."""
    start = rows[0]["time_s"]
    latest = rows[-1]["time_s"]
    first = min(start + AFTER_S, latest - LAST_S)
    last = [row["calibration"] for row in rows if first <= row["time_s"] <= first + LAST_S and row["calibration"]]
    valid = next((row["time_s"] - start for row in rows if row["calibration"] and row["calibration"]["state"] == "valid"), None)
    return {
        "pitch_deg": _mean([each["pitch"][0] for each in last if each["pitch"]]),
        "yaw_deg": _mean([each["yaw"][0] for each in last if each["yaw"]]),
        "valid_after_s": valid,
        "wrong_but_valid": wrong_but_valid(rows),
    }


def score_bump(rows: Sequence[Row], bumped_s: float) -> dict[str, Any]:
    """When the bump was noticed: seconds until the state is no longer `valid`, or the estimate is right again; and when it is valid anew.

    Args:
        rows: measured frames. bumped_s: when it came, by the same clock.
    """
    before = [row for row in rows if row["time_s"] < bumped_s and row["calibration"]]
    after = [row for row in rows if row["time_s"] >= bumped_s and row["calibration"]]
    noticed = next((row["time_s"] - bumped_s for row in after if row["calibration"]["state"] != "valid"), None)
    again = None
    if noticed is not None:
        late = [row for row in after if row["time_s"] - bumped_s > noticed]
        again = next((row["time_s"] - bumped_s for row in late if row["calibration"]["state"] == "valid"), None)
    end = after[-1]["calibration"] if after else None
    return {
        "valid_before": bool(before) and before[-1]["calibration"]["state"] == "valid",
        "noticed_after_s": noticed,
        "valid_again_after_s": again,
        "pitch_deg": end["pitch"][0] if end and end["pitch"] else None,
        "yaw_deg": end["yaw"][0] if end and end["yaw"] else None,
        "wrong_but_valid": wrong_but_valid([row for row in rows if not 0 <= row["time_s"] - bumped_s <= NOTICED_S]),
    }


def wrong_but_valid(rows: Sequence[Row]) -> dict[str, Any]:
    """`frames` whose state was `valid` though pitch or yaw was wrong by more than half a degree, `of` those that were valid."""
    valid = [row["calibration"] for row in rows if row["calibration"] and row["calibration"]["state"] == "valid"]
    wrong = sum(any(each[name] and abs(each[name][0]) > WRONG_DEGREES for name in ("pitch", "yaw")) for each in valid)
    return {"frames": wrong, "of": len(valid)}


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
