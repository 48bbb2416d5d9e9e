"""The program while its source is away: what it says, that it ends at once, and what it keeps."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import av
import pytest

from tests.capture.live_servers import MotionJPEG, free_port, http, on

ROOT = Path(__file__).resolve().parents[2]
ENDS_S = 5
"""Seconds for a run to end once it is asked to: engines, encoders and the interpreter take one or two of them here."""


class Run:
    """The program, with a Motion JPEG camera as its source whose address has a password, and all that it writes."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port, self.folder = free_port(), folder
        self.output, self.records, self.report = folder / "out.mp4", folder / "r.jsonl", folder / "report.json"
        source = f"http://admin:hunter2@127.0.0.1:{self.port}/hunter2?key=hunter2"
        files = {"--source": source, "--output": self.output, "--records": self.records, "--report": self.report}
        words = [str(word) for pair in files.items() for word in pair]
        command = [sys.executable, str(ROOT / "run_video.py"), *words, "--no-progress", *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(iter(self.process.stderr.readline, ""))

    def wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, self.lines
            assert self.process.poll() is None, self.lines
            time.sleep(0.02)

    def wait_for_line(self, words: str, count: int = 1) -> None:
        self.wait_for(lambda: sum(words in line for line in self.lines) >= count)

    def wait_for_records(self, more: int = 20) -> None:
        wanted = self._recorded() + more
        self.wait_for(lambda: self._recorded() >= wanted)

    def _recorded(self) -> int:
        return self.records.read_text().count("\n") if self.records.exists() else 0

    def end(self, number: signal.Signals) -> float:
        """Asks it to end; how many seconds that took."""
        begun = time.monotonic()
        self.process.send_signal(number)
        self.wait()
        return time.monotonic() - begun

    def wait(self) -> int:
        status = self.process.wait(60)
        self._reader.join()
        return status

    def close(self) -> None:
        self.process.kill()
        self.wait()

    def written(self) -> str:
        """Everything that the run has written, the video as far as it is text."""
        found = [path.read_bytes().decode("latin-1") for path in self.folder.rglob("*") if path.is_file()]
        return "\n".join([*self.lines, *found])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def make(*options: str) -> Run:
        runs.append(Run(tmp_path, *options))
        return runs[-1]

    yield make
    for run in runs:
        run.close()


Start = Callable[..., Run]


def frames_of(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_once_while_it_waits_for_a_source_that_was_never_there(number: signal.Signals, start: Start) -> None:
    run = start()
    run.wait_for_line("it is waited for")
    time.sleep(3)  # past the first tries
    assert run.end(number) < ENDS_S
    assert run.process.returncode == 130
    assert not run.output.exists()
    assert sum("it is waited for" in line for line in run.lines) == 1
    assert not any("Traceback" in line for line in run.lines)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_when_the_source_goes_and_is_back_and_keeps_all_when_it_is_ended(number: signal.Signals, start: Start) -> None:
    run = start()
    camera = http(run.port, MotionJPEG())
    for back in range(2):
        with on(camera):
            run.wait_for_records()
            run.wait_for_line("is back after", back)
        run.wait_for_line("it is waited for", back + 1)
    assert run.end(number) < ENDS_S
    assert run.process.returncode == 130, run.lines
    assert any(f"http://127.0.0.1:{run.port}: is back after " in line for line in run.lines)
    records = [json.loads(line) for line in run.records.read_text().splitlines()]
    assert frames_of(run.output) == len(records) == json.loads(run.report.read_text())["frames"]["processed"]
    assert sum(record.get("cut", False) for record in records) == 1
    assert "hunter2" not in run.written()


def test_messages_for_programs(start: Start) -> None:
    run = start("--log-format", "json", "--limit", "5")
    run.wait_for_line("it is waited for")
    assert run.end(signal.SIGTERM) < ENDS_S
    (lost,) = (json.loads(line) for line in run.lines if "it is waited for" in line)
    assert (lost["level"], lost["logger"]) == ("warning", "lanes.cli.events")


def test_a_wrong_password_ends_it_with_a_sentence(start: Start) -> None:
    def refuse(request: BaseHTTPRequestHandler, _: threading.Event) -> None:
        request.send_response(401)
        request.end_headers()

    run = start()
    with on(http(run.port, refuse)):
        assert run.wait() == 2
    assert re.search(r"refuses this user name and password \(401 Unauthorized\)", run.lines[-1])
    assert "hunter2" not in run.written()


def test_no_reconnect_ends_with_the_source(start: Start) -> None:
    run = start("--no-reconnect", "--limit", "100000")
    assert run.wait() == 2  # nobody is there
    assert "refuses the connection" in run.lines[-1]
