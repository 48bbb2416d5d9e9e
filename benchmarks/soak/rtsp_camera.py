"""A real RTSP camera that tests and benchmarks start, kill, pause, freeze and black out: see `rtsp_server.py`."""

from __future__ import annotations

import random
import socket
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from lanes.arrays import BGRImage
from lanes.errors import InputError
from lanes.renderer import RoadRenderer, Scene

PYTHON = "/usr/bin/python3"  # the bindings are the system's
SERVER = Path(__file__).with_name("rtsp_server.py")

Size = tuple[int, int]
SMALL, LARGE = (160, 96), (320, 192)


def free_port() -> int:
    """A TCP port that nobody listens at, below those that the system gives to whoever asks for any: it stays free until it is used."""
    while True:
        port = random.randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def start_server(arguments: Sequence[str] = ()) -> tuple[subprocess.Popen[str], str]:
    """The server, and its port. Raises InputError where GStreamer's packages are not installed."""
    try:
        process = subprocess.Popen(
            [PYTHON, str(SERVER), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={},
        )
    except OSError:
        raise InputError(f"no {PYTHON}, which GStreamer's bindings are for") from None
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    if not port:
        stop_server(process)
        raise InputError("GStreamer's RTSP server is not installed: docs/live.md names its packages")
    return process, port


def stop_server(process: subprocess.Popen[str]) -> None:
    """Kills it, as a power cut does."""
    process.kill()
    process.communicate()


def count_burnt_in(pixels: BGRImage) -> int:
    """The counter of a frame, 0 to 255, through lossy coding and at any size."""
    height, width = pixels.shape[:2]
    levels = [int(pixels[height // 8, (2 * bit + 1) * width // 16].mean()) for bit in range(8)]
    return sum(1 << bit for bit, level in enumerate(levels) if level > 125)


@cache
def _frames(size: Size) -> bytes:
    """256 frames of a rendered drive with a counter in their upper quarter: eight bars, the lowest bit left."""
    width, height = size
    renderer = RoadRenderer(Scene.demo(), width, height)
    drive = [renderer.render(index / 25).pixels for index in range(64)]
    frames = np.stack([drive[index % 64] for index in range(256)])
    for bit in range(8):
        bars = frames[:, : height // 4, bit * width // 8 : (bit + 1) * width // 8]
        bars[:] = np.where(np.arange(256) >> bit & 1, 220, 30)[:, None, None, None]
    return frames.tobytes()


@dataclass
class RTSPCamera:
    """A camera at one address, on or off.

    Attributes:
        folder: for its frames.
        port: the address stays the same however often it is started.
    """

    folder: Path
    port: int
    process: subprocess.Popen[str] | None = field(default=None, init=False)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def address(self, scheme: str = "rtsp", password: str = "right", path: str = "road") -> str:
        return f"{scheme}://admin:{password}@{self.host}/{path}"

    def show(self, size: Size, frames: Iterable[BGRImage]) -> None:
        """What it sends in frames of this size, over and over, in place of the drive with a counter. Before it is switched on."""
        with self._file(size).open("wb") as file:
            for frame in frames:
                file.write(frame.tobytes())

    def start(self, *sizes: Size, codec: str = "h264", password: str = "right") -> None:
        """Switches it on. `sizes`: of its frames, now and after each `next`."""
        arguments = [str(self.port), password, codec]
        for size in sizes or (SMALL,):
            path = self._file(size)
            if not path.exists():
                path.write_bytes(_frames(size))
            arguments += [str(path), *map(str, size)]
        self.process, _ = start_server(arguments)

    def kill(self) -> None:
        """Switches it off."""
        if self.process is not None:
            stop_server(self.process)
            self.process = None

    def order(self, command: str) -> None:
        """See `rtsp_server.py`."""
        assert self.process is not None
        assert self.process.stdin is not None
        print(command, file=self.process.stdin, flush=True)

    def _file(self, size: Size) -> Path:
        return self.folder / "{}x{}.bgr".format(*size)


@contextmanager
def rtsp_camera() -> Iterator[RTSPCamera]:
    """A camera that is off, at a port that is free."""
    with TemporaryDirectory() as folder:
        camera = RTSPCamera(Path(folder), free_port())
        try:
            yield camera
        finally:
            camera.kill()
