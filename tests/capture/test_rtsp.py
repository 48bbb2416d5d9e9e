"""RTSP against GStreamer's server, where Debian's packages of it are installed: see `rtsp_server.py`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lanes.capture import open_source
from lanes.errors import NotFoundError, UnauthorizedError
from tests.capture.rtsp_camera import start_server, stop_server


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    process, port = start_server()
    yield f"127.0.0.1:{port}"
    stop_server(process)


def test_frames_come_and_its_end_is_an_end(host: str) -> None:
    with open_source(f"rtsp://admin:right@{host}/live") as source:
        times = [frame.time for frame in source]
        assert source.name == f"rtsp://{host}"
        assert (source.info.width, source.info.height) == (96, 64)
        assert source.counts.captured > 30
    assert times == sorted(set(times))


@pytest.mark.parametrize(("user", "words"), [("", "wants a user name"), ("admin:hunter2@", "refuses this user name and password")])
def test_a_password_that_is_missing_or_wrong(host: str, user: str, words: str) -> None:
    with pytest.raises(UnauthorizedError, match=words) as caught:
        open_source(f"rtsp://{user}{host}/live")
    assert "hunter2" not in str(caught.value)


def test_what_is_not_there(host: str) -> None:
    with pytest.raises(NotFoundError, match=host):
        open_source(f"rtsp://admin:right@{host}/missing")
