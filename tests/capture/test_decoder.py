"""Decoder: what changes, steps or breaks within a recording."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from lanes.capture.events import FormatChanged
from lanes.capture.video import VideoFile
from tests.capture.recordings import PERIOD, combing, flipped, interlaced, joined, read, restamped, shifted
from tests.media import Clip, contents, damaged, number_of, numbered


def starting(milliseconds: int, frames: int = 25, **more: Any) -> Clip:
    """25 frames a second from a time on."""
    return Clip(times=[milliseconds + 40 * index for index in range(frames)], **more)


class TestJoinedRecordings:
    """As dashcams' transport streams often are, byte by byte."""

    @pytest.mark.parametrize("audio", [None, "aac", "mp2"])
    @pytest.mark.parametrize("count", [2, 3])
    def test_clean_ones_lose_nothing(self, tmp_path: Path, count: int, audio: str | None) -> None:
        reading = read(joined(tmp_path / "joined.ts", *[starting(0, 50, audio=audio)] * count))
        assert reading.numbers == list(range(50)) * count
        assert set(reading.steps) == {PERIOD}
        assert reading.cuts == [50 * seam for seam in range(1, count)]
        assert reading.corrupt == 0
        assert reading.suspects == []

    @pytest.mark.parametrize("begin", [960, 400, 0, 3_600_000])
    def test_a_clock_set_back_or_forward_goes_on(self, tmp_path: Path, begin: int) -> None:
        """Of the second recording, in milliseconds; the first ends at 1 s."""
        reading = read(joined(tmp_path / "joined.ts", starting(0), starting(begin)))
        assert reading.numbers == list(range(25)) * 2
        if begin < 960:
            assert set(reading.steps) == {PERIOD}
        assert sum(reading.steps) <= 51 * PERIOD
        assert reading.cuts == ([25] if begin != 960 else [])

    @pytest.mark.parametrize("rate", [0, 3_000_000])
    def test_a_minute_apart_with_and_without_padding(self, tmp_path: Path, rate: int) -> None:
        """A stream of constant rate has holes full of padding, which show nothing."""
        clips = [starting(begin, container={"muxrate": str(rate)} if rate else {}) for begin in (0, 61_000)]
        reading = read(joined(tmp_path / "joined.ts", *clips))
        assert set(reading.steps) == {PERIOD}
        assert reading.cuts == [25]
        assert reading.corrupt == 0

    def test_hours_apart_with_sound(self, tmp_path: Path) -> None:
        path = starting(0, 50, audio="aac").write(tmp_path / "one.ts")
        later = shifted(path, tmp_path / "two.ts", 3600)
        (tmp_path / "joined.ts").write_bytes(path.read_bytes() + later.read_bytes())
        reading = read(tmp_path / "joined.ts")
        assert set(reading.steps) == {PERIOD}
        assert reading.cuts == [50]

    def test_a_size_change_under_way(self, tmp_path: Path) -> None:
        path = joined(tmp_path / "joined.ts", starting(0, 10), starting(400, 10, width=64, height=128), starting(800, 10))
        with VideoFile(path) as source:
            assert (source.info.width, source.info.height) == (96, 64)
            frames, infos = [], []
            for frame in source:
                frames.append(frame)
                infos.append((source.info.width, source.info.height))
            changes = [(event.info.width, event.info.height) for event in source.events() if isinstance(event, FormatChanged)]
        assert [frame.size for frame in frames] == [(96, 64)] * 10 + [(64, 128)] * 10 + [(96, 64)] * 10
        assert infos == [frame.size for frame in frames]
        assert [number_of(frame.pixels) for frame in frames] == list(range(10)) * 3
        assert [frame.index for frame in frames if frame.cut] == [10, 20]
        assert changes == [(64, 128), (96, 64)]

    def test_the_pixel_aspect_may_change(self, tmp_path: Path) -> None:
        def clip(begin: int, aspect: str) -> Clip:
            return starting(begin, 10, options={"crf": "10", "bf": "0", "x264-params": f"sar={aspect}"})

        with VideoFile(joined(tmp_path / "joined.ts", clip(0, "1/1"), clip(400, "4/3"))) as source:
            aspects = [(source.info.pixel_aspect, frame.cut) for frame in source]
        assert aspects == [(Fraction(1), False)] * 10 + [(Fraction(4, 3), True)] + [(Fraction(4, 3), False)] * 9

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_each_frame_by_its_own_range(self, tmp_path: Path, order: tuple[int, int]) -> None:
        """Limited and full: as by day and by night."""
        options = {"crf": "10", "bf": "0", "x264-params": "colorprim=bt470bg"}  # then the stream says which range it has
        formats = [("yuv420p", "yuvj420p")[index] for index in order]
        clips = [starting(400 * index, 10, pixel_format=name, options=options) for index, name in enumerate(formats)]
        frames = read(joined(tmp_path / "joined.ts", *clips)).frames
        levels = [frame.pixels[16, 6].mean() for frame in frames if number_of(frame.pixels) % 2]
        assert len(levels) == 10
        assert np.ptp(levels) < 5
        assert abs(np.mean(levels) - 220) < 6

    def test_says_what_it_added_to_the_clock(self, tmp_path: Path) -> None:
        """For sound, which steps too."""
        frames = read(joined(tmp_path / "joined.ts", starting(0), starting(400), starting(7_200_000))).frames
        shifts = [Fraction(0)] * 25 + [Fraction(6, 10)] * 25 + [2 - Fraction(7200)] * 25
        assert [frame.clock_shift for frame in frames] == shifts


class TestStamps:
    @pytest.mark.parametrize("rate", [Fraction(30_000, 1001), Fraction(15)])
    @pytest.mark.parametrize(("suffix", "codec"), [(".h264", "libx264"), (".m2v", "mpeg2video")])
    def test_raw_video_has_none(self, tmp_path: Path, suffix: str, codec: str, rate: Fraction) -> None:
        """The codec's rate is the nominal one."""
        rate = rate if codec == "libx264" else Fraction(30_000, 1001)
        with av.open(str(tmp_path / f"raw{suffix}"), "w") as container:
            stream: Any = container.add_stream(codec, rate=rate)
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
            for index in range(10):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered(index), "bgr24")))
            container.mux(stream.encode(None))
        reading = read(tmp_path / f"raw{suffix}")
        assert len(reading.frames) == 10
        assert set(reading.steps) == {1 / rate}

    @pytest.mark.parametrize(("name", "codec"), [("clip.avi", "libx264"), ("old.avi", "mpeg4")])
    def test_reordered_frames_in_avi(self, tmp_path: Path, name: str, codec: str) -> None:
        """AVI has no presentation stamps."""
        clip = Clip(times=range(30), time_base=PERIOD, codec=codec, options={"bf": "2", "g": "12", "qscale": "2", "crf": "10"})
        reading = read(clip.write(tmp_path / name))
        assert reading.numbers == list(range(30))
        assert set(reading.steps) == {PERIOD}

    def test_all_equal(self, tmp_path: Path) -> None:
        reading = read(restamped(tmp_path / "clip.mkv", [1000] * 52))
        assert reading.numbers == list(range(52))
        assert set(reading.steps) == {PERIOD}

    def test_set_back_within_a_recording(self, tmp_path: Path) -> None:
        """By 0.6 s, as a program writes it that lets no stamp go back."""
        stamps = (
            [3600 * index for index in range(38)] + [37 * 3600 + tick for tick in range(1, 15)] + [3600 * index for index in range(38, 60)]
        )
        reading = read(restamped(tmp_path / "clip.ts", stamps, Fraction(1, 90_000)))
        assert reading.numbers == list(range(74))
        assert set(reading.steps) == {PERIOD}
        assert len(reading.cuts) == 1

    @pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
    def test_a_gap_keeps_its_times(self, tmp_path: Path, suffix: str) -> None:
        """One frame a second, and 31 s without any."""
        stamps = [90_000 * (index + (30 if index >= 6 else 0)) for index in range(12)]
        path = restamped(tmp_path / f"clip{suffix}", stamps, Fraction(1, 90_000))
        reading = read(path)
        assert reading.times == contents(path).times
        assert max(reading.steps) == 31
        assert reading.cuts == [6]

    @pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
    def test_an_hour_forward_is_no_gap(self, tmp_path: Path, suffix: str) -> None:
        stamps = [3600 * (index + (90_000 if index >= 20 else 0)) for index in range(40)]
        reading = read(restamped(tmp_path / f"clip{suffix}", stamps, Fraction(1, 90_000)))
        assert set(reading.steps) == {PERIOD}
        assert reading.cuts == [20]

    def test_240_frames_a_second(self, tmp_path: Path) -> None:
        path = restamped(tmp_path / "clip.mp4", [375 * index for index in range(75)], Fraction(1, 90_000))
        assert set(read(path).steps) == {Fraction(1, 240)}


class TestInterlaced:
    @pytest.mark.parametrize(("name", "codec"), [("clip.mp4", "libx264"), ("clip.ts", "libx264"), ("clip.mpg", "mpeg2video")])
    def test_lines_of_two_moments_are_not_left_combed(self, tmp_path: Path, name: str, codec: str) -> None:
        path = interlaced(tmp_path / name, codec=codec)
        reading, raw = read(path), contents(path)
        assert reading.times == raw.times
        assert len(reading.frames) == 12
        assert reading.corrupt == 0
        assert max(combing(frame.pixels) for frame in reading.frames) < 2

    def test_the_input_is_combed(self, tmp_path: Path) -> None:
        with av.open(str(interlaced(tmp_path / "clip.mp4"))) as container:
            assert min(combing(frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)) > 5

    def test_progressive_frames_stay_as_they_are(self, tmp_path: Path) -> None:
        """After an interlaced recording; every frame of both is given once."""
        one = interlaced(tmp_path / "one.ts").read_bytes()
        two = Clip(frames=10, width=192, height=128).write(tmp_path / "two.ts")
        plain = [frame.pixels for frame in read(two).frames]
        both = tmp_path / "both.ts"
        both.write_bytes(one + two.read_bytes())
        reading = read(both)
        assert reading.numbers[12:] == list(range(10))
        assert all(np.array_equal(frame.pixels, pixels) for frame, pixels in zip(reading.frames[12:], plain, strict=True))
        assert reading.cuts == [12]


class TestDamage:
    @pytest.mark.parametrize("suffix", [".mp4", ".ts", ".mkv"])
    def test_a_damaged_stretch_is_counted_and_skipped(self, tmp_path: Path, suffix: str) -> None:
        clip = Clip(frames=120, width=768, height=512, options={"g": "10", "crf": "10", "preset": "ultrafast"}).write(
            tmp_path / f"whole{suffix}"
        )
        with VideoFile(damaged(clip, tmp_path / f"damaged{suffix}")) as source:
            frames = list(source)
            assert source.corrupt > 0
        assert 60 <= len(frames) < 120
        assert len(frames) + source.corrupt <= 125
        # What follows the damage is there, whole.
        assert [number_of(frame.pixels) for frame in frames[-20:]] == list(range(100, 120))
        assert [number_of(frame.pixels) for frame in frames[:20]] == list(range(20))

    @pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
    @pytest.mark.parametrize("packet", [30, 41, 55])
    def test_what_depends_on_damage_is_suspect(self, tmp_path: Path, suffix: str, packet: int) -> None:
        """Up to the next key frame and no further; lost frames and given ones are all there are."""
        clip = Clip(frames=90, width=384, height=256, options={"g": "30", "keyint_min": "30", "sc_threshold": "0", "crf": "4", "bf": "0"})
        path = clip.write(tmp_path / f"clip{suffix}")
        whole = read(path)
        reading = read(flipped(path, packet, bits=40))
        assert reading.corrupt + len(reading.frames) == 90
        assert reading.corrupt >= 1
        next_key = whole.times[min(packet // 30 * 30 + 30, 89)]
        after = [frame for frame in reading.frames if whole.times[packet] < frame.time < next_key]
        assert all(frame.suspect for frame in after)
        assert len(reading.suspects) == len(after)
        same = {frame.time: frame.pixels for frame in whole.frames}
        assert all(np.array_equal(frame.pixels, same[frame.time]) for frame in reading.frames if not frame.suspect)

    def test_a_lost_part_of_a_transport_stream(self, tmp_path: Path) -> None:
        clip = Clip(frames=90, width=384, height=256, options={"g": "30", "keyint_min": "30", "sc_threshold": "0", "crf": "4", "bf": "0"})
        path = clip.write(tmp_path / "clip.ts")
        whole = {frame.time: frame.pixels for frame in read(path).frames}
        data = path.read_bytes()
        middle = len(data) // 188 // 2 * 188
        path.write_bytes(data[:middle] + data[middle + 5 * 188 :])
        reading = read(path)
        assert reading.corrupt + len(reading.frames) <= 91
        assert reading.suspects
        assert max(reading.suspects) < 60
        good = [frame for frame in reading.frames if not frame.suspect]
        assert len(good) >= 70
        assert all(np.array_equal(frame.pixels, whole[frame.time]) for frame in good)

    def test_a_long_damaged_stretch_keeps_the_times(self, tmp_path: Path) -> None:
        """20 s of noise are no clock that was set."""
        clip = Clip(times=[40 * index for index in range(1000)], options={"g": "25", "crf": "10", "bf": "0"})
        path = damaged(clip.write(tmp_path / "clip.ts"), tmp_path / "damaged.ts", 0.3, 0.8)
        reading = read(path)
        assert 38 <= reading.times[-1] - reading.times[0] <= 40
        assert reading.numbers[-50:] == [index % 256 for index in range(950, 1000)]
        assert abs(len(reading.frames) + reading.corrupt - 1000) <= 2
