"""Nothing is lost and nothing is there twice, whatever is killed: the tables are those of an unbroken run, byte for byte."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lanes.archive.commit import committed
from lanes.archive.listener import Listener, Tally
from lanes.archive.processes import Processes
from lanes.archive.store import open_store
from lanes.archive.work import WorkerSettings
from lanes.errors import InputError
from lanes.settings import Settings
from tests.archive.conftest import COUNT, SECONDS, run, tables

Start = Callable[..., subprocess.Popen[str]]
OPTIONS = ("--workers", "2")


class Killing(Listener):
    """Kills a worker as soon as two drives are done."""

    workers: Processes | None = None
    killed = False

    def make(self, settings: WorkerSettings) -> Processes:
        self.workers = Processes(settings, 2)
        return self.workers

    def progress(self, tally: Tally) -> None:
        if tally.done >= 2 and not self.killed:
            assert self.workers is not None
            os.kill(self.workers.pids[0], signal.SIGKILL)
            self.killed = True


def wait_for_commits(out: Path, count: int) -> None:
    """Waits until so many drives are committed."""
    store = open_store(str(out))
    for _ in range(6000):
        if len(committed(store)) >= count:
            return
        time.sleep(0.05)
    raise AssertionError("no drive was committed")


def test_the_tables(unbroken: dict[str, bytes], tmp_path: Path) -> None:
    for name, content in unbroken.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    manifest = pq.read_table(tmp_path / "drives.parquet").to_pylist()
    assert [row["drive"] for row in manifest] == sorted(row["drive"] for row in manifest)
    assert [(row["frames"], row["duration_s"], row["width"], row["height"]) for row in manifest] == COUNT * [
        (SECONDS, float(SECONDS), 160, 96)
    ]
    frames = pq.read_table(tmp_path / "frames").to_pylist()
    assert [(row["drive"], row["frame"]) for row in frames] == [(row["drive"], frame) for row in manifest for frame in range(SECONDS)]
    lanes = pq.read_table(tmp_path / "lanes").to_pylist()
    assert len(lanes) == sum(row["lanes"] for row in frames) == sum(row["lanes"] for row in manifest)
    assert {name.partition("/")[0] for name in unbroken} == {"frames", "lanes", "departures", "tracks", "drives.parquet"}


def test_a_worker_that_is_killed_loses_nothing(drives: Path, unbroken: dict[str, bytes], tmp_path: Path) -> None:
    killing = Killing()
    tally = run(drives, tmp_path, killing.make, killing)
    assert killing.killed
    assert (tally.done + tally.known, tally.quarantined) == (COUNT, 0)
    assert tables(tmp_path) == unbroken


def test_the_whole_run_killed_and_taken_up_again(drives: Path, unbroken: dict[str, bytes], tmp_path: Path, started: Start) -> None:
    process = started(drives, "--out", tmp_path, *OPTIONS)
    wait_for_commits(tmp_path, 3)
    process.kill()
    process.communicate()
    assert not (tmp_path / "drives.parquet").exists()
    again = run(drives, tmp_path)
    assert again.known >= 3
    assert again.known + again.done == COUNT
    assert tables(tmp_path) == unbroken
    assert committed(open_store(str(tmp_path))) == []


def test_ctrl_c_keeps_what_is_done_and_puts_it_into_the_tables(
    drives: Path, unbroken: dict[str, bytes], tmp_path: Path, started: Start
) -> None:
    process = started(drives, "--out", tmp_path, *OPTIONS)
    wait_for_commits(tmp_path, 3)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "the same command goes on from here" in said
    assert "Traceback" not in said
    assert 3 <= pq.read_metadata(tmp_path / "drives.parquet").num_rows < COUNT
    run(drives, tmp_path)
    assert tables(tmp_path) == unbroken


def test_two_commands_at_once(drives: Path, unbroken: dict[str, bytes], tmp_path: Path, started: Start) -> None:
    both = [started(drives, "--out", tmp_path, "--workers", "1") for _ in range(2)]
    said = [process.communicate(timeout=300)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert tables(tmp_path) == unbroken


def test_a_second_run_does_nothing_and_reads_no_file_again(drives: Path, unbroken: dict[str, bytes], tmp_path: Path) -> None:
    run(drives, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    tally = run(drives, tmp_path)
    assert (tally.known, tally.done, tally.size) == (COUNT, 0, 0)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == before
    assert tables(tmp_path) == unbroken


def test_drives_added_later_give_what_all_at_once_give(drives: Path, unbroken: dict[str, bytes], tmp_path: Path) -> None:
    paths = sorted(drives.iterdir())
    run(f"{drives}/drive-000[0-4].mp4", tmp_path)
    assert pq.read_metadata(tmp_path / "drives.parquet").num_rows == 5
    assert len(paths) == COUNT
    run(drives, tmp_path)
    assert tables(tmp_path) == unbroken


def test_other_settings_are_refused_with_what_differs(drives: Path, tmp_path: Path) -> None:
    run(f"{drives}/drive-0000.mp4", tmp_path)
    with pytest.raises(InputError, match=r"made with other settings: height none there and 1.4 now, limit none there and 3 now"):
        run(drives, tmp_path, settings=Settings(output="none", height=1.4, limit=3))


def test_a_file_under_two_names_is_one_drive_by_the_first(drives: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("b.mp4", "a.mp4", "c.mp4"):
        (folder / name).write_bytes((drives / "drive-0000.mp4").read_bytes())
    tally = run(folder, tmp_path / "out")
    assert (tally.done, tally.known) == (1, 2)
    (row,) = pq.read_table(tmp_path / "out/drives.parquet").to_pylist()
    assert row["name"] == "a.mp4"
