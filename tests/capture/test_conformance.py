"""What every kind of source promises: one suite over all of them, with real files, servers and pictures."""

from __future__ import annotations

import contextlib
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest

from lanes.capture import Source, find_sources
from lanes.capture.camera import Camera
from lanes.capture.camera_format import CameraFormat
from lanes.capture.events import Connected
from lanes.errors import InputError, ProcessingError
from tests.capture.servers import answering, jpeg, motion_jpeg
from tests.media import Clip, numbered

FRAMES = 12


def write_images(folder: Path, count: int = 5) -> Path:
    """Numbered images in a folder."""
    folder.mkdir(exist_ok=True)
    for index in range(count):
        cv2.imwrite(str(folder / f"{index}.png"), numbered(index))
    return folder


class OpenedCamera(Camera):
    """No camera is at hand in a test: the same class reads from a file that OpenCV opened, which ends as an unplugged camera does."""

    def __init__(self, path: str) -> None:
        super().__init__("camera", CameraFormat())
        self.path = path

    def _connect(self) -> cv2.VideoCapture:
        return cv2.VideoCapture(self.path)


@dataclass
class Bench:
    """Where a source of the suite gets its parts from."""

    folder: Path
    served: tuple[Path, str]
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def clip(self) -> str:
        return str(Clip(frames=FRAMES).write(self.folder / "clip.mp4"))

    def only(self, text: str, *, live: bool = False, reconnect: bool = False) -> Source:
        (source,) = find_sources(text, live=live, reconnect=reconnect)
        return source

    def over_http(self, *, reconnect: bool = False) -> Source:
        Clip(frames=FRAMES, container={"movflags": "faststart"}).write(self.served[0] / "clip.mp4")
        return self.only(f"{self.served[1]}/clip.mp4?token=hunter2", reconnect=reconnect)

    def motion_jpeg(self) -> Source:
        host = self.stack.enter_context(answering(motion_jpeg([jpeg(number) for number in range(FRAMES)])))
        return self.only(f"http://user:hunter2@{host}/stream")

    def bare_stream(self) -> Source:
        data = Path(Clip(frames=FRAMES).write(self.folder / "clip.h264")).read_bytes()

        def answer(request: object) -> None:
            request.send_response(200)  # type: ignore[attr-defined]
            request.end_headers()  # type: ignore[attr-defined]
            request.wfile.write(data)  # type: ignore[attr-defined]

        return self.only(f"http://{self.stack.enter_context(answering(answer))}/hunter2")


KINDS: dict[str, Callable[[Bench], Source]] = {
    "video": lambda bench: bench.only(bench.clip()),
    "images": lambda bench: bench.only(str(write_images(bench.folder / "images"))),
    "synthetic": lambda bench: bench.only("synthetic://demo?width=64&height=48&fps=10&seconds=0.5"),
    "paced video": lambda bench: bench.only(bench.clip(), live=True),
    "paced images": lambda bench: bench.only(str(write_images(bench.folder / "images")), live=True),
    "paced synthetic": lambda bench: bench.only("synthetic://demo?width=64&height=48&fps=20&seconds=0.3", live=True),
    "recording over http": Bench.over_http,
    "recording over http, waited for": lambda bench: bench.over_http(reconnect=True),
    "motion jpeg": Bench.motion_jpeg,
    "bare h264 over http": Bench.bare_stream,
    "camera": lambda bench: OpenedCamera(bench.clip()),
}
RECORDED = {"video", "images", "synthetic"}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def unopened(kind: str, tmp_path: Path, served: tuple[Path, str]) -> Iterator[Source]:
    bench = Bench(tmp_path, served)
    with bench.stack:
        source = KINDS[kind](bench)
        yield source
        source.close()


@pytest.fixture
def source(unopened: Source) -> Source:
    unopened.open()
    return unopened


def read_all(source: Source) -> list[tuple[int, int]]:
    """(index, dropped before) of every frame. A camera that was read from a file ends as one that was unplugged."""
    found = []
    with pytest.raises(ProcessingError) if source.info.kind == "camera" else contextlib.nullcontext():
        for frame in source:
            found.append((frame.index, frame.dropped_before))
    return found


class TestReading:
    def test_frames_are_as_promised(self, source: Source, kind: str) -> None:
        count, last, before = 0, None, -1
        with pytest.raises(ProcessingError) if kind == "camera" else contextlib.nullcontext():
            for frame in source:
                assert frame.pixels.dtype == np.uint8
                assert frame.pixels.ndim == 3
                assert frame.pixels.shape[2] == 3
                assert frame.pixels.flags.c_contiguous
                assert frame.pixels.flags.writeable
                assert last is None or frame.time > last
                assert frame.index - before - 1 == frame.dropped_before
                assert (frame.arrived_ns is not None) == source.info.live
                assert not frame.cut
                if count == 0:
                    assert frame.size == (source.info.width, source.info.height)
                frame.pixels[:] = 0
                count, last, before = count + 1, frame.time, frame.index
        assert count > 0
        assert source.corrupt == 0
        if kind in RECORDED:
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


class TestCounts:
    def test_they_add_up_at_the_end(self, source: Source) -> None:
        found = read_all(source)
        counts = source.counts
        assert counts.delivered == len(found)
        assert counts.captured == counts.delivered + sum(counts.dropped.values())
        assert sum(dropped for _, dropped in found) == sum(counts.dropped.values())
        assert counts.waiting == 0

    def test_they_add_up_at_every_moment_and_when_it_is_closed_in_the_middle(self, source: Source) -> None:
        broken: list[object] = []
        done = threading.Event()

        def look() -> None:
            while not done.is_set():
                counts = source.counts
                if counts.captured != counts.delivered + sum(counts.dropped.values()) + counts.waiting or counts.waiting not in (0, 1):
                    broken.append(counts)

        watcher = threading.Thread(target=look)
        watcher.start()
        frames = iter(source)
        taken = sum(next(frames, None) is not None for _ in range(3))
        source.close()
        done.set()
        watcher.join()
        counts = source.counts
        assert not broken
        assert counts.delivered == taken
        assert counts.captured == counts.delivered + sum(counts.dropped.values()) + counts.waiting


class TestOpening:
    def test_making_one_reads_nothing(self, unopened: Source) -> None:
        assert unopened.name
        assert not hasattr(unopened, "info")
        assert list(unopened.events()) == []

    def test_it_says_that_it_is_open_and_opens_once(self, unopened: Source) -> None:
        unopened.open()
        unopened.open()
        with unopened as same:
            assert same is unopened
            assert [event.info for event in unopened.events() if isinstance(event, Connected)] == [unopened.info]
            assert list(unopened.events()) == []

    def test_a_closed_one_stays_closed(self, unopened: Source) -> None:
        unopened.close()
        with pytest.raises(InputError, match="closed"):
            unopened.open()

    def test_it_knows_its_kind(self, source: Source, kind: str) -> None:
        kinds = {
            "recording over http": "stream",
            "recording over http, waited for": "stream",
            "motion jpeg": "stream",
            "bare h264 over http": "stream",
        }
        assert source.info.kind == kinds.get(kind, kind.removeprefix("paced "))
        assert source.info.live == (kind not in RECORDED)
        assert (source.info.file is not None) == (kind in RECORDED or kind.startswith("paced"))

    def test_it_names_no_secrets(self, source: Source) -> None:
        read_all(source)
        assert "hunter2" not in repr((source, source.name, source.info, list(source.events()), source.counts))


class TestClosing:
    def test_at_any_moment(self, source: Source) -> None:
        frames = iter(source)
        next(frames)
        source.close()
        source.close()
        assert next(frames, None) is None

    def test_before_the_first_frame(self, source: Source) -> None:
        source.close()
        source.close()
        assert next(iter(source), None) is None

    def test_from_another_thread(self, source: Source) -> None:
        def read() -> None:
            try:
                for _ in source:
                    started.set()
            except ProcessingError:
                pass  # the camera of this test ended first
            except BaseException:
                failures.append(traceback.format_exc())

        started, failures = threading.Event(), list[str]()
        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        assert started.wait(30)
        source.close()
        thread.join(30)
        assert not thread.is_alive()
        assert not failures
