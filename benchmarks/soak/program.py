"""The program itself under measurement: a process of its own, with its page, its recording and its records."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psutil

from benchmarks.common.cli import ROOT
from benchmarks.soak.rtsp_camera import free_port
from lanes.errors import INTERRUPTED, ProcessingError

SEGMENT_S = 60
KEEP_SIZE = "200M"

ENDING_S = 60.0

_MEMORY = re.compile(r"^(Rss|Anonymous): +(\d+) kB$", re.MULTILINE)


class Program:
    """`run_video.py` on a camera.

    Args:
        source: its address.
        folder: for what the run writes.
        options: further ones of its command line.

    Attributes:
        port: of its page.
    """

    def __init__(self, source: str, folder: Path, options: Sequence[str] = ()) -> None:
        self.port = free_port()
        self._folder = folder
        self._records_at = 0
        outputs = ["--output", "drive.mp4", "--segment-time", str(SEGMENT_S), "--keep-size", KEEP_SIZE]
        outputs += ["--records", "records.jsonl", "--report", "report.json", "--serve", f"127.0.0.1:{self.port}", "--no-progress"]
        own = {name: value for name, value in os.environ.items() if not name.startswith("LANESTREAM_") or name == "LANESTREAM_CACHE"}
        with (folder / "messages.txt").open("wb") as messages:
            self._process = subprocess.Popen(
                [sys.executable, str(ROOT / "run_video.py"), *outputs, *options],
                cwd=folder,
                env=own | {"LANESTREAM_SOURCE": source},  # with its password
                stdin=subprocess.DEVNULL,
                stdout=messages,
                stderr=messages,
            )
        self._of_system = psutil.Process(self._process.pid)

    def held(self) -> dict[str, int]:
        """What it holds now: `resident_bytes`, all its memory; `anonymous_bytes`, that without the files mapped into it, which is what a
        leak takes, and what nothing that other processes do changes; `threads`; `descriptors`.

        Raises ProcessingError when it has ended.
        """
        self.check()
        memory = dict(_MEMORY.findall(Path(f"/proc/{self._process.pid}/smaps_rollup").read_text()))
        counts = {"threads": self._of_system.num_threads(), "descriptors": self._of_system.num_fds()}
        return {"resident_bytes": 1024 * int(memory["Rss"]), "anonymous_bytes": 1024 * int(memory["Anonymous"])} | counts

    def latencies(self) -> list[float]:
        """Milliseconds from in memory to drawn, of the frames since the last call, as its records have them."""
        path = self._folder / "records.jsonl"
        if not path.exists():
            return []
        with path.open("rb") as file:
            file.seek(self._records_at)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._records_at += len(whole) + len(newline)
        return [float(json.loads(line)["latency_ms"]["total"]) for line in whole.splitlines()]

    def check(self) -> None:
        """Raises ProcessingError when it has ended."""
        if (status := self._process.poll()) is not None:
            raise ProcessingError(f"the run ended with status {status}: {self._last_message()}")

    def end(self) -> dict[str, Any]:
        """Ends it as a supervisor does. Returns its report. Raises ProcessingError where that goes wrong."""
        self.check()
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(ENDING_S)
        except subprocess.TimeoutExpired:
            raise ProcessingError(f"the run has not ended {ENDING_S:.0f} s after SIGTERM") from None
        if status != INTERRUPTED:
            raise ProcessingError(f"the run ended with status {status} after SIGTERM: {self._last_message()}")
        report: dict[str, Any] = json.loads((self._folder / "report.json").read_bytes())
        return report

    def segments(self) -> list[Path]:
        """What was recorded and kept, the oldest first."""
        return sorted(self._folder.glob("drive-*.mp4"))

    def kill(self) -> None:
        """Ends it at once, where it has not ended."""
        self._process.kill()
        self._process.wait()

    def _last_message(self) -> str:
        lines = (self._folder / "messages.txt").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "without a word"


@contextmanager
def running(source: str, folder: Path, options: Sequence[str] = ()) -> Iterator[Program]:
    """The program within the block."""
    program = Program(source, folder, options)
    try:
        yield program
    finally:
        program.kill()


def wait_for_page(program: Program, seconds: float) -> None:
    """Returns when its page answers. Raises ProcessingError where it does not in so many seconds."""
    deadline = monotonic() + seconds
    while True:
        program.check()
        try:
            socket.create_connection(("127.0.0.1", program.port), 1.0).close()
        except OSError:
            if monotonic() > deadline:
                raise ProcessingError(f"the page does not answer within {seconds:.0f} s") from None
            sleep(0.1)
        else:
            return
