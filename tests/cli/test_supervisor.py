"""The program under a supervisor: what systemd is told over its socket, and the end of a run of which a stage is stuck."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lanes.cli.supervisor import Watchdog
from lanes.cli.systemd import Notifier
from lanes.telemetry.busy import Busy, Work
from tests.capture.live_servers import free_port

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no systemd here")


class Manager:
    """systemd's end of the socket."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.messages: list[str] = []

    def wait_for(self, condition: Callable[[list[str]], bool]) -> None:
        deadline = time.monotonic() + 60
        while not condition(self.lines):
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            self.messages.append(self.socket.recv(4096).decode())

    @property
    def lines(self) -> list[str]:
        return [line for message in self.messages for line in message.splitlines()]


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "notify"))
    yield manager
    manager.socket.close()


def test_lines_reach_the_socket_at_a_path_and_in_the_abstract_namespace(tmp_path: Path) -> None:
    abstract = f"lanestream-test-{os.getpid()}"
    for bound, named in ((str(tmp_path / "n"), str(tmp_path / "n")), (f"\0{abstract}", f"@{abstract}")):
        manager = Manager(bound)
        Notifier({"NOTIFY_SOCKET": named}).send("READY=1", "STATUS=25.0 frames a second")
        manager.wait_for(bool)
        assert manager.messages == ["READY=1\nSTATUS=25.0 frames a second"]
        manager.socket.close()


@pytest.mark.parametrize("place", ["", "/nobody/listens/here", "vsock:2:1", "relative"])
def test_without_a_manager_nothing_is_sent_and_nothing_fails(place: str) -> None:
    Notifier({"NOTIFY_SOCKET": place}).send("READY=1")


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),  # meant for another process
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "often"}, None),
    ],
)
def test_how_often_the_manager_wants_to_hear_of_us(environment: dict[str, str], seconds: float | None) -> None:
    assert Notifier({"NOTIFY_SOCKET": "/run/notify", **environment}).watchdog_s == seconds
    assert Notifier(environment).watchdog_s is None


def test_a_stage_that_stays_at_one_frame_is_named_after_its_time_and_one_that_goes_on_is_not() -> None:
    busy, watchdog = Busy(), Watchdog(3, look_s=1)
    with busy.at("inference"):
        for _ in range(3):
            with busy.at("lanes"):  # a new frame at each look
                assert watchdog.look(busy.now()) is None
        stalled = watchdog.look(busy.now())
    assert str(stalled).startswith("the stage 'inference' has been busy with one frame for 3 s (at lanes/telemetry/busy.py:")
    assert busy.now() == {}
    assert watchdog.look(busy.now()) is None


def test_a_limit_of_zero_is_none_and_a_process_that_was_stopped_is_not_stuck() -> None:
    long_ago = {"output": Work(0, 0)}
    assert all(Watchdog(0).look(long_ago) is None for _ in range(100))  # type: ignore[arg-type]
    assert Watchdog(3).look(long_ago) is None  # type: ignore[arg-type]


def start(environment: dict[str, str], *words: str, patch: str = "") -> subprocess.Popen[str]:
    """The program, with changes to it from the inside."""
    code = f"import sys\nfrom threading import Event\n{patch}\nfrom lanes.cli.main import main\nsys.exit(main())"
    command = [sys.executable, "-c", code, *words, "--no-progress"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)} | environment)


def test_systemd_is_told_how_a_run_goes_from_its_start_to_its_end(manager: Manager, tmp_path: Path) -> None:
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "600000"}
    source = f"http://admin:hunter2@127.0.0.1:{free_port()}/hunter2"  # nobody is there
    process = start(environment, "--source", source, "--output", "none")
    try:
        manager.wait_for(lambda lines: "READY=1" in lines and lines.count("WATCHDOG=1") > 4)
        manager.wait_for(lambda lines: any(line.startswith("STATUS=waiting: http://127.0.0.1:") for line in lines))
        process.send_signal(signal.SIGTERM)
        manager.wait_for(lambda lines: "STOPPING=1" in lines)
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.communicate()
    assert manager.lines.count("READY=1") == 1
    assert "hunter2" not in "".join(manager.messages)


STUCK = """
from {module} import {name}
real = {name}.{method}
def stuck(self, *arguments, count=[]):
    count.append(0)
    return real(self, *arguments) if len(count) < 6 else Event().wait()
{name}.{method} = stuck
from lanes.cli import supervisor
from lanes.pipeline import pipeline
pipeline.JOIN_TIMEOUT_S = 0.2
supervisor.LOOK_S, supervisor.GRACE_S = 0.2, {grace}
"""


def run_stuck(manager: Manager, tmp_path: Path, module: str, name: str, method: str, grace: float) -> str:
    """Everything that a run says of which a stage is stuck at its sixth frame."""
    patch = STUCK.format(module=module, name=name, method=method, grace=grace)
    words = ["--live", "--no-track", "--output", "none", "--records", str(tmp_path / "r.jsonl"), "--log-format", "json", "--watchdog", "2"]
    process = start({"NOTIFY_SOCKET": str(tmp_path / "notify")}, *words, patch=patch)
    try:
        said = process.communicate(timeout=120)[1]
    finally:
        process.kill()
    assert process.returncode == 1
    manager.wait_for(lambda lines: any("STATUS=the stage" in line for line in lines))
    messages = [json.loads(line)["message"] for line in said.splitlines()]
    (stalled,) = [message for message in messages if "has been busy with one frame" in message]
    return stalled


def test_a_stage_that_is_stuck_is_named_and_ends_the_run_with_its_files_complete(manager: Manager, tmp_path: Path) -> None:
    stalled = run_stuck(manager, tmp_path, "lanes.geometry.estimator", "PerFrameEstimator", "update", 60)
    assert stalled.startswith("the stage 'lanes' ")
    manager.wait_for(lambda lines: "STOPPING=1" in lines)
    records = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert 1 <= len(records) <= 5


def test_an_output_that_is_stuck_cannot_keep_the_process_alive(manager: Manager, tmp_path: Path) -> None:
    stalled = run_stuck(manager, tmp_path, "lanes.output.records", "RecordsSink", "write", 0.5)
    assert stalled.startswith("the stage 'output' ")
