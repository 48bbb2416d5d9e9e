"""Small drives, and what an archive of them holds when nothing goes wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="archives need the extra lanestream[archive]")

from benchmarks.archive.drives import write_drives
from lanes.archive.listener import Listener, Tally
from lanes.archive.processes import Processes
from lanes.archive.run import Archive
from lanes.archive.store import open_store
from lanes.archive.work import WorkerSettings
from lanes.archive.workers import Workers
from lanes.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COUNT, SECONDS = 12, 5

SETTINGS = Settings(output="none")


@pytest.fixture(scope="session")
def drives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with drives of some seconds. Not to be written to."""
    folder = tmp_path_factory.mktemp("drives")
    write_drives(folder, COUNT, seconds=SECONDS, fps=1, size=(160, 96))
    return folder


@pytest.fixture(scope="session")
def unbroken(drives: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The tables of these drives after a run in which nothing happened."""
    out = tmp_path_factory.mktemp("unbroken")
    tally = run(drives, out)
    assert (tally.done, tally.quarantined) == (COUNT, 0)
    return tables(out)


def run(
    drives: Path | str,
    out: Path | str,
    workers: Callable[[WorkerSettings], Workers] | None = None,
    listener: Listener | None = None,
    retry: bool = False,
    settings: Settings = SETTINGS,
) -> Tally:
    """A run, by two processes where nothing else is said."""
    worker = WorkerSettings(str(out), settings)
    make = workers or (lambda worker: Processes(worker, 2))
    tally = Tally()
    Archive(open_store(str(out)), lambda: make(worker), listener or Listener(), tally).run([str(drives)], retry)
    return tally


def tables(out: Path) -> dict[str, bytes]:
    """The bytes of every table, by name."""
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*.parquet")) if "/." not in str(path)}


def command(*arguments: str | Path) -> subprocess.Popen[str]:
    """`python -m lanes.archive`, in a group of processes of its own."""
    line = [sys.executable, "-m", "lanes.archive", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `command`s, which end with the test."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str | Path) -> subprocess.Popen[str]:
        processes.append(command(*arguments))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()
