"""Capture: what every kind of source promises, and what each kind promises beyond that."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from lanes.capture import Source, find_sources, open_source
from lanes.capture.camera import Camera
from lanes.capture.images import ImageFiles
from lanes.capture.live import LiveSource, Paced
from lanes.capture.source import SourceInfo
from lanes.capture.stream import NetworkStream, public_address
from lanes.capture.video import VideoFile
from lanes.errors import InputError, ProcessingError
from lanes.results import Frame
from tests.media import Clip, number_of, numbered


def write_images(folder: Path, count: int = 5) -> Path:
    folder.mkdir(exist_ok=True)
    for index in range(count):
        cv2.imwrite(str(folder / f"{index}.png"), numbered(index))
    return folder


def video_source(folder: Path, _served: tuple[Path, str]) -> Source:
    return open_source(str(Clip(frames=12).write(folder / "clip.mp4")))


def image_source(folder: Path, _served: tuple[Path, str]) -> Source:
    return open_source(str(write_images(folder / "images")))


def synthetic_source(_folder: Path, _served: tuple[Path, str]) -> Source:
    return open_source("synthetic://demo?width=64&height=48&fps=10&seconds=0.5")


def live_file_source(folder: Path, _served: tuple[Path, str]) -> Source:
    return open_source(str(Clip(frames=12).write(folder / "clip.mp4")), live=True)


def http_source(_folder: Path, served: tuple[Path, str]) -> Source:
    Clip(frames=12, container={"movflags": "faststart"}).write(served[0] / "clip.mp4")
    return open_source(f"{served[1]}/clip.mp4")


class OpenedCamera(Camera):
    """No camera is at hand in a test: the same class reads from a file that OpenCV opened, which ends as an unplugged camera does."""

    def __init__(self, capture: cv2.VideoCapture) -> None:
        super().__init__("camera")
        self.opened = capture

    def _connect(self) -> cv2.VideoCapture:
        return self.opened


def camera_source(folder: Path, _served: tuple[Path, str]) -> Source:
    return OpenedCamera(cv2.VideoCapture(str(Clip(frames=12).write(folder / "clip.mp4"))))


KINDS = {
    "video": video_source,
    "images": image_source,
    "synthetic": synthetic_source,
    "live file": live_file_source,
    "http": http_source,
    "camera": camera_source,
}


@pytest.mark.parametrize("kind", KINDS)
class TestEverySource:
    """The conformance suite."""

    @pytest.fixture
    def source(self, kind: str, tmp_path: Path, served: tuple[Path, str]) -> Iterator[Source]:
        with KINDS[kind](tmp_path, served) as source:
            yield source

    def test_frames_are_as_promised(self, source: Source) -> None:
        count, last, before = 0, None, -1
        ends_badly = pytest.raises(ProcessingError) if source.info.kind == "camera" else contextlib.nullcontext()
        with ends_badly:
            for frame in source:
                assert frame.pixels.dtype == np.uint8
                assert frame.pixels.ndim == 3
                assert frame.pixels.shape[2] == 3
                assert frame.pixels.flags.c_contiguous
                assert frame.pixels.flags.writeable
                assert last is None or frame.time > last
                assert frame.index - before - 1 == frame.dropped_before
                if count == 0:
                    assert frame.size == (source.info.width, source.info.height)
                frame.pixels[:] = 0
                count, last, before = count + 1, frame.time, frame.index
        assert count > 0
        assert source.corrupt == 0
        if not source.info.live:
            assert count == source.info.frames

    def test_its_owner_may_keep_frames(self, source: Source) -> None:
        """A source never touches a frame again: later frames do not change the pixels of earlier ones."""
        frames = iter(source)
        first = next(frames)
        copy = first.pixels.copy()
        with contextlib.suppress(ProcessingError):  # the camera of this test may have ended by now
            next(frames, None)
        assert np.array_equal(first.pixels, copy)

    def test_times_are_multiples_of_the_time_base(self, source: Source) -> None:
        frame = next(iter(source))
        if source.info.time_base is not None:
            assert (frame.time / source.info.time_base).denominator == 1

    def test_can_be_closed_at_any_moment(self, source: Source) -> None:
        frames = iter(source)
        next(frames)
        source.close()
        source.close()
        assert next(frames, None) is None

    def test_can_be_closed_before_the_first_frame(self, source: Source) -> None:
        source.close()
        source.close()
        assert next(iter(source), None) is None

    def test_can_be_closed_from_another_thread(self, source: Source) -> None:
        def read() -> None:
            for _ in source:
                started.set()
            ended.set()

        started, ended = threading.Event(), threading.Event()
        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        assert started.wait(30)
        source.close()
        thread.join(30)
        assert not thread.is_alive()

    def test_names_no_secrets_and_knows_its_kind(self, source: Source, kind: str) -> None:
        expected = {"live file": "video", "http": "stream"}.get(kind, kind)
        assert source.info.kind == expected
        assert source.info.live == (kind in ("live file", "http", "camera"))
        assert source.info.name


class TestSeveralVideos:
    def test_one_source_each_in_order_opened_when_its_turn_comes(self, tmp_path: Path) -> None:
        for name in ("b10.mp4", "b9.mp4", "a.mkv"):
            Clip(frames=2).write(tmp_path / name)
        sources = find_sources(str(tmp_path))
        assert len(sources) == 3
        (tmp_path / "b10.mp4").unlink()
        Clip(frames=5).write(tmp_path / "b10.mp4")
        seen = []
        for source in sources.opened():
            with source:
                seen.append((source.info.name, len(list(source))))
        assert seen == [("a.mkv", 2), ("b9.mp4", 2), ("b10.mp4", 5)]

    def test_an_unusable_one_is_named_and_passed_over(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        Clip(frames=2).write(tmp_path / "good.mp4")
        (tmp_path / "bad.mp4").write_text("no video")
        names = []
        for source in find_sources(str(tmp_path)).opened():
            with source:
                names.append(source.info.name)
        assert names == ["good.mp4"]
        assert "bad.mp4" in caplog.text

    def test_refused_when_none_is_usable_or_one_is_wanted(self, tmp_path: Path) -> None:
        for name in ("one.mp4", "two.mp4"):
            (tmp_path / name).write_text("no video")
        with pytest.raises(InputError, match="one is wanted"):
            open_source(str(tmp_path))
        with pytest.raises(InputError, match=r"two\.mp4"):
            list(find_sources(str(tmp_path)).opened())


class Ticking(LiveSource):
    """A device that sends a frame each time the test says so."""

    def __init__(self) -> None:
        super().__init__("ticking")
        self.go, self.sent, self.released = threading.Semaphore(0), threading.Semaphore(0), 0

    def _open(self) -> SourceInfo:
        return SourceInfo("ticking", "camera", 4, 4, None, None, live=True)

    def _frames(self) -> Iterator[Frame]:
        for index in range(100):
            self.go.acquire()
            if self._closing.is_set():
                return
            yield Frame(np.full((4, 4, 3), index, np.uint8), index, Fraction(index), "ticking", f"{index:06d}")
            self.sent.release()

    def _release(self) -> None:
        self.released += 1

    def send(self, count: int) -> None:
        """Let so many frames come, and wait until the last has arrived."""
        for _ in range(count):
            self.go.release()
        for _ in range(count):
            assert self.sent.acquire(timeout=30)


class TestLive:
    def test_the_newest_frame_wins_and_the_others_are_counted(self) -> None:
        source = Ticking()
        source.open()
        frames = iter(source)
        source.go.release()
        assert next(frames).index == 0
        assert source.sent.acquire(timeout=30)
        source.send(5)
        frame = next(frames)
        assert (frame.index, frame.dropped_before, frame.pixels[0, 0, 0]) == (5, 4, 5)
        source.send(1)
        frame = next(frames)
        assert (frame.index, frame.dropped_before) == (6, 0)
        assert frame.arrived_ns is not None
        source.go.release()
        source.close()

    def test_a_stuck_device_is_given_back_when_its_read_returns(self) -> None:
        source = Ticking()
        source.open()
        frames = iter(source)
        source.go.release()
        next(frames)
        source.close()
        assert source.released == 0
        source.go.release()
        source._grabber.join(30)
        assert source.released == 1
        source.close()
        assert source.released == 1

    def test_silence_is_an_error(self) -> None:
        source = Ticking()
        source.open()
        source.patience = 0.05
        with pytest.raises(ProcessingError, match="ticking"):
            next(iter(source))
        source.close()
        source.go.release()

    def test_every_frame_of_a_paced_file_is_delivered_or_counted(self, tmp_path: Path) -> None:
        clip = Clip(times=[4 * index for index in range(100)]).write(tmp_path / "fast.mp4")
        delivered = dropped = 0
        with Paced(VideoFile(clip)) as source:
            for frame in source:
                time.sleep(0.03)
                delivered += 1
                dropped += frame.dropped_before
                last = frame
        assert delivered + dropped == 100
        assert dropped > 0
        assert last.index == 99
        assert number_of(last.pixels) == 99

    def test_a_paced_file_keeps_its_clock(self, tmp_path: Path) -> None:
        """Its last frame cannot come before its time, however fast the consumer is."""
        clip = Clip(times=[0, 100, 300]).write(tmp_path / "slow.mp4")
        begun = time.monotonic()
        with Paced(VideoFile(clip)) as source:
            assert len(list(source)) == 3
        assert time.monotonic() - begun >= 0.3

    def test_a_recording_over_http_is_paced_and_counted(self, served: tuple[Path, str]) -> None:
        folder, address = served
        Clip(times=[4 * index for index in range(100)], container={"movflags": "faststart"}).write(folder / "clip.mp4")
        delivered = dropped = 0
        with open_source(f"{address}/clip.mp4?token=secret") as source:
            assert source.info.name == f"{address}/clip.mp4"
            for frame in source:
                time.sleep(0.03)
                delivered += 1
                dropped += frame.dropped_before
        assert delivered + dropped == 100
        assert dropped > 0


class TestAddresses:
    def test_public_address_has_no_credentials(self) -> None:
        assert public_address("rtsp://user:p%40ss@cam.local:554/live?token=abc#x") == "rtsp://cam.local:554/live"

    def test_a_failed_stream_does_not_tell_the_password(self) -> None:
        with pytest.raises(InputError) as caught:
            NetworkStream("http://user:hunter2@127.0.0.1:1/clip.mp4?token=geheim").open()
        message = str(caught.value)
        assert "127.0.0.1:1/clip.mp4" in message
        assert not any(secret in message for secret in ("user", "hunter2", "geheim"))

    def test_what_is_not_there_over_http(self, served: tuple[Path, str]) -> None:
        (served[0] / "text.mp4").write_text("no video " * 1000)
        for name in ("missing.mp4", "text.mp4"):
            with pytest.raises(InputError, match=name):
                open_source(f"{served[1]}/{name}")

    @pytest.mark.parametrize(
        ("address", "message"),
        [
            ("synthetic://moon", "no such scene"),
            ("synthetic://demo?colour=red", "colour"),
            ("synthetic://demo?width=0", "width=0"),
            ("synthetic://demo?width=12.5", "whole number"),
            ("synthetic://demo?fps=-1", "fps=-1"),
            ("synthetic://demo?fps=1/0", "fps=1/0"),
            ("synthetic://demo?seconds=nan", "seconds=nan"),
            ("synthetic://demo?seconds=", "seconds="),
            ("csi://left", "csi://left"),
            ("ftp://host/clip.mp4", "ftp://"),
            ("", "empty"),
        ],
    )
    def test_refused(self, address: str, message: str) -> None:
        with pytest.raises(InputError, match=message.replace("?", r"\?")):
            open_source(address)

    def test_synthetic_is_reproducible_and_has_the_asked_shape(self) -> None:
        address = "synthetic://random?width=48&height=32&fps=30000/1001&seconds=0.1&seed=7"
        with open_source(address) as one, open_source(address) as two:
            frames = list(one)
            assert len(frames) == 3
            assert [frame.time for frame in frames] == [index * Fraction(1001, 30_000) for index in range(3)]
            assert all(np.array_equal(frame.pixels, again.pixels) for frame, again in zip(frames, two, strict=True))
            assert frames[0].size == (48, 32)


class TestWrongInput:
    """Each is a InputError: one line that names the input and says what to do."""

    def check(self, source: str, message: str) -> None:
        with pytest.raises(InputError, match=message) as caught:
            list(find_sources(source).opened())
        text = str(caught.value)
        assert "\n" not in text
        assert source in text or Path(source).name in text

    def test_folders(self, tmp_path: Path) -> None:
        self.check(str(tmp_path), "no images and no videos")
        (tmp_path / "notes.txt").write_text("text")
        self.check(str(tmp_path), "no images and no videos")
        (tmp_path / "a.jpg").write_text("no image")
        self.check(str(tmp_path), "cannot be read as an image")
        (tmp_path / "b.mp4").write_text("no video")
        self.check(str(tmp_path), r"both images \(a\.jpg\) and videos \(b\.mp4\)")

    def test_patterns(self, tmp_path: Path) -> None:
        self.check(f"{tmp_path}/*.png", "no images and no videos")

    def test_a_name_that_no_file_can_have(self) -> None:
        self.check("x" * 300, "too long")

    def test_missing_image(self, tmp_path: Path) -> None:
        self.check(str(tmp_path / "a.png"), "no such file")

    @pytest.mark.skipif(not Path("/dev").is_dir() or Path("/dev/video99").exists(), reason="no such place, or a camera there")
    @pytest.mark.parametrize("source", ["99", "/dev/video99"])
    def test_missing_camera(self, source: str) -> None:
        self.check(source, "no such camera")

    @pytest.mark.skipif(cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER), reason="this OpenCV has GStreamer")
    def test_csi_without_gstreamer(self) -> None:
        self.check("csi://0", "GStreamer")

    def test_a_camera_that_sends_nothing(self) -> None:
        with pytest.raises(InputError, match="sends no picture"):
            OpenedCamera(cv2.VideoCapture()).open()

    def test_images_given_none(self, tmp_path: Path) -> None:
        with pytest.raises(InputError):
            ImageFiles([tmp_path / "missing.png"], "images").open()
