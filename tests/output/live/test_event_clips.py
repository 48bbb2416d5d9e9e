"""Clips of events: from ten seconds before to ten seconds after, from a key frame, with the records of that time."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from lanes.errors import InputError, OutputError
from lanes.output.encoder import Encoder
from lanes.output.live.encoded import EncodedSink
from lanes.output.live.event_clips import EventClips
from lanes.output.live.ring import Ring
from lanes.output.live.writer import EncodedFrame
from lanes.results import DepartureState
from tests.media import contents, number_of
from tests.output.live.feeding import PATIENT, encoded, encoder, wait_for
from tests.output.results import names, result


@pytest.fixture
def encoding() -> Iterator[Encoder]:
    made = encoder()
    yield made
    made.close()


def write(
    folder: Path, encoding: Encoder, count: int, departures: dict[int, DepartureState] | None = None, marks: dict[int, str] | None = None
) -> EventClips:
    """A drive of so many frames, 25 a second, with these departures and marks by the frame's number."""
    clips = EventClips(folder, encoding.stream)
    frames = encoded(encoding, departures=departures)
    for number in range(count):
        frame = next(frames)
        if number in (marks or {}):
            wait_for(lambda: not clips._waiting and clips._came_at)  # what came before is written
            clips.mark((marks or {})[number])
        clips.offer(frame, wait=True)
    clips.finish()
    assert clips.join()
    return clips


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def clips_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.mp4"))


def numbers(path: Path) -> list[int]:
    """Those of the frames in a clip, beyond 255 too."""
    return [record["frame"] for record in records(path.with_suffix(".jsonl"))]


def test_it_holds_the_departure_and_ten_seconds_on_either_side(tmp_path: Path, encoding: Encoder) -> None:
    write(tmp_path, encoding, 900, {400: "left", 430: "none"})
    (clip,) = clips_in(tmp_path)
    assert re.fullmatch(r"\d{8}T\d{6}Z-departure-left\.mp4", clip.name)
    assert names(tmp_path) == [clip.with_suffix(".jsonl").name, clip.name]
    with av.open(str(clip)) as video:
        packets = [packet for packet in video.demux(video=0) if packet.size]
        assert packets[0].is_keyframe
        assert packets[0].pts == 0
    found = contents(clip)
    lines = records(clip.with_suffix(".jsonl"))
    assert len(found.numbers) == len(lines)
    assert found.numbers == [line["frame"] % 256 for line in lines]
    begin, end = lines[0]["time_s"], lines[-1]["time_s"]
    assert 10 <= 400 / 25 - begin < 11
    assert end == pytest.approx(429 / 25 + 10, abs=0.05)
    assert [float(time) + begin for time in found.times] == pytest.approx([line["time_s"] for line in lines], abs=1e-4)
    assert [(line["frame"], line["events"]) for line in lines if "events" in line] == [(400, ["departure: left"])]
    assert [line["frame"] for line in lines if line["departure"] == "left"] == list(range(400, 430))


def test_nothing_is_encoded_anew(tmp_path: Path, encoding: Encoder) -> None:
    """The slices of its frames are the encoder's, byte for byte."""
    sent: list[bytes] = []
    clips = EventClips(tmp_path, encoding.stream)
    frames = encoded(encoding)
    for _ in range(50):
        frame = next(frames)
        sent.append(frame.data)
        clips.mark("now")
        clips.offer(frame, wait=True)
    clips.finish()
    assert clips.join()
    (clip,) = clips_in(tmp_path)
    with av.open(str(clip)) as video:
        stored = [bytes(packet) for packet in video.demux(video=0) if packet.size]
    assert len(sent) == len(stored)
    assert all(kept.endswith(data.split(b"\0\0\1")[-1]) for data, kept in zip(sent, stored, strict=True))


def test_what_happens_meanwhile_makes_it_longer_and_later_there_is_another(tmp_path: Path, encoding: Encoder) -> None:
    write(tmp_path, encoding, 1800, {300: "right", 310: "none", 500: "left", 501: "inactive", 1200: "left", 1210: "none"})
    first, second = clips_in(tmp_path)
    if "right" not in first.name:  # within a second, names are in the order of the alphabet
        first, second = second, first
    assert numbers(first)[-1] == 500 + 250
    assert [line["events"] for line in records(first.with_suffix(".jsonl")) if "events" in line] == [
        ["departure: right"],
        ["departure: left"],
    ]
    assert numbers(second)[0] == 950
    assert numbers(second)[-1] == 1209 + 250
    assert numbers(first) == list(range(50, 751))


def test_a_mark_by_its_words_from_any_thread(tmp_path: Path, encoding: Encoder) -> None:
    write(tmp_path, encoding, 100, marks={60: 'a "key" ' + "x" * 500})
    (clip,) = clips_in(tmp_path)
    assert re.fullmatch(r"\d{8}T\d{6}Z-mark\.mp4", clip.name)
    assert numbers(clip) == list(range(100))  # there is no more
    ((frame, events),) = [(line["frame"], line["events"]) for line in records(clip.with_suffix(".jsonl")) if "events" in line]
    assert frame in (59, 60)  # the one that was on its way, or the next
    assert events == [('mark: a "key" ' + "x" * 500)[: len("mark: ") + 200]]


def test_without_an_event_there_is_nothing_not_even_the_folder(tmp_path: Path, encoding: Encoder) -> None:
    write(tmp_path / "clips", encoding, 60)
    assert names(tmp_path) == []


def test_a_source_that_goes_ends_the_clip(tmp_path: Path, encoding: Encoder) -> None:
    """With the vehicle, perhaps: what there is must not wait for the next frame."""
    now = [0.0]
    clips = EventClips(tmp_path, encoding.stream, clock=lambda: now[0])
    frames = encoded(encoding, departures={10: "left"})
    for _ in range(30):
        clips.offer(next(frames), wait=True)
    wait_for(lambda: not clips._waiting and clips._clip is not None and clips._clip.part.frames == 30)
    assert not clips_in(tmp_path)
    now[0] = 20.0
    wait_for(lambda: clips_in(tmp_path))
    clips.finish()
    assert clips.join()
    assert numbers(clips_in(tmp_path)[0]) == list(range(30))


def test_a_folder_that_cannot_be_written_is_said_once_and_at_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    sink = EncodedSink.open(PATIENT, None, None, tmp_path / "clips")
    (tmp_path / "clips").rmdir()
    (tmp_path / "clips").write_text("a file stands in for it")
    for number in range(40):
        sink.mark("again")
        sink.write(result(number))
    with pytest.raises(OutputError, match="not all clips were written"):
        sink.close()
    assert len([message for message in caplog.messages if "cannot be written" in message]) == 1


def test_one_that_is_taken_away_comes_back(tmp_path: Path, encoding: Encoder) -> None:
    clips = EventClips(tmp_path / "clips", encoding.stream)
    shutil.rmtree(tmp_path / "clips")
    frames = encoded(encoding)
    clips.mark("now")
    for _ in range(10):
        clips.offer(next(frames), wait=True)
    clips.finish()
    assert clips.join()
    assert clips.problem is None
    assert len(clips_in(tmp_path / "clips")) == 1


def test_a_file_in_its_place_and_another_run_are_refused(tmp_path: Path, encoding: Encoder) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="is a file; give a folder"):
        EventClips(tmp_path / "file", encoding.stream)
    clips = EventClips(tmp_path / "clips", encoding.stream)
    with pytest.raises(InputError, match="another run is writing it"):
        EventClips(tmp_path / "clips", encoding.stream)
    clips.finish()
    clips.join()


class TestRing:
    def frames(self, count: int, size: int = 100) -> list[EncodedFrame]:
        return [
            EncodedFrame(b"x" * size, each.frame.time, number % 25 == 0, each)
            for number, each in ((number, result(number)) for number in range(count))
        ]

    @pytest.mark.parametrize("count", [1, 24, 260, 1000])
    def test_it_holds_ten_seconds_from_a_key_frame(self, count: int) -> None:
        ring = Ring(Fraction(10), 10**9)
        for frame in self.frames(count):
            ring.add(frame)
        held = list(ring)
        assert held[0].is_key
        assert held[-1].result.frame.index == count - 1
        span = held[-1].time - held[0].time
        assert span < 11
        assert span >= 10 or held[0].time == 0
        assert ring.bytes == 100 * len(held)

    def test_it_never_holds_more_bytes_than_it_may_and_a_key_frame(self) -> None:
        ring = Ring(Fraction(10), 10_000)
        for frame in self.frames(1000):
            ring.add(frame)
            assert ring.bytes <= 10_000
        assert next(iter(ring)).is_key

    def test_what_comes_before_the_first_key_frame_is_of_no_use(self) -> None:
        ring = Ring(Fraction(10), 10_000)
        for frame in self.frames(30)[1:]:
            ring.add(frame)
        assert [frame.result.frame.index for frame in ring] == [25, 26, 27, 28, 29]


def test_a_picture_of_a_clip_is_that_of_its_record(tmp_path: Path, encoding: Encoder) -> None:
    write(tmp_path, encoding, 60, {40: "right"})
    (clip,) = clips_in(tmp_path)
    with av.open(str(clip)) as video:
        shown = [number_of(frame.to_ndarray(format="bgr24")) for frame in video.decode(video=0)]
    assert shown == numbers(clip)
