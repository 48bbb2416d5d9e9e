"""The overlay sent to real receivers on this machine: UDP, TCP, an RTMP server and an RTSP server that come and go."""

from __future__ import annotations

import logging
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import av
import pytest

from lanes.capture import find_sources
from lanes.cli.arguments import SENT_TO
from lanes.errors import InputError, OutputError
from lanes.output import open_outputs
from lanes.output.live.avio import Connection
from lanes.output.live.encoded import EncodedSink
from lanes.output.live.network import OUTPUT_SCHEMES, NetworkOut
from tests.capture.live_servers import free_port, on
from tests.capture.test_reconnecting_rtmp import MODULE, NGINX
from tests.capture.test_reconnecting_rtmp import server as rtmp_server
from tests.media import number_of
from tests.output.live.feeding import CAMERA, PATIENT, encoded, encoder, wait_for
from tests.output.results import result

SECRET = "hunter2"

Recorder = tuple[int, SimpleQueue[str], Callable[[], None]]
"""An RTSP server's port, the frames that it gets, and what kills it."""


class Feed:
    """Offers frames at about 50 a second until it is closed, as a live source does."""

    def __init__(self, address: str) -> None:
        self._encoding = encoder()
        self.out = NetworkOut(address, self._encoding.stream)
        self.offered = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        frames = encoded(self._encoding)
        while not self._over.wait(0.02):
            self.out.offer(next(frames))
            self.offered += 1

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self.out.finish()
        self.out.join()


@contextmanager
def feeding(address: str) -> Iterator[Feed]:
    feed = Feed(address)
    try:
        yield feed
    finally:
        feed.close()


def received(address: str, count: int, **options: Any) -> list[int]:
    """The numbers in so many pictures that plain PyAV receives there."""
    with av.open(address, timeout=60, **options) as video:
        numbers = []
        for frame in video.decode(video=0):
            numbers.append(number_of(frame.to_ndarray(format="bgr24")))
            if len(numbers) == count:
                return numbers
    return numbers


def in_order(numbers: list[int]) -> bool:
    """Whether they are whole pictures that count on. A machine that is busy for seconds may have dropped some."""
    return min(numbers) >= 0 and all((after - before) % 256 in range(1, 200) for before, after in pairwise(numbers))


def test_a_transport_stream_by_udp() -> None:
    port = free_port()
    with feeding(f"udp://127.0.0.1:{port}") as feed:
        numbers = received(f"udp://127.0.0.1:{port}", 30, format="mpegts")
    whole = [number for number in numbers if number >= 0]  # the first one may be damaged, and so may those that the system loses
    assert len(whole) >= 20
    assert in_order(whole)
    assert feed.out.problem is None


def test_by_tcp_to_who_listens_there_and_again_after_it_has_gone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    port = free_port()
    with feeding(f"tcp://127.0.0.1:{port}") as feed:
        for times in (1, 2):
            wait_for(lambda times=times: sum("is not sent" in message for message in caplog.messages) == times)
            with socket.create_server(("127.0.0.1", port)) as server:
                connection, _ = server.accept()
                with connection:
                    head = connection.recv(188, socket.MSG_WAITALL)
            assert head[0] == 0x47  # a packet of a transport stream
            wait_for(lambda times=times: sum("again after" in message for message in caplog.messages) == times)
    assert feed.out.dropped > 0
    assert any(message.startswith(f"tcp://127.0.0.1:{port}: the overlay is not sent (Connection refused)") for message in caplog.messages)


def test_one_that_takes_nothing_is_given_up_and_holds_up_no_other_thread() -> None:
    """It is connected, and reads not one byte."""
    over = threading.Event()
    turns: list[int] = [0]

    def count() -> None:
        while not over.wait(0.001):
            turns[0] += 1

    counting = threading.Thread(target=count)
    counting.start()
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = Connection(f"tcp://127.0.0.1:{server.getsockname()[1]}", {"rw_timeout": "1000000"}, over)
        try:
            before = 0

            def fill() -> None:
                nonlocal before
                while True:
                    before = turns[0]
                    connection.write(bytes(100_000))

            with pytest.raises(OSError, match="timed out"):
                fill()
            assert turns[0] - before > 10
            assert connection.write(b"x") == 1  # a muxer's last words go nowhere
        finally:
            connection.close()
            connection.close()
            over.set()
            counting.join()


def test_a_server_that_does_not_answer_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyAV by itself would hold Python's lock from here on: not one more frame would be offered."""
    monkeypatch.setattr("lanes.output.live.network.TIMEOUT_S", 600.0)
    monkeypatch.setattr("lanes.output.live.network.LONGEST_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server, feeding(f"rtmp://127.0.0.1:{server.getsockname()[1]}/live/road") as feed:
        connection, _ = server.accept()
        before = feed.offered
        wait_for(lambda: feed.offered > before + 20)
        begun = time.monotonic()
    assert time.monotonic() - begun < 60  # nor does its end wait for it
    connection.close()
    assert feed.out.dropped == feed.offered


@pytest.mark.skipif(not (NGINX.exists() and MODULE.exists()), reason="nginx with its RTMP module is not installed")
def test_an_rtmp_server_that_comes_later_and_goes_and_comes_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    port = free_port()
    with feeding(f"rtmp://user:{SECRET}@127.0.0.1:{port}/live/{SECRET}") as feed:
        for times in (1, 2):
            wait_for(lambda times=times: sum("is not sent" in message for message in caplog.messages) == times)
            with on(rtmp_server(tmp_path, port)):
                wait_for(lambda times=times: sum("again after" in message for message in caplog.messages) == times)
                numbers = received(f"rtmp://127.0.0.1:{port}/live/{SECRET}", 20, container_options={"analyzeduration": "500000"})
                assert len(numbers) == 20
                assert in_order(numbers)
    assert feed.out.problem is None
    assert SECRET not in caplog.text
    assert f"rtmp://127.0.0.1:{port}" in caplog.text


class TestRTSP:
    """GStreamer's server records what is announced to it."""

    @pytest.fixture
    def recorder(self, request: pytest.FixtureRequest) -> Iterator[Recorder]:
        command = ["/usr/bin/python3", str(Path(__file__).with_name("rtsp_recorder.py")), request.param]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        port = process.stdout.readline()
        if not port:
            process.wait()
            pytest.skip("GStreamer's RTSP server is not installed")
        lines: SimpleQueue[str] = SimpleQueue()
        thread = threading.Thread(target=lambda stream: [lines.put(line) for line in stream], args=(process.stdout,))
        thread.start()
        yield int(port), lines, process.kill
        process.kill()
        process.wait()
        thread.join()
        process.stdout.close()

    @pytest.mark.parametrize("recorder", ["BASIC", "DIGEST"], indirect=True)
    def test_it_gets_frames(self, recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
        port, lines, kill = recorder
        decoder = av.CodecContext.create("h264", "r")
        numbers: list[int] = []
        with feeding(f"rtsp://admin:{SECRET}@127.0.0.1:{port}/road") as feed:
            while len(numbers) < 20:
                frames: list[Any] = decoder.decode(av.Packet(bytes.fromhex(lines.get(timeout=60))))
                numbers += [number_of(frame.to_ndarray(format="bgr24")) for frame in frames]
            assert caplog.messages == []
            kill()
            wait_for(lambda: caplog.messages)
        assert in_order(numbers)
        assert caplog.messages[0].startswith(f"rtsp://127.0.0.1:{port}: the overlay is not sent (")
        assert feed.out.problem is None
        assert SECRET not in caplog.text

    @pytest.mark.parametrize("recorder", ["BASIC"], indirect=True)
    def test_a_wrong_password_is_not_tried_again(self, recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
        port, lines, _ = recorder
        with feeding(f"rtsp://admin:wrong@127.0.0.1:{port}/road") as feed:
            wait_for(lambda: feed.out.problem)
            offered = feed.offered
            wait_for(lambda: feed.offered > offered + 10)
        assert feed.out.problem == f"rtsp://127.0.0.1:{port}: wants another user and password than those given"
        assert feed.out.dropped == feed.offered
        assert caplog.messages == [f"{feed.out.problem}; nothing is sent"]
        with pytest.raises(Empty):
            lines.get_nowait()

    @pytest.mark.parametrize("recorder", ["BASIC"], indirect=True)
    def test_a_path_that_is_not_there_is_said_and_waited_for(self, recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
        port, _, _ = recorder
        with feeding(f"rtsp://admin:{SECRET}@127.0.0.1:{port}/{SECRET}"):
            wait_for(lambda: caplog.messages)
        why = "the overlay is not sent (the server has no such path)"
        assert caplog.messages == [f"rtsp://127.0.0.1:{port}: {why}; it is tried again, and frames are processed on"]


class TestRequest:
    def test_the_schemes_are_those_of_the_command_line(self) -> None:
        assert sorted(OUTPUT_SCHEMES) == sorted(SENT_TO)

    def test_a_file_is_not_sent_faster_than_it_plays(self) -> None:
        with pytest.raises(InputError, match=r"^rtmp://host: a file is not sent there faster than it plays; give --live too$"):
            open_outputs(PATIENT, address=f"rtmp://user:{SECRET}@host/live/key")

    def test_nobody_there_is_no_error_of_the_run_and_every_frame_is_counted(self) -> None:
        with EncodedSink.open(CAMERA, None, f"tcp://127.0.0.1:{free_port()}", None) as sink:
            for number in range(60):
                sink.write(result(number))
        assert sink.dropped == 60

    def test_recording_clips_and_address_from_one_encoder(self, tmp_path: Path) -> None:
        with EncodedSink.open(CAMERA, tmp_path / "drive.mp4", f"udp://127.0.0.1:{free_port()}", tmp_path / "clips") as sink:
            sink.mark("test")
            sink.write(result(0))
        assert (tmp_path / "drive.mp4").exists()
        assert len(list((tmp_path / "clips").iterdir())) == 2

    def test_a_problem_of_one_is_said_at_the_end(self, tmp_path: Path) -> None:
        sink = EncodedSink.open(PATIENT, tmp_path / "disk" / "drive.mp4", None, tmp_path / "clips")
        (tmp_path / "disk").rmdir()
        (tmp_path / "disk").touch()
        sink.mark("test")
        for number in range(5):
            sink.write(result(number))
        with pytest.raises(OutputError, match=r"drive\.mp4: was not recorded all the time"):
            sink.close()
        assert len(list((tmp_path / "clips").iterdir())) == 2


def test_find_sources_reads_what_is_sent() -> None:
    """By this project's own source, as a second computer would."""
    port = free_port()
    (source,) = find_sources(f"udp://127.0.0.1:{port}")
    with feeding(f"udp://127.0.0.1:{port}"), source:
        frames = [frame for frame, _ in zip(source, range(5), strict=False)]
    assert any(number_of(frame.pixels) >= 0 for frame in frames)
