"""A recording played as if it were live: frames are due by its clock, late ones are dropped and counted, lateness is part of the age."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lanes.capture import find_sources, open_source
from lanes.capture import images as images_module
from lanes.capture import paced as paced_module
from lanes.capture.decoder import Decoder
from lanes.capture.paced import Pace, Paced, paced
from lanes.capture.source import Source, SourceInfo
from lanes.capture.video import VideoFile
from lanes.results import Frame
from tests.capture.test_conformance import write_images
from tests.media import Clip, number_of


class FakeTime:
    """A clock that moves when somebody works or sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ns = 10**12
        monkeypatch.setattr(paced_module, "perf_counter_ns", lambda: self.now_ns)

    def pass_ms(self, milliseconds: float) -> None:
        self.now_ns += int(milliseconds * 10**6)

    def wait_until(self, due_ns: int) -> bool:
        self.now_ns = max(self.now_ns, due_ns)
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime(monkeypatch)
    monkeypatch.setattr(Pace, "wait_until", lambda _, due_ns: fake.wait_until(due_ns))
    return fake


class Recording(Source):
    """Grey frames at 30 a second or at given times, each of which takes a while to decode; those not wanted are skipped."""

    def __init__(
        self, frames: int = 30, decode_ms: float = 0.0, clock: FakeTime | None = None, times: list[Fraction] | None = None
    ) -> None:
        super().__init__("recording")
        self.times = times or [Fraction(index, 30) for index in range(frames)]
        self.decode_ms = decode_ms
        self.clock = clock

    def _open(self) -> SourceInfo:
        return SourceInfo("recording", "video", 4, 4, Fraction(30), len(self.times))

    def _frames(self) -> Iterator[Frame]:
        for index, due in enumerate(self.times):
            later = self.times[index + 1 :]
            if later and self._wanted_from is not None and later[0] <= self._wanted_from:
                self._skip(1)
                continue
            if self.clock is not None:
                self.clock.pass_ms(self.decode_ms)
            else:
                time.sleep(self.decode_ms / 1000)
            yield Frame(np.zeros((4, 4, 3), np.uint8), index, due, "recording", f"{index:06d}")


def ages_ms(source: Recording, clock: FakeTime) -> tuple[list[int], list[float]]:
    """Indices of the frames that come out, and how long before that each was due."""
    indices, ages = [], []
    with source:
        for frame in paced(source, threading.Event(), source.skip_to):
            assert frame.arrived_ns is not None
            indices.append(frame.index)
            ages.append((clock.now_ns - frame.arrived_ns) / 1e6)
    return indices, ages


def test_a_decoder_in_time_loses_nothing_and_no_frame_is_early(clock: FakeTime) -> None:
    indices, ages = ages_ms(Recording(decode_ms=20, clock=clock), clock)
    assert indices == list(range(30))
    assert max(ages) == 0


def test_a_decoder_of_100_ms_gives_ten_frames_a_second_no_older_than_one_decode_and_one_interval(clock: FakeTime) -> None:
    source = Recording(frames=90, decode_ms=100, clock=clock)
    indices, ages = ages_ms(source, clock)
    assert 29 <= len(indices) <= 33  # of 3 seconds
    assert max(ages) <= 100 + 1000 / 30 + 0.001
    assert sorted(ages)[len(ages) // 2] >= 60  # the decoder's lateness is part of the age
    assert indices[-1] == 89
    assert source.counts.dropped == {"late": 90 - len(indices)}


def test_one_slow_frame_costs_those_that_were_due_meanwhile_and_no_more(clock: FakeTime) -> None:
    source = Recording(clock=clock)
    indices = []
    with source:
        for frame in paced(source, threading.Event(), source.skip_to):
            indices.append(frame.index)
            if frame.index == 10:
                clock.pass_ms(210)
    assert indices == [*range(11), *range(16, 30)]


def test_a_gap_of_the_recording_is_kept_and_a_clock_that_was_set_is_not_waited_for(clock: FakeTime) -> None:
    begun = clock.now_ns
    source = Recording(times=[Fraction(0), Fraction(31), Fraction(31 + 3600), Fraction(31 + 3601)], clock=clock)
    indices, _ = ages_ms(source, clock)
    assert indices == [0, 1, 2, 3]
    assert (clock.now_ns - begun) / 1e9 == pytest.approx(31 + 1)


def test_dropped_frames_are_counted_once_whoever_dropped_them() -> None:
    with Paced(Recording(frames=30, decode_ms=50)) as source:
        found = [(frame.index, frame.dropped_before) for frame in source]
        counts = source.counts
    assert found[-1][0] == 29
    assert counts.captured == 30
    assert counts.delivered == len(found)
    assert sum(before for _, before in found) == sum(counts.dropped.values()) == 30 - len(found)
    assert counts.dropped["late"] > 0


@pytest.mark.parametrize("kind", ["video", "images"])
def test_what_is_late_is_not_even_converted(tmp_path: Path, clock: FakeTime, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Decoding and conversion that take 100 ms a frame, of 25 frames a second (30 for images), played for 2 seconds."""
    if kind == "video":
        path = Clip(frames=50).write(tmp_path / "clip.mp4")
        convert = Decoder._pixels
        monkeypatch.setattr(Decoder, "_pixels", lambda *some: (clock.pass_ms(100), convert(*some))[1])
    else:
        path = write_images(tmp_path / "images", 60)
        read = images_module.read_image
        monkeypatch.setattr(images_module, "read_image", lambda *some: (clock.pass_ms(100), read(*some))[1])
    (source,) = find_sources(str(path))
    with source:
        frames, ages = [], []
        for frame in paced(source, threading.Event(), source.skip_to):
            assert frame.arrived_ns is not None
            frames.append(frame)
            ages.append((clock.now_ns - frame.arrived_ns) / 1e6)
        counts = source.counts
    assert 18 <= len(frames) <= 23
    assert max(ages) <= 140.001
    assert [number_of(frame.pixels) for frame in frames] == [frame.index for frame in frames]
    assert frames[-1].index == counts.captured - 1 == (49 if kind == "video" else 59)
    assert counts.dropped == {"late": counts.captured - len(frames)}
    assert not any(frame.cut for frame in frames)


def test_every_frame_of_a_paced_file_is_delivered_or_counted(tmp_path: Path) -> None:
    clip = Clip(times=[4 * index for index in range(100)]).write(tmp_path / "fast.mp4")
    delivered = dropped = 0
    with Paced(VideoFile(clip)) as source:
        for frame in source:
            time.sleep(0.03)
            delivered += 1
            dropped += frame.dropped_before
            last = frame
    assert delivered + dropped == 100
    assert dropped > 0
    assert last.index == 99
    assert number_of(last.pixels) == 99


def test_a_paced_file_keeps_its_clock(tmp_path: Path) -> None:
    """Its last frame cannot come before its time, however fast the consumer is."""
    clip = Clip(times=[0, 100, 300]).write(tmp_path / "slow.mp4")
    begun = time.monotonic()
    with Paced(VideoFile(clip)) as source:
        assert len(list(source)) == 3
    assert time.monotonic() - begun >= 0.3


def test_a_recording_over_http_is_paced_and_counted(served: tuple[Path, str]) -> None:
    folder, address = served
    Clip(times=[4 * index for index in range(100)], container={"movflags": "faststart"}).write(folder / "clip.mp4")
    delivered = dropped = 0
    with open_source(f"{address}/clip.mp4?token=hunter2") as source:
        for frame in source:
            time.sleep(0.03)
            delivered += 1
            dropped += frame.dropped_before
    assert delivered + dropped == 100
    assert dropped > 0


def test_images_are_said_to_have_no_clock(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with open_source(str(write_images(tmp_path / "images", 2)), live=True):
        assert caplog.messages == ["images: images have no clock; --live takes them as 30 a second, and drops those that are late"]
