"""VideoFile: every frame once, in order, at its own time; what is no video is refused in a sentence."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import pytest

from lanes.capture.source import Track
from lanes.capture.video import VideoFile
from lanes.errors import InputError, NotFoundError
from tests.capture.recordings import read
from tests.media import Clip, contents, damaged, number_of, numbered, sound_only, truncated

UNEVEN = [0, 33, 66, 101, 140, 200, 300, 333, 400, 480]


class TestVideoFile:
    @pytest.mark.parametrize(
        ("name", "clip"),
        [
            ("constant.mp4", Clip()),
            ("variable.mp4", Clip(times=UNEVEN)),
            ("variable.mkv", Clip(times=UNEVEN)),
            ("late.mp4", Clip(times=[500 + time for time in UNEVEN], audio="aac")),
            ("reordered.mp4", Clip(options={"bf": "3", "g": "20", "crf": "10"})),
            ("ntsc.mp4", Clip(times=[1001 * index for index in range(20)], time_base=Fraction(1, 30_000))),
            ("transport.ts", Clip(audio="aac")),
            ("hevc.mp4", Clip(codec="libx265", options={"x265-params": "log-level=none"})),
            ("vp9.webm", Clip(codec="libvpx-vp9", options={"deadline": "realtime", "cpu-used": "8"})),
            ("old.avi", Clip(codec="mpeg4", times=range(30), time_base=Fraction(1, 25), options={})),
            ("full_range.mov", Clip(codec="mjpeg", pixel_format="yuvj420p", times=range(30), time_base=Fraction(1, 25), options={})),
            ("a b:c %20 ü.mp4", Clip(frames=3)),
            ("one.mp4", Clip(frames=2)),
        ],
    )
    def test_every_frame_once_in_order_at_its_own_time(self, tmp_path: Path, name: str, clip: Clip) -> None:
        path = clip.write(tmp_path / name)
        with VideoFile(path) as source:
            frames = list(source)
            assert [number_of(frame.pixels) for frame in frames] == list(range(len(clip.times) or clip.frames))
            assert [frame.time for frame in frames] == contents(path).times
            assert [frame.stem for frame in frames] == [f"{index:06d}" for index in range(len(frames))]
            assert {frame.source for frame in frames} == {name}
            assert source.corrupt == 0
            if path.suffix == ".mp4":  # Matroska does not say how many there are, nor how fast they come
                assert source.info.frames == len(frames)
            assert source.info.file is not None
            assert source.info.file.files == (path,)

    def test_odd_sizes(self, tmp_path: Path) -> None:
        path = Clip(frames=3, width=97, height=63, codec="ffv1", pixel_format="yuv444p", options={}).write(tmp_path / "odd.mkv")
        with VideoFile(path) as source:
            frames = list(source)
        assert [frame.size for frame in frames] == [(97, 63)] * 3
        assert all(frame.pixels.flags.c_contiguous for frame in frames)
        assert [number_of(frame.pixels) for frame in frames] == [0, 1, 2]

    def test_a_stream_without_times_gets_some(self, tmp_path: Path) -> None:
        with VideoFile(Clip(frames=10).write(tmp_path / "raw.h264")) as source:
            times = [frame.time for frame in source]
        assert len(times) == 10
        assert len({later - earlier for earlier, later in itertools.pairwise(times)}) == 1

    def test_motion_jpeg_without_a_container(self, tmp_path: Path) -> None:
        raw = tmp_path / "raw.mjpeg"
        raw.write_bytes(b"".join(cv2.imencode(".jpg", numbered(number))[1].tobytes() for number in range(10)))
        with VideoFile(raw) as source:
            assert [number_of(frame.pixels) for frame in source] == list(range(10))

    def test_a_truncated_file_ends_early(self, tmp_path: Path) -> None:
        clip = Clip(frames=100, container={"movflags": "faststart"}).write(tmp_path / "whole.mp4")
        with VideoFile(truncated(clip, tmp_path / "cut.mp4")) as source:
            numbers = [number_of(frame.pixels) for frame in source]
        assert 30 <= len(numbers) < 100
        assert numbers == list(range(len(numbers)))

    def test_real_clips(self, shared: Path) -> None:
        for path in sorted((shared / "video").glob("*.mp4")):
            with VideoFile(path) as source:
                expected = source.info.frames
                frames = [frame for frame, _ in zip(source, range(60), strict=False)]
            assert expected is not None
            assert expected >= 60
            assert len(frames) == 60
            assert frames[0].time == 0
            assert frames[0].pixels.std() > 10

    @pytest.mark.parametrize("size", [(2, 2), (10_000, 20), (20, 4000)])
    def test_extreme_sizes(self, tmp_path: Path, size: tuple[int, int]) -> None:
        frames = read(Clip(frames=3, width=size[0], height=size[1]).write(tmp_path / "clip.mp4")).frames
        assert [frame.size for frame in frames] == [size] * 3


class TestFileInfo:
    def test_what_the_container_says_of_itself(self, tmp_path: Path) -> None:
        Clip(frames=3).write(tmp_path / "plain.mp4")
        with av.open(str(tmp_path / "plain.mp4")) as plain, av.open(str(tmp_path / "drive.mp4"), "w") as drive:
            drive.metadata["creation_time"] = "2024-05-01T12:30:00.000000Z"
            drive.metadata["location"] = "+47.3769+008.5417/"
            stream = drive.add_stream_from_template(plain.streams.video[0])
            for packet in plain.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    drive.mux(packet)
        with VideoFile(tmp_path / "drive.mp4") as source:
            assert source.info.file is not None
            assert source.info.file.metadata["creation_time"] == "2024-05-01T12:30:00.000000Z"
            assert source.info.file.metadata["location"] == "+47.3769+008.5417/"

    def test_tracks_beside_the_pictures(self, tmp_path: Path) -> None:
        with VideoFile(Clip(frames=10, audio="aac").write(tmp_path / "clip.mp4")) as source:
            assert source.info.file is not None
            assert source.info.file.tracks == (Track(1, "audio", "aac"),)


class TestNoVideo:
    """Each is an InputError: one line that names the file and says what to do."""

    def check(self, path: Path, message: str) -> None:
        with pytest.raises(InputError, match=message) as caught, VideoFile(path):
            pass
        assert "\n" not in str(caught.value)
        assert path.name in str(caught.value)

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            pytest.param(lambda _: None, "no such file", id="missing"),
            pytest.param(lambda path: path.write_text("this is text, " * 500), "not a video", id="text"),
            pytest.param(lambda path: path.touch(), "empty", id="zero bytes"),
            pytest.param(sound_only, "no video stream", id="sound only"),
            pytest.param(lambda path: truncated(Clip().write(path), path), "not a video", id="no index"),
            pytest.param(lambda path: path.write_bytes(os.urandom(5000)), "not a video", id="noise"),
            pytest.param(lambda path: path.mkdir(), "is a folder", id="folder"),
            pytest.param(lambda path: path.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/a.ts\n"), "not a video", id="playlist"),
        ],
    )
    def test_video_files(self, tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
        path = tmp_path / "clip.mp4"
        make(path)
        self.check(path, message)

    def test_text_that_ffmpeg_would_show_as_a_terminal(self, tmp_path: Path) -> None:
        path = tmp_path / "notes.txt"
        path.write_text("hello\n" * 100)
        self.check(path, "not a video")

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n"),
            ("list.ffconcat", "ffconcat version 1.0\nfile '{clip}'\n"),
            (
                "list.sdp",
                "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
            ),
            ("subtitles.srt", "1\n00:00:00,000 --> 00:00:01,000\nhello\n\n"),
            ("subtitles.ass", "[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Start, End, Text\n"),
            ("subtitles.vtt", "WEBVTT\n\n00:00.000 --> 00:01.000\nhello\n"),
            ("drawing.svg", "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"),
        ],
    )
    def test_text_that_ffmpeg_would_read(self, tmp_path: Path, name: str, text: str) -> None:
        clip = Clip(frames=3).write(tmp_path / "clip.mp4")
        (tmp_path / name).write_text(text.replace("{clip}", str(clip)))
        self.check(tmp_path / name, "not a video")

    def test_absent_is_a_kind_of_its_own(self, tmp_path: Path) -> None:
        with pytest.raises(NotFoundError), VideoFile(tmp_path / "absent.mp4"):
            pass

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
    def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "clip.mp4")
        self.check(tmp_path / "clip.mp4", "a pipe or a device")

    @pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device")
    def test_a_device(self) -> None:
        self.check(Path("/dev/zero"), "a pipe or a device")

    @pytest.mark.parametrize("name", ["x" * 300 + ".mp4", "道" * 90 + ".mp4"])
    def test_a_name_that_no_file_can_have(self, tmp_path: Path, name: str) -> None:
        self.check(tmp_path / name, "too long")

    def test_not_one_decodable_frame(self, tmp_path: Path) -> None:
        clip = Clip(frames=10, container={"movflags": "faststart"}).write(tmp_path / "whole.mp4")
        begin = clip.read_bytes().index(b"mdat") / clip.stat().st_size
        self.check(damaged(clip, tmp_path / "noise.mp4", begin + 0.01, 1.0), "decoded")

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
    def test_no_permission(self, tmp_path: Path) -> None:
        path = Clip(frames=2).write(tmp_path / "clip.mp4")
        path.chmod(0)
        self.check(path, "permission")

    @pytest.mark.parametrize(
        "name", ["a b:c %20 ü.mp4", "drawn [front].mp4", "%03d.mp4", "-i.mp4", "道" * 80 + ".mp4", "http:x.mp4", "pipe:0.mp4", "a#t=1.mp4"]
    )
    def test_a_name_that_looks_like_something_else(self, tmp_path: Path, name: str) -> None:
        plain = Clip(frames=3).write(tmp_path / "plain.mp4")
        assert len(read(plain.rename(tmp_path / name)).frames) == 3

    @pytest.mark.skipif(os.name != "posix", reason="names are text there")
    def test_a_name_in_no_encoding(self, tmp_path: Path) -> None:
        plain = Clip(frames=3).write(tmp_path / "plain.mp4")
        assert len(read(plain.rename(tmp_path / os.fsdecode(b"caf\xe9.mp4"))).frames) == 3
