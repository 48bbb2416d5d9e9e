"""Files that a camera wrote one after another are one source: every frame once, on one clock, with a cut where one begins."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from lanes.capture.joined import JoinedFiles, Part
from lanes.capture.video import VideoFile
from lanes.errors import InputError
from lanes.results import Frame
from tests.media import Clip, number_of, truncated

PERIOD = Fraction(1, 25)


def parts(folder: Path, *clips: Clip, suffix: str = ".mp4", follows: bool = False) -> list[Part]:
    return [Part.look(clip.write(folder / f"{index}{suffix}"), follows) for index, clip in enumerate(clips)]


def read(found: list[Part]) -> tuple[list[Frame], JoinedFiles]:
    source = JoinedFiles("drive", found)
    with source:
        return list(source), source


def test_every_frame_is_there_once_on_one_clock(tmp_path: Path) -> None:
    frames, source = read(parts(tmp_path, Clip(frames=10), Clip(frames=5), Clip(frames=7)))
    assert [number_of(frame.pixels) for frame in frames] == [*range(10), *range(5), *range(7)]
    assert [frame.index for frame in frames] == list(range(22))
    assert [frame.stem for frame in frames][-1] == "000021"
    assert {later.time - earlier.time for earlier, later in pairwise(frames)} == {PERIOD}
    assert [frame.index for frame in frames if frame.cut] == [10, 15]
    assert source.info.frames == 22
    assert source.info.name == "drive"
    assert source.info.file is not None
    assert source.info.file.end == 22 * PERIOD
    assert [path.name for path in source.info.file.files] == ["0.mp4", "1.mp4", "2.mp4"]
    assert source.counts.delivered == 22


def test_chapters_follow_without_a_cut(tmp_path: Path) -> None:
    frames, _ = read(parts(tmp_path, Clip(frames=4), Clip(frames=4), follows=True))
    assert not any(frame.cut for frame in frames)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_what_is_said_of_a_files_own_times_holds(suffix: str, tmp_path: Path) -> None:
    found = parts(tmp_path, Clip(frames=10), Clip(frames=10), suffix=suffix)
    frames, source = read(found)
    with VideoFile(found[1].path) as alone:
        own = [frame.time for frame in alone]
    shifted = [time + source.shifts[1] for time in own]
    assert [abs(float(frame.time - time)) < 0.05 for frame, time in zip(frames[10:], shifted, strict=True)] == [True] * 10
    assert all(later.time > earlier.time for earlier, later in pairwise(frames))


def test_a_file_of_another_size_is_a_cut_with_new_facts(tmp_path: Path) -> None:
    found = parts(tmp_path, Clip(frames=3), Clip(frames=3, width=128, height=96), follows=True)
    source = JoinedFiles("drive", found)
    with source:
        sizes = [(frame.size, frame.cut, (source.info.width, source.info.height)) for frame in source]
    assert sizes[2] == ((96, 64), False, (96, 64))
    assert sizes[3] == ((128, 96), True, (128, 96))
    assert sizes[4] == ((128, 96), False, (128, 96))


def test_a_file_that_ends_early_is_left_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = Clip(frames=50, container={"movflags": "faststart"}).write(tmp_path / "whole.mp4")
    short = truncated(whole, tmp_path / "short.mp4", 0.7)
    frames, source = read([Part.look(short), Part.look(whole)])
    first = source.shifts[1] // PERIOD
    assert first == 50  # as long as it says
    assert 50 < len(frames) < 100
    assert [number_of(frame.pixels) for frame in frames][-50:] == list(range(50))
    assert frames[-50].cut
    found = parts(tmp_path, Clip(frames=3), Clip(frames=4), Clip(frames=5))
    found[1].path.unlink()
    frames, _ = read(found)
    assert [number_of(frame.pixels) for frame in frames] == [0, 1, 2, 0, 1, 2, 3, 4]
    assert "1.mp4: no such file; check the path; the files after it follow" in caplog.text


def test_what_cannot_be_used_is_said_when_it_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(InputError, match="the file is empty"):
        Part.look(tmp_path / "empty.mp4")


def test_a_source_that_is_closed_gives_its_file_back(tmp_path: Path) -> None:
    source = JoinedFiles("drive", parts(tmp_path, Clip(frames=5), Clip(frames=5)))
    source.open()
    frames = iter(source)
    assert [next(frames).index for _ in range(7)] == list(range(7))
    source.close()
    assert list(frames) == []
    assert source.is_free
