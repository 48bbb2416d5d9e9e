"""`kill -9`, as a power cut: what is found afterwards plays to within its last second, and is made a whole video."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import pytest

from lanes.output.finish import main as finish
from lanes.output.live.encoded import EncodedSink
from lanes.output.live.left_behind import Finisher, is_copy
from lanes.output.live.recording import Recording
from lanes.output.live.segments import Limits
from tests.media import contents, number_of
from tests.output.live.feeding import PATIENT, encoder, record, wait_for
from tests.output.results import names, result
from tests.output.writer import ROOT

# Records until it is killed, 25 frames a second of video time, and prints each that has reached the recording. Arguments: path, segment.
RECORDER = """
import sys, time
from fractions import Fraction
from pathlib import Path
from lanes.output.live.recording import Recording
from lanes.output.live.segments import Limits
from tests.output.live.feeding import encoded, encoder

encoding = encoder()
limits = Limits(segment_s=Fraction(sys.argv[2])) if sys.argv[2] != "0" else None
recording = Recording(Path(sys.argv[1]), encoding.stream, limits)
for number, frame in enumerate(encoded(encoding)):
    recording.offer(frame, wait=True)
    while recording._waiting or recording._part is None or recording._part.last != frame.time:
        time.sleep(0)
    print(number, flush=True)
    time.sleep(0.001)
"""


@dataclass
class Killed:
    """What is there after a kill: how many frames the recording had taken, and its folder."""

    taken: int
    folder: Path
    segmented: bool

    def copy(self, folder: Path) -> Path:
        return Path(shutil.copytree(self.folder, folder, dirs_exist_ok=True))


@pytest.fixture(scope="module", params=[(1, "0"), (2, "0"), (3, "4")], ids=["one moment", "another", "segments"])
def killed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """A recording process that was killed at a random moment."""
    folder = tmp_path_factory.mktemp("killed")
    process = subprocess.Popen(
        [sys.executable, "-c", RECORDER, str(folder / "drive.mp4"), request.param[1]], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    after = random.uniform(0.05, 0.7)
    print(f"killed after {after:.3f} s")  # shown where a test fails
    timer = threading.Timer(after, process.kill)
    timer.start()
    lines = [line for line in process.stdout if line.endswith("\n")]
    timer.join()
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    return Killed(int(lines[-1]) + 1, folder, request.param[1] != "0")


def count(path: Path) -> int:
    """Decodes a whole file of numbered pictures, and makes sure that they are in order."""
    with av.open(str(path)) as video:
        numbers = [number_of(frame.to_ndarray(format="bgr24")) for frame in video.decode(video=0)]
    assert numbers == [(numbers[0] + step) % 256 for step in range(len(numbers))]
    return len(numbers)


def test_all_but_less_than_a_second_is_there_and_is_made_a_whole_video(killed: Killed, tmp_path: Path) -> None:
    folder = killed.copy(tmp_path)
    found = names(folder)
    assert killed.segmented or count(folder / found[0]) > 0  # it plays as it is
    assert all(name.startswith(".drive") and name.endswith(".part") for name in found if name[0] == ".")
    assert finish([str(folder)]) == 0
    assert set(names(folder)) <= {re.sub(r"^\.(.+)\.\w{8}\.part$", r"\1", name) for name in found}
    assert 0 <= killed.taken - sum(count(path) for path in folder.iterdir()) < 25


def test_segments_are_finished_by_the_next_run(killed: Killed, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    folder = killed.copy(tmp_path)
    recording = Recording(folder / "drive.mp4", encoder().stream, Limits(segment_s=Fraction(4)), settle_s=0)
    if not killed.segmented:
        recording.finish()
        assert recording.join()
        assert len(names(folder)) == 1  # a single file is left as it is
        return
    wait_for(lambda: not [name for name in names(folder) if name.startswith(".")])
    recording.finish()
    assert recording.join()
    assert 0 <= killed.taken - sum(count(path) for path in folder.iterdir()) < 25
    assert any("was left by an earlier run that was cut off, and is whole now" in message for message in caplog.messages)


def test_one_that_is_still_written_is_left_alone(tmp_path: Path) -> None:
    """By a run on another machine, which a lock of this one does not keep away."""
    draft = tmp_path / ".drive-000001-20261125T235619Z.mp4.1a2b3c4d.part"
    draft.write_bytes(b"x")
    over = threading.Event()
    finisher = Finisher(tmp_path, ".*", over, settle_s=0.3)
    draft.write_bytes(b"xy")
    finisher.join(60)
    assert draft.read_bytes() == b"xy"


def test_of_a_single_file_the_next_run_says_how(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    draft = tmp_path / ".drive.mp4.1a2b3c4d.part"
    draft.write_bytes(b"fragments")
    record(tmp_path / "drive.mp4", 3)
    command = f"python -m lanes.output.finish {draft}"
    assert f"{draft}: was left by a run that was cut off; this makes it a whole video: {command}" in caplog.messages
    assert draft.read_bytes() == b"fragments"


class TestFinish:
    """The program, on what cannot be finished."""

    @pytest.mark.parametrize(
        ("name", "message", "status"),
        [
            ("absent", "no such file or folder", 2),
            ("drive.mp4", "is no part of a recording", 2),
            (".", "holds no part of a recording", 2),
            (".drive.mp4.1a2b3c4d.part", "there is nothing in it that plays", 1),
        ],
    )
    def test_it_says_what_is_wrong(self, name: str, message: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "drive.mp4").write_bytes(b"mine")
        if status == 1:
            (tmp_path / name).write_bytes(b"no video")
        before = names(tmp_path)
        assert finish([str(tmp_path / name)]) == status
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("lanes.output.finish: ")
        assert message in line
        assert names(tmp_path) == before

    def test_one_that_had_just_begun_is_taken_away_and_said(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / ".drive.mp4.1a2b3c4d.part").write_bytes(b"\0\0\0\x08ftyp\0\0\0\x08moov")
        (tmp_path / ".drive.mp4.1a2b3c4e.part").touch()
        assert finish([str(tmp_path)]) == 0
        assert names(tmp_path) == []
        said = capsys.readouterr()
        assert said.out == ""
        assert [line.partition(": ")[2] for line in said.err.splitlines()] == [
            "the run was cut off before a frame was in it, and it is deleted"
        ] * 2

    def test_killed_between_the_copy_and_its_end(self, killed: Killed, tmp_path: Path) -> None:
        """Then there are both: the whole file, and the fragments that it was made of."""
        folder = killed.copy(tmp_path)
        copies = {path: path.read_bytes() for path in folder.iterdir() if path.name[0] == "." and not is_copy(path)}
        assert finish([str(folder)]) == 0
        before = names(folder)
        for path, data in copies.items():
            path.write_bytes(data)
        assert finish([str(folder)]) == 0
        assert names(folder) == before

    @pytest.mark.parametrize("limits", [None, Limits(segment_s=Fraction(60))])
    def test_what_a_run_is_writing_is_left_alone(self, limits: Limits | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with EncodedSink.open(PATIENT, tmp_path / "drive.mp4", None, None, limits) as sink:
            for number in range(40):
                sink.write(result(number))
            wait_for(lambda: bool(names(tmp_path)))
            assert finish([str(tmp_path)]) == 1
            assert "a run is writing it" in capsys.readouterr().err
        (whole,) = names(tmp_path)
        assert count(tmp_path / whole) == 40

    def test_half_a_copy_is_taken_away_and_a_name_that_is_taken_is_numbered(
        self, killed: Killed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = killed.copy(tmp_path)
        if killed.segmented:
            return
        (folder / "drive.mp4").write_bytes(b"mine")
        (folder / ".drive.unfinished.mp4.1a2b3c4d.part").write_bytes(b"half")
        assert finish([str(folder)]) == 0
        said = capsys.readouterr()
        assert said.out.splitlines() == [str(folder / "drive-2.mp4")]
        assert "was an unfinished copy of what is kept, and is deleted" in said.err
        assert names(folder) == ["drive-2.mp4", "drive.mp4"]
        assert count(folder / "drive-2.mp4") > 0


@pytest.mark.slow
def test_the_program_at_twenty_random_moments(tmp_path: Path) -> None:
    """`pytest -m slow -s tests/output/live/test_killed.py`: a live run with all its threads, against the records of the same frames."""
    moments = random.Random(17)
    losses = []
    for number in range(20):
        folder = tmp_path / f"{number}"
        source = f"synthetic://demo?width=320&height=180&fps=25&seconds=60&seed={number}"
        command = [sys.executable, "run_video.py", "--source", source, "--live", "--output", str(folder / "drive.mp4")]
        process = subprocess.Popen([*command, "--records", str(folder / "records.jsonl"), "--quiet", "--no-progress"], cwd=ROOT)
        wait_for(lambda at=folder / "records.jsonl": at.exists() and at.stat().st_size, 120)
        time.sleep(moments.uniform(1, 6))
        process.kill()
        assert process.wait() == -signal.SIGKILL
        times = [
            json.loads(line)["time_s"] for line in (folder / "records.jsonl").read_text().splitlines(keepends=True) if line[-1] == "\n"
        ]
        (draft,) = [name for name in names(folder) if name.endswith(".part")]
        played = contents(folder / draft)
        loss, interval = times[-1] - times[0] - float(played.times[-1]), (times[-1] - times[0]) / len(times)
        print(f"killed after {times[-1] - times[0]:.2f} s at {1 / interval:.0f} frames a second: {loss:.2f} s are lost")
        losses.append(loss - max(0.0, 3 * (interval - 0.2)))  # on a machine that is slower than five frames a second, some frames
    print(f"at most {max(losses):.2f} s")
    assert max(losses) < 1
