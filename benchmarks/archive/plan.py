"""What an archive of many drives costs, reckoned from one drive: cores, seconds, bytes, requests and money."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lanes.archive.commit import committed, name_of
from lanes.archive.compact import Compaction, write_part
from lanes.archive.drive import Drive, drive_id
from lanes.archive.listing import find_files
from lanes.archive.store import LocalStore
from lanes.archive.work import DriveTask, WorkerSettings
from lanes.archive.worker import Worker
from lanes.assets import DEMO_CLIP
from lanes.settings import Settings

ROUNDS = 3


@dataclass(frozen=True)
class Plan:
    """What is to be done, and what it is done with.

    Attributes:
        drives: how many. minutes: length of each. fps: frames a second.
        video_mbit_s: bit rate of the recordings.
        nodes: machines. cores: of each.
        network_mbyte_s: what a node reads from the object store.
        core_hour: price of a core for an hour. put, get: of a thousand requests. gb_month: of a gigabyte that is kept for a month.
    """

    drives: int = 1_000_000
    minutes: float = 3.0
    fps: float = 30.0
    video_mbit_s: float = 10.0
    nodes: int = 100
    cores: int = 16
    network_mbyte_s: float = 500.0
    core_hour: float = 0.02
    put: float = 0.005
    get: float = 0.0004
    gb_month: float = 0.023

    @property
    def frames(self) -> float:
        """Of all drives."""
        return self.drives * self.minutes * 60 * self.fps


def reckon(plan: Plan, frame_s: float, compact_s: float, bytes_a_frame: float, hash_s_a_gb: float) -> dict[str, float]:
    """What the plan takes.

    Args:
        frame_s: seconds of one core for a frame: decoding, the network, lanes and rows.
        compact_s: seconds of one core to take a frame's rows into the large tables.
        bytes_a_frame: of all tables.
        hash_s_a_gb: seconds of one core to read and hash a gigabyte.
    """
    video_gb = plan.drives * plan.minutes * 60 * plan.video_mbit_s / 8e3
    tables_gb = plan.frames * bytes_a_frame / 1e9
    core_s = plan.frames * (frame_s + compact_s) + video_gb * hash_s_a_gb
    requests = {"get": 3 * plan.drives, "put": 2 * plan.drives}
    return {
        "video_tb": video_gb / 1e3,
        "tables_tb": tables_gb / 1e3,
        "core_hours": core_s / 3600,
        "hours": core_s / (plan.nodes * plan.cores) / 3600,
        "network_share": video_gb * 1e3 / plan.network_mbyte_s / plan.nodes / (core_s / (plan.nodes * plan.cores)),
        "cores_money": core_s / 3600 * plan.core_hour,
        "requests_money": (requests["put"] * plan.put + requests["get"] * plan.get) / 1e3,
        "keeping_money_a_month": tables_gb * plan.gb_month,
        "parts": 16.0 ** max(0, digits(plan.frames)),
        "tasks_a_second": plan.drives / (core_s / (plan.nodes * plan.cores)),
    }


def digits(frames: float) -> int:
    """See `lanes.archive.compact.digits_for`."""
    from lanes.archive.compact import digits_for

    return digits_for(int(frames))


def plan(_drives: Path, folder: Path) -> dict[str, Any]:
    """Processes the demo clip, 1280x720, by one worker with one thread, and reckons from it."""
    folder.mkdir(parents=True)
    times, compactions, hashes = [], [], []
    for turn in range(ROUNDS):
        store = LocalStore(folder / str(turn))
        store.check()
        worker = Worker(WorkerSettings(store.place, Settings(output="none")))
        drive = Drive((find_files([str(DEMO_CLIP)], "out")[0],))
        begun = time.process_time()
        result = worker.run(DriveTask(drive))
        times.append((time.process_time() - begun) / result.frames)
        worker.close()
        size = len(store.read(name_of(committed(store)[0])))
        begun = time.process_time()
        compaction = Compaction(store)
        for task in compaction.tasks:
            write_part(store, task, folder)
        compaction.finish(folder)
        compactions.append((time.process_time() - begun) / result.frames)
        begun = time.process_time()
        for _ in range(20):
            drive_id([DEMO_CLIP])
        hashes.append((time.process_time() - begun) / 20 / drive.size * 1e9)
    tables = sum(path.stat().st_size for path in (folder / "0").rglob("*.parquet"))
    measured = {
        "frame_s": min(times),
        "compact_s": min(compactions),
        "bytes_a_frame": tables / result.frames,
        "hash_s_a_gb": min(hashes),
    }
    found = reckon(Plan(), **measured)
    words = (
        f"{measured['frame_s'] * 1e3:.1f} ms of a core a frame, {measured['compact_s'] * 1e3:.2f} ms to compact it, "
        f"{measured['bytes_a_frame']:.0f} bytes of tables a frame (commit: {size / result.frames:.0f}), "
        f"{measured['hash_s_a_gb']:.1f} s a GB to hash; 10^6 drives of 3 minutes on 100 nodes of 16 cores: {found['hours']:.0f} h, "
        f"{found['core_hours']:,.0f} core hours, ${found['cores_money']:,.0f} + ${found['requests_money']:,.0f} for requests, "
        f"{found['video_tb']:.0f} TB in, {found['tables_tb']:.1f} TB out, network in use {found['network_share']:.0%}, "
        f"{found['tasks_a_second']:.1f} drives a second at the head, {found['parts']:.0f} parts a table"
    )
    return {"passed": True, "words": words, "measured": measured, "reckoned": found}
