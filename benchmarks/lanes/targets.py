"""What is asked for, beside what was found: one line a figure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Target = tuple[str, str, float | None, str, bool | None]
"""Part, what, value, what is asked for, and whether it is reached; None where nothing was measured."""


def targets(parts: dict[str, Any]) -> list[Target]:
    """Every target of the parts that were measured."""
    found: list[Target] = []
    for name, of_part in OF_PARTS.items():
        if name in parts:
            found += [(name, what, value, asked, _reached(value, asked)) for what, value, asked in of_part(parts[name])]
    return found


Figures = Iterator[tuple[str, float | None, str]]


def _lanes(part: dict[str, Any]) -> Figures:
    whole = part["all"]
    yield "boundary within 6 m ahead: median error, m", whole["near_m"]["p50"], "<= 0.05"
    yield "boundary within 6 m ahead: p95, m", whole["near_m"]["p95"], "<= 0.15"
    yield "offset in the lane: p95, m", whole["offset_m"]["p95"], "<= 0.15"
    yield "curvature: p95, 1/m", whole["curvature_per_m"]["p95"], "<= 0.001"
    yield "right lane called ego, share of frames", whole["ego_lane"]["right"] + whole["ego_lane"]["half"], ">= 0.99"
    yield "lane changes through which all ids are kept", _share(whole["ids"]["kept"], whole["ids"]["changes"]), ">= 1"
    for name, share in whole["coverage"].items():
        yield f"90 % interval of {name} holds", share, "0.85 to 0.95"
    yield "frames valid though over 0.5 degrees off", whole["wrong_but_valid"]["frames"], "<= 0"


def _departures(part: dict[str, Any]) -> Figures:
    yield "departures missed", part["verdicts"]["missed"], "<= 0"
    yield "departures warned of too early", part["verdicts"]["early"], "<= 0"
    yield "departures warned of late, on the marking", part["verdicts"]["late"], "<= 0"
    yield "departures warned of more than once", part["repeated"], "<= 0"
    for age, spread in part["shift_s"].items():
        largest = None if spread["n"] == 0 else max(abs(spread["min"]), abs(spread["max"]))
        yield f"shift of the warning by {1000 * float(age):.0f} ms of age, largest, s", largest, "< 0.1"


def _alarms(part: dict[str, Any]) -> Figures:
    yield f"false alarms an hour, bound at 95 % from {part['active_hours']:.2f} h", part["bound_per_hour"], "<= 1"


def _mount(part: dict[str, Any]) -> Figures:
    starts = [each for each in part["by_drive"].values() if each["kind"] == "mount"]
    bumps = [each for each in part["by_drive"].values() if each["kind"] == "bump"]
    for angle in ("pitch", "yaw"):
        values = [each[f"{angle}_deg"] for each in starts]
        yield f"{angle} after 30 s from 3 degrees off, largest error, degrees", _largest(values), "<= 0.2"
    yield "bump of 1 degree noticed after, longest, s", _largest([each["noticed_after_s"] for each in bumps]), "<= 10"
    yield "frames valid though over 0.5 degrees off", part["wrong_but_valid"]["frames"], "<= 0"
    cuts = part["power_cuts"]
    yield f"power cuts of {cuts['cuts']} while saving that left no readable file", cuts["unreadable"], "<= 0"


def _camera(part: dict[str, Any]) -> Figures:
    for name, each in part["intrinsics"].items():
        yield f"{name}, px", each["value"], f"{each['range'][0]:g} to {each['range'][1]:g}"
    for name, share in part["straight"].items():
        yield f"{name}: width changes in the bird's-eye view by", share, "<= 0.01"


def _labels(part: dict[str, Any]) -> Figures:
    asked = {"roboflow_ego": ">= 0.94", "udacity_ego": ">= 0.92"}
    for name, each in part["ego"].items():
        yield f"{name}: labelled rows with the boundary within 20 px", each["right"], asked[name]


def _clips(part: dict[str, Any]) -> Figures:
    yield "steadiness without towns, p95, px", part["tracked"]["p95_px"], "<= 7.5"
    yield "jumps without towns, share of steps", part["tracked"]["jumps"], "<= 0.006"
    yield "frames with both boundaries", part["tracked"]["both"], f">= {part['per_frame']['both']:.3f}"


OF_PARTS = {
    "lanes": _lanes,
    "departures": _departures,
    "records": _alarms,
    "hour": _alarms,
    "mount": _mount,
    "camera": _camera,
    "labels": _labels,
    "clips": _clips,
}


def _reached(value: float | None, asked: str) -> bool | None:
    if value is None:
        return None
    match asked.split():
        case ["<=", limit]:
            return value <= float(limit)
        case ["<", limit]:
            return value < float(limit)
        case [">=", limit]:
            return value >= float(limit)
        case [low, "to", high]:
            return float(low) <= value <= float(high)
    raise ValueError(asked)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _largest(values: list[float | None]) -> float | None:
    """The largest of all; infinite where one is missing, None of none."""
    if not values:
        return None
    return float("inf") if None in values else max(abs(value) for value in values if value is not None)
