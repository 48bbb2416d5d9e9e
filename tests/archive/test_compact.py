"""The tables are a function of the drives alone: in whatever portions, and with whatever accidents, they came in."""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanes.archive import compact
from lanes.archive.commit import DriveWriter, committed, name_of
from lanes.archive.compact import Compaction, manifest_ids, write_part
from lanes.archive.rows import Row
from lanes.archive.store import LocalStore
from lanes.archive.tables import BY_DRIVE, DRIVES
from tests.archive.conftest import tables

FRAMES = 3
DEFAULTS = {"string": "x", "bool": True, "list<element: float>": [1.0, 2.0], "list<element: string>": ["x"]}


def row(schema_name: str, drive: str, number: int) -> Row:
    """A row of a table, with something in every column that must have it."""
    schema = DRIVES if schema_name == "drives" else BY_DRIVE[schema_name]
    found: Row = {}
    for field in schema:
        if not field.nullable:
            kind = str(field.type).replace("item", "element")
            found[field.name] = DEFAULTS.get(kind, number)
    return found | {"drive": drive} | ({"frames": FRAMES} if schema_name == "drives" else {})


@functools.cache
def content_of(number: int) -> tuple[str, bytes]:
    """The id and the commit of a drive; two of three have departures, and none has positions."""
    drive = hashlib.sha256(str(number).encode()).hexdigest()[:32]
    with TemporaryDirectory() as folder, DriveWriter(Path(folder)) as writer:
        for frame in range(FRAMES):
            writer.add("frames", [row("frames", drive, frame)])
            writer.add("lanes", [row("lanes", drive, frame)] * 2)
        writer.add("departures", [row("departures", drive, 0)] * (number % 3))
        return drive, writer.finish(row("drives", drive, 0)).read_bytes()


def commit(store: LocalStore, number: int) -> str:
    """Commits a drive, and returns its id."""
    drive, content = content_of(number)
    assert store.create(name_of(drive), content)
    return drive


def compacted(store: LocalStore, folder: Path) -> Compaction:
    """Takes the commits into the tables."""
    folder.mkdir(exist_ok=True)
    compaction = Compaction(store)
    for task in compaction.tasks:
        write_part(store, task, folder)
    compaction.finish(folder)
    return compaction


@pytest.fixture(autouse=True)
def _small_parts_without_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact, "FRAMES_A_PART", 5 * FRAMES)
    monkeypatch.setattr(compact, "ROWS_A_GROUP", 2 * FRAMES)
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.mark.parametrize("count", [1, 5, 6, 20])
def test_every_drive_is_there_once(count: int, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "out")
    drives = sorted(commit(store, number) for number in range(count))
    assert compacted(store, tmp_path / "scratch").drives == count
    assert manifest_ids(store) == set(drives)
    assert committed(store) == []
    for table, rows in (("frames", FRAMES), ("lanes", 2 * FRAMES)):
        found = pq.read_table(tmp_path / "out" / table)["drive"].to_pylist()
        assert sorted(found) == sorted(drives * rows)
    assert len(pq.read_table(tmp_path / "out/departures")) == sum(number % 3 for number in range(count))
    assert len(store.names("frames")) == 1 if count <= 5 else len(store.names("frames")) > 1


@settings(max_examples=6)
@given(portions=st.lists(st.integers(1, 12), min_size=1, max_size=3), cut=st.integers(0, 40))
def test_portions_and_accidents_leave_no_trace(portions: list[int], cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("compact")
    whole, scratch = LocalStore(folder / "whole"), folder / "scratch"
    for number in range(sum(portions)):
        commit(whole, number)
    compacted(whole, scratch)
    store, begin = LocalStore(folder / "out"), 0
    for portion in portions:
        for number in range(begin, begin + portion):
            commit(store, number)
        begin += portion
        scratch.mkdir(exist_ok=True)
        for task in Compaction(store).tasks[: cut % 7]:  # one that is killed after some parts
            write_part(store, task, scratch)
        compacted(store, scratch)
    assert tables(folder / "out") == tables(folder / "whole")


def test_a_drive_that_another_command_took_in_meanwhile_is_there_once(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "out")
    commit(store, 1)
    compacted(store, tmp_path / "scratch")
    before = tables(tmp_path / "out")
    commit(store, 1)
    assert compacted(store, tmp_path / "scratch").drives == 1
    assert tables(tmp_path / "out") == before
    assert committed(store) == []


def test_parts_grow_with_the_archive() -> None:
    digits = [compact.digits_for(frames) for frames in (0, 5 * FRAMES, 5 * FRAMES + 1, 5 * FRAMES * 16, 5 * FRAMES * 16 + 1)]
    assert digits == [0, 0, 1, 1, 2]
