"""Selected: a part of a source by time and number; frames keep what they are called."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanes.capture.decoder import Decoder
from lanes.capture.select import Selected
from lanes.capture.source import FileInfo, Source, SourceInfo
from lanes.capture.video import VideoFile
from lanes.errors import InputError
from lanes.results import Frame
from tests.media import Clip, number_of


class Ticks(Source):
    """Twenty frames, ten a second."""

    def _open(self) -> SourceInfo:
        return SourceInfo("ticks", "synthetic", 2, 2, Fraction(10), 20, file=FileInfo())

    def _frames(self) -> Iterator[Frame]:
        for index in range(20):
            yield Frame(np.zeros((2, 2, 3), np.uint8), index, Fraction(index, 10), "ticks", str(index), cut=index == 7)


def selected(**options: Any) -> list[int]:
    with Selected(Ticks("ticks"), **options) as source:
        found = [frame.index for frame in source]
        assert source.info.frames == len(found)
        counts = source.counts
        assert counts.captured == counts.delivered == len(found)
    return found


@given(start=st.integers(0, 19), length=st.integers(1, 30), every=st.integers(1, 25), limit=st.one_of(st.none(), st.integers(1, 25)))
def test_it_is_a_slice_of_the_frames(start: int, length: int, every: int, limit: int | None) -> None:
    found = selected(start=Fraction(start, 10), end=Fraction(start + length, 10), every=every, limit=limit)
    assert found == list(range(20))[start : start + length : every][:limit]


def test_a_cut_among_the_frames_that_are_passed_over_is_not_lost() -> None:
    with Selected(Ticks("ticks"), every=5) as source:
        assert [(frame.index, frame.cut) for frame in source] == [(0, False), (5, False), (10, True), (15, False)]


def test_times_between_frames_take_the_frames_within() -> None:
    assert selected(start=Fraction("0.25"), end=Fraction("0.55")) == [3, 4, 5]


def test_frames_keep_their_times_and_playing_starts_at_the_start(tmp_path: Path) -> None:
    Clip(frames=50).write(tmp_path / "clip.mp4")
    with Selected(VideoFile(tmp_path / "clip.mp4"), start=Fraction(1), end=Fraction(3, 2), every=2) as source:
        assert source.info.start == 1
        assert source.info.frame_rate == Fraction(25, 2)
        assert source.info.file is not None
        assert source.info.file.end == 2  # the recording's own
        assert [frame.time for frame in source] == [Fraction(number, 25) for number in range(25, 38, 2)]


def test_frames_before_the_start_are_not_converted_and_count_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    converted = []
    pixels = Decoder._pixels
    monkeypatch.setattr(Decoder, "_pixels", lambda decoder, image: converted.append(image.pts) or pixels(decoder, image))
    Clip(frames=100).write(tmp_path / "clip.mp4")
    with Selected(VideoFile(tmp_path / "clip.mp4"), start=Fraction(3)) as source:
        frames = list(source)
        counts = source.counts
    assert [frame.index for frame in frames] == list(range(75, 100))
    assert [number_of(frame.pixels) for frame in frames] == list(range(75, 100))
    assert counts.captured == counts.delivered == 25
    assert not counts.dropped
    assert len(converted) < 30  # those, and one a second before them


def test_a_start_after_the_end_of_the_video_is_refused(tmp_path: Path) -> None:
    Clip(frames=50).write(tmp_path / "clip.mp4")
    with (
        pytest.raises(InputError, match=r"ends before --start; it is 2.0 seconds long"),
        Selected(VideoFile(tmp_path / "clip.mp4"), start=Fraction(2)),
    ):
        pass


def test_a_source_that_cannot_be_opened_says_so() -> None:
    with pytest.raises(InputError, match="no such file"):
        Selected(VideoFile(Path("absent.mp4")), limit=1).open()
