"""Capture: what every kind of source promises, and what each kind promises beyond that."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

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
from tests.media import Clip, contents, damaged, number_of, numbered, sound_only, truncated

UNEVEN = [0, 33, 66, 101, 140, 200, 300, 333, 400, 480]


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


class TestVideoFile:
    @pytest.mark.parametrize(
        ("name", "clip"),
        [
            ("constant.mp4", Clip()),
            ("variable.mp4", Clip(times=UNEVEN)),
            ("variable.mkv", Clip(times=UNEVEN)),
            ("late.mp4", Clip(times=[500 + time for time in UNEVEN], audio="aac")),
            ("reordered.mp4", Clip(options={"bf": "3", "g": "20", "crf": "10"})),
            ("ntsc.mp4", Clip(times=[1001 * index for index in range(20)], time_base=Fraction(1, 30_000))),
            ("transport.ts", Clip(audio="aac")),
            ("hevc.mp4", Clip(codec="libx265", options={"x265-params": "log-level=none"})),
            ("vp9.webm", Clip(codec="libvpx-vp9", options={"deadline": "realtime", "cpu-used": "8"})),
            ("old.avi", Clip(codec="mpeg4", times=range(30), time_base=Fraction(1, 25), options={})),
            ("full_range.mov", Clip(codec="mjpeg", pixel_format="yuvj420p", times=range(30), time_base=Fraction(1, 25), options={})),
            ("a b:c %20 ü.mp4", Clip(frames=3)),
            ("one.mp4", Clip(frames=2)),
        ],
    )
    def test_every_frame_once_in_order_at_its_own_time(self, tmp_path: Path, name: str, clip: Clip) -> None:
        path = clip.write(tmp_path / name)
        with VideoFile(path) as source:
            frames = list(source)
            assert [number_of(frame.pixels) for frame in frames] == list(range(len(clip.times) or clip.frames))
            assert [frame.time for frame in frames] == contents(path).times
            assert [frame.stem for frame in frames] == [f"{index:06d}" for index in range(len(frames))]
            assert {frame.source for frame in frames} == {name}
            assert source.corrupt == 0
            if path.suffix == ".mp4":  # Matroska does not say how many there are, nor how fast they come
                assert source.info.frames == len(frames)
            assert source.info.file is not None
            assert source.info.file.files == (path,)

    @pytest.mark.parametrize("rotation", [90, 180, 270])
    def test_rotation_is_applied(self, tmp_path: Path, rotation: int) -> None:
        path = Clip(frames=5, rotation=rotation).write(tmp_path / "phone.mp4")
        with VideoFile(path) as source:
            assert (source.info.width, source.info.height) == (96, 64)
            assert [number_of(frame.pixels) for frame in source] == [0, 1, 2, 3, 4]

    def test_odd_sizes(self, tmp_path: Path) -> None:
        path = Clip(frames=3, width=97, height=63, codec="ffv1", pixel_format="yuv444p", options={}).write(tmp_path / "odd.mkv")
        with VideoFile(path) as source:
            frames = list(source)
        assert [frame.size for frame in frames] == [(97, 63)] * 3
        assert all(frame.pixels.flags.c_contiguous for frame in frames)
        assert [number_of(frame.pixels) for frame in frames] == [0, 1, 2]

    def test_a_stream_without_times_gets_some(self, tmp_path: Path) -> None:
        with VideoFile(Clip(frames=10).write(tmp_path / "raw.h264")) as source:
            times = [frame.time for frame in source]
        assert len(times) == 10
        assert len({later - earlier for earlier, later in itertools.pairwise(times)}) == 1

    def test_a_clock_that_is_set_back_goes_on(self, tmp_path: Path) -> None:
        """Two recordings joined byte by byte, as dashcams' transport streams often are."""
        one = Clip(frames=60).write(tmp_path / "one.ts").read_bytes()
        joined = tmp_path / "joined.ts"
        joined.write_bytes(one + one)
        with VideoFile(joined) as source:
            times = [frame.time for frame in source]
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert len(times) >= 110
        assert all(gap > 0 for gap in gaps)
        assert sorted(gaps)[len(gaps) // 2] == Fraction(1, 25)

    @pytest.mark.parametrize("suffix", [".mp4", ".ts", ".mkv"])
    def test_a_damaged_stretch_is_counted_and_passed_over(self, tmp_path: Path, suffix: str) -> None:
        clip = Clip(frames=120, width=768, height=512, options={"g": "10", "crf": "10", "preset": "ultrafast"}).write(
            tmp_path / f"whole{suffix}"
        )
        with VideoFile(damaged(clip, tmp_path / f"damaged{suffix}")) as source:
            frames = list(source)
            assert source.corrupt > 0
        assert 60 <= len(frames) < 120
        # What follows the damage is there, whole.
        assert [number_of(frame.pixels) for frame in frames[-20:]] == list(range(100, 120))
        assert [number_of(frame.pixels) for frame in frames[:20]] == list(range(20))

    def test_a_truncated_file_ends_early(self, tmp_path: Path) -> None:
        clip = Clip(frames=100, container={"movflags": "faststart"}).write(tmp_path / "whole.mp4")
        with VideoFile(truncated(clip, tmp_path / "cut.mp4")) as source:
            numbers = [number_of(frame.pixels) for frame in source]
        assert 30 <= len(numbers) < 100
        assert numbers == list(range(len(numbers)))

    def test_real_clips(self, shared: Path) -> None:
        for path in sorted((shared / "video").glob("*.mp4")):
            with VideoFile(path) as source:
                expected = source.info.frames
                frames = [frame for frame, _ in zip(source, range(60), strict=False)]
            assert expected is not None
            assert expected >= 60
            assert len(frames) == 60
            assert frames[0].time == 0
            assert frames[0].pixels.std() > 10


class TestImages:
    def test_natural_order(self, tmp_path: Path) -> None:
        for name in ("frame10.png", "frame9.jpg", "Frame1.png"):
            cv2.imwrite(str(tmp_path / name), numbered(0))
        (tmp_path / "notes.txt").write_text("not an image")
        (tmp_path / ".hidden.png").write_bytes(b"")
        with open_source(str(tmp_path)) as source:
            assert [(frame.source, frame.stem) for frame in source] == [
                ("Frame1.png", "Frame1"),
                ("frame9.jpg", "frame9"),
                ("frame10.png", "frame10"),
            ]
            assert source.info.name == tmp_path.name

    def test_glob(self, tmp_path: Path) -> None:
        write_images(tmp_path / "frames", 12)
        with open_source(f"{tmp_path}/*/1*.png") as source:
            assert [frame.stem for frame in source] == ["1", "10", "11"]

    def test_a_folder_whose_name_is_a_pattern(self, tmp_path: Path) -> None:
        with open_source(str(write_images(tmp_path / "drive [1]"))) as source:
            assert len(list(source)) == 5

    def test_one_image(self, tmp_path: Path) -> None:
        with open_source(str(write_images(tmp_path, 1) / "0.png")) as source:
            assert source.info.kind == "images"
            assert len(list(source)) == 1

    @pytest.mark.parametrize(
        "image",
        [
            pytest.param(numbered(5).astype(np.uint16) * 257, id="16 bits"),
            pytest.param(np.dstack([numbered(5), np.full((64, 96), 90, np.uint8)]), id="alpha"),
            pytest.param(cv2.cvtColor(numbered(5), cv2.COLOR_BGR2GRAY), id="grey"),
        ],
    )
    def test_depths_and_channels(self, tmp_path: Path, image: np.ndarray) -> None:
        cv2.imwrite(str(tmp_path / "a.png"), image)
        with open_source(str(tmp_path)) as source:
            pixels = next(iter(source)).pixels
        assert pixels.shape == (64, 96, 3)
        expected: Any = numbered(5)
        if image.ndim == 2:
            expected = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        assert np.abs(pixels.astype(int) - expected).max() <= 1

    def test_exif_orientation(self, tmp_path: Path) -> None:
        """A phone held upright: the sensor's rows are columns, and tag 0x0112 says 6 (turn clockwise to view)."""
        _, jpeg = cv2.imencode(".jpg", cv2.rotate(numbered(3), cv2.ROTATE_90_COUNTERCLOCKWISE), (cv2.IMWRITE_JPEG_QUALITY, 95))
        tiff = b"MM\x00\x2a\x00\x00\x00\x08" + b"\x00\x01" + b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00" + b"\x00\x00\x00\x00"
        exif = b"Exif\x00\x00" + tiff
        data = jpeg.tobytes()
        (tmp_path / "phone.jpg").write_bytes(data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:])
        with open_source(str(tmp_path)) as source:
            frame = next(iter(source))
        assert frame.size == (96, 64)
        assert number_of(frame.pixels) == 3

    def test_sizes_may_vary(self, tmp_path: Path) -> None:
        sizes = [(1, 1), (17, 9), (64, 96), (300, 20)]
        for index, (width, height) in enumerate(sizes):
            cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((height, width, 3), 50, np.uint8))
        with open_source(str(tmp_path)) as source:
            assert [frame.size for frame in source] == sizes

    def test_broken_images_are_named_and_passed_over(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        write_images(tmp_path, 4)
        (tmp_path / "1.png").write_bytes(b"no image")
        _, jpeg = cv2.imencode(".jpg", numbered(9, 640, 480))
        (tmp_path / "4.jpg").write_bytes(jpeg.tobytes()[: len(jpeg) // 2])
        (tmp_path / "5.jpg").write_bytes(b"")
        with open_source(str(tmp_path)) as source:
            frames = list(source)
            assert source.corrupt == 3
        assert [(frame.index, frame.time) for frame in frames] == [(0, 0), (2, Fraction(2, 30)), (3, Fraction(3, 30))]
        for name in ("1.png", "4.jpg", "5.jpg"):
            assert sum(name in message for message in caplog.messages) == 1


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

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            pytest.param(lambda _: None, "no such file", id="missing"),
            pytest.param(lambda path: path.write_text("this is text, " * 500), "not a video", id="text"),
            pytest.param(lambda path: path.touch(), "empty", id="zero bytes"),
            pytest.param(sound_only, "no video stream", id="sound only"),
            pytest.param(lambda path: truncated(Clip().write(path), path), "not a video", id="no index"),
            pytest.param(lambda path: path.write_bytes(os.urandom(5000)), "not a video", id="noise"),
            pytest.param(lambda path: path.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/a.ts\n"), "not a video", id="playlist"),
        ],
    )
    def test_video_files(self, tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
        path = tmp_path / "clip.mp4"
        make(path)
        self.check(str(path), message)

    def test_text_that_ffmpeg_would_show_as_a_terminal(self, tmp_path: Path) -> None:
        path = tmp_path / "notes.txt"
        path.write_text("hello\n" * 100)
        self.check(str(path), "not a video")

    def test_not_one_decodable_frame(self, tmp_path: Path) -> None:
        clip = Clip(frames=10, container={"movflags": "faststart"}).write(tmp_path / "whole.mp4")
        begin = clip.read_bytes().index(b"mdat") / clip.stat().st_size
        self.check(str(damaged(clip, tmp_path / "noise.mp4", begin + 0.01, 1.0)), "decoded")

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
    def test_no_permission(self, tmp_path: Path) -> None:
        path = Clip(frames=2).write(tmp_path / "clip.mp4")
        path.chmod(0)
        self.check(str(path), "permission")

    def test_folders(self, tmp_path: Path) -> None:
        self.check(str(tmp_path), "no images and no videos")
        (tmp_path / "notes.txt").write_text("text")
        self.check(str(tmp_path), "no images and no videos")
        (tmp_path / "a.jpg").write_text("no image")
        self.check(str(tmp_path), "can be read")
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
