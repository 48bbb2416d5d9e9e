"""Full disks: at whatever byte the space ends, what was finished plays, and it is reported in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lanes.errors import InputError, OutputError
from lanes.files import write_atomically
from lanes.output import open_outputs
from lanes.output.records import RecordsSink
from lanes.output.sink import Sink
from tests.media import contents
from tests.output.results import INFO, names, result
from tests.output.writer import ROOT, WRITER


@pytest.mark.skipif(os.name != "posix", reason="file size limits are POSIX")
class TestFullDisk:
    """A file size limit makes writing fail at a byte that the test chooses, as a full disk does."""

    def run(self, path: Path, limit: int | str, count: int = 200) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WRITER, str(path), str(count), str(limit)]
        return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)

    def whole_size(self, folder: Path) -> int:
        path = folder / "whole.mp4"
        assert self.run(path, "").returncode == 0
        size = path.stat().st_size
        path.unlink()
        return size

    def test_what_was_finished_plays(self, tmp_path: Path) -> None:
        size = self.whole_size(tmp_path)
        for share in (0.35, 0.8):
            path = tmp_path / f"{share}.mp4"
            child = self.run(path, int(size * share))
            assert child.returncode == 1, child.stderr
            assert len(child.stdout.splitlines()) == 1
            assert path.name in child.stdout
            numbers = contents(path).numbers
            assert 200 * share * 0.5 < len(numbers) < 200
            assert numbers == [number % 256 for number in range(len(numbers))]
        assert names(tmp_path) == ["0.35.mp4", "0.8.mp4"]

    def test_full_at_the_very_end(self, tmp_path: Path) -> None:
        """Every frame fitted, but not the finished file beside them: then the fragments are the result."""
        size = self.whole_size(tmp_path)
        for spare in (-4000, 0, 2000):
            path = tmp_path / f"{spare}.mp4"
            child = self.run(path, size + spare)
            assert child.returncode in (0, 1), child.stderr
            count = len(contents(path).numbers)
            assert count >= 170
            # Frames are lost only where the message says so.
            assert count == 200 or "last frames" in child.stdout or "cannot write on" in child.stdout
        assert not [name for name in names(tmp_path) if name.startswith(".")]

    def test_full_at_once_leaves_nothing(self, tmp_path: Path) -> None:
        child = self.run(tmp_path / "out.mp4", 500)
        assert child.returncode == 1
        assert "Traceback" not in child.stderr
        assert names(tmp_path) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own that holds 64 kB and few files."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=12", "tmpfs", str(folder)]
    if not hasattr(os, "geteuid") or os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small file system takes root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


class TestSmallDisk:
    """A real file system without space: also for making a file, renaming it, and all at once."""

    def test_every_sink_at_every_moment(self, small_disk: Path) -> None:
        for spare in range(0, 64 * 1024, 4096):
            (small_disk / "full").write_bytes(b"x" * (64 * 1024 - spare))
            self.write(small_disk)
            left = names(small_disk)
            assert not [name for name in left if name.startswith(".")], left
            if "out.mp4" in left:
                numbers = contents(small_disk / "out.mp4").numbers
                assert numbers == list(range(len(numbers)))
            for name in left:
                (small_disk / name).unlink()

    def test_no_more_files(self, small_disk: Path) -> None:
        for number in range(20):
            try:
                (small_disk / f"{number}").touch()
            except OSError:
                break
        self.write(small_disk)
        assert not [name for name in names(small_disk) if name.startswith((".", "out", "r"))]

    def write(self, folder: Path) -> None:
        """A run of 60 frames. It may fail in the ways that callers know, and in no other."""
        sinks: list[Sink] = []
        with suppress(InputError, OutputError):
            sinks += [*open_outputs(INFO, output=folder / "out.mp4"), RecordsSink(folder / "r.jsonl")]
            for number in range(60):
                for sink in sinks:
                    sink.write(result(number))
        for sink in sinks:
            with suppress(OutputError):
                sink.close()
        with suppress(OutputError):
            write_atomically(folder / "report.json", "x" * 2000)
