"""VideoSink: what a run writes is what its source was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanes.capture.source import Colour, FileInfo
from lanes.capture.video import VideoFile
from lanes.output.video import VideoSink
from lanes.results import FrameResult
from tests.media import Clip, contents, damaged, number_of, numbered, sound
from tests.output.results import INFO, UNEVEN, convert, result, write_video


class TestVideoIsTheSourceAgain:
    @pytest.mark.parametrize(
        ("name", "clip"),
        [
            ("constant.mp4", Clip(audio="aac")),
            ("variable.mp4", Clip(times=UNEVEN, audio="aac")),
            ("variable.mkv", Clip(times=UNEVEN, audio="aac")),
            ("late.mp4", Clip(times=[500 + time for time in UNEVEN], audio="aac")),
            ("reordered.mp4", Clip(options={"bf": "3", "g": "20", "crf": "10"}, audio="aac")),
            ("ntsc.mp4", Clip(times=[1001 * index for index in range(40)], time_base=Fraction(1, 30_000))),
            ("microseconds.mp4", Clip(times=[33_367 * index for index in range(40)], time_base=Fraction(1, 1_000_000))),
            ("phone.mp4", Clip(rotation=90, audio="aac")),
            ("upside_down.mov", Clip(rotation=180)),
            ("music.mkv", Clip(audio="libmp3lame")),
            ("opus.mkv", Clip(audio="libopus")),
            ("hevc.mp4", Clip(codec="libx265", options={"x265-params": "log-level=none"})),
            ("old.avi", Clip(codec="mpeg4", times=range(30), time_base=Fraction(1, 25), options={})),
            ("two.mp4", Clip(frames=2)),
        ],
    )
    def test_frames_times_duration_and_sound(self, tmp_path: Path, name: str, clip: Clip) -> None:
        source = clip.write(tmp_path / name)
        convert(source, tmp_path / "out.mp4")
        expected, got = contents(source), contents(tmp_path / "out.mp4")
        assert got.numbers == list(range(len(expected.times)))
        assert got.times == expected.times
        assert abs(got.duration - expected.duration) < min(later - earlier for earlier, later in pairwise(expected.times))
        assert got.audio == expected.audio
        assert got.audio_times == expected.audio_times
        assert (got.width, got.height) == (96, 64)

    def test_transport_stream_starts_at_zero(self, tmp_path: Path) -> None:
        """Its clock begins anywhere; sound and picture keep their distance. (AAC loses its ADTS headers, so bytes differ.)"""
        source = Clip(audio="aac", container={"output_ts_offset": "5"}).write(tmp_path / "clip.ts")
        convert(source, tmp_path / "out.mp4")
        expected, got = contents(source), contents(tmp_path / "out.mp4")
        shift = expected.times[0] - got.times[0]
        assert shift > 4
        assert min(got.times[0], got.audio_times[0]) == 0
        assert [time + shift for time in got.times] == expected.times
        assert len(got.audio) == len(expected.audio)
        assert all(abs(a + shift - b) < Fraction(1, 1000) for a, b in zip(got.audio_times, expected.audio_times, strict=True))

    def test_the_variable_rate_gives_the_last_frame_its_own_duration(self, tmp_path: Path) -> None:
        source = Clip(times=UNEVEN).write(tmp_path / "clip.mp4")
        convert(source, tmp_path / "out.mp4")
        assert contents(tmp_path / "out.mp4").duration == contents(source).duration == Fraction(560, 1000)

    def test_a_limited_run_ends_with_its_last_frame_and_so_does_its_sound(self, tmp_path: Path) -> None:
        source = Clip(frames=100, audio="aac").write(tmp_path / "clip.mp4")
        convert(source, tmp_path / "out.mp4", limit=25)
        expected, got = contents(source), contents(tmp_path / "out.mp4")
        assert got.numbers == list(range(25))
        assert got.duration == 1
        assert got.audio == expected.audio[: len(got.audio)]
        assert got.audio_times[-1] < 1 <= got.audio_times[-1] + Fraction(1024, 48_000)

    @pytest.mark.parametrize("suffix", [".mp4", ".ts", ".mkv"])
    def test_a_damaged_source(self, tmp_path: Path, suffix: str) -> None:
        clip = Clip(frames=120, width=384, height=256, options={"g": "10", "crf": "10", "preset": "ultrafast"}, audio="aac").write(
            tmp_path / f"whole{suffix}"
        )
        convert(damaged(clip, tmp_path / f"damaged{suffix}"), tmp_path / "out.mp4")
        with VideoFile(tmp_path / f"damaged{suffix}") as source:
            expected = [number_of(frame.pixels) for frame in source]
        assert contents(tmp_path / "out.mp4").numbers == expected

    @pytest.mark.parametrize(
        "colour",
        [
            pytest.param(Colour(), id="bt709"),
            pytest.param(Colour(6, 1, 6, 6), id="ntsc"),
            pytest.param(Colour(5, 1, 5, 6), id="pal"),
            pytest.param(
                Colour(9, 1, 9, 14),
                id="bt2020",
                marks=pytest.mark.skipif(int(av.__version__.split(".")[0]) < 18, reason="PyAV 17 converts BT.2020 by another matrix"),
            ),
            pytest.param(Colour(2, 0, 2, 2), id="unspecified"),
            pytest.param(Colour(1, 2, 1, 1), id="full range"),
            pytest.param(Colour(0, 2, 1, 13), id="rgb"),
        ],
    )
    def test_colours(self, tmp_path: Path, colour: Colour) -> None:
        colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [128, 128, 128], [30, 200, 250]], np.uint8)
        picture = np.repeat(np.repeat(colours[None], 32, 0), 32, 1)
        info = replace(INFO, width=picture.shape[1], height=32, colour=colour)
        with VideoSink(tmp_path / "out.mp4", info) as sink:
            for number in range(3):
                sink.write(result(number, picture.copy()))
        with VideoFile(tmp_path / "out.mp4") as video:
            seen = next(iter(video)).pixels[16, 16::32]
            tags = video.info.colour
        assert np.abs(seen.astype(int) - colours).max() <= 6
        assert (tags.primaries, tags.transfer) == (colour.primaries, colour.transfer)
        assert tags.matrix == (colour.matrix or 6)

    @pytest.mark.parametrize("colour", [pytest.param(Colour(), id="bt709"), pytest.param(Colour(6, 1, 6, 6), id="ntsc")])
    @pytest.mark.parametrize(("width", "height"), [(64, 64), (66, 62), (65, 63)])
    def test_colours_stay_where_they_are(self, tmp_path: Path, colour: Colour, width: int, height: int) -> None:
        """4:2:0 has half as many rows and columns of colour, of which there may be an odd number."""
        picture = np.empty((height, width, 3), np.uint8)
        picture[:32, :32], picture[:32, 32:], picture[32:, :32], picture[32:, 32:] = (
            (200, 40, 40),
            (40, 200, 40),
            (40, 40, 200),
            (90, 90, 90),
        )
        info = replace(INFO, width=width, height=height, colour=colour)
        with VideoSink(tmp_path / "out.mp4", info) as sink:
            for number in range(3):
                sink.write(result(number, picture.copy()))
        with VideoFile(tmp_path / "out.mp4") as video:
            seen = next(iter(video)).pixels[:height, :width]
        away = np.abs(seen.astype(int) - picture).max(axis=2)
        away[29:35] = away[:, 29:35] = 0  # the codec's blocks blur the borders
        assert away.max() <= 12

    @settings(max_examples=15, deadline=None)
    @given(
        gaps=st.lists(st.integers(1, 200), min_size=1, max_size=12),
        start=st.integers(0, 1000),
        base=st.sampled_from([Fraction(text) for text in ("1/1000", "1/30000", "1001/30000", "1/90000", "1/25", "1/1000000")]),
    )
    def test_any_times_come_out_exactly(
        self, tmp_path_factory: pytest.TempPathFactory, gaps: list[int], start: int, base: Fraction
    ) -> None:
        times = [start * base]
        for gap in gaps:
            times.append(times[-1] + gap * base)
        path = tmp_path_factory.mktemp("times") / "out.mp4"
        with VideoSink(path, replace(INFO, time_base=base, file=FileInfo(end=times[-1] + gaps[-1] * base))) as sink:
            for number, time in enumerate(times):
                sink.write(result(number, time=time))
        got = contents(path)
        assert got.times == times
        assert got.duration == times[-1] + gaps[-1] * base - times[0]

    def test_real_clips(self, shared: Path, tmp_path: Path) -> None:
        for path in sorted((shared / "video").glob("*.mp4")):
            out = tmp_path / path.name
            convert(path, out, limit=60)
            with VideoFile(path) as source, VideoFile(out) as copy:
                assert copy.info.frames == 60
                assert (copy.info.width, copy.info.height) == (source.info.width, source.info.height)
                count = 0
                for before, after in zip(source, copy, strict=False):
                    assert before.time == after.time
                    assert count % 20 or cv2.PSNR(before.pixels, after.pixels) > 32
                    count += 1
            assert count == 60
            expected, got = ([data for data, _ in sound(file)] for file in (path, out))
            assert got == expected[: len(got)]
            assert bool(got) == bool(expected)

    def test_a_browser_can_play_it_while_it_loads(self, tmp_path: Path) -> None:
        write_video(tmp_path / "out.mp4")
        data = (tmp_path / "out.mp4").read_bytes()
        assert 0 < data.index(b"moov") < data.index(b"mdat")
        assert b"moof" not in data
        with av.open(str(tmp_path / "out.mp4")) as container:
            stream = container.streams.video[0]
            assert stream.codec_context.name == "h264"
            assert stream.codec_context.pix_fmt == "yuv420p"
            assert next(container.decode(stream)).rotation == 0


class TestSizes:
    @pytest.mark.parametrize("size", [(1, 1), (17, 9), (1, 64), (63, 97), (97, 64), (4096, 2160)], ids=str)
    def test_odd_sizes_grow_by_an_edge(self, tmp_path: Path, size: tuple[int, int]) -> None:
        width, height = size
        picture = np.full((height, width, 3), (40, 160, 90), np.uint8)
        with VideoSink(tmp_path / "out.mp4", replace(INFO, width=width, height=height)) as sink:
            for number in range(2):
                sink.write(result(number, picture))
        with VideoFile(tmp_path / "out.mp4") as video:
            frames = list(video)
        assert len(frames) == 2
        assert frames[0].size == (width + width % 2, height + height % 2)
        assert np.abs(frames[0].pixels.astype(int) - picture[0, 0]).max() <= 8

    @pytest.mark.parametrize("size", [(48, 64), (192, 64), (60, 10), (31, 97), (1, 1)], ids=str)
    def test_a_frame_of_another_size_keeps_its_proportions(
        self, tmp_path: Path, size: tuple[int, int], caplog: pytest.LogCaptureFixture
    ) -> None:
        """As where a camera is turned, or recordings are joined: scaled into the video's size, never squashed."""
        width, height = size
        other = np.full((height, width, 3), 230, np.uint8)
        with VideoSink(tmp_path / "out.mp4", INFO) as sink:
            for number in range(6):
                sink.write(result(number) if number < 3 else result(number, other))
        with VideoFile(tmp_path / "out.mp4") as video:
            frames = [frame.pixels for frame in video]
        assert [number_of(frame) for frame in frames[:3]] == [0, 1, 2]
        bright = frames[4][..., 1] > 128
        rows, columns = bright.any(1).nonzero()[0], bright.any(0).nonzero()[0]
        scale = min(96 / width, 64 / height)
        assert abs(len(columns) - width * scale) <= 2
        assert abs(len(rows) - height * scale) <= 2
        assert abs(rows[0] - (63 - rows[-1])) <= 2
        assert abs(columns[0] - (95 - columns[-1])) <= 2
        assert bright[rows[0] + 1 : rows[-1], columns[0] + 1 : columns[-1]].all()
        assert caplog.messages == [f"clip.mp4: frame 3 is {width}x{height}, the video 96x64; frames of another size are scaled into it"]


def test_writing_copies_no_history(tmp_path: Path) -> None:
    """A sink is done with a frame when `write` returns: its owner may draw the next picture into the same memory."""
    pixels = numbered(0)

    def same_memory() -> Iterable[FrameResult]:
        for number in range(20):
            pixels[:] = numbered(number)
            yield result(number, pixels)

    with VideoSink(tmp_path / "out.mp4", INFO) as sink:
        for each in same_memory():
            sink.write(each)
    assert contents(tmp_path / "out.mp4").numbers == list(range(20))
