"""Live servers that the tests switch on and off: Motion JPEG, a transport stream, a playlist."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import av

from benchmarks.soak.rtsp_camera import free_port
from tests.capture.servers import BOUNDARY, jpeg
from tests.media import Clip, numbered

__all__ = ["MotionJPEG", "Playlist", "Server", "TransportStream", "free_port", "http", "on"]

Server = Callable[[threading.Event], None]
"""Runs until the event."""


@contextmanager
def on(server: Server) -> Iterator[None]:
    """A server that runs until the event that it is given."""
    over = threading.Event()
    thread = threading.Thread(target=server, args=(over,))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def http(port: int, answer: Callable[[BaseHTTPRequestHandler, threading.Event], None]) -> Server:
    """An HTTP server at that port; all its connections end with it."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(OSError):  # the reader has gone
                answer(self, over[-1])

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing."""

    over: list[threading.Event] = []

    def run(event: threading.Event) -> None:
        over.append(event)
        with ThreadingHTTPServer(("127.0.0.1", port), Answering) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            event.wait()
            server.shutdown()
            thread.join()

    return run


class MotionJPEG:
    """A camera with 25 images a second that count on; `size` and `frozen` may change under way."""

    def __init__(self) -> None:
        self.size, self.frozen = (96, 64), False

    def __call__(self, request: BaseHTTPRequestHandler, over: threading.Event) -> None:
        request.send_response(200)
        request.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        request.end_headers()
        number = 0
        while not over.wait(0.04):
            number += not self.frozen
            data = jpeg(number % 256, *self.size)
            request.wfile.write(
                f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data + b"\r\n"
            )


class TransportStream:
    """25 frames a second of H.264, to a UDP port or a file; until the event."""

    def __init__(self, target: str, width: int = 96, codec: str = "libx264") -> None:
        self.target, self.width, self.codec = target, width, codec

    def __call__(self, over: threading.Event) -> None:
        options = {"tune": "zerolatency", "preset": "ultrafast", "g": "10"} if self.codec == "libx264" else {}
        with av.open(self.target, "w", format="mpegts", options={"flush_packets": "1"}) as container:
            stream = container.add_stream(self.codec, rate=25, options=options)
            stream.width, stream.height, stream.pix_fmt = self.width, 64, "yuv420p"
            for number in count():
                if over.wait(0.04):
                    return
                container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered(number % 256, self.width), "bgr24")))


class Playlist:
    """A live playlist of one-second segments in a folder, which grows by one a second and forgets those from before the last five."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, over: threading.Event) -> None:
        for last in count(3):
            for number in range(max(0, last - 4), last + 1):
                path = self.folder / f"{number}.ts"
                if not path.exists():
                    Clip(frames=25, times=range(1000 * number, 1000 * number + 1000, 40)).write(path)
            first = max(0, last - 4)
            segments = "".join(f"#EXTINF:1.0,\n{number}.ts\n" for number in range(first, last + 1))
            text = f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:{first}\n{segments}"
            (self.folder / "part").write_text(text)
            (self.folder / "part").replace(self.folder / "live.m3u8")
            if over.wait(1.0):
                return

    def serve(self, request: BaseHTTPRequestHandler, _: threading.Event) -> None:
        path = self.folder / request.path.strip("/")
        data = path.read_bytes() if path.exists() else b""
        request.send_response(200 if data else 404)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)
