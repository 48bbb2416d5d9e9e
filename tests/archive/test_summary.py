"""What an archive's page says is what is in the tables: figures, hours, maps, and the list of drives, small and harmless."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pyarrow", reason="archives need the extra lanestream[archive]")

import pyarrow as pa
import pyarrow.parquet as pq

from lanes.archive import listed
from lanes.archive.index import make_page
from lanes.archive.page import main, write_page
from lanes.archive.store import LocalStore
from lanes.archive.summary import summarise, undecided
from lanes.archive.tables import DEPARTURES, DRIVES, FRAMES, TRACKS
from lanes.archive.track_map import TOLERANCE, make_maps
from lanes.dashcam.track import EARTH_RADIUS_M
from tests.dashcam.cameras import drive_north_east

NOON = datetime(2026, 3, 14, 12)


def a_drive(number: int, **more: Any) -> dict[str, Any]:
    row = {
        "drive": f"{number:032x}",
        "name": f"drive {number}.mp4",
        "files": [f"/fleet/van/drive {number}.mp4"],
        "bytes": 1000,
        "started_at": NOON,
        "duration_s": 600.0,
        "frames": 18_000,
        "corrupt": 0,
        "suspect": 0,
        "cuts": 0,
        "missing_s": 0.0,
        "width": 1280,
        "height": 720,
        "lanes": 0,
        "departures": 0,
        "seen": 0.5,
        "positions": 0,
    }
    return row | more


def a_departure(number: int, index: int = 0, **more: Any) -> dict[str, Any]:
    row = {"drive": f"{number:032x}", "departure": index, "side": "left", "frame": 0, "end_frame": 30, "time_s": 60.0, "duration_s": 1.0}
    return row | more


def write_archive(
    folder: Path, drives: Sequence[dict[str, Any]], departures: Sequence[dict[str, Any]] = (), tracks: pa.Table | None = None
) -> LocalStore:
    """An archive with these tables."""
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(drives), DRIVES), folder / "drives.parquet")
    for name, table in (("departures", pa.Table.from_pylist(list(departures), DEPARTURES)), ("tracks", tracks)):
        if table is not None:
            (folder / name).mkdir(exist_ok=True)
            pq.write_table(table, folder / name / "part.parquet")
    return LocalStore(folder)


def summary_of(drives: Sequence[dict[str, Any]], departures: Sequence[dict[str, Any]] = ()) -> Any:
    return summarise(pa.Table.from_pylist(list(drives), DRIVES), pa.Table.from_pylist(list(departures), DEPARTURES))


def test_the_sums() -> None:
    drives = [
        a_drive(1, seen=1.0, distance_m=9_000.0, positions=600, departures=2),
        a_drive(2, seen=0.0, duration_s=1800.0, files=["a", "b"], started_at=None, departures=1),
    ]
    found = summary_of(drives)
    assert (found.drives, found.files, found.frames, found.seconds) == (2, 3, 36_000, 2400.0)
    assert (found.with_track, found.metres, found.tracked_seconds) == (1, 9_000.0, 600.0)
    assert (found.departures, found.tracked_departures, found.untimed) == (3, 2, 1)
    assert (found.first, found.last) == (NOON, NOON)
    assert found.seen == 0.25
    assert found.seconds_by_seen.tolist() == [1800, *[0] * 8, 600]


def test_a_drive_through_midnight_is_in_both_hours() -> None:
    found = summary_of([a_drive(1, started_at=datetime(2026, 3, 14, 23, 50), duration_s=5400.0)])
    assert found.seconds_by_hour.tolist() == [3600, 1200, *[0] * 21, 600]


def test_departures_are_in_the_hour_in_which_they_are() -> None:
    drives = [a_drive(1, started_at=datetime(2026, 3, 14, 23, 50), duration_s=5400.0), a_drive(2, started_at=None)]
    departures = [a_departure(1, 0, time_s=599.0), a_departure(1, 1, time_s=601.0, side="right"), a_departure(2)]
    by_hour = summary_of(drives, departures).departures_by_hour
    assert by_hour.sum() == 2  # of the third nobody knows
    assert (by_hour[23].tolist(), by_hour[0].tolist()) == ([1, 0], [0, 1])


@given(st.lists(st.tuples(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)), st.floats(0, 2e5)), max_size=20))
def test_no_second_is_lost_and_none_counted_twice(drives: list[tuple[datetime, float]]) -> None:
    found = summary_of(
        [a_drive(index, started_at=start.replace(microsecond=0), duration_s=seconds) for index, (start, seconds) in enumerate(drives)]
    )
    assert found.seconds_by_hour.sum() == pytest.approx(found.seconds, abs=1e-3)
    assert found.seconds_by_seen.sum() == pytest.approx(found.seconds, abs=1e-3)


def test_why_no_departure_can_be_told(tmp_path: Path) -> None:
    whys = [None, None, None, "the mount", "the mount", "slow", None, None, None, None]
    rows = [
        {"drive": "1", "frame": index, "time_s": float(index), "cut": False, "suspect": False, "lanes": 0, "left": False, "right": False}
        | {"paint": 0.0, "departure": "inactive" if why else "none", "departure_why": why}
        for index, why in enumerate(whys)
    ]
    (tmp_path / "frames").mkdir()
    pq.write_table(pa.Table.from_pylist(rows, FRAMES), tmp_path / "frames/part.parquet")
    assert list(undecided(LocalStore(tmp_path)).items()) == [("the mount", 0.2), ("slow", 0.1)]
    assert undecided(LocalStore(tmp_path / "empty")) == {}


def points(**more: float) -> Any:
    return np.array([fix[1:3] for fix in drive_north_east(120, **more)])


def test_every_region_has_its_map() -> None:
    tracks = {
        "a": points(),
        "b": points(latitude=48.2),
        "c": points(latitude=-33.9, longitude=151.2),
        "d": points(latitude=48.1, longitude=-179.99),
    }
    maps = make_maps(tracks, [("a", 48.105, 11.51), ("a", 48.105, 11.51), ("elsewhere", 1.0, 1.0)], 9)
    assert sorted(sorted(line.drive for line in each.lines) for each in maps) == [["a", "b"], ["c"], ["d"]]
    assert [line.drive for line in maps[0].lines] == ["a", "b"]  # the most drives come first
    assert [dot.drive for dot in maps[0].dots] == ["a"]  # two at one spot are one
    assert len(make_maps(tracks, [], 2)) == 2
    assert make_maps({}, [], 2) == []


def corners(path: str) -> list[list[tuple[float, float]]]:
    return [[(float(x), float(y)) for x, y in (pair.split() for pair in part.split("L"))] for part in path.split("M")[1:]]


def test_a_map_is_true_to_scale_with_north_up() -> None:
    (found,) = make_maps({"a": points(speed=30.0)}, [], 1)
    (line,) = corners(found.lines[0].path)
    assert len(line) == 2  # a straight road has no corners between
    (x, y), (east, north) = line
    metres = np.hypot(east - x, north - y) * found.across_m / found.width
    assert metres == pytest.approx(119 * 30, rel=0.01)
    assert east - x == pytest.approx(y - north, rel=0.01)
    assert all(0 <= each[0] <= found.width and 0 <= each[1] <= found.height for each in line)
    assert found.bar_m in (500.0, 1000.0)
    assert found.bar == pytest.approx(found.bar_m * found.width / found.across_m)


def test_lines_miss_no_point_by_more_than_anyone_sees() -> None:
    angle = np.linspace(0, 6, 300)
    bend = np.stack([48 + 0.01 * np.sin(angle), 11 + 0.02 * np.cos(angle)], axis=1)
    (found,) = make_maps({"a": bend}, [], 1)
    (line,) = corners(found.lines[0].path)
    assert 10 < len(line) < 100
    dense = np.concatenate([np.linspace(one, other, 50) for one, other in pairwise(line)])
    degree = np.radians(1) * EARTH_RADIUS_M * found.width / found.across_m
    north, east = ((bend - found.middle) * (degree, degree * np.cos(np.radians(found.middle[0])))).T
    places = np.stack([found.width / 2 + east, found.height / 2 - north], axis=1)
    nearest = np.hypot(*(places[:, None] - dense[None]).transpose(2, 0, 1)).min(axis=1)
    assert nearest.max() < TOLERANCE + 0.2


def test_a_tunnel_is_no_straight_line_and_a_car_that_stands_is_a_spot() -> None:
    there = points()
    (found,) = make_maps({"a": np.concatenate([there, there + np.array([0.05, 0.0])]), "b": np.array([[48.1, 11.5]])}, [], 1)
    by_drive = {line.drive: corners(line.path) for line in found.lines}
    assert len(by_drive["a"]) == 2
    assert by_drive["b"][0][0] == by_drive["b"][0][1]


HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "a&amp;b",
    "\u2028\n\r\0",
    "\u202egpj.mp4",
    "\ud800",
    "x" * 5000,
    "]]>",
    "'\"`${1}",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_cannot_leave_the_scripts_data(name: str) -> None:
    row = [listed.shown(name)]
    text = listed.script_data(row)
    assert not any(letter in text for letter in "<>&\n\r\0\u2028\u202e")
    assert json.loads(text) == row
    assert len(row[0]) <= 8 * listed.LONGEST_NAME
    text.encode("utf-8")


@given(st.text())
def test_whatever_a_file_is_called_its_name_can_be_shown(name: str) -> None:
    assert "<" not in listed.script_data([listed.shown(name)])
    assert listed.shown(name).isprintable() or not name.isprintable() or " " in name


def test_of_too_many_drives_the_latest_and_the_worst_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed, "MOST_LISTED", 8)
    rows = [a_drive(index, started_at=NOON + timedelta(days=index), departures=index % 7) for index in range(40)]
    chosen = listed.choose(pa.Table.from_pylist(rows, DRIVES)).to_pylist()
    assert len(chosen) == 8
    assert [row["started_at"] for row in chosen] == sorted((row["started_at"] for row in chosen), reverse=True)
    days = {(row["started_at"] - NOON).days for row in chosen}
    assert {39, 38, 37, 36, 35, 34} <= days | {34}
    assert {6, 13} <= days
    few = [*rows[:3], a_drive(99, started_at=None)]
    assert [row["drive"][-2:] for row in listed.choose(pa.Table.from_pylist(few, DRIVES)).to_pylist()] == ["02", "01", "00", "63"]


def test_an_archive_without_drives_has_a_page(tmp_path: Path) -> None:
    page = make_page(write_archive(tmp_path, []))
    assert "There are no drives in the tables yet." in page
    assert '<script type="application/json" id="data">[]</script>' in page
    (tmp_path / "drives.parquet").unlink()
    assert make_page(LocalStore(tmp_path)) == page


def test_the_page_of_thousands_is_small_and_the_same_each_time(tmp_path: Path) -> None:
    drives = [a_drive(index, name=HOSTILE[index % 5], departures=index % 5, positions=100, distance_m=1.0) for index in range(3000)]
    departures = [a_departure(index, number) for index in range(3000) for number in range(index % 5)]
    place = (
        np.random.default_rng(0).uniform((48, 11), (49, 12), (3000, 2)).repeat(100, axis=0) + np.tile(np.arange(100) * 1e-4, 3000)[:, None]
    )
    tracks = pa.table(
        {"drive": [row["drive"] for row in drives for _ in range(100)], "time_s": np.tile(np.arange(100.0), 3000), "latitude": place[:, 0]}
        | {"longitude": place[:, 1]}
        | {name: pa.nulls(300_000, pa.float32()) for name in ("speed_mps", "course_deg", "altitude_m")},
        TRACKS,
    )
    store = write_archive(tmp_path, drives, departures, tracks)
    write_page(store)
    page = (tmp_path / "index.html").read_bytes()
    assert len(page) < 1_500_000
    assert main([str(tmp_path)]) == 0
    assert (tmp_path / "index.html").read_bytes() == page
    assert b"<script>alert" not in page
    assert b"3,000" in page


def test_without_pyarrow_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_archive(tmp_path, [])
    monkeypatch.delitem(sys.modules, "lanes.archive.index", raising=False)
    monkeypatch.delitem(sys.modules, "lanes.archive.summary", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main([str(tmp_path)]) == 2
    assert "pip install 'lanestream[archive]'" in capsys.readouterr().err


def test_what_is_no_archive_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert "there is no archive; give the folder that was --out of lanes.archive" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
