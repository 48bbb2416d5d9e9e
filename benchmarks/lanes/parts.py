"""The parts of the benchmark on rendered drives: each runs or reads what it needs, and returns a section of the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.lanes.departure_scores import count_warnings, rate_bound, score_departure, tyre_gaps
from benchmarks.lanes.drives import SIZE, Drive
from benchmarks.lanes.estimators import Aged, make_estimator, mount_of, settled
from benchmarks.lanes.ground_truth import FrameTruth
from benchmarks.lanes.lane_scores import expected_calibration_error, lag_of_offset, reliability, score_drive, score_ids
from benchmarks.lanes.measure import Row, measure
from benchmarks.lanes.mount_scores import score_bump, score_mount, wrong_but_valid
from benchmarks.lanes.power_cuts import cut_power_often
from benchmarks.lanes.render import RenderedDrive, rendered
from benchmarks.lanes.replay import Seen, replay, seen_paint, stretches_of
from benchmarks.lanes.run import Kept, results
from benchmarks.lanes.stream import RenderedSource
from lanes.geometry.lines import find_paint_lines
from lanes.segment.segmenter import Segmenter

AGES_S = (0.0, 0.05, 0.15, 0.3)
"""Added to the age of every frame; with the first nothing is."""

REPLAY_S = 60.0
"""Of one drive of the lane records."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Context:
    """What every part needs.

    Attributes:
        segmenter: the model. kept: what was run before. drives: folder of rendered drives. say: shows progress. size: of frames.
    """

    segmenter: Segmenter
    kept: Kept
    drives: Path
    say: Say
    size: tuple[int, int] = SIZE

    def rendered(self, drive: Drive) -> RenderedDrive:
        """The drive, rendered where it is not there."""
        return rendered(drive, self.drives, self.size)


def lane_rows(context: Context, drives: Sequence[Drive]) -> dict[Drive, list[Row]]:
    """Measured frames of each drive, with the paint that was seen in it under `paint`."""

    def run(drive: Drive) -> list[Row]:
        one = context.rendered(drive)
        found = results(one.source(), context.segmenter, make_estimator(drive, context.size))
        return [
            measure(result, truth, mount_of(drive, truth.time_s)) | {"paint": seen_paint(find_paint_lines(result.mask), truth)}
            for result, truth in zip(found, one.ground_truth, strict=True)
        ]

    rows = {}
    for drive in drives:
        context.say(f"{drive.name}: {drive.frames} frames")
        rows[drive] = context.kept.rows(drive, lambda drive=drive: run(drive), str(context.size))  # type: ignore[misc]
    return rows


def lanes_part(rows: dict[Drive, list[Row]]) -> dict[str, Any]:
    """Errors, ego lane, ids, intervals, confidence and lag: by drive, and of all drives together."""
    everything = [row for each in rows.values() for row in each]
    by_drive = {
        drive.name: {"kind": drive.kind, **score_drive(each), "ids": score_ids(each), "lag_s": lag_of_offset(each)}
        for drive, each in rows.items()
    }
    bins = reliability(everything)
    ids = [each["ids"] for each in by_drive.values()]
    lags = [each["lag_s"] for each in by_drive.values() if each["lag_s"] is not None]
    overall = {
        **score_drive(everything),
        "ids": {name: sum(each[name] for each in ids) for name in ids[0]},
        "lag_s": float(np.median(lags)) if lags else None,
        "wrong_but_valid": wrong_but_valid(everything),
    }
    calibration = {"bins": bins, "expected_calibration_error": expected_calibration_error(bins)}
    return {"rate": next(iter(rows)).rate, "by_drive": by_drive, "all": overall, "reliability": calibration}


def departures_part(context: Context, drives: Sequence[Drive]) -> dict[str, Any]:
    """Departures warned of, early, late and missed; and by how much added age moves the warning."""
    by_drive = {}
    for drive in drives:
        context.say(f"{drive.name}: {drive.frames} frames")
        rows = context.kept.rows(drive, lambda drive=drive: _run_departure(context, drive), str((context.size, AGES_S)))  # type: ignore[misc]
        by_drive[drive.name] = _score_departure(drive, rows)
    verdicts = [each["verdict"] for each in by_drive.values()]
    shifts = {str(age): [each["shift_s"][str(age)] for each in by_drive.values()] for age in AGES_S[1:]}
    return {
        "rate": drives[0].rate,
        "by_drive": by_drive,
        "verdicts": {name: verdicts.count(name) for name in ("warned", "early", "late", "missed")},
        "repeated": sum(each["approaches"] > 1 for each in by_drive.values()),
        "wrong_side": sum(each["wrong_side"] for each in by_drive.values()),
        "time_to_crossing_s": _spread([each["time_to_crossing_s"] for each in by_drive.values()]),
        "shift_s": {age: _spread(each) for age, each in shifts.items()},
    }


def _run_departure(context: Context, drive: Drive) -> list[Row]:
    one = context.rendered(drive)
    aged = Aged([settled(make_estimator(drive, context.size), drive, context.size) for _ in AGES_S], AGES_S)
    found = results(one.source(), context.segmenter, aged)
    rows = [measure(r, truth, mount_of(drive, truth.time_s)) for r, truth in zip(found, one.ground_truth, strict=True)]
    for index, row in enumerate(rows):
        row["aged"] = {str(age): states[index] for age, states in aged.states.items()}
    return rows


def _score_departure(drive: Drive, rows: Sequence[Row]) -> dict[str, Any]:
    """The departure that is warned of; a warning with added age holds that much after its frame."""
    way = drive.scene.lane_changes[0].direction
    line = drive.scene.lines[rows[0]["ground_truth"]["ego_lane"] + (way == "right")]
    gaps = tyre_gaps(rows, way, line.width)
    times = np.array([row["time_s"] for row in rows]) - rows[0]["time_s"]
    own = times <= times[int(np.argmin(gaps > -1.2))] if (gaps < -1.2).any() else np.ones(len(times), bool)
    found: dict[str, Any] = {}
    for age in AGES_S:
        states = [row["aged"][str(age)] for row in rows]
        later = np.interp(times + age, times, gaps)
        scored = score_departure((times + age)[own], later[own], [s for s, o in zip(states, own, strict=True) if o], way)
        if not found:
            found = scored | {"shift_s": {}, "inactive": states.count("inactive") / len(states)}
        elif scored["warned_s"] is not None and found["warned_s"] is not None:
            found["shift_s"][str(age)] = scored["warned_s"] - found["warned_s"]
        else:
            found["shift_s"][str(age)] = None
    return found


def records_part(context: Context, rows: dict[Drive, list[Row]], hours: float) -> dict[str, Any]:
    """False alarms on lane records: the paint that the model saw, laid along drives that stay in their lane."""
    from benchmarks.lanes.drives import hour_drives

    sources = [drive for drive in rows if drive.kind != "lane_changes"]
    stretches: list[list[Seen]] = []
    for drive in sources:
        stretches += stretches_of([row["paint"] for row in rows[drive]], drive.rate)
    rate = sources[0].rate
    drives = hour_drives(hours, rate, REPLAY_S)

    def run(drive: Drive, number: int) -> list[Row]:
        frames = list(
            replay(
                drive,
                stretches,
                settled(make_estimator(drive, context.size), drive, context.size),
                np.random.default_rng(number),
                context.size,
            )
        )
        gaps = np.array([nearest_gap(drive, truth) for truth, _ in frames])
        return [alarm_row(drive, [state for _, state in frames], gaps)]

    found = []
    for number, drive in enumerate(drives):
        if number % 10 == 0:
            context.say(f"lane records: {number * REPLAY_S / 60:.0f} of {len(drives) * REPLAY_S / 60:.0f} min")
        depends = f"records {len(stretches)} {[d.name for d in sources]}"
        found += context.kept.rows(drive, lambda drive=drive, number=number: run(drive, number), depends)  # type: ignore[misc]
    return false_alarms(found) | {"stretches": len(stretches), "rate": rate}


def hour_part(context: Context, hours: float, rate: int, most: int | None = None) -> dict[str, Any]:
    """False alarms through the real model: drives that stay in their lane, rendered as they are run.

    Args:
        context: see there. hours: of driving. rate: frames a second. most: minutes of driving that this call adds to
            those that are kept; None for all.
    """
    from benchmarks.lanes.drives import hour_drives

    def run(drive: Drive) -> list[Row]:
        source = RenderedSource(drive, context.size)
        states, gaps = [], []
        for result in results(source, context.segmenter, settled(make_estimator(drive, context.size), drive, context.size)):
            states.append(result.departure)
            gaps.append(nearest_gap(drive, source.truths.popleft()))
        return [alarm_row(drive, states, np.array(gaps))]

    found, added, what = [], 0, f"hour {context.size}"
    for drive in hour_drives(hours, rate):
        if not context.kept.holds(drive, what):
            if added == most:
                continue
            added += 1
            context.say(f"{drive.name}: {drive.frames} frames")
        found += context.kept.rows(drive, lambda drive=drive: run(drive), what)  # type: ignore[misc]
    return false_alarms(found) | {"rate": rate}


def nearest_gap(drive: Drive, truth: FrameTruth) -> float:
    """The distance of the tyre that is nearer to its marking."""
    beside = truth.at_distance(np.array([0.0]))[:, 0]
    row = {"ground_truth": {"ego_lane": truth.ego_lane, "boundaries": beside.tolist()}}
    lines = drive.scene.lines
    return float(
        min(
            tyre_gaps([row], "left", lines[truth.ego_lane].width)[0],
            tyre_gaps([row], "right", lines[truth.ego_lane + 1].width)[0],
        )
    )


def alarm_row(drive: Drive, states: Sequence[str], gaps: np.ndarray[Any, Any]) -> Row:
    """What a drive that stays in its lane gave."""
    begun = [i for i, s in enumerate(states) if s in ("left", "right") and (i == 0 or states[i - 1] != s)]
    return {
        "name": drive.name,
        "seconds": len(states) / drive.rate,
        "active_s": sum(state != "inactive" for state in states) / drive.rate,
        "warnings": count_warnings(states),
        "warned_s": [i / drive.rate for i in begun],
        "warned_gap_m": [float(gaps[i]) for i in begun],
        "nearest_m": float(gaps.min()),
    }


def false_alarms(rows: Sequence[Row]) -> dict[str, Any]:
    """Warnings an hour, every one of which is false: no tyre reaches its marking. The bound holds at 95 %."""
    hours = sum(row["active_s"] for row in rows) / 3600
    warnings = sum(row["warnings"] for row in rows)
    return {
        "hours": sum(row["seconds"] for row in rows) / 3600,
        "active_hours": hours,
        "warnings": warnings,
        "bound_per_hour": rate_bound(warnings, hours) if hours else None,
        "nearest_m": min(row["nearest_m"] for row in rows),
        "drives": [row for row in rows if row["warnings"]],
    }


def mount_part(context: Context, drives: Sequence[Drive]) -> dict[str, Any]:
    """Mounts that begin three degrees off, mounts that are bumped, and mounts that are saved while the power goes."""
    found: dict[str, Any] = {}
    wrong = []
    for drive, rows in lane_rows(context, drives).items():
        bump = drive.kind == "bump"
        found[drive.name] = {"kind": drive.kind, **(score_bump(rows, drive.start_s + drive.bump_s) if bump else score_mount(rows))}
        wrong.append(wrong_but_valid(rows))
    frames = sum(each["frames"] for each in wrong)
    with TemporaryDirectory() as folder:
        power_cuts = cut_power_often(Path(folder))
    counted = {"frames": frames, "of": sum(each["of"] for each in wrong)}
    return {"rate": drives[0].rate, "by_drive": found, "wrong_but_valid": counted, "power_cuts": power_cuts}


def _spread(values: Sequence[float | None]) -> dict[str, float | None]:
    known = [value for value in values if value is not None]
    if not known:
        return {"n": 0, "min": None, "median": None, "max": None}
    return {"n": len(known), "min": min(known), "median": float(np.median(known)), "max": max(known)}
