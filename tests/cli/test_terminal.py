"""The program at a terminal: names shown as they are, a terminal or a pipe that closes, messages for programs."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import av
import psutil
import pytest

from lanes.cli.main import main
from tests.media import Clip

ROOT = Path(__file__).resolve().parents[2]
LONG = "synthetic://demo?width=320&height=180&seconds=600"


def command(*arguments: object) -> list[str]:
    return [sys.executable, str(ROOT / "run_video.py"), *map(str, arguments)]


def count_frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def wait_for_records(path: Path, process: subprocess.Popen[Any]) -> None:
    deadline = time.monotonic() + 60
    while not (path.exists() and path.read_text().count("\n") > 20):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.1)


def wait_for_standstill(process: subprocess.Popen[Any]) -> None:
    """Until it heeds signals and then uses no processor."""
    watched, deadline = psutil.Process(process.pid), time.monotonic() + 60
    used, since = watched.cpu_times(), time.monotonic()
    while time.monotonic() - since < 1:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
        now = watched.cpu_times()
        if now != used or not heeds(process.pid, signal.SIGTERM):
            used, since = now, time.monotonic()


def heeds(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler of its own for a signal."""
    (caught,) = (line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)


def ignore_hang_up() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def heed_hang_up() -> None:
    """Also where the tests themselves run under nohup, whose children ignore it."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextmanager
def at_terminal(*arguments: object) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The program in a session of its own, whose terminal is at the other end of the descriptor."""
    ours, theirs = pty.openpty()

    def take_terminal() -> None:
        heed_hang_up()
        fcntl.ioctl(2, termios.TIOCSCTTY, 0)

    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(
        command(*arguments), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=take_terminal, env=environment
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        with suppress(OSError):
            os.close(ours)
        process.kill()
        process.wait()


def everything(descriptor: int) -> str:
    """All that is written to the terminal until the program ends."""
    shown = b""
    with suppress(OSError):
        while piece := os.read(descriptor, 4096):
            shown += piece
    return shown.decode()


@pytest.mark.parametrize("name", ["drive [front].mp4", "x[/a].mp4", "[bold]b.mp4", ":car:.mp4"])
def test_a_name_is_shown_as_it_is(name: str, tmp_path: Path) -> None:
    source, output = tmp_path / name, tmp_path / "out" / name
    source.parent.mkdir(exist_ok=True)
    Clip(frames=5).write(source)
    with at_terminal("--source", source, "--output", output) as (process, terminal):
        shown = everything(terminal)
        assert process.wait(60) == 0, shown
    assert f"overlay: {output}" in shown.replace("\r\n", "")
    assert f"\x1b[1m{source.name}" in shown, "the progress bar names the source"
    assert count_frames(output) == 5


def test_a_name_cannot_steer_the_terminal(tmp_path: Path) -> None:
    source = Clip(frames=3).write(tmp_path / "a\x1b[2J\nb.mp4")
    with at_terminal("--source", source, "--output", "none") as (process, terminal):
        shown = everything(terminal)
        assert process.wait(60) == 0, shown
    assert "\x1b[2J" not in shown
    assert r"a\x1b[2J\nb.mp4" in shown


def test_a_terminal_that_closes_ends_the_run_as_ctrl_c_does(tmp_path: Path) -> None:
    output, records, report = tmp_path / "out.mp4", tmp_path / "r.jsonl", tmp_path / "report.json"
    with at_terminal("--source", LONG, "--output", output, "--records", records, "--report", report) as (process, terminal):
        wait_for_records(records, process)
        os.close(terminal)
        assert process.wait(60) == 130
    lines = records.read_text().splitlines()
    assert count_frames(output) == len(lines) == json.loads(report.read_text())["frames"]["processed"]


def test_a_second_hang_up_changes_nothing(tmp_path: Path) -> None:
    output, records = tmp_path / "out.mp4", tmp_path / "r.jsonl"
    words = command("--source", LONG, "--output", output, "--records", records)
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, preexec_fn=heed_hang_up)
    wait_for_records(records, process)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert count_frames(output) == records.read_text().count("\n")


def test_under_nohup_a_hang_up_is_ignored(tmp_path: Path) -> None:
    records = tmp_path / "r.jsonl"
    words = command("--source", LONG, "--limit", 60, "--output", "none", "--records", records)
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, preexec_fn=ignore_hang_up)
    wait_for_records(records, process)
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert records.read_text().count("\n") == 60


def test_a_reader_of_stderr_that_goes_ends_nothing(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / "drives").mkdir(exist_ok=True)
        Clip(frames=5).write(tmp_path / "drives" / f"{name}.mp4")
    report = tmp_path / "report.json"
    words = command("--source", tmp_path / "drives", "--output", tmp_path / "out", "--report", report)
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 0
    assert json.loads(report.read_text())["frames"]["processed"] == 10
    assert count_frames(tmp_path / "out/two_lanes.mp4") == 5


def test_closed_standard_streams_end_nothing(tmp_path: Path) -> None:
    source, output = Clip(frames=5).write(tmp_path / "a.mp4"), tmp_path / "o.mp4"
    words = command("--source", source, "--output", output, "--records", tmp_path / "r.jsonl")
    ended = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *words], timeout=60)
    assert ended.returncode == 0
    assert count_frames(output) == 5
    assert [json.loads(line)["frame"] for line in (tmp_path / "r.jsonl").read_text().splitlines()] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("flag", "expected"), [("--version", "lanestream "), ("--model=help", "unet-large")])
def test_what_is_asked_for_is_on_stdout(flag: str, expected: str) -> None:
    ended = subprocess.run(command(flag), capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert expected in ended.stdout


def test_messages_for_programs_are_one_json_object_a_line(tmp_path: Path) -> None:
    (tmp_path / "drives").mkdir()
    Clip(frames=5).write(tmp_path / "drives/a.mp4")
    (tmp_path / "drives/b.mp4").write_text("no video")
    words = command("--source", tmp_path / "drives", "--output", "none", "--log-format", "json")
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert {tuple(line) for line in lines} == {("time", "level", "logger", "message")}
    assert [line["level"] for line in lines] == ["info", "error", "info"]
    assert "b.mp4" in lines[1]["message"]


@pytest.mark.parametrize(
    "words", [["--threshold", "3"], ["--none"], ["--source"], ["--start", "3", "--end", "2"], ["--config", "none.toml"]]
)
@pytest.mark.parametrize("flag", ["--log-format=json", ""])
def test_a_wrong_request_is_said_in_json_too(flag: str, words: list[str], tmp_path: Path) -> None:
    environment = os.environ | ({} if flag else {"LANESTREAM_LOG_FORMAT": "json"})
    ended = subprocess.run(
        command(*filter(None, [flag]), *words), capture_output=True, text=True, timeout=60, env=environment, cwd=tmp_path
    )
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert json.loads(line)["level"] == "error"


def test_to_be_interrupted_is_no_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("lanes.cli.main.run", interrupt)
    assert main(["--log-format", "json"]) == 130
    assert json.loads(capsys.readouterr().err)["level"] == "warning"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_reader_of_stderr_that_does_not_read_cannot_keep_a_run_from_ending(number: signal.Signals, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    process = subprocess.Popen(command("--source", "synthetic://demo?seconds=60", "--output", tmp_path / "o.mp4"), stderr=writing)
    try:
        wait_for_standstill(process)  # it waits for its first message to be taken
        process.send_signal(number)
        assert process.wait(60) == 130
    finally:
        process.kill()
        os.close(reading)
        os.close(writing)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []
