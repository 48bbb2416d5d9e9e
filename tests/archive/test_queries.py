"""The questions in docs/archives.md have the right answers on tables in which the answers are known."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="archives need the extra lanestream[archive]")
duckdb = pytest.importorskip("duckdb", reason="the questions need the extra lanestream[test]")

from tests.archive.test_summary import a_departure, a_drive, write_archive  # noqa: E402

PAGE = Path(__file__).resolve().parents[2] / "docs/archives.md"
RECIPES = dict(re.findall(r"\n\n([^\n]+):\n\n```sql\n(.*?)```", PAGE.read_text(), re.DOTALL))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two drives of two minutes at 10 frames a second: one at night at 30 m/s without paint in its second half, one by day without GPS."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from lanes.archive.tables import FRAMES, TRACKS

    folder = tmp_path_factory.mktemp("archive")
    night, noon = datetime(2026, 3, 14, 23, 59), datetime(2026, 3, 14, 12)
    drives = [
        a_drive(1, started_at=night, name="night.mp4", frame_rate=10.0, distance_m=3600.0, positions=120, departures=5),
        a_drive(2, started_at=noon, name="noon.mp4", frame_rate=10.0, departures=5),
    ]
    departures = []
    for number in range(5):
        time = 20.0 * number
        departures.append(a_departure(1, number, time_s=time, started_at=night + timedelta(seconds=time), speed_mps=30.0))
        departures.append(a_departure(2, number, time_s=time, started_at=noon + timedelta(seconds=time)))
    write_archive(folder, drives, departures)
    frames: list[dict[str, Any]] = []
    for number in (1, 2):
        for index in range(1200):
            seen, place = number == 2 or index < 600, number == 1
            state = ("inactive", "the camera's mount is calibrating") if index < 360 else ("none", None)
            frames.append(
                {"drive": f"{number:032x}", "frame": index, "time_s": index / 10, "cut": False, "suspect": False, "lanes": 2 * seen}
                | {"left": seen, "right": seen, "paint": 0.01, "departure": state[0], "departure_why": state[1]}
                | {"latitude": 48.0 + 0.1 * (index >= 600) if place else None, "longitude": 11.0 if place else None}
                | {"speed_mps": 30.0 if place else None}
            )
    (folder / "frames").mkdir()
    pq.write_table(pa.Table.from_pylist(frames, FRAMES), folder / "frames/part.parquet")
    track = [{"drive": f"{1:032x}", "time_s": float(second), "latitude": 48.0, "longitude": 11.0 + 1e-3 * second} for second in range(3)]
    (folder / "tracks").mkdir()
    pq.write_table(pa.Table.from_pylist(track, TRACKS), folder / "tracks/part.parquet")
    return folder


ANSWERS: dict[str, list[tuple[Any, ...]]] = {
    "Drives with more than three departures at night": [("night.mp4", 5)],
    "Kilometres without lane paint, of drives with a speed": [(pytest.approx(1.8, abs=0.01), pytest.approx(3.6, abs=0.01))],
    "Departures in 100 km, by the hour of the day": [(0, 1.8, 2, 111.1), (23, 1.8, 3, 166.9)],
    "Where paint is missing, in squares of about a kilometre that were driven through for a minute at least": [
        (48.1, 11.0, 0.0, 1),
        (48.0, 11.0, 100.0, 1),
    ],
    "Why no departure could be told, in hours": [("the camera's mount is calibrating", 0.02)],
}


def test_every_question_of_the_page_is_asked_here() -> None:
    assert {*ANSWERS, "The way of a drive as GeoJSON, for a map of your own"} == set(RECIPES)


def ask(archive: Path, question: str, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    monkeypatch.chdir(archive)
    with duckdb.connect() as connection:
        found: list[tuple[Any, ...]] = connection.sql(RECIPES[question]).fetchall()
    return found


@pytest.mark.parametrize("question", ANSWERS)
def test_the_answers_are_right(question: str, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(archive, question, monkeypatch) == ANSWERS[question]


def test_a_line_for_other_maps(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ((line,),) = ask(archive, "The way of a drive as GeoJSON, for a map of your own", monkeypatch)
    assert json.loads(line) == {"type": "LineString", "coordinates": [[11.0, 48.0], [11.001, 48.0], [11.002, 48.0]]}
