"""What cannot be processed is put aside with its cause, and nothing stops the rest."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.archive.drives import BREAKS
from lanes.archive.drive import Drive, SourceFile
from lanes.archive.folder import quarantined
from lanes.archive.listener import Listener, Tally
from lanes.archive.observers import Observer
from lanes.archive.processes import death
from lanes.archive.queue import Queue
from lanes.archive.store import open_store
from lanes.archive.work import Event, Finished, Ready, Task, WorkerSettings
from lanes.archive.worker import EXIT_STUCK, Worker
from lanes.archive.workers import Workers
from lanes.errors import OutputError
from tests.archive.conftest import COUNT, SECONDS, run, tables

CAUSES = {
    "empty": "the file is empty (0 bytes)",
    "text": "not a video, or damaged from its start",
    "not finished": "not a video, or damaged from its start",
    "beginning lost": "not a video, or damaged from its start",
    "zeros": "not a video, or damaged from its start",
    "sound alone": "there is no video stream in it",
    "noise in the pictures": "not one frame of it can be decoded",
    "unknown codec": "there is no decoder for its video here",
    "link to nowhere": "cannot be read (No such file or directory)",
    "index of nothing": "not a video, or damaged from its start",
}


class Here(Workers):
    """One worker within this process."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._worker = Worker(settings)
        self._events: list[Event] = [Ready(self._worker.facts)]

    @property
    def free(self) -> int:
        return not self._events

    def submit(self, task: Task) -> None:
        self._events.append(Finished(task, self._worker.run(task)))

    def wait(self, timeout: float) -> list[Event]:  # noqa: ARG002
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        self._worker.close()


@pytest.fixture
def mixed(drives: Path, tmp_path: Path) -> Path:
    """Drives of which some are broken, each in another way."""
    folder = tmp_path / "in"
    folder.mkdir()
    good = sorted(drives.iterdir())
    for path in good[:4]:
        (folder / path.name).symlink_to(path)
    for name, break_it in BREAKS.items():
        break_it(folder / f"{name}.mp4", good[0].read_bytes())
    return folder


def test_each_broken_file_is_in_quarantine_with_its_cause(mixed: Path, tmp_path: Path) -> None:
    said: list[tuple[str, str]] = []

    class Noting(Listener):
        def given_up(self, drive: Drive, cause: str) -> None:
            said.append((drive.name.removesuffix(".mp4"), cause))

    tally = run(mixed, tmp_path / "out", Here, Noting())
    assert (tally.done, tally.quarantined, tally.ended) == (4, len(BREAKS), 14)
    assert pq.read_metadata(tmp_path / "out/drives.parquet").num_rows == 4
    entries = quarantined(open_store(str(tmp_path / "out")))
    found = {Path(entry.files[0]).stem: entry for entry in entries.values()}
    assert found.keys() == BREAKS.keys()
    assert [entry.cause for name, entry in found.items() if not entry.cause.startswith(CAUSES[name])] == []
    assert {entry.tries for entry in entries.values()} == {2}
    assert sorted(said) == sorted((name, entry.cause) for name, entry in found.items())
    assert str(mixed) not in "".join(entry.cause for entry in entries.values())


def test_a_drive_in_quarantine_is_left_alone_until_it_is_asked_for(mixed: Path, drives: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(mixed, out, Here)
    tally = run(mixed, out, Here)
    assert (tally.done, tally.known, tally.quarantined) == (0, 4, 0)
    assert tally.known_bad == len(BREAKS)
    (mixed / "gone.mp4").write_bytes((drives / "drive-0005.mp4").read_bytes())
    again = run(mixed, out, Here, retry=True)
    assert (again.done, again.quarantined) == (1, len(BREAKS) - 1)


def test_a_file_that_is_damaged_in_the_middle_is_kept_and_says_so(drives: Path, tmp_path: Path) -> None:
    data = bytearray((drives / "drive-0000.mp4").read_bytes())
    data[len(data) // 2 : len(data) * 6 // 10] = bytes(len(data) * 6 // 10 - len(data) // 2)
    (tmp_path / "damaged.mp4").write_bytes(data)
    run(tmp_path / "damaged.mp4", tmp_path / "out", Here)
    (row,) = pq.read_table(tmp_path / "out/drives.parquet").to_pylist()
    assert row["corrupt"] + row["suspect"] > 0
    assert row["frames"] < row["announced"] or row["suspect"]


def test_a_full_disk_is_said_and_leaves_nothing_half_written(
    drives: Path, unbroken: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = 0

    def full_after_a_while(_: int) -> None:
        nonlocal written
        written += 1
        if written > 8:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_after_a_while)
        with pytest.raises(OutputError, match=r"cannot write .*: No space left on device; free some space and give the same command again"):
            run(drives, tmp_path, Here)
    assert list(tmp_path.rglob("*.part")) == []
    tally = run(drives, tmp_path, Here)
    assert tally.known > 0
    assert tables(tmp_path) == unbroken


def test_a_real_full_disk(drives: Path, tmp_path: Path, started: Callable[..., subprocess.Popen[str]]) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=150k", "tmpfs", small], capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        process = started(drives, "--out", small / "out", "--workers", "1")
        _, said = process.communicate(timeout=300)
        assert process.returncode == 1
        assert "No space left on device; free some space" in said
        assert "Traceback" not in said
        assert not list(small.rglob("*.part"))
    finally:
        subprocess.run(["umount", small], check=True)


def test_an_observer_that_fails_is_a_failure_of_the_drive_alone(drives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        def see(self, _: object) -> None:
            raise ZeroDivisionError("of one\nkind")

        def finish(self, _: object) -> None: ...

        def close(self) -> None: ...

    def make(*_: object) -> list[Observer]:
        return [Failing()]

    monkeypatch.setattr("lanes.archive.worker.make_observers", make)
    tally = run(drives / "drive-0001.mp4", tmp_path, Here)
    (cause,) = tally.causes
    assert cause.startswith("ZeroDivisionError: of one kind (test_failures.py:")


def test_what_killed_a_worker_is_said() -> None:
    assert death(-9) == "its worker was killed (SIGKILL): out of memory?"
    assert death(-11) == "its worker was killed (SIGSEGV)"
    assert death(EXIT_STUCK) == "a frame took more than 300 s"
    assert death(3) == "its worker ended with status 3"


def test_a_drive_is_tried_twice_and_more_often_where_machines_go() -> None:
    drive = Drive((SourceFile("/a.mp4", 5, "1"),))
    queue = Queue([drive])
    task = queue.take()
    assert queue.failed(task) is None
    again = queue.take()
    assert (task.retried, again.retried) == (False, True)
    assert [queue.moved(again) for _ in range(9)] == 9 * [None]
    assert queue.moved(again) == 2


def test_the_quarantine_is_readable(mixed: Path, tmp_path: Path) -> None:
    run(mixed / "empty.mp4", tmp_path / "out", Here)
    (path,) = (tmp_path / "out/quarantine").iterdir()
    assert json.loads(path.read_text()) == {
        "drive": path.stem,
        "files": [str(mixed / "empty.mp4")],
        "cause": "the file is empty (0 bytes); give a video file",
        "tries": 2,
    }


def test_progress_counts_every_drive(drives: Path, tmp_path: Path) -> None:
    last = Tally()

    class Watching(Listener):
        def progress(self, tally: Tally) -> None:
            assert tally.ended <= tally.drives

    last = run(drives, tmp_path, Here, Watching())
    assert last.ended == last.drives
    assert last.processed == last.size
    assert last.seconds == pytest.approx(SECONDS * COUNT)
