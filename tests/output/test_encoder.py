"""Encoder: which one is taken, key frames, threads, what a muxer needs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from lanes.capture.source import Colour
from lanes.errors import InputError
from lanes.output import encoder as module
from lanes.output import open_outputs
from lanes.output.encoder import ENCODERS, Encoder, letterboxed
from lanes.output.video import VideoSink
from tests.media import contents, number_of, numbered
from tests.output.results import INFO, names, result


def make(name: str = "auto") -> Encoder:
    return Encoder((96, 64), Fraction(25), Fraction(1, 25), Colour(), Fraction(1), name)


class TestChoice:
    def test_auto_is_x264_where_it_is(self) -> None:
        encoder = make()
        assert encoder.name == "libx264"
        encoder.close()
        encoder.close()

    @pytest.mark.parametrize("name", ENCODERS[1:])
    def test_each_by_name_works_or_is_refused_in_one_line(self, name: str, tmp_path: Path) -> None:
        """FFmpeg lists encoders of hardware that is not there: whether one works shows only when it encodes."""
        refused, sinks = "", []
        try:
            sinks = open_outputs(INFO, output=tmp_path / "new" / "out.mp4", encoder=name)
        except InputError as error:
            refused = str(error)
        if refused:
            assert re.fullmatch(rf"the encoder {name} does not work here \(.+\); give --encoder auto, or another one", refused)
            assert names(tmp_path) == []
            return
        for sink in sinks:
            for number in range(30):
                sink.write(result(number))
            sink.close()
        assert contents(tmp_path / "new" / "out.mp4").numbers == list(range(30))

    def test_without_x264_the_next_one_that_works(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """As in FFmpeg builds of distributions. MPEG-4 stands for another encoder of H.264, of which this machine may have none."""
        self.build_with(monkeypatch, "h264_v4l2m2m", "mpeg4")
        with VideoSink(tmp_path / "out.mp4", INFO) as sink:
            for number in range(30):
                sink.write(result(number))
        assert contents(tmp_path / "out.mp4").numbers == list(range(30))
        assert caplog.messages == ["FFmpeg has no libx264 here; the video is encoded by mpeg4"]

    def test_without_any_a_sentence_and_nothing_left_behind(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.build_with(monkeypatch, "h264_v4l2m2m")
        with pytest.raises(InputError, match=r"no encoder for H\.264 here; install .* or give --output none") as caught:
            open_outputs(INFO, output=tmp_path / "a" / "b" / "out.mp4", masks=tmp_path / "masks")
        assert "\n" not in str(caught.value)
        assert names(tmp_path) == []

    def build_with(self, monkeypatch: pytest.MonkeyPatch, *others: str) -> None:
        monkeypatch.setattr(module, "ENCODERS", ("auto", "libx264_that_is_missing", *others))
        monkeypatch.setattr(module, "_OTHERS", {name: {} for name in ("libx264_that_is_missing", *others)})


def key_frames(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        return [packet.pts * packet.time_base for packet in container.demux(video=0) if packet.size and packet.is_keyframe]


class TestKeyFrames:
    @pytest.mark.parametrize(
        "times",
        [
            [Fraction(number, 25) for number in range(100)],
            [Fraction(1001 * number, 30_000) for number in range(120)],
            [Fraction(number, 60) for number in range(200)],
            [Fraction(number) for number in range(5)],
            [Fraction(number * number, 500) for number in range(50)],
            [Fraction(number, 25) + 40 * (number > 30) for number in range(100)],
        ],
        ids=["25", "29.97", "60", "1", "variable", "a gap"],
    )
    def test_one_a_second(self, tmp_path: Path, times: Sequence[Fraction]) -> None:
        base = Fraction(1, 30_000)
        info = replace(INFO, time_base=base, frame_rate=(len(times) - 1) / (times[-1] - times[0]))
        with VideoSink(tmp_path / "out.mp4", info) as sink:
            for number, time in enumerate(times):
                sink.write(result(number, time=time))
        keys = key_frames(tmp_path / "out.mp4")
        assert keys[0] == times[0]
        before = {later: earlier for earlier, later in pairwise(times)}
        for earlier, later in pairwise([*keys, times[-1]]):
            assert later - earlier <= 1 or before[later] - earlier < 1, (earlier, later)

    def test_a_player_can_start_at_each(self, tmp_path: Path) -> None:
        with VideoSink(tmp_path / "out.mp4", INFO) as sink:
            for number in range(100):
                sink.write(result(number))
        for key in key_frames(tmp_path / "out.mp4"):
            with av.open(str(tmp_path / "out.mp4")) as container:
                stream = container.streams.video[0]
                container.seek(round(key / stream.time_base), stream=stream)
                frame = next(container.decode(stream))
                assert number_of(frame.to_ndarray(format="bgr24")) == key * 25

    def test_fragments_begin_with_them(self, tmp_path: Path) -> None:
        """So what a crash leaves, and a clip cut out of it, can be played from its first picture on."""
        sink = VideoSink(tmp_path / "out.mp4", INFO)
        for number in range(110):
            sink.write(result(number))
        (draft,) = names(tmp_path)
        assert len(contents(tmp_path / draft).numbers) in (75, 100)
        sink.discard()


class TestForTheMuxer:
    def test_an_encoder_that_sends_its_parameter_sets_with_the_pictures(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As those of Video4Linux do: an MP4 has them in its header alone."""
        monkeypatch.setitem(module._X264, "flags", "-global_header")
        with VideoSink(tmp_path / "out.mp4", replace(INFO, pixel_aspect=Fraction(4, 3))) as sink:
            for number in range(30):
                sink.write(result(number))
        assert contents(tmp_path / "out.mp4").numbers == list(range(30))
        with av.open(str(tmp_path / "out.mp4")) as container:
            assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)

    @pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (4, 2), (64, 4)])
    def test_threads_follow_the_cores_that_may_be_used(self, cores: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("engines.cores.usable_cores", lambda: cores)
        encoder = make()
        assert encoder.stream.codec_context.thread_count == threads
        encoder.close()


def test_letterboxed_keeps_what_fits_as_it_is() -> None:
    picture = numbered(5)
    assert np.array_equal(letterboxed(picture, (96, 64)), picture)
    wide = letterboxed(picture, (192, 64))
    assert np.array_equal(wide[:, 48:144], picture)
    assert not wide[:, :48].any()
    assert not wide[:, 144:].any()
