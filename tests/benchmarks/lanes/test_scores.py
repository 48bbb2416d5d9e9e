"""The scores: known errors are found, known lags and rates come out, and steadiness is that of the yardstick."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.lanes.departure_scores import count_warnings, earliest_m, rate_bound, score_departure
from benchmarks.lanes.lane_scores import expected_calibration_error, lag, reliability, score_ids
from benchmarks.lanes.measure import coverage
from benchmarks.lanes.mount_scores import score_bump, score_mount, wrong_but_valid
from benchmarks.lanes.steadiness import steadiness
from benchmarks.lanes.targets import targets
from lanes.results import Lane

RATE = 20


@given(st.floats(-0.5, 0.5), st.floats(0.2, 3.0), st.floats(-5, 5))
@settings(deadline=None, max_examples=25)
def test_a_lag_is_found_whatever_the_size_and_the_constant(late: float, size: float, constant: float) -> None:
    times = np.arange(0, 12, 1 / RATE)

    def signal(t: Any) -> Any:
        return size * (np.sin(1.7 * t) + 0.5 * np.sin(0.6 * t + 1))

    assert lag(times, signal(times - late) + constant, signal(times)) == pytest.approx(late, abs=0.02)


def test_without_an_event_the_bound_is_the_rule_of_three_and_else_that_of_poisson() -> None:
    assert rate_bound(0, 3.0) == pytest.approx(-log(0.05) / 3)
    assert rate_bound(0, 3.0) < 1
    assert rate_bound(1, 1.0) == pytest.approx(4.744, abs=1e-3)
    assert rate_bound(5, 2.0) == pytest.approx(10.513 / 2, abs=1e-3)


def test_a_warning_may_be_earlier_the_faster_the_line_comes_near() -> None:
    assert [earliest_m(speed) for speed in (0.1, 0.5, 0.8, 1.0, 2.0)] == pytest.approx([0.75, 0.75, 1.2, 1.5, 1.5])


def departure(warned_at: float | None, speed: float = 0.4, way: str = "left") -> dict[str, Any]:
    """A tyre that reaches the marking after 2 s, and is warned of for a second."""
    times = np.arange(0, 4, 1 / RATE)
    warned = ["none" if warned_at is None or not warned_at <= t <= warned_at + 1 else way for t in times]
    return score_departure(times, (2 - times) * speed, warned, "left")


@pytest.mark.parametrize(("warned_at", "verdict"), [(1.0, "warned"), (0.0, "early"), (2.5, "late"), (3.0, "missed"), (None, "missed")])
def test_a_departure_is_judged_by_where_the_tyre_was(warned_at: float | None, verdict: str) -> None:
    found = departure(warned_at)
    assert found["verdict"] == verdict
    assert found["speed_mps"] == pytest.approx(0.4)
    if warned_at == 1.0:
        assert found["time_to_crossing_s"] == pytest.approx(1.0, abs=0.06)
        assert (found["approaches"], found["wrong_side"]) == (1, 0)


def test_a_warning_of_the_other_side_is_none_of_this_one() -> None:
    found = departure(1.0, way="right")
    assert (found["verdict"], found["approaches"], found["wrong_side"]) == ("missed", 0, 1)


def test_warnings_are_counted_by_their_beginnings() -> None:
    assert count_warnings(["left", "left", "none", "left", "right", "inactive", "right"]) == 4


def row(time_s: float, **fields: Any) -> dict[str, Any]:
    return {"time_s": time_s, "ground_truth": {"ego_lane": 1}, "lanes": [], "calibration": None} | fields


def lane(boundary: int, number: int, **fields: Any) -> dict[str, Any]:
    return {"boundary": boundary, "id": number, "confidence": 0.9, "correct": True} | fields


def test_ids_are_followed_through_a_lane_change() -> None:
    def rows(after: int) -> list[dict[str, Any]]:
        return [
            row(t, ground_truth={"ego_lane": 1 if t < 5 else 0}, lanes=[lane(1, 7 if t < 5.5 else after), lane(2, 8)])
            for t in np.arange(0, 10, 0.1)
        ]

    assert score_ids(rows(7)) == {"seen": 198, "switched": 0, "changes": 1, "kept": 1}
    assert score_ids(rows(9)) == {"seen": 198, "switched": 1, "changes": 1, "kept": 0}


def test_confidence_that_means_what_it_says_has_no_calibration_error() -> None:
    lanes = [lane(0, 1, confidence=c, correct=i < round(100 * c)) for c in (0.25, 0.55, 0.95) for i in range(100)]
    bins = reliability([row(0, lanes=lanes)])
    assert [each["lanes"] for each in bins] == [100, 100, 100]
    assert expected_calibration_error(bins) == pytest.approx(0, abs=0.001)
    assert expected_calibration_error([]) is None


def test_intervals_of_normal_errors_hold_nine_tenths() -> None:
    errors = np.random.default_rng(0).normal(0, 0.2, 20_000)
    assert coverage(errors, np.full(20_000, 0.2)) == pytest.approx(0.9, abs=0.01)


def mounted(state: str, pitch: float) -> dict[str, Any]:
    return {"state": state, "pitch": [pitch, 0.1], "yaw": [0.0, 0.1]}


def test_a_mount_is_judged_after_thirty_seconds_and_a_bump_by_its_state() -> None:
    times = np.arange(0, 40, 0.1)
    found = score_mount([row(t, calibration=mounted("valid" if t > 12 else "calibrating", 3 * np.exp(-t / 4))) for t in times])
    assert found["pitch_deg"] == pytest.approx(0, abs=0.01)
    assert found["valid_after_s"] == pytest.approx(12.1)
    assert found["wrong_but_valid"]["frames"] == 0
    bumped = [row(t, calibration=mounted("calibrating" if 22 < t < 30 else "valid", 1.0 if 20 <= t < 25 else 0.0)) for t in times]
    found = score_bump(bumped, 20.0)
    assert found["noticed_after_s"] == pytest.approx(2.1, abs=0.11)
    assert found["valid_again_after_s"] == pytest.approx(10.0, abs=0.11)
    assert found["wrong_but_valid"]["frames"] == 0, "within ten seconds of the bump it does not count"
    assert wrong_but_valid(bumped)["frames"] > 15


def boundaries(rng: np.random.Generator) -> list[list[Lane]]:
    """A video in which the boundaries wander, jump and go missing."""
    frames = []
    for index in range(120):
        lanes = []
        for position, foot in ((-2, -100), (-1, 200), (1, 500)):
            if rng.random() < (0.7 if position == -2 else 0.1):
                continue
            y = np.linspace(350, 180 + 5 * rng.random(), 12)
            x = foot + (300 - foot) * (350 - y) / 250 + 30 * np.sin(index / 15) + rng.normal(0, 2) + 60 * (rng.random() < 0.03)
            lanes.append(Lane(position, np.stack([x, y], axis=1).astype(np.float32), 0.9, position + 3))
        frames.append(lanes)
    return frames


def test_steadiness_is_that_of_the_yardstick(shared: Path, tmp_path: Path) -> None:
    frames = boundaries(np.random.default_rng(3))
    records = tmp_path / "records.jsonl"
    lines = [{"lanes": [{"position": each.position, "points": each.points.tolist()} for each in lanes]} for lanes in frames]
    records.write_text("\n".join(json.dumps(line) for line in lines))
    command = [sys.executable, str(shared / "steadiness.py"), f"{records}:640"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = steadiness(frames, 640)
    assert found.mean_px is not None
    assert found.mean_jumps is not None
    assert re.findall(r"p95 ([\d.]+) px, jumps ([\d.]+)%, both boundaries in ([\d.]+)%", printed)[0] == (
        f"{found.mean_px:.1f}",
        f"{100 * found.mean_jumps:.2f}",
        f"{100 * found.both:.1f}",
    )


def test_a_boundary_that_stands_still_has_no_spread_and_an_empty_video_nothing() -> None:
    y = np.linspace(350, 180, 12)
    still = [Lane(p, np.stack([np.full(12, x), y], axis=1).astype(np.float32), 0.9, 1) for p, x in ((-1, 100.0), (1, 500.0))]
    found = steadiness([still] * 50, 640)
    assert (found.mean_px, found.mean_jumps, found.both) == (0, 0, 1)
    assert steadiness([[]] * 5, 640).mean_px is None


def test_targets_say_what_is_reached() -> None:
    part = {"warnings": 0, "active_hours": 3.2, "bound_per_hour": rate_bound(0, 3.2), "hours": 3.2}
    ((name, _, value, asked, met),) = targets({"records": part})
    assert (name, asked, met) == ("records", "<= 1", True)
    assert value == part["bound_per_hour"]
    ((*_, met),) = targets({"hour": part | {"bound_per_hour": None}})
    assert met is None
