"""A server that dies at once: `python -m benchmarks.soak.dying_server`, for `benchmarks.soak`, in a process of its own.

It prints its port. `/mjpeg` sends two images of Motion JPEG, `/ts` the first frames of a transport stream, `/cut` breaks off inside an
image, and `/deaf` sends nothing; each connection is then cut.
"""

from __future__ import annotations

import io
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import cv2
import numpy as np

WIDTH, HEIGHT = 640, 360
FRAMES = 5
BOUNDARY = "frame"


def main() -> int:
    """Serves until stdin ends."""
    picture = np.random.default_rng(0).integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3)).astype(np.uint8)
    picture = cv2.resize(picture, (WIDTH, HEIGHT)).astype(np.uint8)
    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
    part = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode() + jpeg + b"\r\n"
    multipart = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
    answers = {"/mjpeg": (multipart, 2 * part), "/cut": (multipart, part + part[:1000]), "/ts": ("video/mp2t", transport_stream(picture))}

    class Dying(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path in answers:
                kind, body = answers[self.path]
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Dying)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
    return 0


def transport_stream(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    """The picture, (H, W, 3) uint8 BGR, some times over."""
    file = io.BytesIO()
    with av.open(file, "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=25, options={"tune": "zerolatency", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for _ in range(FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "bgr24")))
        container.mux(stream.encode(None))
    return file.getvalue()


if __name__ == "__main__":
    sys.exit(main())
