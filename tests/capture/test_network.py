"""Network sources against real servers: errors by kind, times of arrival, ends in order and connections that break."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from lanes.capture import open_source
from lanes.capture.coded import CodedFrames
from lanes.capture.events import FormatChanged, Notice
from lanes.errors import InputError, NotFoundError, SourceLostError, UnauthorizedError
from tests.capture.servers import BOUNDARY, Handler, answering, jpeg, motion_jpeg
from tests.media import Clip, number_of


def status(code: int) -> Callable[[Handler], None]:
    def answer(request: Handler) -> None:
        request.send_response(code)
        if code == 401:
            request.send_header("WWW-Authenticate", 'Basic realm="camera"')
        request.end_headers()

    return answer


def whole(data: bytes, kind: str = "video/mp4", length: int | None = None) -> Callable[[Handler], None]:
    """An answer without ranges; with `length`, one that announces more or less than it sends."""

    def answer(request: Handler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(data) if length is None else length))
        request.end_headers()
        request.wfile.write(data)

    return answer


class TestRefusals:
    @pytest.mark.parametrize(
        ("code", "user", "kind", "words"),
        [
            (401, "", UnauthorizedError, "wants a user name and a password"),
            (401, "admin:hunter2@", UnauthorizedError, "refuses this user name and password"),
            (403, "admin:hunter2@", UnauthorizedError, "refuses"),
            (404, "", NotFoundError, "nothing at this address"),
            (410, "", NotFoundError, "nothing at this address"),
            (503, "", InputError, "503 Service Unavailable"),
        ],
    )
    def test_by_the_server(self, code: int, user: str, kind: type[InputError], words: str) -> None:
        with answering(status(code)) as host, pytest.raises(kind, match=words) as caught:
            open_source(f"http://{user}{host}/live?key=hunter2")
        assert type(caught.value) is kind
        assert str(caught.value).startswith(f"http://{host}: ")
        assert "hunter2" not in str(caught.value)

    def test_by_nobody(self) -> None:
        for scheme in ("http", "rtsp", "rtmp", "tcp"):
            with pytest.raises(InputError, match=f"{scheme}://127.0.0.1:1: refuses the connection"):
                open_source(f"{scheme}://admin:hunter2@127.0.0.1:1/live")

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("text.mp4", b"hello\n" * 1000),  # FFmpeg shows text as a film of a terminal
            ("notes.txt", b"hello\n" * 1000),
            ("index.html", b"<!doctype html><title>Camera</title>"),
            ("noise", bytes(range(256)) * 100),
        ],
    )
    def test_what_is_no_video(self, served: tuple[Path, str], name: str, content: bytes) -> None:
        (served[0] / name).write_bytes(content)
        with pytest.raises(InputError, match="no video"):
            open_source(f"{served[1]}/{name}")

    def test_an_index_at_the_end_without_ranges(self, tmp_path: Path) -> None:
        large = Clip(frames=20, width=768, height=512, codec="rawvideo", options={}).write(tmp_path / "clip.mov")
        with answering(whole(large.read_bytes())) as host, pytest.raises(InputError, match=r"no ranges.*download it"):
            open_source(f"http://{host}/clip.mov")

    def test_a_password_that_is_right_opens(self) -> None:
        def answer(request: Handler) -> None:
            expected = "Basic YWRtaW46cEBzcw=="  # admin:p@ss
            motion_jpeg([jpeg(3)])(request) if request.headers.get("Authorization") == expected else status(401)(request)

        with answering(answer) as host, open_source(f"http://admin:p%40ss@{host}/") as source:
            assert [number_of(frame.pixels) for frame in source] == [3]


class TestMotionJPEG:
    @pytest.mark.parametrize("lengths", [True, False])
    @pytest.mark.parametrize("dashes", [True, False])
    def test_every_picture_once_and_the_end_is_an_end(self, lengths: bool, dashes: bool) -> None:
        taken = threading.Semaphore(1)
        answer = motion_jpeg([jpeg(number) for number in range(20)], lambda _: taken.acquire(timeout=30), lengths=lengths, dashes=dashes)
        with answering(answer) as host:
            if not lengths:
                taken.release(20)  # the end of such a picture is the begin of the next: it comes with that
            with open_source(f"http://{host}/stream") as source:
                found = []
                for frame in source:
                    found.append(number_of(frame.pixels))
                    taken.release()
                counts = source.counts
        assert found[-1] == 19
        assert counts.captured == 20
        assert counts.corrupt == 0
        if lengths:
            assert found == list(range(20))

    def test_times_are_those_of_arrival(self) -> None:
        """Not 25 a second: the test sends at will, and the times are those of this process's clock."""
        go = threading.Semaphore(1)
        answer = motion_jpeg([jpeg(number) for number in range(3)], lambda _: go.acquire(timeout=30))
        with answering(answer) as host, open_source(f"http://{host}/stream") as source:
            frames = []
            for frame in source:
                frames.append(frame)
                threading.Event().wait(0.1)
                go.release()
        assert frames[0].time == 0
        for earlier, later in pairwise(frames):
            assert later.time - earlier.time >= Fraction(99, 1000)
            assert later.arrived_ns is not None
            assert earlier.arrived_ns is not None
            assert later.time - earlier.time == Fraction(later.arrived_ns - earlier.arrived_ns, 10**9)
        assert source.info.frame_rate is None

    def test_a_connection_that_breaks_inside_a_picture_is_lost_and_the_others_are_there(self) -> None:
        def answer(request: Handler) -> None:
            motion_jpeg([jpeg(1)])(request)
            request.wfile.write(f"\r\n--{BOUNDARY}\r\nContent-Length: 5000\r\n\r\nhalf".encode())

        with answering(answer) as host, open_source(f"http://{host}/stream") as source:
            frames = iter(source)
            assert number_of(next(frames).pixels) == 1
            with pytest.raises(SourceLostError, match="broke off inside an image"):
                next(frames)

    def test_a_broken_picture_is_counted_and_a_new_size_is_a_cut(self) -> None:
        pictures = [jpeg(1), b"no picture", jpeg(2), jpeg(3, 192, 128)]
        with answering(motion_jpeg(pictures)) as host, open_source(f"http://{host}/stream") as source:
            *_, last = source
            assert source.corrupt == 1
            assert last.cut
            assert last.size == (192, 128)
            assert (source.info.width, source.info.height) == (192, 128)
            assert FormatChanged(source.info) in source.events()

    def test_none_at_all(self) -> None:
        with answering(motion_jpeg([])) as host, pytest.raises(InputError, match="sends no image"):
            open_source(f"http://{host}/stream")


class TestLiveStreams:
    def test_no_frame_is_held_back_by_the_decoder_s_threads(self, tmp_path: Path) -> None:
        """As many frames have come out as packets went in. With threads by frames, one is missing for each further processor."""
        options = {"g": "12", "crf": "20", "bf": "0", "tune": "zerolatency"}
        path = Clip(frames=30, options=options).write(tmp_path / "clip.ts")
        read = 0

        class Counting:
            def __init__(self, container: av.container.InputContainer) -> None:
                self.streams, self.flags, self.opened = container.streams, container.flags, container

            def demux(self, streams: object) -> Iterator[av.Packet]:
                nonlocal read
                for packet in self.opened.demux(streams):
                    read += 1
                    yield packet

        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 8
            frames = CodedFrames(Counting(container), stream, None, low_delay=True)
            assert [read - index for index, _ in enumerate(frames)] == [1] * 30

    def test_the_last_frames_are_not_lost_with_the_connection(self, tmp_path: Path) -> None:
        """The decoder holds two back to put them in order, and the server's end is not one that FFmpeg knows as such."""
        data = Clip(frames=40, options={"g": "12", "crf": "10", "bf": "2"}).write(tmp_path / "clip.ts").read_bytes()

        def answer(request: Handler) -> None:
            request.send_response(200)
            request.end_headers()
            request.wfile.write(data)

        with answering(answer) as host, open_source(f"http://{host}/live") as source:
            *_, last = source
            assert number_of(last.pixels) == 39
            assert source.counts.captured == 40


class TestRecordings:
    def test_one_without_a_clock_has_the_nominal_rate(self, served: tuple[Path, str]) -> None:
        """It is a file: its frames come as fast as the network is, which means nothing."""
        Clip(frames=12).write(served[0] / "clip.h264")
        with open_source(f"{served[1]}/clip.h264") as source:
            times = [frame.time for frame in source]
            assert source.counts.captured == 12
        assert times[-1] - times[0] == Fraction(11, 25)

    def test_sound_that_is_left_out_is_said(self, served: tuple[Path, str]) -> None:
        Clip(frames=10, audio="aac", container={"movflags": "faststart"}).write(served[0] / "clip.mp4")
        with open_source(f"{served[1]}/clip.mp4") as source:
            assert any("sound is left out" in event.message for event in source.events() if isinstance(event, Notice))

    def test_one_that_breaks_off_is_lost(self, tmp_path: Path) -> None:
        data = Clip(frames=100, width=768, height=512, container={"movflags": "faststart"}).write(tmp_path / "clip.mp4").read_bytes()
        half = whole(data[: len(data) // 2], length=len(data))
        with answering(half) as host, open_source(f"http://{host}/clip.mp4") as source:
            with pytest.raises(SourceLostError, match="connection was lost"):
                list(source)
            assert source.counts.delivered > 0

    def test_a_live_playlist_s_segments(self, served: tuple[Path, str]) -> None:
        for index in range(2):
            Clip(frames=25, times=range(1000 * index, 1000 * index + 1000, 40)).write(served[0] / f"{index}.ts")
        segments = "".join(f"#EXTINF:1.0,\n{index}.ts\n" for index in range(2))
        (served[0] / "live.m3u8").write_text(f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n{segments}#EXT-X-ENDLIST\n")
        with open_source(f"{served[1]}/live.m3u8") as source:
            assert source.info.kind == "stream"
            *_, last = source
            assert source.counts.captured == 50
            assert number_of(last.pixels) == 24
