"""A network camera of its own process: `python -m benchmarks.page.camera RATE`, for `benchmarks.page`.

It prints its port, and sends the demo clip over and over as Motion JPEG, encoded once, until stdin ends.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from time import perf_counter, sleep

import cv2

from lanes.assets import DEMO_CLIP
from lanes.errors import ProcessingError

FRAMES = 60
BOUNDARY = "frame"


def main() -> int:
    """Serves until stdin ends."""
    rate, images = float(sys.argv[1]), list(demo_images())

    class Camera(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
            self.end_headers()
            begun = perf_counter()
            with suppress(OSError):
                for number in count():
                    sleep(max(0.0, begun + number / rate - perf_counter()))
                    data = images[number % len(images)]
                    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                    self.wfile.write(head.encode() + data + b"\r\n")

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
    return 0


def demo_images() -> Iterator[bytes]:
    """Frames of the demo clip, there and back, so that none follows one far from it."""
    clip = cv2.VideoCapture(str(DEMO_CLIP))
    images: list[bytes] = []
    while len(images) < FRAMES:
        good, pixels = clip.read()
        if not good:
            break
        images.append(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes())
    clip.release()
    yield from images
    yield from images[-2:0:-1]


@contextmanager
def camera(rate: float) -> Iterator[str]:
    """The camera, so many images a second; gives its address. Raises ProcessingError when it does not start."""
    command = [sys.executable, "-m", "benchmarks.page.camera", str(rate)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            if not port:
                raise ProcessingError("the camera for the page does not start")
            yield f"http://127.0.0.1:{port}/video.mjpg"
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit(main())
