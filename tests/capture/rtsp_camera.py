"""The RTSP camera of the benchmarks, for tests: they are skipped where GStreamer's server is not installed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import pytest

from benchmarks.soak import rtsp_camera as camera
from benchmarks.soak.rtsp_camera import LARGE, SMALL, RTSPCamera, count_burnt_in, stop_server
from lanes.errors import InputError

__all__ = ["LARGE", "SMALL", "RTSPCamera", "count_burnt_in", "rtsp_camera", "start_server", "stop_server"]


def start_server(arguments: Sequence[str] = ()) -> tuple[subprocess.Popen[str], str]:
    """The server, and its port."""
    try:
        return camera.start_server(arguments)
    except InputError as error:
        pytest.skip(str(error))


@contextmanager
def rtsp_camera() -> Iterator[RTSPCamera]:
    """A camera that is off, at a port that is free."""
    if not _is_installed():
        pytest.skip("GStreamer's RTSP server is not installed")
    with camera.rtsp_camera() as made:
        yield made


@cache
def _is_installed() -> bool:
    try:
        stop_server(camera.start_server()[0])
    except InputError:
        return False
    return True
