"""How an output ends: complete, cut short, taken away, or not at all."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanes.capture.video import VideoFile
from lanes.errors import InputError, OutputError
from lanes.output import open_outputs
from lanes.output.records import RecordsSink
from lanes.output.video import VideoSink
from lanes.results import FrameResult
from tests.media import Clip, contents, number_of
from tests.output.results import INFO, names, result
from tests.output.writer import ROOT, WRITER


class TestEndings:
    def test_nothing_lies_under_the_name_before_the_end(self, tmp_path: Path) -> None:
        with VideoSink(tmp_path / "out.mp4", INFO) as sink:
            sink.write(result(0))
            (draft,) = names(tmp_path)
            assert draft.startswith(".out.mp4.")
            assert draft.endswith(".part")
        assert names(tmp_path) == ["out.mp4"]

    @pytest.mark.parametrize("end", ["close", "discard"])
    def test_nothing_written_leaves_nothing(self, tmp_path: Path, end: str) -> None:
        sinks = open_outputs(INFO, output=tmp_path / "a" / "b" / "out.mp4", masks=tmp_path / "masks")
        sinks.append(RecordsSink(tmp_path / "c" / "records.jsonl"))
        for sink in sinks:
            getattr(sink, end)()
            getattr(sink, end)()
        assert names(tmp_path) == []

    def test_an_existing_file_stays_until_the_new_one_is_complete(self, tmp_path: Path) -> None:
        path = tmp_path / "out.mp4"
        path.write_bytes(b"old")
        VideoSink(path, INFO, overwrite=True).close()
        assert path.read_bytes() == b"old"
        with VideoSink(path, INFO, overwrite=True) as sink:
            sink.write(result(7))
            assert path.read_bytes() == b"old"
        assert contents(path).numbers == [7]

    def test_an_exception_upstream_keeps_what_was_finished(self, tmp_path: Path) -> None:
        def run() -> None:
            with VideoSink(tmp_path / "out.mp4", INFO) as sink:
                for number in range(5):
                    sink.write(result(number))
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run()
        assert contents(tmp_path / "out.mp4").numbers == [0, 1, 2, 3, 4]
        assert names(tmp_path) == ["out.mp4"]

    def test_a_source_that_has_gone_costs_its_sound_only(self, tmp_path: Path) -> None:
        source = Clip(audio="aac").write(tmp_path / "clip.mp4")
        with VideoFile(source) as video:
            sink = VideoSink(tmp_path / "out.mp4", video.info)
            for frame in video:
                sink.write(FrameResult(frame, frame.pixels[..., 0]))
        source.unlink()
        with pytest.raises(OutputError, match="plays"):
            sink.close()
        assert contents(tmp_path / "out.mp4").numbers == list(range(30))
        assert names(tmp_path) == ["out.mp4"]

    def test_a_crash_leaves_a_playable_part(self, tmp_path: Path) -> None:
        """Killed without warning, as when the power fails: all but the last seconds can be recovered."""
        child = subprocess.run([sys.executable, "-c", WRITER, str(tmp_path / "out.mp4"), "200", "kill"], cwd=ROOT, check=False)
        assert child.returncode == -signal.SIGKILL
        (draft,) = names(tmp_path)
        before = (tmp_path / draft).read_bytes()
        with VideoSink(tmp_path / "out.mp4", INFO) as sink:  # the next run takes nothing of it for its own
            sink.write(result(0))
        assert names(tmp_path) == [draft, "out.mp4"]
        assert (tmp_path / draft).read_bytes() == before
        with VideoFile((tmp_path / draft).rename(tmp_path / "part.mp4")) as video:
            recovered = [number_of(frame.pixels) for frame in video]
        assert len(recovered) >= 100
        assert recovered == [number % 256 for number in range(len(recovered))]


class TestTakenAway:
    """What the sink stands on goes away under it: one line, the same for every moment, and never a traceback."""

    def test_the_folder(self, tmp_path: Path) -> None:
        sink = VideoSink(tmp_path / "folder" / "out.mp4", INFO)
        for number in range(40):
            sink.write(result(number))
        shutil.rmtree(tmp_path / "folder")
        sink.write(result(40))
        with pytest.raises(OutputError, match=r"out\.mp4: was taken away .*; nothing is left"):
            sink.close()
        sink.close()
        assert names(tmp_path) == []

    def test_the_folder_before_the_first_frame(self, tmp_path: Path) -> None:
        sinks = open_outputs(INFO, output=tmp_path / "a" / "out.mp4", masks=tmp_path / "masks")
        for folder in ("a", "masks"):
            shutil.rmtree(tmp_path / folder)
        for sink in sinks:
            sink.close()
        assert names(tmp_path) == []

    def test_the_name(self, tmp_path: Path) -> None:
        """Another program makes a file of that name while the run goes on: neither is lost."""
        sink = VideoSink(tmp_path / "out.mp4", INFO)
        sink.write(result(3))
        (tmp_path / "out.mp4").write_bytes(b"mine")
        (tmp_path / "out-2.mp4").write_bytes(b"mine too")
        with pytest.raises(OutputError, match=r"out\.mp4: another program wrote it meanwhile; this one is kept as out-3\.mp4"):
            sink.close()
        assert names(tmp_path) == ["out-2.mp4", "out-3.mp4", "out.mp4"]
        assert (tmp_path / "out.mp4").read_bytes() == b"mine"
        assert contents(tmp_path / "out-3.mp4").numbers == [3]

    def test_the_name_by_a_folder(self, tmp_path: Path) -> None:
        sink = VideoSink(tmp_path / "out.mp4", INFO, overwrite=True)
        sink.write(result(3))
        (tmp_path / "out.mp4").mkdir()
        with pytest.raises(OutputError, match="cannot be given its name") as caught:
            sink.close()
        (kept,) = (name for name in names(tmp_path) if name.endswith(".part"))
        assert kept in str(caught.value)
        assert contents(tmp_path / kept).numbers == [3]

    def test_the_permission(self, unprivileged: Path) -> None:
        sink = VideoSink(unprivileged / "out.mp4", INFO)
        sink.write(result(3))
        unprivileged.chmod(0o555)
        with pytest.raises(OutputError, match="Permission denied") as caught:
            sink.close()
        (kept,) = names(unprivileged)
        assert kept in str(caught.value)
        assert contents(unprivileged / kept).numbers == [3]

    def test_the_permission_from_the_beginning(self, unprivileged: Path) -> None:
        unprivileged.chmod(0o555)
        for place in ({"output": unprivileged / "out.mp4"}, {"masks": unprivileged / "masks"}):
            with pytest.raises(InputError, match="ermission"):
                open_outputs(INFO, **place)  # type: ignore[arg-type]
        assert names(unprivileged) == []


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of this process, which is not root's while the test runs: root may write everywhere."""
    if os.name != "posix":
        pytest.skip("permissions are POSIX")
    folder = Path(tempfile.mkdtemp())
    root = os.geteuid() == 0
    if root:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    yield folder
    folder.chmod(0o755)
    if root:
        os.seteuid(0)
    shutil.rmtree(folder)
