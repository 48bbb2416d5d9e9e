"""Servers for the tests of network sources: silent ones, ones that refuse, and cameras that send Motion JPEG."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2

from tests.media import numbered

BOUNDARY = "123456789000000000000987654321"


class Handler(BaseHTTPRequestHandler):
    """One request; quiet."""

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


@contextmanager
def answering(answer: Callable[[Handler], None]) -> Iterator[str]:
    """An HTTP server that answers each GET by calling `answer`; gives its host and port."""

    class Answering(Handler):
        def do_GET(self) -> None:
            answer(self)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def silent() -> Iterator[str]:
    """A server that accepts connections and says nothing; gives its host and port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def jpeg(number: int, width: int = 96, height: int = 64) -> bytes:
    """A picture whose number `number_of` finds."""
    _, data = cv2.imencode(".jpg", numbered(number, width, height), (cv2.IMWRITE_JPEG_QUALITY, 95))
    return data.tobytes()


def motion_jpeg(
    pictures: list[bytes], wait: Callable[[int], object] = lambda _: None, *, lengths: bool = True, dashes: bool = False
) -> Callable[[Handler], None]:
    """An answer as cheap cameras give it: one picture a part, without a length or an end of the whole.

    Args:
        pictures: in the order in which they are sent.
        wait: is called with each picture's number before it is sent.
        lengths: whether each part says how long it is.
        dashes: whether the boundary is announced with the dashes that separate the parts.
    """

    def answer(request: Handler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", f'multipart/x-mixed-replace; boundary="{"--" * dashes}{BOUNDARY}"')
        request.end_headers()
        try:
            for index, data in enumerate(pictures):
                wait(index)
                length = f"Content-Length: {len(data)}\r\n" if lengths else ""
                request.wfile.write(f"\r\n--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n{length}X-Timestamp: 0.0\r\n\r\n".encode() + data)
                request.wfile.flush()
        except OSError:
            pass  # the reader has gone

    return answer
