"""The trials of benchmarks.archive. Each processes a folder of drives, and returns its figures, whether it has `passed`, and `words`."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from benchmarks.archive.drives import BREAKS
from benchmarks.archive.nodes import add_nodes, local_cluster
from lanes.archive.cluster import Cluster
from lanes.archive.commit import committed
from lanes.archive.folder import quarantined
from lanes.archive.listener import Listener, Tally
from lanes.archive.processes import Processes
from lanes.archive.run import Archive
from lanes.archive.store import open_store
from lanes.archive.work import WorkerSettings
from lanes.archive.workers import Workers
from lanes.settings import Settings

Figures = dict[str, Any]
MIB = 1 << 20


def archive(
    drives: Path, out: Path, make: Callable[[WorkerSettings], Workers] | None = None, listener: Listener | None = None, threads: int = 1
) -> Tally:
    """Processes the drives; by two processes where nothing else is said."""
    settings = WorkerSettings(str(out), Settings(output="none"), threads=threads)
    tally = Tally()
    make = make or (lambda settings: Processes(settings, 2))
    Archive(open_store(str(out)), lambda: make(settings), listener or Listener(), tally).run([str(drives)])
    return tally


def tables(out: Path) -> str:
    """A digest of every table's bytes."""
    digest = hashlib.sha256()
    for path in sorted(out.rglob("*.parquet")):
        digest.update(str(path.relative_to(out)).encode() + path.read_bytes())
    return digest.hexdigest()


class _At(Listener):
    """Does something once, when so many drives are done."""

    def __init__(self, done: int, action: Callable[[], None]) -> None:
        self._done, self._action = done, action
        self.happened = False

    def progress(self, tally: Tally) -> None:
        if tally.done >= self._done and not self.happened:
            self.happened = True
            self._action()


def faults(drives: Path, folder: Path) -> Figures:
    """A worker is killed in the middle, then the whole; both against a run in which nothing is."""
    count = len(list(drives.iterdir()))
    archive(drives, folder / "unbroken")
    expected = tables(folder / "unbroken")
    made: list[Processes] = []

    def make(settings: WorkerSettings) -> Processes:
        made.append(Processes(settings, 2))
        return made[-1]

    worker = archive(drives, folder / "worker", make, _At(count // 2, lambda: os.kill(made[0].pids[0], signal.SIGKILL)))
    line = [sys.executable, "-m", "lanes.archive", str(drives), "--out", str(folder / "whole"), "--workers", "2"]
    process = subprocess.Popen(line, stderr=subprocess.DEVNULL)
    store = open_store(str(folder / "whole"))
    while len(committed(store)) < count // 2 and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    process.wait()
    whole = archive(drives, folder / "whole")
    same = [tables(folder / name) == expected for name in ("worker", "whole")]
    lost = [count - tally.done - tally.known for tally in (worker, whole)]
    return {
        "passed": all(same) and not any(lost),
        "words": f"{count} drives; lost: {lost[0]} after a worker was killed, {lost[1]} after all were; tables equal: {same[0]}, {same[1]}",
        "taken_up_from": whole.known,
    }


def cluster(drives: Path, folder: Path) -> Figures:
    """A cluster of three nodes on this machine; one is killed in the middle."""
    count = len(list(drives.iterdir()))
    archive(drives, folder / "unbroken")
    with local_cluster() as nodes:
        three = add_nodes(nodes, 3)
        killing = _At(count // 2, lambda: nodes.remove_node(three[0], allow_graceful=False))
        begun = time.monotonic()
        tally = archive(drives, folder / "cluster", lambda settings: Cluster(settings, nodes.address), killing)
        seconds = time.monotonic() - begun
    same = tables(folder / "cluster") == tables(folder / "unbroken")
    lost = count - tally.done - tally.known
    words = f"{count} drives in {seconds:.0f} s, one node of three killed: {killing.happened}; lost: {lost}; tables equal: {same}"
    return {"passed": same and not lost and killing.happened, "words": words, "seconds": seconds}


def broken(drives: Path, folder: Path) -> Figures:
    """Every fifth file is broken, in ten ways."""
    mixed = folder / "in"
    mixed.mkdir(parents=True)
    ways = list(BREAKS)
    expected: dict[str, str] = {}
    for index, path in enumerate(sorted(drives.iterdir())):
        target = mixed / path.name
        if index % 5:
            target.symlink_to(path.absolute())
        else:
            way = ways[index // 5 % len(ways)]
            BREAKS[way](target, path.read_bytes())
            expected[path.name] = way
    tally = archive(mixed, folder / "out")
    entries = {Path(path).name: entry.cause for entry in quarantined(open_store(str(folder / "out"))).values() for path in entry.files}
    # Files that are broken alike in every byte, as empty ones, are one drive, which stands in quarantine once.
    alike = {name for name in expected if expected[name] in ("empty", "text", "sound alone")}
    missing = [name for name in expected if name not in entries and name not in alike]
    good = len(list(drives.iterdir())) - len(expected)
    return {
        "passed": tally.done == good and not missing and not set(entries) - set(expected),
        "words": f"{tally.done} of {good} good drives done; {tally.quarantined + tally.known_bad} of {len(expected)} broken ones put aside",
        "causes": {expected[name]: cause for name, cause in sorted(entries.items()) if name in expected},
    }


class _Clock(Listener):
    """The time between the first and the last drive, so that starting the workers does not count."""

    def __init__(self, workers: int) -> None:
        self._skipped = workers
        self.first: tuple[float, int] | None = None
        self.last: tuple[float, int] = (0.0, 0)

    def progress(self, tally: Tally) -> None:
        if tally.done >= self._skipped and tally.done != self.last[1]:
            self.last = time.monotonic(), tally.done
            self.first = self.first or self.last

    @property
    def drives_per_s(self) -> float:
        """Drives a second."""
        assert self.first is not None
        return (self.last[1] - self.first[1]) / (self.last[0] - self.first[0])


def scaling(drives: Path, folder: Path) -> Figures:
    """One worker with one thread, two with one each, and one with two; in turn, twice."""
    rates: dict[str, list[float]] = {"1x1": [], "2x1": [], "1x2": []}
    for turn in range(2):
        for name, found in rates.items():
            workers, threads = map(int, name.split("x"))
            clock = _Clock(workers)

            def make(settings: WorkerSettings, workers: int = workers) -> Workers:
                return Processes(settings, workers)

            archive(drives, folder / f"{name}-{turn}", make, clock, threads)
            found.append(clock.drives_per_s)
    mean = {name: sum(found) / len(found) for name, found in rates.items()}
    gain, honest = mean["2x1"] / mean["1x1"], mean["2x1"] / mean["1x2"]
    words = ", ".join(f"{name} {rate:.2f} drives/s" for name, rate in mean.items())
    return {
        "passed": gain >= 1.8,
        "words": f"{words}; two workers against one: {gain:.2f} times (1.8 wanted), against one with two threads: {honest:.2f} times",
        "drives_per_s": rates,
    }


class _Memory(Listener):
    """The memory of this process and its workers, by the number of drives that are done."""

    def __init__(self) -> None:
        self.head: dict[int, float] = {}
        self.workers: dict[int, float] = {}

    def progress(self, tally: Tally) -> None:
        me = psutil.Process()
        found = [process for process in me.children() if "spawn_main" in " ".join(process.cmdline())]
        self.head[tally.done] = me.memory_info().rss / MIB
        self.workers[tally.done] = max((process.memory_info().rss / MIB for process in found), default=0.0)


def memory(drives: Path, folder: Path) -> Figures:
    """Memory when a tenth of the drives is done, and when all are."""
    watching = _Memory()
    archive(drives, folder / "out", listener=watching)
    count = len(list(drives.iterdir()))
    begin = next(done for done in sorted(watching.head) if done >= count // 10)
    end = max(watching.head)
    both = {"head": watching.head, "largest worker": watching.workers}
    grown = {who: found[end] - found[begin] for who, found in both.items()}
    words = ", ".join(f"{who} {found[begin]:.0f} to {found[end]:.0f} MiB" for who, found in both.items())
    return {
        "passed": max(grown.values()) < 20,
        "words": f"from {begin} to {end} drives: {words} (20 MiB more at most)",
        "head_mib": watching.head,
        "worker_mib": watching.workers,
    }
