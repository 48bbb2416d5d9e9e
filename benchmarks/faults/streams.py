"""A local HTTP server of damaged streams: files, live streams, Motion JPEG and playlists, with what was done to their bytes or headers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

from benchmarks.faults.mutate import MUTATIONS, WHOLE, Mutation
from benchmarks.faults.samples import Sample, jpegs

HELD_S = 15.0
"""Seconds for which a server holds a connection without a word: more than the program waits for an answer."""

BOUNDARY = "frame"

FORMS = ("file", "live", "images", "playlist", "header")

_OVER_HTTP = ("mp4", "mkv", "ts", "flv", "webm", "mjpeg", "h264", "avi", "mpg")


@dataclass(frozen=True)
class Stream:
    """What a server answers.

    Attributes:
        name: what it is and what was done to it.
        ordered: its pictures are whole.
        path: of the address.
        answer: writes the answer to a request.
    """

    name: str
    ordered: bool
    path: str
    answer: Callable[[BaseHTTPRequestHandler], None]


def make_stream(number: int, samples: Sequence[Sample], chance: Random) -> Stream:
    """The stream of that number: forms and mutations in turn, the rest by chance."""
    form, mutation = FORMS[number % len(FORMS)], MUTATIONS[(number // len(FORMS) + 2 * (number % len(FORMS))) % len(MUTATIONS)]
    known = [sample for sample in samples if sample.suffix in _OVER_HTTP]
    sample, other = chance.choice(known), chance.choice(known)
    data = mutation(sample.data, other.data, chance)
    name, path, whole = f"{form}, {sample.name}, {mutation.__name__}", f"/{number}/stream", mutation in WHOLE
    if form == "file":
        return Stream(name, whole, path, lambda request: _whole(request, data, "application/octet-stream"))
    if form == "live":
        return Stream(name, whole, path, lambda request: _until_closed(request, data, "application/octet-stream"))
    if form == "images":
        parts = _multipart()
        body = mutation(parts, parts[: len(parts) // 3], chance)
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        return Stream(f"{form}, {mutation.__name__}", False, path, lambda request: _until_closed(request, body, kind))
    if form == "playlist":
        return _playlist(number, samples, mutation, chance)
    trick = chance.choice(list(_TRICKS))
    return Stream(f"header, {sample.name}, {trick}", False, path, lambda request: _TRICKS[trick](request, sample.data))


@contextmanager
def serving(streams: Sequence[Stream]) -> Iterator[str]:
    """Serves them; gives the address before their paths."""
    by_path = {stream.path.rsplit("/", 1)[0]: stream for stream in streams}

    class Damaged(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            stream = by_path.get(self.path.rsplit("/", 1)[0])
            with suppress(OSError):  # the reader has gone
                if stream is None:
                    self.send_error(404)
                else:
                    stream.answer(self)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Damaged)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _multipart() -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: "
    return b"".join(f"{head}{len(data)}\r\n\r\n".encode() + data + b"\r\n" for data in jpegs())


def _playlist(number: int, samples: Sequence[Sample], mutation: Mutation, chance: Random) -> Stream:
    """A recording in two segments; the playlist itself is damaged, or the second segment."""
    (segment,) = [sample.data for sample in samples if sample.name == "ts (libx264)"]
    text = b"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.8,\n0.ts\n#EXTINF:0.8,\n1.ts\n#EXT-X-ENDLIST\n"
    damaged = chance.random() < 0.5
    files = {"live.m3u8": mutation(text, segment, chance) if damaged else text}
    files |= {"0.ts": segment, "1.ts": segment if damaged else mutation(segment, text, chance)}

    def answer(request: BaseHTTPRequestHandler) -> None:
        data = files.get(request.path.rsplit("/", 1)[1])
        if data is None:
            request.send_error(404)
        else:
            _whole(request, data, "application/vnd.apple.mpegurl" if b"#EXT" in data[:64] else "video/mp2t")

    what = "playlist" if damaged else "segment"
    return Stream(f"playlist, {what}, {mutation.__name__}", False, f"/{number}/live.m3u8", answer)


def _begin(request: BaseHTTPRequestHandler, kind: str, headers: dict[str, str], status: int = 200) -> None:
    request.send_response(status)
    request.send_header("Content-Type", kind)
    for name, value in headers.items():
        request.send_header(name, value)
    request.end_headers()


def _whole(request: BaseHTTPRequestHandler, data: bytes, kind: str) -> None:
    """A file as web servers give it, with ranges."""
    begin = request.headers.get("Range", "").removeprefix("bytes=").partition("-")[0]
    first = min(int(begin), len(data)) if begin.isdecimal() else 0
    headers = {"Content-Length": str(len(data) - first), "Accept-Ranges": "bytes"}
    if begin:
        headers["Content-Range"] = f"bytes {first}-{max(first, len(data) - 1)}/{len(data)}"
    _begin(request, kind, headers, 206 if begin else 200)
    request.wfile.write(data[first:])


def _until_closed(request: BaseHTTPRequestHandler, data: bytes, kind: str) -> None:
    _begin(request, kind, {})
    request.wfile.write(data)


def _length(request: BaseHTTPRequestHandler, data: bytes, length: str) -> None:
    _begin(request, "video/mp4", {"Content-Length": length})
    request.wfile.write(data)


def _chunks(request: BaseHTTPRequestHandler, data: bytes) -> None:
    """Chunks of which one says a size that is none."""
    request.protocol_version = "HTTP/1.1"
    _begin(request, "video/mp2t", {"Transfer-Encoding": "chunked", "Connection": "close"})
    half = len(data) // 2
    request.wfile.write(f"{half:x}\r\n".encode() + data[:half] + b"\r\nnonsense\r\n" + data[half:])


def _held(request: BaseHTTPRequestHandler, data: bytes) -> None:
    """Half of it, and then nothing, for a while."""
    _until_closed(request, data[: len(data) // 2], "application/octet-stream")
    request.wfile.flush()
    threading.Event().wait(HELD_S)


def _raw(request: BaseHTTPRequestHandler, data: bytes) -> None:
    request.wfile.write(data)


def _redirected(request: BaseHTTPRequestHandler, _: bytes) -> None:
    _begin(request, "text/plain", {"Location": request.path, "Content-Length": "0"}, 302)


_TRICKS: dict[str, Callable[[BaseHTTPRequestHandler, bytes], None]] = {
    "a length too long": lambda request, data: _length(request, data, str(2 * len(data))),
    "a length too short": lambda request, data: _length(request, data, str(len(data) // 2)),
    "a length of nonsense": lambda request, data: _length(request, data, "-17"),
    "chunks of nonsense": _chunks,
    "the wrong type": lambda request, data: _until_closed(request, data, "multipart/x-mixed-replace; boundary=other"),
    "no status line": lambda request, data: _raw(request, data),
    "a header without end": lambda request, _: _raw(request, b"HTTP/1.0 200 OK\r\nX: " + 200_000 * b"a"),
    "an endless redirection": _redirected,
    "nothing": lambda request, _: _until_closed(request, b"", "video/mp4"),
    "a web page": lambda request, _: _until_closed(request, b"<html><body>sign in</body></html>", "text/html"),
    "held": _held,
}
