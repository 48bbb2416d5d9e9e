"""What every sink keeps to, whatever it writes: one suite over all of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from lanes.capture.source import FileInfo
from lanes.errors import InputError, OutputError
from lanes.output import NewestSink, Policy, Sink
from lanes.output.benchmark_files import CULaneSink, TuSimpleSink
from lanes.output.images import ImagesSink
from lanes.output.live.encoded import EncodedSink
from lanes.output.masks import MasksSink
from lanes.output.mcap_file import McapSink
from lanes.output.records import RecordsSink
from lanes.output.video import VideoSink
from tests.media import numbered
from tests.output.results import INFO, names, result

Make = Callable[..., Sink]


def make_video(place: Path, inputs: tuple[Path, ...] = (), overwrite: bool = False) -> Sink:
    return VideoSink(place, replace(INFO, file=FileInfo(files=inputs)), overwrite)


def make_mcap(place: Path, inputs: tuple[Path, ...] = (), overwrite: bool = False) -> Sink:
    pytest.importorskip("mcap", reason="needs the extra lanestream[mcap]")
    return McapSink(place, replace(INFO, file=FileInfo(files=inputs)), overwrite)


def make_recording(place: Path, inputs: tuple[Path, ...] = (), overwrite: bool = False) -> Sink:
    return EncodedSink.open(replace(INFO, file=FileInfo(files=inputs)), place, None, None, overwrite=overwrite)


SINKS: dict[str, tuple[Make, str]] = {
    "video": (make_video, "out.mp4"),
    "recording": (make_recording, "recorded.mp4"),
    "images": (ImagesSink, "images"),
    "masks": (MasksSink, "masks"),
    "records": (RecordsSink, "records.jsonl"),
    "tusimple": (TuSimpleSink, "lanes.json"),
    "culane": (CULaneSink, "culane"),
    "mcap": (make_mcap, "drive.mcap"),
    "newest": (lambda *args, **named: NewestSink(MasksSink(*args, **named)), "masks"),
}


@pytest.fixture(params=SINKS)
def kind(request: pytest.FixtureRequest) -> tuple[Make, str]:
    return SINKS[request.param]


def state(folder: Path) -> dict[str, Any]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_it_says_what_happens_when_it_is_slow(kind: tuple[Make, str], tmp_path: Path) -> None:
    with kind[0](tmp_path / kind[1]) as sink:
        assert isinstance(sink.policy, Policy)
        assert sink.dropped == 0
        for number in range(3):
            sink.write(result(number))
        if sink.policy is Policy.NEVER_LOSE:
            assert sink.dropped == 0


def test_nothing_written_leaves_nothing_and_no_folder(kind: tuple[Make, str], tmp_path: Path) -> None:
    for end in ("close", "discard"):
        sink = kind[0](tmp_path / "a" / "b" / kind[1])
        getattr(sink, end)()
        getattr(sink, end)()
        assert names(tmp_path) == []


def test_nothing_hidden_is_left_beside_it(kind: tuple[Make, str], tmp_path: Path) -> None:
    with kind[0](tmp_path / kind[1]) as sink:
        for number in range(30):
            sink.write(result(number))
    assert names(tmp_path) == [kind[1]]
    assert not list(tmp_path.rglob(".*"))


def test_closing_twice_changes_nothing(kind: tuple[Make, str], tmp_path: Path) -> None:
    sink = kind[0](tmp_path / kind[1])
    sink.write(result(0))
    sink.close()
    before = state(tmp_path)
    sink.close()
    assert state(tmp_path) == before


def test_an_error_upstream_keeps_what_was_written(kind: tuple[Make, str], tmp_path: Path) -> None:
    def run() -> None:
        with kind[0](tmp_path / kind[1]) as sink:
            sink.write(result(0))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert names(tmp_path) == [kind[1]]


def test_what_exists_is_refused_and_left_as_it_is(kind: tuple[Make, str], tmp_path: Path) -> None:
    with kind[0](tmp_path / kind[1]) as sink:
        sink.write(result(0))
    before = state(tmp_path)
    with pytest.raises(InputError, match="--overwrite") as caught:
        kind[0](tmp_path / kind[1])
    assert str(caught.value).startswith(str(tmp_path / kind[1]))
    assert state(tmp_path) == before
    with kind[0](tmp_path / kind[1], overwrite=True) as sink:
        sink.write(result(0))
    assert names(tmp_path) == [kind[1]]


def test_one_at_a_time(kind: tuple[Make, str], tmp_path: Path) -> None:
    with kind[0](tmp_path / kind[1]) as sink:
        sink.write(result(0))
        with pytest.raises(InputError, match=r"another run is writing it|exists already|already holds"):
            kind[0](tmp_path / kind[1])
    with kind[0](tmp_path / kind[1], overwrite=True) as sink:
        sink.write(result(0))


def test_the_input_is_never_written_over(kind: tuple[Make, str], tmp_path: Path) -> None:
    place = tmp_path / kind[1]
    source = place if place.suffix else place / "000000.png"
    source.parent.mkdir(exist_ok=True)
    source.write_bytes(b"mine")
    for overwrite in (False, True):
        with pytest.raises(InputError, match=r"is the input itself|folder of the input images"):
            kind[0](place, (source,), overwrite)
    assert source.read_bytes() == b"mine"


def test_a_file_in_place_of_a_folder_is_refused(kind: tuple[Make, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="is a file, not a folder"):
        kind[0](tmp_path / "file" / kind[1])
    assert names(tmp_path) == ["file"]


def test_a_folder_that_is_lost_is_one_line_at_most(kind: tuple[Make, str], tmp_path: Path) -> None:
    """At any moment: while it writes, and at its end."""
    for lost_after in (0, 1, 40):
        folder = tmp_path / f"{lost_after}"
        sink = kind[0](folder / kind[1])
        errors: list[str] = []
        for number in range(lost_after + 2):
            if number == lost_after:
                lost = tmp_path / f"lost_{lost_after}"
                if folder.exists():  # some sinks make it with their first result
                    folder.rename(lost)  # at once, whatever another thread is writing there
                folder.write_text("a file stands in for it")
                shutil.rmtree(lost, ignore_errors=True)
            try:
                sink.write(result(number))
            except OutputError as error:
                errors.append(str(error))
                break
        try:
            sink.close()
        except OutputError as error:
            errors.append(str(error))
        assert errors
        assert not any("\n" in error for error in errors)
        assert folder.read_text() == "a file stands in for it"


def test_pictures_of_any_size(kind: tuple[Make, str], tmp_path: Path) -> None:
    """As many results come out as went in: of pictures in several sizes, records and video agree."""
    with kind[0](tmp_path / kind[1]) as sink:
        for number, size in enumerate([(64, 96), (10, 20), (1, 1), (97, 33), (64, 96)]):
            sink.write(result(number, np.zeros((*size, 3), np.uint8)))
    place = tmp_path / kind[1]
    if place.suffix == ".mp4":
        with av.open(str(place)) as container:
            assert len(list(container.decode(video=0))) == 5
    elif place.suffix == ".mcap":
        reader = pytest.importorskip("mcap.reader")
        with place.open("rb") as file:
            assert len(list(reader.make_reader(file).iter_messages(topics=["/camera/video"]))) == 5
    elif place.suffix:
        assert len(place.read_text().splitlines()) == 5
    elif not isinstance(sink, NewestSink):
        assert len(names(place)) == 5


def test_the_frame_is_its_owners_again_after_write(kind: tuple[Make, str], tmp_path: Path) -> None:
    """A pipeline's masks go round: what is written is what was given, not what came after."""
    outputs = []
    for name in ("kept", "reused"):
        (tmp_path / name).mkdir()
        pixels, mask = numbered(0), np.zeros((64, 96), np.uint8)
        with kind[0](tmp_path / name / kind[1]) as sink:
            for number in range(8):
                each = result(number)
                if name == "reused":
                    mask[:] = each.mask
                    each.mask = mask
                    if not isinstance(sink, NewestSink):
                        pixels[:] = each.frame.pixels
                        each.frame.pixels = pixels
                sink.write(each)
        outputs.append(state(tmp_path / name))
    kept, reused = outputs
    if not kind[1].endswith(".mp4"):  # it may hold the time of day
        assert all(kept[file] == reused[file] for file in kept.keys() & reused.keys())


def test_importing_them_is_quick() -> None:
    """What only some runs need is imported where it is needed: locks take 24 ms."""
    program = "import lanes.output, sys; print([name for name in ('filelock', 'torch', 'onnxruntime') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
