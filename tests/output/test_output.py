"""Output: what a run writes is what its source was, and nothing bad is left under an output's name."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanes.capture import open_source
from lanes.capture.source import Colour, FileInfo, SourceInfo
from lanes.capture.video import VideoFile
from lanes.errors import InputError, ProcessingError
from lanes.output import default_output, open_outputs
from lanes.output.images import ImagesSink
from lanes.output.masks import MasksSink
from lanes.output.records import RecordsSink
from lanes.output.video import VideoSink
from lanes.results import Frame, FrameResult
from tests.media import Clip, contents, damaged, number_of, numbered, sound

UNEVEN = [0, 33, 66, 101, 140, 200, 300, 333, 400, 480]
INFO = SourceInfo("clip.mp4", "video", 96, 64, Fraction(25), None, time_base=Fraction(1, 25))


def result(number: int, pixels: np.ndarray | None = None, time: Fraction | None = None, stem: str | None = None) -> FrameResult:
    pixels = numbered(number) if pixels is None else pixels
    frame = Frame(pixels, number, Fraction(number, 25) if time is None else time, "clip.mp4", stem or f"{number:06d}")
    mask = np.zeros(pixels.shape[:2], np.uint8)
    mask[:, :: number + 2] = 255
    return FrameResult(frame, mask)


def convert(source: Path, target: Path, limit: int | None = None) -> None:
    """Source to sink with nothing between them."""
    with VideoFile(source) as video, VideoSink(target, video.info) as sink:
        for frame in video:
            if frame.index == limit:
                break
            sink.write(FrameResult(frame, frame.pixels[..., 0]))


def write(path: Path, count: int = 10, info: SourceInfo = INFO) -> Path:
    with VideoSink(path, info) as sink:
        for number in range(count):
            sink.write(result(number))
    return path


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


class TestVideoIsTheSourceAgain:
    @pytest.mark.parametrize(
        ("name", "clip"),
        [
            ("constant.mp4", Clip(audio="aac")),
            ("variable.mp4", Clip(times=UNEVEN, audio="aac")),
            ("variable.mkv", Clip(times=UNEVEN, audio="aac")),
            ("late.mp4", Clip(times=[500 + time for time in UNEVEN], audio="aac")),
            ("reordered.mp4", Clip(options={"bf": "3", "g": "20", "crf": "10"}, audio="aac")),
            ("ntsc.mp4", Clip(times=[1001 * index for index in range(40)], time_base=Fraction(1, 30_000))),
            ("microseconds.mp4", Clip(times=[33_367 * index for index in range(40)], time_base=Fraction(1, 1_000_000))),
            ("phone.mp4", Clip(rotation=90, audio="aac")),
            ("upside_down.mov", Clip(rotation=180)),
            ("music.mkv", Clip(audio="libmp3lame")),
            ("opus.mkv", Clip(audio="libopus")),
            ("hevc.mp4", Clip(codec="libx265", options={"x265-params": "log-level=none"})),
            ("old.avi", Clip(codec="mpeg4", times=range(30), time_base=Fraction(1, 25), options={})),
            ("two.mp4", Clip(frames=2)),
        ],
    )
    def test_frames_times_duration_and_sound(self, tmp_path: Path, name: str, clip: Clip) -> None:
        source = clip.write(tmp_path / name)
        convert(source, tmp_path / "out.mp4")
        expected, got = contents(source), contents(tmp_path / "out.mp4")
        assert got.numbers == list(range(len(expected.times)))
        assert got.times == expected.times
        assert abs(got.duration - expected.duration) < min(later - earlier for earlier, later in pairwise(expected.times))
        assert got.audio == expected.audio
        assert got.audio_times == expected.audio_times
        assert (got.width, got.height) == (96, 64)

    def test_transport_stream_starts_at_zero(self, tmp_path: Path) -> None:
        """Its clock begins anywhere; sound and picture keep their distance. (AAC loses its ADTS headers, so bytes differ.)"""
        source = Clip(audio="aac", container={"output_ts_offset": "5"}).write(tmp_path / "clip.ts")
        convert(source, tmp_path / "out.mp4")
        expected, got = contents(source), contents(tmp_path / "out.mp4")
        shift = expected.times[0] - got.times[0]
        assert shift > 4
        assert min(got.times[0], got.audio_times[0]) == 0
        assert [time + shift for time in got.times] == expected.times
        assert len(got.audio) == len(expected.audio)
        assert all(abs(a + shift - b) < Fraction(1, 1000) for a, b in zip(got.audio_times, expected.audio_times, strict=True))

    def test_the_variable_rate_gives_the_last_frame_its_own_duration(self, tmp_path: Path) -> None:
        source = Clip(times=UNEVEN).write(tmp_path / "clip.mp4")
        convert(source, tmp_path / "out.mp4")
        assert contents(tmp_path / "out.mp4").duration == contents(source).duration == Fraction(560, 1000)

    def test_a_limited_run_ends_with_its_last_frame_and_so_does_its_sound(self, tmp_path: Path) -> None:
        source = Clip(frames=100, audio="aac").write(tmp_path / "clip.mp4")
        convert(source, tmp_path / "out.mp4", limit=25)
        expected, got = contents(source), contents(tmp_path / "out.mp4")
        assert got.numbers == list(range(25))
        assert got.duration == 1
        assert got.audio == expected.audio[: len(got.audio)]
        assert got.audio_times[-1] < 1 <= got.audio_times[-1] + Fraction(1024, 48_000)

    def test_sound_that_mp4_cannot_carry_is_left_out_and_said_once(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        source = Clip(audio="pcm_mulaw").write(tmp_path / "clip.mov")
        convert(source, tmp_path / "out.mp4")
        assert contents(tmp_path / "out.mp4").numbers == list(range(30))
        assert caplog.messages == ["clip.mov: its sound (pcm_mulaw) does not fit into an MP4 and is left out"]

    @pytest.mark.parametrize("suffix", [".mp4", ".ts", ".mkv"])
    def test_a_damaged_source(self, tmp_path: Path, suffix: str) -> None:
        clip = Clip(frames=120, width=384, height=256, options={"g": "10", "crf": "10", "preset": "ultrafast"}, audio="aac").write(
            tmp_path / f"whole{suffix}"
        )
        convert(damaged(clip, tmp_path / f"damaged{suffix}"), tmp_path / "out.mp4")
        with VideoFile(tmp_path / f"damaged{suffix}") as source:
            expected = [number_of(frame.pixels) for frame in source]
        assert contents(tmp_path / "out.mp4").numbers == expected

    @pytest.mark.parametrize(
        "colour",
        [
            pytest.param(Colour(), id="bt709"),
            pytest.param(Colour(6, 1, 6, 6), id="ntsc"),
            pytest.param(Colour(5, 1, 5, 6), id="pal"),
            pytest.param(
                Colour(9, 1, 9, 14),
                id="bt2020",
                marks=pytest.mark.skipif(int(av.__version__.split(".")[0]) < 18, reason="PyAV 17 converts BT.2020 by another matrix"),
            ),
            pytest.param(Colour(2, 0, 2, 2), id="unspecified"),
            pytest.param(Colour(1, 2, 1, 1), id="full range"),
            pytest.param(Colour(0, 2, 1, 13), id="rgb"),
        ],
    )
    def test_colours(self, tmp_path: Path, colour: Colour) -> None:
        colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [128, 128, 128], [30, 200, 250]], np.uint8)
        picture = np.repeat(np.repeat(colours[None], 32, 0), 32, 1)
        info = replace(INFO, width=picture.shape[1], height=32, colour=colour)
        with VideoSink(tmp_path / "out.mp4", info) as sink:
            for number in range(3):
                sink.write(result(number, picture.copy()))
        with VideoFile(tmp_path / "out.mp4") as video:
            seen = next(iter(video)).pixels[16, 16::32]
            tags = video.info.colour
        assert np.abs(seen.astype(int) - colours).max() <= 6
        assert (tags.primaries, tags.transfer) == (colour.primaries, colour.transfer)
        assert tags.matrix == (colour.matrix or 6)

    @settings(max_examples=15, deadline=None)
    @given(
        gaps=st.lists(st.integers(1, 200), min_size=1, max_size=12),
        start=st.integers(0, 1000),
        base=st.sampled_from([Fraction(text) for text in ("1/1000", "1/30000", "1001/30000", "1/90000", "1/25", "1/1000000")]),
    )
    def test_any_times_come_out_exactly(
        self, tmp_path_factory: pytest.TempPathFactory, gaps: list[int], start: int, base: Fraction
    ) -> None:
        times = [start * base]
        for gap in gaps:
            times.append(times[-1] + gap * base)
        path = tmp_path_factory.mktemp("times") / "out.mp4"
        with VideoSink(path, replace(INFO, time_base=base, file=FileInfo(end=times[-1] + gaps[-1] * base))) as sink:
            for number, time in enumerate(times):
                sink.write(result(number, time=time))
        got = contents(path)
        assert got.times == times
        assert got.duration == times[-1] + gaps[-1] * base - times[0]

    def test_real_clips(self, shared: Path, tmp_path: Path) -> None:
        for path in sorted((shared / "video").glob("*.mp4")):
            out = tmp_path / path.name
            convert(path, out, limit=60)
            with VideoFile(path) as source, VideoFile(out) as copy:
                assert copy.info.frames == 60
                assert (copy.info.width, copy.info.height) == (source.info.width, source.info.height)
                count = 0
                for before, after in zip(source, copy, strict=False):
                    assert before.time == after.time
                    assert count % 20 or cv2.PSNR(before.pixels, after.pixels) > 32
                    count += 1
            assert count == 60
            expected, got = ([data for data, _ in sound(file)] for file in (path, out))
            assert got == expected[: len(got)]
            assert bool(got) == bool(expected)

    def test_a_browser_can_play_it_while_it_loads(self, tmp_path: Path) -> None:
        write(tmp_path / "out.mp4")
        data = (tmp_path / "out.mp4").read_bytes()
        assert 0 < data.index(b"moov") < data.index(b"mdat")
        assert b"moof" not in data
        with av.open(str(tmp_path / "out.mp4")) as container:
            stream = container.streams.video[0]
            assert stream.codec_context.name == "h264"
            assert stream.codec_context.pix_fmt == "yuv420p"
            assert next(container.decode(stream)).rotation == 0


class TestSizes:
    @pytest.mark.parametrize("size", [(1, 1), (17, 9), (1, 64), (63, 97), (97, 64), (4096, 2160)], ids=str)
    def test_odd_sizes_grow_by_an_edge(self, tmp_path: Path, size: tuple[int, int]) -> None:
        width, height = size
        picture = np.full((height, width, 3), (40, 160, 90), np.uint8)
        with VideoSink(tmp_path / "out.mp4", replace(INFO, width=width, height=height)) as sink:
            for number in range(2):
                sink.write(result(number, picture))
        with VideoFile(tmp_path / "out.mp4") as video:
            frames = list(video)
        assert len(frames) == 2
        assert frames[0].size == (width + width % 2, height + height % 2)
        assert np.abs(frames[0].pixels.astype(int) - picture[0, 0]).max() <= 8

    def test_a_frame_of_another_size_is_refused_and_the_others_kept(self, tmp_path: Path) -> None:
        sink = VideoSink(tmp_path / "out.mp4", INFO)
        sink.write(result(0))
        with pytest.raises(ProcessingError, match=r"20x10.*96x64"):
            sink.write(result(1, np.zeros((10, 20, 3), np.uint8)))
        sink.close()
        assert contents(tmp_path / "out.mp4").numbers == [0]


class TestEndings:
    def test_nothing_lies_under_the_name_before_the_end(self, tmp_path: Path) -> None:
        with VideoSink(tmp_path / "out.mp4", INFO) as sink:
            sink.write(result(0))
            assert names(tmp_path) == [".out.mp4.part"]
        assert names(tmp_path) == ["out.mp4"]

    @pytest.mark.parametrize("end", ["close", "discard"])
    def test_nothing_written_leaves_nothing(self, tmp_path: Path, end: str) -> None:
        sinks = open_outputs(INFO, output=tmp_path / "a" / "b" / "out.mp4", masks=tmp_path / "masks")
        sinks.append(RecordsSink(tmp_path / "c" / "records.jsonl"))
        for sink in sinks:
            getattr(sink, end)()
            getattr(sink, end)()
        assert names(tmp_path) == []

    def test_an_existing_file_stays_until_the_new_one_is_complete(self, tmp_path: Path) -> None:
        path = tmp_path / "out.mp4"
        path.write_bytes(b"old")
        VideoSink(path, INFO, overwrite=True).close()
        assert path.read_bytes() == b"old"
        with VideoSink(path, INFO, overwrite=True) as sink:
            sink.write(result(7))
            assert path.read_bytes() == b"old"
        assert contents(path).numbers == [7]

    def test_an_exception_upstream_keeps_what_was_finished(self, tmp_path: Path) -> None:
        def run() -> None:
            with VideoSink(tmp_path / "out.mp4", INFO) as sink:
                for number in range(5):
                    sink.write(result(number))
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run()
        assert contents(tmp_path / "out.mp4").numbers == [0, 1, 2, 3, 4]
        assert names(tmp_path) == ["out.mp4"]

    def test_a_source_that_has_gone_costs_its_sound_only(self, tmp_path: Path) -> None:
        source = Clip(audio="aac").write(tmp_path / "clip.mp4")
        with VideoFile(source) as video:
            sink = VideoSink(tmp_path / "out.mp4", video.info)
            for frame in video:
                sink.write(FrameResult(frame, frame.pixels[..., 0]))
        source.unlink()
        with pytest.raises(ProcessingError, match="plays"):
            sink.close()
        assert contents(tmp_path / "out.mp4").numbers == list(range(30))
        assert names(tmp_path) == ["out.mp4"]

    def test_a_crash_leaves_a_playable_part(self, tmp_path: Path) -> None:
        """Killed without warning, as when the power fails: all but the last seconds can be recovered."""
        child = subprocess.run([sys.executable, "-c", WRITER, str(tmp_path / "out.mp4"), "200", "kill"], cwd=ROOT, check=False)
        assert child.returncode == -signal.SIGKILL
        assert names(tmp_path) == [".out.mp4.part"]
        part = tmp_path / ".out.mp4.part"
        with VideoFile(part.rename(tmp_path / "part.mp4")) as video:
            recovered = [number_of(frame.pixels) for frame in video]
        assert len(recovered) >= 100
        assert recovered == [number % 256 for number in range(len(recovered))]


ROOT = Path(__file__).resolve().parents[2]

# Writes noisy frames until the end, a full disk, or a kill. Arguments: path, frames, how to end.
WRITER = """
import os, resource, signal, sys
from fractions import Fraction
from pathlib import Path
from typing import Any
import numpy as np
from lanes.capture.source import SourceInfo
from lanes.errors import ProcessingError
from lanes.results import Frame
from lanes.results import FrameResult
from lanes.output.video import VideoSink
from tests.media import numbered

path, count, end = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if end.isdigit():
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(end), int(end)))
noise = np.random.default_rng(0)
sink = VideoSink(path, SourceInfo("x", "video", 192, 128, Fraction(25), None, time_base=Fraction(1, 25)))
status = 0
try:
    for number in range(count):
        pixels = numbered(number % 256, 192, 128)
        pixels[100:] = noise.integers(0, 256, (28, 192, 3), np.uint8)
        sink.write(FrameResult(Frame(pixels, number, Fraction(number, 25), "x", "x"), pixels[..., 0]))
except ProcessingError as error:
    print(error)
    status = 1
if end == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
try:
    sink.close()
except ProcessingError as error:
    print(error)
    status = 1
sys.exit(status)
"""


@pytest.mark.skipif(os.name != "posix", reason="file size limits are POSIX")
class TestFullDisk:
    """A file size limit makes writing fail at a byte that the test chooses, as a full disk does."""

    def run(self, path: Path, limit: int | str, count: int = 200) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WRITER, str(path), str(count), str(limit)]
        return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)

    def whole_size(self, folder: Path) -> int:
        path = folder / "whole.mp4"
        assert self.run(path, "").returncode == 0
        size = path.stat().st_size
        path.unlink()
        return size

    def test_what_was_finished_plays(self, tmp_path: Path) -> None:
        size = self.whole_size(tmp_path)
        for share in (0.35, 0.8):
            path = tmp_path / f"{share}.mp4"
            child = self.run(path, int(size * share))
            assert child.returncode == 1, child.stderr
            assert len(child.stdout.splitlines()) == 1
            assert path.name in child.stdout
            numbers = contents(path).numbers
            assert 200 * share * 0.5 < len(numbers) < 200
            assert numbers == [number % 256 for number in range(len(numbers))]
        assert names(tmp_path) == ["0.35.mp4", "0.8.mp4"]

    def test_full_at_the_very_end(self, tmp_path: Path) -> None:
        """Every frame fitted, but not the finished file beside them: then the fragments are the result."""
        size = self.whole_size(tmp_path)
        for spare in (-4000, 0, 2000):
            path = tmp_path / f"{spare}.mp4"
            child = self.run(path, size + spare)
            assert child.returncode in (0, 1), child.stderr
            count = len(contents(path).numbers)
            assert count >= 170
            # Frames are lost only where the message says so.
            assert count == 200 or "last frames" in child.stdout or "cannot write on" in child.stdout
        assert not [name for name in names(tmp_path) if name.startswith(".")]

    def test_full_at_once_leaves_nothing(self, tmp_path: Path) -> None:
        child = self.run(tmp_path / "out.mp4", 500)
        assert child.returncode == 1
        assert "Traceback" not in child.stderr
        assert names(tmp_path) == []


class TestMasks:
    def test_exact_eight_bit_and_named_by_stem(self, tmp_path: Path) -> None:
        with MasksSink(tmp_path / "new" / "masks") as sink:
            results = [
                result(0),
                result(1, stem="photo"),
                result(2, np.zeros((9, 17, 3), np.uint8)),
                result(3, np.zeros((1, 1, 3), np.uint8)),
            ]
            for each in results:
                sink.write(each)
        folder = tmp_path / "new" / "masks"
        assert names(folder) == ["000000.png", "000002.png", "000003.png", "photo.png"]
        for each in results:
            mask: Any = cv2.imread(str(folder / f"{each.frame.stem}.png"), cv2.IMREAD_UNCHANGED)
            assert mask.dtype == np.uint8
            assert np.array_equal(mask, each.mask)

    def test_a_lost_folder_is_one_line(self, tmp_path: Path) -> None:
        sink = MasksSink(tmp_path / "masks")
        sink.write(result(0))
        shutil.rmtree(tmp_path / "masks")
        with pytest.raises(ProcessingError, match=r"000001\.png: cannot be written"):
            sink.write(result(1))


class TestImagesSink:
    def test_frames_of_any_size_come_out_exactly(self, tmp_path: Path) -> None:
        pictures = [numbered(0), numbered(1, 33, 21), np.zeros((1, 1, 3), np.uint8)]
        with ImagesSink(tmp_path / "out") as sink:
            for number, picture in enumerate(pictures):
                sink.write(result(number, picture))
        for number, picture in enumerate(pictures):
            written: Any = cv2.imread(str(tmp_path / "out" / f"{number:06d}.png"))
            assert np.array_equal(written, picture)

    def test_round_trip_through_the_image_source(self, tmp_path: Path) -> None:
        with ImagesSink(tmp_path / "frames") as sink:
            for number in range(12):
                sink.write(result(number, stem=f"f{number}"))
        with open_source(str(tmp_path / "frames")) as source:
            assert [number_of(frame.pixels) for frame in source] == list(range(12))


class TestRecords:
    def test_each_line_is_there_before_the_next(self, tmp_path: Path) -> None:
        path = tmp_path / "new" / "records.jsonl"
        with RecordsSink(path) as sink:
            for number in range(3):
                sink.write(result(number))
                lines = path.read_text().splitlines()
                assert [json.loads(line)["frame"] for line in lines] == list(range(number + 1))

    def test_an_existing_file_stays_until_the_first_record(self, tmp_path: Path) -> None:
        path = tmp_path / "records.jsonl"
        path.write_text("old\n")
        sink = RecordsSink(path, overwrite=True)
        assert path.read_text() == "old\n"
        sink.write(result(0))
        sink.close()
        assert json.loads(path.read_text())["frame"] == 0

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    def test_a_full_disk_is_one_line(self, tmp_path: Path) -> None:
        sink = RecordsSink(tmp_path / "records.jsonl")
        (tmp_path / "records.jsonl").symlink_to("/dev/full")
        with pytest.raises(ProcessingError, match=os.strerror(errno.ENOSPC)):
            sink.write(result(0))
        sink.close()


class TestRefusals:
    """Before any work: one line that names the place and says what to do, and everything is left as it was."""

    def refuse(self, folder: Path, message: str, info: SourceInfo = INFO, **outputs: Any) -> None:
        before = {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}
        with pytest.raises(InputError, match=message) as caught:
            open_outputs(info, **outputs)
        assert "\n" not in str(caught.value)
        assert any(str(caught.value).startswith((str(place), str(place.parent))) for place in outputs.values())
        assert {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")} == before

    def test_files_that_exist(self, tmp_path: Path) -> None:
        for name in ("out.mp4", "records.jsonl"):
            (tmp_path / name).write_text("mine")
        self.refuse(tmp_path, "--overwrite", output=tmp_path / "out.mp4")
        with pytest.raises(InputError, match="--overwrite"):
            RecordsSink(tmp_path / "records.jsonl")

    def test_a_later_refusal_takes_back_the_earlier_outputs(self, tmp_path: Path) -> None:
        self.refuse(tmp_path, r"\.mp4", masks=tmp_path / "m" / "masks", output=tmp_path / "o" / "out.avi")

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_the_input_itself_by_any_name(self, tmp_path: Path, overwrite: bool) -> None:
        clip = Clip(frames=2).write(tmp_path / "clip.mp4")
        link, hard = tmp_path / "link.mp4", tmp_path / "hard.mp4"
        link.symlink_to(clip)
        hard.hardlink_to(clip)
        info = replace(INFO, file=FileInfo(files=(clip,)))
        for place in (clip, link, hard, tmp_path / "x" / ".." / "clip.mp4"):
            (tmp_path / "x").mkdir(exist_ok=True)
            with pytest.raises(InputError, match="is the input itself"):
                open_outputs(info, output=place, overwrite=overwrite)
            with pytest.raises(InputError, match="is the input itself"):
                RecordsSink(place, (clip,), overwrite)
        assert contents(clip).numbers == [0, 1]

    def test_folders_and_files_mixed_up(self, tmp_path: Path) -> None:
        (tmp_path / "folder.mp4").mkdir()
        (tmp_path / "file").write_text("mine")
        self.refuse(tmp_path, "is a folder", output=tmp_path / "folder.mp4")
        with pytest.raises(InputError, match="is a folder"):
            RecordsSink(tmp_path)
        self.refuse(tmp_path, "is a file", masks=tmp_path / "file")
        self.refuse(tmp_path, "is a file", output=tmp_path / "file" / "out.mp4")
        self.refuse(tmp_path, "is a file", masks=tmp_path / "file" / "masks")

    @pytest.mark.parametrize("name", ["out.avi", "out", "out.mp4.txt"])
    def test_not_mp4(self, tmp_path: Path, name: str) -> None:
        self.refuse(tmp_path, r"\.mp4", output=tmp_path / name)

    def test_a_name_that_no_file_can_have(self, tmp_path: Path) -> None:
        self.refuse(tmp_path, "cannot be", output=tmp_path / f"{'x' * 300}.mp4")

    @pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that takes no files")
    def test_a_place_that_takes_no_files(self, tmp_path: Path) -> None:
        self.refuse(tmp_path, "another place|another one", output=Path("/proc/lanestream/out.mp4"))
        self.refuse(tmp_path, "another place|another one", masks=Path("/proc/lanestream"))

    def test_two_outputs_in_one_place(self, tmp_path: Path) -> None:
        self.refuse(tmp_path, "same place", output=tmp_path / "out.mp4", masks=tmp_path / "out.mp4")

    def test_folders_that_hold_images(self, tmp_path: Path) -> None:
        for folder in ("masks", "inputs"):
            (tmp_path / folder).mkdir()
            cv2.imwrite(str(tmp_path / folder / "000000.png"), numbered(0))
        info = replace(INFO, kind="images", file=FileInfo(files=(tmp_path / "inputs" / "000000.png",)))
        self.refuse(tmp_path, "--overwrite", info, masks=tmp_path / "masks")
        self.refuse(tmp_path, "--overwrite", info, output=tmp_path / "masks")
        for overwrite in (False, True):
            with pytest.raises(InputError, match="folder of the input images"):
                open_outputs(info, masks=tmp_path / "inputs", overwrite=overwrite)
        for sink in open_outputs(info, masks=tmp_path / "masks", overwrite=True):
            sink.write(result(0))
            sink.close()

    def test_folders_that_hold_something_else(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("mine")
        for sink in open_outputs(INFO, masks=tmp_path):
            sink.write(result(0))
            sink.close()
        assert names(tmp_path) == ["000000.png", "notes.txt"]

    def test_masks_and_overlays_in_one_folder(self, tmp_path: Path) -> None:
        self.refuse(tmp_path, "same place", replace(INFO, kind="images"), output=tmp_path / "out", masks=tmp_path / "out")

    def test_inputs_whose_outputs_would_have_one_name(self, tmp_path: Path) -> None:
        info = replace(INFO, kind="images", file=FileInfo(files=(tmp_path / "a" / "1.png", tmp_path / "b" / "1.jpg")))
        self.refuse(tmp_path, r"1\.png and 1\.jpg", info, masks=tmp_path / "masks")

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
    def test_no_permission(self, tmp_path: Path) -> None:
        folder = tmp_path / "locked"
        folder.mkdir(mode=0o555)
        self.refuse(tmp_path, "permission", output=folder / "out.mp4")
        self.refuse(tmp_path, "permission", masks=folder / "masks")


class TestDefaultOutput:
    @pytest.mark.parametrize(
        ("info", "expected"),
        [
            (replace(INFO, file=FileInfo(Path("drives/clip.mp4"))), "outputs/clip_lanes.mp4"),
            (replace(INFO, name="a.b.mov", file=FileInfo(Path("a.b.mov"))), "outputs/a.b_lanes.mp4"),
            (replace(INFO, name="frames", kind="images"), "outputs/frames_lanes"),
            (replace(INFO, name="/dev/video0", kind="camera"), "outputs/dev_video0_lanes.mp4"),
            (replace(INFO, name="rtsp://cam:554/live", kind="stream"), "outputs/rtsp___cam_554_live_lanes.mp4"),
            (replace(INFO, name="..", kind="images"), "outputs/video_lanes"),
        ],
    )
    def test_lies_beside_nothing_of_the_users(self, info: SourceInfo, expected: str) -> None:
        assert default_output(info) == Path(expected)


def test_writing_copies_no_history(tmp_path: Path) -> None:
    """A sink is done with a frame when `write` returns: its owner may draw the next picture into the same memory."""
    pixels = numbered(0)

    def same_memory() -> Iterable[FrameResult]:
        for number in range(20):
            pixels[:] = numbered(number)
            yield result(number, pixels)

    with VideoSink(tmp_path / "out.mp4", INFO) as sink:
        for each in same_memory():
            sink.write(each)
    assert contents(tmp_path / "out.mp4").numbers == list(range(20))
