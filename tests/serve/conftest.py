"""A run with its page, and a camera that is switched on and off: real parts, shared by the tests of this folder."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from time import monotonic, sleep

import cv2
import pytest

pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install 'lanestream[serve]'")
pytest.importorskip("prometheus_client", reason="prometheus_client is not installed: pip install 'lanestream[serve]'")

from lanes.renderer import RoadRenderer, Scene
from lanes.serve.page import PageSink
from lanes.session import Session
from lanes.settings import Settings
from tests.capture.live_servers import free_port, http
from tests.capture.servers import BOUNDARY

WIDTH, HEIGHT = 320, 180
PATIENCE_S = 60.0
"""For conditions that come within a second on a machine that is not busy."""


class Camera:
    """A Motion JPEG camera on a rendered road, eight images a second, at an address of its own; it is on from the start."""

    def __init__(self) -> None:
        self.port = free_port()
        renderer = RoadRenderer(Scene.demo(), WIDTH, HEIGHT)
        self._images = [cv2.imencode(".jpg", renderer.render(0.125 * number).pixels)[1].tobytes() for number in range(24)]
        self._over: threading.Event | None = None
        self._thread: threading.Thread | None = None
        self.on()

    def __call__(self, request: BaseHTTPRequestHandler, over: threading.Event) -> None:
        request.send_response(200)
        request.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        request.end_headers()
        number = 0
        while not over.wait(0.125):
            data = self._images[number % len(self._images)]
            number += 1
            request.wfile.write(
                f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data + b"\r\n"
            )

    def on(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=http(self.port, self), args=(self._over,))
        self._thread.start()

    @contextmanager
    def away(self) -> Iterator[None]:
        """It is off within the block."""
        self.off()
        try:
            yield
        finally:
            self.on()

    def off(self) -> None:
        if self._over is not None and self._thread is not None:
            self._over.set()
            self._thread.join()
            self._over = None


@dataclass
class Running:
    """A run that goes on, its camera and its page."""

    session: Session
    camera: Camera
    page: PageSink
    port: int

    @property
    def processed(self) -> int:
        return self.session.telemetry.processed


def wait_until(condition: Callable[[], object]) -> None:
    """Returns when it holds; fails after a time that is long on any machine."""
    deadline = monotonic() + PATIENCE_S
    while not condition():
        assert monotonic() < deadline, "waited for in vain"
        sleep(0.02)


@contextmanager
def running(**settings: object) -> Iterator[Running]:
    """A camera, and a run that watches it and shows it on a page of this machine, from its first frame on."""
    pages: list[PageSink] = []
    with pytest.MonkeyPatch.context() as patch:
        opened = PageSink.__init__

        def noting(self: PageSink, *words: object, **options: object) -> None:
            opened(self, *words, **options)  # type: ignore[arg-type]
            pages.append(self)

        patch.setattr(PageSink, "__init__", noting)
        camera = Camera()
        source = f"http://admin:hunter2@127.0.0.1:{camera.port}/video.mjpg"
        session = Session(Settings(source=source, output="none", serve="127.0.0.1:0", height=1.35, **settings))
        failures: list[BaseException] = []

        def carry_out() -> None:
            try:
                for _ in session.results():
                    pass
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=carry_out)
        thread.start()
        try:
            wait_until(lambda: failures or session.telemetry.processed > 2)
            assert not failures, failures
            (page,) = pages
            yield Running(session, camera, page, int(page.url.rstrip("/").rpartition(":")[2]))
        finally:
            session.stop()
            thread.join()
            camera.off()
    assert not failures, failures


@pytest.fixture(scope="package")
def run() -> Iterator[Running]:
    """One for all tests that leave it as it was."""
    with running() as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With two clips of events."""
    for name in ("left.mp4", "right.mp4"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "secret.txt").write_text("secret")
    return tmp_path
