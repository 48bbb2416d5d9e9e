"""The result as tables: what is asked for beside what was found, and every part by drive."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.lanes.targets import targets

Part = dict[str, Any]


@dataclass(frozen=True)
class View:
    """One table: a title, names of columns, and rows of text. `kinds`: `strong` for rows that stand out."""

    title: str
    columns: Sequence[str]
    rows: list[list[str]]
    kinds: list[str]


def print_result(result: dict[str, Any], console: Console) -> None:
    """Every table, and the targets last."""
    for view in views(result):
        table = Table(title=view.title, title_justify="left", box=None, padding=(0, 1), pad_edge=False)
        for index, column in enumerate(view.columns):
            table.add_column(column, justify="right" if index and _is_figure(view.rows, index) else "left", overflow="fold")
        for row, kind in zip(view.rows, view.kinds, strict=True):
            table.add_row(*row, style="bold" if kind == "strong" else None)
        console.print(table)
        console.print()


def views(result: dict[str, Any]) -> list[View]:
    """All tables of a result."""
    parts = result["parts"]
    found = [view for name, make in VIEWS.items() if name in parts for view in make(parts[name])]
    return [*found, target_view(parts)]


def target_view(parts: dict[str, Any]) -> View:
    """What is asked for beside what was found."""
    rows = [
        [part, what, number(value), asked, "-" if met is None else "yes" if met else "NO"]
        for part, what, value, asked, met in targets(parts)
    ]
    return View(
        "what is asked for", ("part", "figure", "found", "asked for", "reached"), rows, ["strong" if r[4] == "NO" else "" for r in rows]
    )


def _lanes(part: Part) -> Iterator[View]:
    columns = (
        "drive", "frames", "near m p50", "p95", "offset p95", "heading p95", "curvature p95", "right", "half", "wrong", "none", "ids kept",
        "switches", "lag ms",
    )  # fmt: skip
    rows = []
    for name, each in [*part["by_drive"].items(), ("all", part["all"])]:
        ids, verdicts = each["ids"], each["ego_lane"]
        rows.append(
            [
                name,
                str(each["frames"]),
                *(number(each["near_m"][p]) for p in ("p50", "p95")),
                *(number(each[quantity]["p95"]) for quantity in ("offset_m", "heading_rad", "curvature_per_m")),
                *(f"{verdicts[verdict]:.1%}" for verdict in ("right", "half", "wrong", "none")),
                f"{ids['kept']} of {ids['changes']}" if ids["changes"] else "-",
                str(ids["switched"]),
                "-" if each["lag_s"] is None else f"{1000 * each['lag_s']:.0f}",
            ]
        )
    yield View(f"lanes, {part['rate']} frames a second: absolute errors, m, rad, 1/m", columns, rows, _last_strong(rows))
    names = list(part["all"]["coverage"])
    intervals = [
        [name, *("-" if q not in each["coverage"] else f"{each['coverage'][q]:.1%}" for q in names)]
        for name, each in [*part["by_drive"].items(), ("all", part["all"])]
    ]
    yield View("errors inside their 90 % interval", ("drive", *names), intervals, _last_strong(intervals))
    bins = [[f"{b['confidence']:.2f}", f"{b['correct']:.1%}", str(b["lanes"])] for b in part["reliability"]["bins"]]
    error = number(part["reliability"]["expected_calibration_error"])
    yield View(f"confidence, expected calibration error {error}", ("confidence", "correct", "lanes"), bins, [""] * len(bins))


def _departures(part: Part) -> Iterator[View]:
    columns = ("drive", "side", "m/s", "verdict", "at m", "s to crossing", "warnings", "other side", "inactive", "shift ms, by age")
    rows = [
        [
            name,
            each["way"],
            f"{each['speed_mps']:.2f}",
            each["verdict"],
            number(each["distance_m"]),
            number(each["time_to_crossing_s"]),
            str(each["approaches"]),
            str(each["wrong_side"]),
            f"{each['inactive']:.0%}",
            ", ".join("-" if shift is None else f"{1000 * shift:+.0f}" for shift in each["shift_s"].values()),
        ]
        for name, each in part["by_drive"].items()
    ]
    yield View(f"departures, {part['rate']} frames a second", columns, rows, ["strong" if row[3] != "warned" else "" for row in rows])


def _alarms(title: str) -> Callable[[Part], Iterator[View]]:
    def make(part: Part) -> Iterator[View]:
        bound = number(part["bound_per_hour"])
        rows = [[f"{part['hours']:.2f}", f"{part['active_hours']:.2f}", str(part["warnings"]), bound, number(part["nearest_m"])]]
        columns = ("hours", "active", "warnings", "at most an hour, 95 %", "nearest tyre, m")
        yield View(f"{title}, {part['rate']} frames a second: every warning is false", columns, rows, [""])
        false = [
            [
                each["name"],
                str(each["warnings"]),
                ", ".join(f"{t:.1f}" for t in each["warned_s"]),
                ", ".join(number(g) for g in each["warned_gap_m"]),
            ]
            for each in part["drives"]
        ]
        if false:
            yield View("drives with false alarms", ("drive", "warnings", "at s", "tyre at m"), false, [""] * len(false))

    return make


def _mount(part: Part) -> Iterator[View]:
    starts = {name: each for name, each in part["by_drive"].items() if each["kind"] == "mount"}
    rows = [
        [name, number(each["pitch_deg"]), number(each["yaw_deg"]), number(each["valid_after_s"]), _wrong(each)]
        for name, each in starts.items()
    ]
    yield View(
        "mounts from 3 degrees off, after 30 s", ("drive", "pitch", "yaw", "valid after s", "valid but wrong"), rows, [""] * len(rows)
    )
    bumps = {name: each for name, each in part["by_drive"].items() if each["kind"] == "bump"}
    rows = [
        [
            name,
            "yes" if each["valid_before"] else "no",
            *(number(each[key]) for key in ("noticed_after_s", "valid_again_after_s", "pitch_deg", "yaw_deg")),
            _wrong(each),
        ]
        for name, each in bumps.items()
    ]
    columns = ("drive", "valid before", "noticed after s", "valid after s", "pitch", "yaw", "valid but wrong")
    yield View("bumps of 1 degree", columns, rows, [""] * len(rows))


def _camera(part: Part) -> Iterator[View]:
    rows = [
        [name, f"{e['value']:.1f}", f"{e['std']:.1f}", f"{e['range'][0]:g} to {e['range'][1]:g}"] for name, e in part["intrinsics"].items()
    ]
    yield View(f"camera, reprojection error {part['rms_px']:.2f} px", ("", "value", "std", "range"), rows, [""] * len(rows))
    bad = [[name, cause] for name, cause in part["rejected"].items()]
    bad += [[name, f"dropped: {error:.2f} px"] for name, error in part["dropped"].items()]
    yield View("photographs not used", ("photograph", "cause"), bad, [""] * len(bad))
    straight = [[name, "-" if share is None else f"{share:.2%}"] for name, share in part["straight"].items()]
    yield View("straight road in the bird's-eye view", ("photograph", "width changes by"), straight, [""] * len(straight))


def _labels(part: Part) -> Iterator[View]:
    rows = [[name, f"{e['right']:.3f}", f"{e['absent']:.3f}", str(e["rows"]), str(e["frames"])] for name, e in part["ego"].items()]
    yield View("ego lane at the labelled rows", ("source", "within 20 px", "no lane", "rows", "frames"), rows, [""] * len(rows))
    rows = [
        [name, *(f"{each[key]:.3f}" for key in ("accuracy", "fp", "fn")), str(each["frames"])] for name, each in part["tusimple"].items()
    ]
    yield View("lanes as TuSimple counts them", ("source, split", "accuracy", "false", "missed", "frames"), rows, [""] * len(rows))


def _clips(part: Part) -> Iterator[View]:
    columns = (
        "clip",
        "size",
        "frames",
        "p95 px",
        "jumps",
        "both",
        "per frame: p95 px",
        "jumps",
        "both",
        "lag ms",
        "stage ms p50",
        "p95",
        "cpu ms p50",
    )
    rows = []
    for name, each in part["by_clip"].items():
        cells = [cell for way in ("tracked", "per_frame") for cell in _steady(each[way])]
        cost = [number(each["lanes_ms"]["p50"]), number(each["lanes_ms"]["p95"]), number(each["lanes_cpu_ms"]["p50"])]
        lag = "-" if each["lag_ms"] is None else f"{each['lag_ms']:.0f}"
        rows.append(
            [name + (" (town)" if each["town"] else ""), f"{each['width']}x{each['height']}", str(each["frames"]), *cells, lag, *cost]
        )
    rows.append(["mean without towns", "", "", *_steady(part["tracked"]), *_steady(part["per_frame"]), "", "", "", ""])
    yield View("clips: tracked, and frame by frame on the same masks", columns, rows, _last_strong(rows))


VIEWS: dict[str, Callable[[Part], Iterator[View]]] = {
    "lanes": _lanes,
    "departures": _departures,
    "records": _alarms("lane records"),
    "hour": _alarms("through the model"),
    "mount": _mount,
    "camera": _camera,
    "labels": _labels,
    "clips": _clips,
}


def number(value: float | None) -> str:
    """Three digits; a dash for what is not known."""
    if value is None:
        return "-"
    if abs(value) == float("inf"):
        return "never"
    return f"{value:.0f}" if value == int(value) else f"{value:.3g}"


def _steady(each: dict[str, Any]) -> list[str]:
    return [number(each["p95_px"]), "-" if each["jumps"] is None else f"{each['jumps']:.2%}", f"{each['both']:.1%}"]


def _wrong(each: Part) -> str:
    return f"{each['wrong_but_valid']['frames']} of {each['wrong_but_valid']['of']}"


def _last_strong(rows: list[list[str]]) -> list[str]:
    return [*[""] * (len(rows) - 1), "strong"] if rows else []


def _is_figure(rows: list[list[str]], column: int) -> bool:
    return all(row[column][:1] in "+-.0123456789" for row in rows)
