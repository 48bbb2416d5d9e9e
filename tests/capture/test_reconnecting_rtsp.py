"""A real RTSP camera that goes and comes back. Skipped where GStreamer's server is not installed; see `rtsp_server.py`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from lanes.capture import find_sources
from lanes.capture.events import Black, FormatChanged, Frozen, Lost, PictureBack, Resumed
from lanes.errors import InputError, NotFoundError, UnauthorizedError
from tests.capture.rtsp_camera import LARGE, SMALL, RTSPCamera, rtsp_camera
from tests.capture.watcher import Watch, Watcher, watchers

BACK_S, LONG_BACK_S = 8.0, 20.0
"""Seconds from a camera's return to its first frame here, after an outage under 10 s, and after a longer one: several times what it takes
on an idle machine (`test_backoff.py` has the bounds by a clock of its own), far less than for one that waits for a stream that is gone."""


@pytest.fixture
def camera() -> Iterator[RTSPCamera]:
    with rtsp_camera() as camera:
        yield camera


@pytest.fixture
def watch() -> Iterator[Watch]:
    with watchers() as watch:
        yield watch


def restart(camera: RTSPCamera, watcher: Watcher, off_s: float, codec: str = "h264") -> float:
    """Kills the camera, starts it again after so many seconds; how many seconds after that the first frame came."""
    lost, resumed = watcher.count(Lost), watcher.count(Resumed)
    camera.kill()
    watcher.wait_for_event(Lost, lost + 1)
    time.sleep(off_s)
    camera.start(codec=codec)
    returned = time.monotonic()
    watcher.wait_for_event(Resumed, resumed + 1)
    watcher.wait_for_frames(1)
    first = next(when for when, _, frame in reversed(watcher.frames) if frame.cut)
    return first - returned


@pytest.mark.parametrize("scheme", ["rtsp", "rtspu"])
class TestOverTCPAndUDP:
    def test_it_comes_after_us_goes_and_soon_comes_back(self, scheme: str, camera: RTSPCamera, watch: Watch) -> None:
        watcher = watch(camera.address(scheme))
        watcher.wait_for_event(Lost)
        camera.start()
        watcher.wait_for_frames(75)
        for off_s in (0.0, 2.5):
            assert restart(camera, watcher, off_s) < BACK_S
            watcher.wait_for_frames(75)
        assert (watcher.count(Lost), watcher.count(Resumed)) == (3, 3)  # one line each, however often it is tried
        assert sum(frame.cut for _, _, frame in watcher.frames) == 2

    def test_frames_are_those_of_the_camera_one_by_one(self, scheme: str, camera: RTSPCamera, watch: Watch) -> None:
        camera.start()
        watcher = watch(camera.address(scheme))
        watcher.wait_for_frames(60)
        steps = [(later[1] - earlier[1]) % 256 - later[2].dropped_before for earlier, later in pairwise(watcher.frames[:60])]
        assert steps.count(1) >= 57  # the camera's own clock may skip one where this machine is busy

    def test_it_is_paused(self, scheme: str, camera: RTSPCamera, watch: Watch) -> None:
        camera.start()
        watcher = watch(camera.address(scheme))
        watcher.wait_for_frames(20)
        camera.order("pause")
        watcher.wait_for_event(Lost)
        assert any("no frame for 2 seconds" in event.cause for event in watcher.events if isinstance(event, Lost))
        camera.order("run")
        watcher.wait_for_event(Resumed)
        watcher.wait_for_frames(5)


def test_its_picture_is_frozen_and_black(camera: RTSPCamera, watch: Watch) -> None:
    camera.start()
    watcher = watch(camera.address())
    watcher.wait_for_frames(20)
    for order, kind in (("freeze", Frozen), ("black", Black)):
        back = watcher.count(PictureBack)
        camera.order(order)
        watcher.wait_for_event(kind)
        camera.order("run")
        watcher.wait_for_event(PictureBack, back + 1)
        watcher.wait_for_frames(5)
    assert watcher.count(Lost) == 0
    assert sum(frame.cut for _, _, frame in watcher.frames) == 2


def test_its_size_changes_under_way_and_its_codec_by_a_restart(camera: RTSPCamera, watch: Watch) -> None:
    camera.start(SMALL, LARGE)
    watcher = watch(camera.address())
    watcher.wait_for_frames(20)
    camera.order("next")
    watcher.wait_for_event(FormatChanged)
    watcher.wait_for_frames(20)
    assert (watcher.source.info.width, watcher.source.info.height) == LARGE
    assert watcher.count(Lost) == 0
    assert [frame.cut for _, _, frame in watcher.frames].count(True) == 1
    restart(camera, watcher, 0.0, codec="jpeg")
    watcher.wait_for_frames(20)
    assert (watcher.source.info.width, watcher.source.info.height) == SMALL
    assert watcher.count(FormatChanged) == 2


@pytest.mark.parametrize("scheme", ["rtsp", "rtspu"])
@pytest.mark.parametrize(
    ("password", "path", "kind", "words"),
    [
        ("hunter2", "road", UnauthorizedError, "refuses this user name and password"),
        ("right", "hunter2", NotFoundError, "nothing at this address"),
    ],
)
def test_a_wrong_password_and_a_wrong_path_are_not_waited_for(
    scheme: str, password: str, path: str, kind: type[InputError], words: str, camera: RTSPCamera
) -> None:
    camera.start()
    (source,) = find_sources(camera.address(scheme, password, path), reconnect=True)
    with pytest.raises(kind, match=words) as caught:
        source.open()
    assert type(caught.value) is kind
    assert "hunter2" not in repr((caught.value, list(source.events())))


def test_a_password_that_is_changed_while_it_is_away_ends_the_run(camera: RTSPCamera) -> None:
    camera.start()
    (source,) = find_sources(camera.address(), reconnect=True)
    with source:
        frames = iter(source)
        next(frames)
        camera.kill()
        camera.start(password="changed")
        with pytest.raises(UnauthorizedError):
            list(frames)


@pytest.mark.slow
def test_back_in_eleven_seconds_after_a_long_outage(camera: RTSPCamera, watch: Watch) -> None:
    camera.start()
    watcher = watch(camera.address())
    watcher.wait_for_frames(20)
    assert restart(camera, watcher, 40.0) < LONG_BACK_S
