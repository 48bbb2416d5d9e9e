"""Streams other than RTSP that go and come back, from real servers: Motion JPEG, a transport stream by UDP and by HTTP, a live playlist."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from itertools import count, pairwise
from pathlib import Path

import pytest

from lanes.capture import find_sources
from lanes.capture.events import FormatChanged, Frozen, Lost, PictureBack, Resumed
from lanes.errors import InputError, NotFoundError, UnauthorizedError, UnsupportedCodecError
from tests.capture.live_servers import MotionJPEG, Playlist, Server, TransportStream, free_port, http, on
from tests.capture.servers import silent
from tests.capture.watcher import Watch, Watcher, watchers
from tests.media import Clip

BACK_S = 8.0
"""Seconds from a server's return to the first frame: several times what it takes on an idle machine."""


@pytest.fixture
def watch() -> Iterator[Watch]:
    with watchers() as watch:
        yield watch


@pytest.fixture
def port() -> int:
    return free_port()


def returns(watcher: Watcher, server: Server, frames: int = 60) -> float:
    """Seconds from the server's start to the first frame; it then sends some more, and goes."""
    resumed, lost = watcher.count(Resumed), watcher.count(Lost)
    begun = time.monotonic()
    with on(server):
        watcher.wait_for_event(Resumed, resumed + 1)
        watcher.wait_for_frames(1)
        seconds = watcher.frames[-1][0] - begun
        watcher.wait_for_frames(frames)
    watcher.wait_for_event(Lost, lost + 1)
    return seconds


def test_motion_jpeg(port: int, watch: Watch) -> None:
    camera = MotionJPEG()
    watcher = watch(f"http://user:hunter2@127.0.0.1:{port}/right")
    watcher.wait_for_event(Lost)
    returns(watcher, http(port, camera))
    assert returns(watcher, http(port, camera)) < BACK_S
    camera.size = (192, 128)
    assert returns(watcher, http(port, camera)) < BACK_S
    assert watcher.count(FormatChanged) == 1
    assert watcher.count(Lost) == 4
    assert "hunter2" not in repr(watcher.events)


def test_motion_jpeg_that_freezes(port: int, watch: Watch) -> None:
    camera = MotionJPEG()
    watcher = watch(f"http://127.0.0.1:{port}/right")
    with on(http(port, camera)):
        watcher.wait_for_frames(10)
        camera.frozen = True
        watcher.wait_for_event(Frozen)
        camera.frozen = False
        watcher.wait_for_event(PictureBack)


def test_a_transport_stream_by_udp(port: int, watch: Watch) -> None:
    """Nobody says that it has gone: it is silent for two seconds. A new size and a new codec are survived."""
    address = f"udp://127.0.0.1:{port}"
    watcher = watch(address)
    target = f"{address}?pkt_size=1316"
    with on(TransportStream(target)):
        watcher.wait_for_frames(20)
    watcher.wait_for_event(Lost)
    for server in (TransportStream(target, width=192), TransportStream(target, codec="mpeg2video")):
        returns(watcher, server)
    assert watcher.count(FormatChanged) >= 2
    assert any("no frame for 2 seconds" in event.cause for event in watcher.events if isinstance(event, Lost))


def test_a_live_playlist(port: int, watch: Watch, tmp_path: Path) -> None:
    playlist = Playlist(tmp_path)
    watcher = watch(f"http://127.0.0.1:{port}/live.m3u8")
    watcher.wait_for_event(Lost)
    with on(playlist):
        while not (tmp_path / "live.m3u8").exists():
            time.sleep(0.01)
        for _ in range(2):
            returns(watcher, http(port, playlist.serve), frames=50)
    gaps = [later[0] - earlier[0] for earlier, later in pairwise(watcher.frames)]
    assert sorted(gaps)[len(gaps) // 2] > 0.02  # at their own pace, not a segment at a time


def test_one_that_is_refused_ends_at_once(port: int) -> None:
    for status, kind in ((401, UnauthorizedError), (404, NotFoundError)):

        def answer(request: BaseHTTPRequestHandler, _: threading.Event, status: int = status) -> None:
            request.send_response(status)
            request.end_headers()

        (source,) = find_sources(f"http://user:hunter2@127.0.0.1:{port}/live.m3u8", reconnect=True)
        with on(http(port, answer)):
            listening(port)
            with pytest.raises(kind):
                source.open()


def test_a_codec_that_is_not_known_here_ends_it_at_once(port: int, tmp_path: Path) -> None:
    data = Clip(frames=10).write(tmp_path / "clip.mkv").read_bytes().replace(b"V_MPEG4/ISO/AVC", b"V_MPEG9/ISO/XYZ")

    def answer(request: BaseHTTPRequestHandler, _: threading.Event) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(data)

    (source,) = find_sources(f"http://127.0.0.1:{port}/live", reconnect=True)
    with on(http(port, answer)):
        listening(port)
        with pytest.raises(UnsupportedCodecError, match="there is no decoder for its video"):
            source.open()


@pytest.mark.parametrize("scheme", ["http", "rtsp", "rtspu", "rtmp", "tcp", "udp"])
def test_nobody_waits_for_a_server_that_accepts_and_is_silent(scheme: str) -> None:
    with silent() as host:
        (source,) = find_sources(f"{scheme}://{host}/live", reconnect=True)
        opening = threading.Thread(target=suppressed, args=(source.open,))
        opening.start()
        opening.join(0.5)
        assert opening.is_alive()
        source.close()
        opening.join(5)
        assert not opening.is_alive()


def suppressed(work: Callable[[], None]) -> None:
    with suppress(InputError):
        work()


def listening(port: int) -> None:
    """Waits until somebody does."""
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)


def test_one_that_answers_badly_at_first_is_waited_for(port: int, watch: Watch) -> None:
    """503, as of a camera that starts."""
    camera, asked = MotionJPEG(), count()

    def answer(request: BaseHTTPRequestHandler, over: threading.Event) -> None:
        if next(asked) < 2:
            request.send_response(503)
            request.end_headers()
        else:
            camera(request, over)

    watcher = watch(f"http://127.0.0.1:{port}/right")
    with on(http(port, answer)):
        watcher.wait_for_frames(3)
    assert next(asked) >= 3
