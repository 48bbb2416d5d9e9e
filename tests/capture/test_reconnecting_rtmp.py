"""RTMP against nginx with its RTMP module, where both are installed (Debian: nginx libnginx-mod-rtmp)."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import av
import pytest

from lanes.capture import find_sources
from lanes.capture.events import Lost, Resumed
from lanes.errors import InputError
from tests.capture.live_servers import Server, free_port, on
from tests.capture.watcher import Watch, watchers
from tests.media import numbered

NGINX, MODULE = Path("/usr/sbin/nginx"), Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
CONFIGURATION = """load_module {module};
daemon off; master_process off; pid {folder}/pid; error_log {folder}/log;
events {{}}
rtmp {{ server {{ listen 127.0.0.1:{port}; application live {{ live on; }} application closed {{ live on; deny play all; }} }} }}
"""

pytestmark = pytest.mark.skipif(not (NGINX.exists() and MODULE.exists()), reason="nginx with its RTMP module is not installed")


@pytest.fixture
def watch() -> Iterator[Watch]:
    with watchers() as watch:
        yield watch


def server(folder: Path, port: int) -> Server:
    """nginx, which has what `publisher` sends to it."""
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(module=MODULE, folder=folder, port=port))

    def run(over: threading.Event) -> None:
        with subprocess.Popen([NGINX, "-c", configuration, "-e", folder / "log"], stderr=subprocess.DEVNULL) as process:
            over.wait()
            process.kill()

    return run


def publisher(port: int) -> Server:
    """25 frames a second for `live/road`, whenever the server is there."""

    def run(over: threading.Event) -> None:
        while not over.wait(0.1):
            try:
                with av.open(f"rtmp://127.0.0.1:{port}/live/road", "w", format="flv") as container:
                    stream = container.add_stream("libx264", rate=25, options={"tune": "zerolatency", "preset": "ultrafast", "g": "10"})
                    stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
                    for number in count():
                        if over.wait(0.04):
                            return
                        container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered(number % 256), "bgr24")))
            except (av.FFmpegError, OSError):
                pass  # the server has gone

    return run


def test_it_comes_after_us_goes_and_comes_back(tmp_path: Path, watch: Watch) -> None:
    port = free_port()
    watcher = watch(f"rtmp://127.0.0.1:{port}/live/road")
    watcher.wait_for_event(Lost)
    with on(publisher(port)):
        for times in (1, 2):
            with on(server(tmp_path, port)):
                watcher.wait_for_event(Resumed, times)
                watcher.wait_for_frames(60)
            watcher.wait_for_event(Lost, times + 1)
    assert watcher.source.info.frames is None


@pytest.mark.parametrize("path", ["wrong/hunter2", "closed/hunter2"])
def test_what_is_refused_is_named(path: str, tmp_path: Path) -> None:
    """FFmpeg has one word for all reasons, so that none of them ends a run that waits."""
    port = free_port()
    with on(server(tmp_path, port)):
        deadline = time.monotonic() + 30
        while True:
            (source,) = find_sources(f"rtmp://127.0.0.1:{port}/{path}")
            with pytest.raises(InputError) as caught:
                source.open()
            if "refuses the connection" not in str(caught.value) or time.monotonic() > deadline:
                break
    assert str(caught.value) == f"rtmp://127.0.0.1:{port}: the server has no such stream, or refuses it; check application, name and key"
