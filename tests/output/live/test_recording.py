"""Recordings: whole files in the end, segments with limits, and disks that fail."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from lanes.capture.source import FileInfo
from lanes.errors import InputError, OutputError
from lanes.files import Draft
from lanes.output import open_outputs
from lanes.output.live.encoded import EncodedSink
from lanes.output.live.recording import Recording
from lanes.output.live.segments import Limits
from lanes.output.video import VideoSink
from tests.media import contents
from tests.output.live.feeding import CAMERA, PATIENT, encoded, encoder, record, wait_for
from tests.output.results import names, result


def boxes(path: Path) -> list[str]:
    """The kinds of an MP4's boxes, outermost ones in order."""
    data, at, kinds = path.read_bytes(), 0, []
    while at < len(data):
        kinds.append(data[at + 4 : at + 8].decode())
        at += int.from_bytes(data[at : at + 4], "big")
    return kinds


class TestOneFile:
    def test_it_is_an_ordinary_mp4_with_its_index_in_front(self, tmp_path: Path) -> None:
        record(tmp_path / "new" / "drive.mp4", 60)
        assert names(tmp_path / "new") == ["drive.mp4"]
        kinds = boxes(tmp_path / "new" / "drive.mp4")
        assert "moof" not in kinds
        assert kinds.index("moov") < kinds.index("mdat")
        found = contents(tmp_path / "new" / "drive.mp4")
        assert found.numbers == list(range(60))
        assert found.times == [Fraction(number, 25) for number in range(60)]
        assert found.duration == Fraction(60, 25)

    def test_while_it_is_written_it_is_in_fragments_beside_it(self, tmp_path: Path) -> None:
        encoding = encoder()
        recording = Recording(tmp_path / "drive.mp4", encoding.stream)
        frames = encoded(encoding)
        for _ in range(40):
            recording.offer(next(frames), wait=True)
        wait_for(lambda: recording._part is not None and recording._part.frames == 40)
        (draft,) = names(tmp_path)
        assert draft.startswith(".drive.mp4.")
        assert boxes(tmp_path / draft).count("moof") >= 2
        with av.open(str(tmp_path / draft)) as video:
            assert len(list(video.decode(video=0))) >= 25
        recording.finish()
        assert recording.join()
        assert contents(tmp_path / "drive.mp4").numbers == list(range(40))

    def test_it_is_brought_to_the_disk_as_it_grows_and_when_it_is_whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        synced: list[tuple[int, int]] = []  # of which file, and how large it was
        sync = os.fsync

        def note(descriptor: int) -> None:
            sync(descriptor)
            state = os.fstat(descriptor)
            synced.append((state.st_ino, state.st_size))

        monkeypatch.setattr(os, "fsync", note)
        monkeypatch.setattr("lanes.output.fragments.SYNC_EVERY_S", 0.0)
        encoding = encoder()
        recording = Recording(tmp_path / "drive.mp4", encoding.stream)
        frames = encoded(encoding)
        for _ in range(40):
            recording.offer(next(frames), wait=True)
        wait_for(lambda: recording._part is not None and recording._part.frames == 40)
        draft = (tmp_path / names(tmp_path)[0]).stat()
        wait_for(lambda: (draft.st_ino, draft.st_size) in synced)
        assert tmp_path.stat().st_ino in [file for file, _ in synced]
        recording.finish()
        assert recording.join()
        whole = (tmp_path / "drive.mp4").stat()
        assert (whole.st_ino, whole.st_size) in synced

    def test_of_a_camera_open_outputs_makes_one_and_of_a_recording_a_video_with_its_sound(self, tmp_path: Path) -> None:
        played = replace(CAMERA, file=FileInfo(path=tmp_path / "clip.mp4"))
        for info, kind in ((CAMERA, EncodedSink), (replace(CAMERA, file=FileInfo()), EncodedSink), (played, VideoSink)):
            (sink,) = open_outputs(info, output=tmp_path / "drive.mp4")
            assert isinstance(sink, kind)
            sink.discard()
        assert names(tmp_path) == []

    def test_what_exists_is_replaced_at_the_end_where_that_is_asked_for(self, tmp_path: Path) -> None:
        (tmp_path / "drive.mp4").write_bytes(b"old")
        with pytest.raises(InputError, match="--overwrite"):
            record(tmp_path / "drive.mp4", 1)
        record(tmp_path / "drive.mp4", 3, overwrite=True)
        assert contents(tmp_path / "drive.mp4").numbers == [0, 1, 2]
        assert names(tmp_path) == ["drive.mp4"]

    def test_frames_of_another_size_and_a_gap_are_in_it(self, tmp_path: Path) -> None:
        with EncodedSink.open(PATIENT, tmp_path / "drive.mp4", None, None) as sink:
            sink.write(result(0))
            sink.write(result(1, result(1).frame.pixels[:32, :48]))
            sink.write(result(2, time=Fraction(3600)))
        found = contents(tmp_path / "drive.mp4")
        assert found.times == [0, Fraction(1, 25), 3600]

    def test_the_index_fits_in_front_however_uneven_the_frames_come(self, tmp_path: Path) -> None:
        times = [Fraction(number, 25) + Fraction(number * number % 97, 9000) for number in range(400)]
        with EncodedSink.open(PATIENT, tmp_path / "drive.mp4", None, None) as sink:
            for number, time in enumerate(times):
                sink.write(result(number % 256, time=time))
        assert boxes(tmp_path / "drive.mp4")[:2] == ["ftyp", "moov"]
        assert contents(tmp_path / "drive.mp4").times == pytest.approx(times, abs=1e-4)

    def test_a_folder_of_pictures_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="images have no clips"):
            open_outputs(replace(PATIENT, kind="images"), events=tmp_path / "clips")


class TestSegments:
    def test_by_time_each_begins_with_the_key_frame_after_it(self, tmp_path: Path) -> None:
        record(tmp_path / "drive.mp4", 140, Limits(segment_s=Fraction(2)))
        files = names(tmp_path)
        assert [name[:13] for name in files] == ["drive-000001-", "drive-000002-", "drive-000003-"]
        numbers = [contents(tmp_path / name).numbers for name in files]
        assert numbers == [list(range(50)), list(range(50, 100)), list(range(100, 140))]
        assert all(contents(tmp_path / name).times[0] == 0 for name in files)

    def test_by_size(self, tmp_path: Path) -> None:
        record(tmp_path / "drive.mp4", 120, Limits(segment_bytes=1500))
        files = names(tmp_path)
        assert len(files) > 2
        assert [number for name in files for number in contents(tmp_path / name).numbers] == list(range(120))

    def test_the_oldest_are_deleted_at_the_limit_those_of_earlier_runs_too_and_nothing_else(self, tmp_path: Path) -> None:
        limits = Limits(segment_s=Fraction(1))
        (tmp_path / "drive-of-mine.mp4").write_bytes(b"x" * 50_000)
        record(tmp_path / "drive.mp4", 100, limits)
        first = names(tmp_path)
        assert len(first) == 5
        size = max((tmp_path / name).stat().st_size for name in first[:4])
        record(tmp_path / "drive.mp4", 100, replace(limits, keep_bytes=4 * size))
        assert "drive-of-mine.mp4" in names(tmp_path)
        left = [name for name in names(tmp_path) if name != "drive-of-mine.mp4"]
        assert [int(name[6:12]) for name in left] == list(range(9 - len(left), 9))
        assert 2 <= len(left) <= 4
        assert sum((tmp_path / name).stat().st_size for name in left) <= 4 * size

    def test_the_newest_is_kept_even_where_it_alone_is_too_large(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        record(tmp_path / "drive.mp4", 100, Limits(segment_s=Fraction(1), keep_bytes=1))
        assert [int(name[6:12]) for name in names(tmp_path)] == [4]
        assert "is larger than --keep-size" in caplog.text

    def test_numbers_go_on_whatever_the_clock_says(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for now in ("20300101T000000Z", "19700101T000000Z"):
            monkeypatch.setattr("lanes.output.live.segments.utc_now", lambda now=now: now)
            record(tmp_path / "drive.mp4", 5, Limits(segment_s=Fraction(60)))
        assert names(tmp_path) == ["drive-000001-20300101T000000Z.mp4", "drive-000002-19700101T000000Z.mp4"]

    @pytest.mark.parametrize(
        ("limits", "message"),
        [
            (Limits(keep_bytes=10**9), "--keep-size deletes whole segments"),
            (Limits(segment_s=Fraction(1, 2)), "--segment-time"),
        ],
    )
    def test_limits_that_make_no_sense_are_refused(self, limits: Limits, message: str, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=message):
            open_outputs(CAMERA, output=tmp_path / "drive.mp4", limits=limits)
        assert names(tmp_path) == []

    def test_they_are_of_live_sources(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="is not live"):
            open_outputs(PATIENT, output=tmp_path / "drive.mp4", limits=Limits(segment_s=Fraction(5)))


class TestADiskThatFails:
    """It is said, the run goes on, and what was written plays."""

    def test_a_folder_that_is_taken_away_comes_back(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        encoding = encoder()
        recording = Recording(tmp_path / "disk" / "drive.mp4", encoding.stream)
        frames = encoded(encoding)
        for _ in range(30):
            recording.offer(next(frames), wait=True)
        wait_for(lambda: recording._part is not None and recording._part.frames == 30)
        shutil.rmtree(tmp_path / "disk")
        (tmp_path / "disk").write_text("a file stands in for it")
        recording._limits = Limits(segment_s=Fraction(1))  # a file is ended where the folder has gone
        for _ in range(30):
            recording.offer(next(frames), wait=True)
        wait_for(lambda: recording.dropped > 0)
        (tmp_path / "disk").unlink()
        recording._limits = Limits()
        while not recording._part:
            recording.offer(next(frames), wait=True)
        recording.finish()
        assert recording.join()
        assert recording.problem is not None
        assert "not recorded all the time" in recording.problem
        assert len(contents(tmp_path / "disk" / names(tmp_path / "disk")[0]).numbers) > 0
        messages = [message for message in caplog.messages if "is tried again" in message or "is written again" in message]
        assert len(messages) == 2

    def test_a_full_disk(self, small_disk: Path) -> None:
        """64 kB, most of which another file takes at first."""
        (small_disk / "full").write_bytes(b"x" * (60 * 1024))
        encoding = encoder()
        recording = Recording(small_disk / "drive.mp4", encoding.stream)
        frames = encoded(encoding)
        while recording.problem is None:
            recording.offer(next(frames), wait=True)
        assert "No space left" in recording.problem
        (small_disk / "full").unlink()
        wait_for(lambda: not recording._ended.qsize())
        while recording._part is None or recording._part.frames < 30:
            recording.offer(next(frames), wait=True)
        recording.finish()
        assert recording.join()
        files = names(small_disk)
        assert not [name for name in files if name.startswith(".")], files
        for name in files:
            numbers = contents(small_disk / name).numbers
            assert numbers == [(numbers[0] + step) % 256 for step in range(len(numbers))]

    def test_at_the_end_the_run_fails_with_one_line(self, tmp_path: Path) -> None:
        sink = EncodedSink.open(PATIENT, tmp_path / "disk" / "drive.mp4", None, None)
        (tmp_path / "disk").rmdir()
        (tmp_path / "disk").write_text("a file stands in for it")
        for number in range(30):
            sink.write(result(number))
        with pytest.raises(OutputError, match=r"drive\.mp4: was not recorded all the time") as caught:
            sink.close()
        assert "\n" not in str(caught.value)
        assert sink.dropped == 30
        sink.close()

    def test_one_that_is_stuck_holds_up_nobody_and_all_is_counted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The newest of what came is written when it goes on, from a key frame; what was lost is counted."""
        go_on, stuck = threading.Event(), threading.Event()

        class Stuck(Draft):
            def __init__(self, target: Path) -> None:
                stuck.set()
                assert go_on.wait(60)
                super().__init__(target)

        monkeypatch.setattr("lanes.output.live.part.Draft", Stuck)
        encoding = encoder()
        recording = Recording(tmp_path / "drive.mp4", encoding.stream)
        frames = encoded(encoding)
        recording.offer(next(frames))
        assert stuck.wait(60)
        offered = 25 * 45
        for _ in range(1, offered):
            recording.offer(next(frames))
        assert recording.dropped >= 25 * 20
        assert caplog.messages == [f"{tmp_path / 'drive.mp4'}: takes frames too slowly, or is stuck; some are dropped for it alone"]
        go_on.set()
        recording.finish()
        assert recording.join()
        numbers = contents(tmp_path / "drive.mp4").numbers
        assert numbers[-1] == (offered - 1) % 256
        assert len(numbers) + recording.dropped == offered


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own that holds 64 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if not hasattr(os, "geteuid") or os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small file system takes root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
