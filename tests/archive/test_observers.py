"""What is kept of a drive beside its rows: thumbnails, stills, clips around departures, the whole with its lanes; the same each time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="archives need the extra lanestream[archive]")

from lanes.archive.observers import Wanted
from lanes.archive.pictures import MOST_STILLS, STRIP, THUMBNAILS, UNSEEN, DrivePictures, LongestStretch, Spread, still_name
from lanes.archive.small import SmallCopies, small_size
from lanes.archive.videos import AFTER_S, BEFORE_S, LONGEST_S, MOST_CLIPS, OVERLAY, DriveVideos, clip_name
from lanes.capture.source import SourceInfo
from lanes.results import DepartureState, Frame, FrameResult, Lane
from tests.media import contents, numbered

RATE = 10
INFO = SourceInfo("drive", "video", 96, 64, Fraction(RATE), None)


def result(
    index: int, departure: DepartureState = "none", seen: bool = True, cut: bool = False, size: tuple[int, int] = (96, 64)
) -> FrameResult:
    frame = Frame(numbered(index % 256, *size), index, Fraction(index, RATE), "drive", f"{index:06d}", cut=cut)
    lanes = [Lane(-1, np.array([[30, 60], [40, 34]], np.float32), 1.0, 1)] if seen else []
    return FrameResult(frame, np.zeros(size[::-1], np.uint8), lanes, departure=departure)


def drive(frames: int, departures: Mapping[range, DepartureState] = {}, **more: object) -> list[FrameResult]:
    """Frames with departures in some of them."""
    found = []
    for index in range(frames):
        state: DepartureState = next((side for span, side in departures.items() if index in span), "none")
        found.append(result(index, state, **more))  # type: ignore[arg-type]
    return found


def keep(folder: Path, results: Iterable[FrameResult], wanted: Wanted | None = None) -> list[str]:
    """The files that are left of a drive."""
    folder.mkdir(exist_ok=True)
    observer = DrivePictures(folder) if wanted is None else DriveVideos(wanted, INFO, folder)
    for each in results:
        pixels, mask = each.frame.pixels.copy(), each.mask.copy()
        observer.see(each)
        assert (each.frame.pixels == pixels).all()
        assert (each.mask == mask).all()
    observer.finish({})
    observer.close()
    observer.close()
    return sorted(path.name for path in folder.iterdir())


def test_a_strip_is_spread_over_the_drive(tmp_path: Path) -> None:
    assert keep(tmp_path, drive(200)) == [STRIP]
    strip = cv2.imread(str(tmp_path / STRIP))
    assert strip is not None
    assert strip.shape == (64, 96 * THUMBNAILS, 3)


@pytest.mark.parametrize("frames", [1, 2, 5, 6, 11, 12, 13, 100, 1000])
def test_thumbnails_are_spread_whatever_the_length(frames: int) -> None:
    spread = Spread(2 * THUMBNAILS)
    for index in range(frames):
        if spread.wants_next():
            spread.keep(np.full((1, 1, 3), index % 256, np.uint8) if frames <= 256 else np.full((1, 1, 3), index * 255 // frames, np.uint8))
    chosen = [int(picture[0, 0, 0]) for picture in spread.chosen(THUMBNAILS)]
    assert len(chosen) == min(frames, THUMBNAILS)
    assert chosen == sorted(chosen)
    assert chosen[0] == 0
    if frames > 50:
        scale = 255 if frames > 256 else frames
        assert chosen[-1] > 0.7 * scale
        assert max(np.diff(chosen)) < 0.35 * scale


def test_departures_are_numbered_as_the_table_does(tmp_path: Path) -> None:
    results = drive(60, {range(5, 10): "left", range(10, 14): "right", range(20, 30): "left"})
    results[25].frame.cut = True
    assert keep(tmp_path, results) == [*(still_name(number) for number in range(4)), STRIP]
    many = drive(100, {range(index, index + 1): "left" for index in range(0, 100, 2)})
    assert len(keep(tmp_path / "many", many)) == MOST_STILLS + 1


def test_the_longest_stretch_without_lanes_has_a_picture_from_its_second_half() -> None:
    stretch = LongestStretch()
    kept = []
    unseen = [*range(10, 16), *range(20, 22), *range(50, 90)]
    for index in range(100):
        each = result(index, seen=index not in unseen)
        if stretch.wants(each):
            stretch.keep(each.frame.pixels)
            kept.append(index)
    assert kept == [15, 60, 70]  # after 0.5 s; then twice as long, 1 s, and 2 s
    assert stretch.picture is not None


def test_a_drive_whose_lanes_are_seen_has_no_such_picture(tmp_path: Path) -> None:
    assert UNSEEN not in keep(tmp_path, drive(30))
    assert UNSEEN in keep(tmp_path / "unseen", drive(30, seen=False))


def test_the_whole_drive_as_a_video(tmp_path: Path) -> None:
    assert keep(tmp_path, drive(75), Wanted(overlays=True)) == [OVERLAY]
    found = contents(tmp_path / OVERLAY)
    assert found.times == [Fraction(index, RATE) for index in range(75)]
    assert found.duration == Fraction(75, RATE)
    assert found.audio == []


def test_a_clip_shows_what_is_before_and_after(tmp_path: Path) -> None:
    results = drive(300, {range(100, 115): "right"})
    assert keep(tmp_path, results, Wanted(clips=True)) == [clip_name(0)]
    found = contents(tmp_path / clip_name(0))
    first, last = found.numbers[0], found.numbers[-1]
    assert 100 - (BEFORE_S + 1) * RATE <= first <= 100 - BEFORE_S * RATE  # from a key frame on, of which there is one a second
    assert last == 114 + AFTER_S * RATE
    assert len(found.times) == last - first + 1
    assert found.times[0] == 0


def test_departures_that_follow_each_other_have_clips_of_their_own(tmp_path: Path) -> None:
    results = drive(200, {range(3, 5): "left", range(20, 30): "right"})
    assert keep(tmp_path, results, Wanted(clips=True)) == [clip_name(0), clip_name(1)]
    first, second = (contents(tmp_path / clip_name(number)) for number in (0, 1))
    assert (first.numbers[0], first.numbers[-1]) == (0, 4 + AFTER_S * RATE)
    assert (second.numbers[0], second.numbers[-1]) == (0, 29 + AFTER_S * RATE)


def test_a_drive_on_the_line_does_not_fill_the_disk(tmp_path: Path) -> None:
    names = keep(tmp_path, drive(int(2 * LONGEST_S * RATE), {range(10, 10_000): "left"}), Wanted(clips=True))
    assert names == [clip_name(0)]
    with av.open(str(tmp_path / clip_name(0))) as container:
        assert container.duration is not None
        assert container.duration / av.time_base < float(LONGEST_S + BEFORE_S) + 2
    flicker = drive(3 * MOST_CLIPS, {range(index, index + 1): "left" for index in range(0, 3 * MOST_CLIPS, 2)})
    assert len(keep(tmp_path / "flicker", flicker, Wanted(clips=True))) == MOST_CLIPS


def test_the_same_drive_leaves_the_same_bytes(tmp_path: Path) -> None:
    def kept(name: str) -> dict[str, bytes]:
        results = drive(120, {range(40, 50): "left"})
        folder = tmp_path / name
        keep(folder, results)
        keep(folder, results, Wanted(True, True))
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    assert kept("one") == kept("other")
    assert len(kept("three")) == 4


def test_a_drive_that_is_given_up_leaves_nothing_open(tmp_path: Path) -> None:
    observer = DriveVideos(Wanted(True, True), INFO, tmp_path)
    for each in drive(20, {range(5, 30): "left"}):
        observer.see(each)
    observer.close()
    observer.close()
    assert len(contents(tmp_path / OVERLAY).numbers) == 20


def test_frames_of_another_size_are_in_the_same_video(tmp_path: Path) -> None:
    results = [*drive(20), *(result(index, cut=index == 20, size=(64, 64)) for index in range(20, 40))]
    assert keep(tmp_path, results, Wanted(overlays=True)) == [OVERLAY]
    assert keep(tmp_path / "strip", results) == [STRIP]
    with av.open(str(tmp_path / OVERLAY)) as container:
        assert len(list(container.decode(video=0))) == 40


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1920, 1080), (960, 540)), ((640, 360), (640, 360)), ((1080, 1920), (304, 540)), ((2, 9000), (2, 540)), ((1, 1), (2, 2))],
)
def test_copies_are_small_and_even(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert small_size(size, (960, 540)) == expected


def test_lanes_lie_where_they_do_in_the_large_picture() -> None:
    frame = Frame(np.zeros((720, 1280, 3), np.uint8), 0, Fraction(0), "drive", "000000")
    lanes = [Lane(side, np.array([[640 + side * 500, 700], [640 + side * 40, 400]], np.float32), 1.0, 2 + side) for side in (-1, 1)]
    mask = np.zeros((720, 1280), np.uint8)
    large = SmallCopies((1280, 720)).draw(FrameResult(frame, mask, lanes))
    small = SmallCopies((320, 180)).draw(FrameResult(frame, mask, lanes))
    assert small.shape == (180, 320, 3)
    shrunk = cv2.resize(large, (320, 180), interpolation=cv2.INTER_AREA)
    drawn, wanted = small.max(axis=2) > 60, cv2.dilate((shrunk.max(axis=2) > 20).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert drawn.any()
    assert (drawn & ~wanted).sum() < 0.02 * drawn.sum()
