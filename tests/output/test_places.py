"""Where outputs may go."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest

from lanes.capture.source import FileInfo, SourceInfo
from lanes.errors import InputError, OutputError
from lanes.output import default_output, open_outputs
from lanes.output.records import RecordsSink
from tests.media import Clip, contents, numbered
from tests.output.results import INFO, names, result
from tests.output.writer import ROOT, WRITER


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
        self.refuse(tmp_path, "another path|another one", output=Path("/proc/lanestream/out.mp4"))
        self.refuse(tmp_path, "another path|another one", masks=Path("/proc/lanestream"))

    def test_two_outputs_in_one_place(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "link").symlink_to(tmp_path)
        for other in (tmp_path / "out.mp4", tmp_path / "a" / ".." / "out.mp4", tmp_path / "link" / "out.mp4"):
            with pytest.raises(InputError, match="same path"):
                open_outputs(INFO, output=tmp_path / "out.mp4", masks=other)
        assert names(tmp_path) == ["a", "link"]

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
        self.refuse(tmp_path, "same path", replace(INFO, kind="images"), output=tmp_path / "out", masks=tmp_path / "out")

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

    @pytest.mark.parametrize("name", ["x" * 245, "\u8def" * 81, "\U0001f697" * 61], ids=["ascii", "three bytes", "four bytes"])
    def test_fits_into_a_file_name(self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A number may follow it; and what is written beside it while the run goes on fits too."""
        monkeypatch.chdir(tmp_path)
        place = default_output(replace(INFO, name=f"{name}.mp4", file=FileInfo(Path(f"{name}.mp4"))))
        assert len(os.fsencode(place.with_stem(f"{place.stem}-1000").name)) <= 255
        for sink in open_outputs(INFO, output=place):
            sink.write(result(0))
            sink.close()
        assert names(tmp_path / "outputs") == [place.name]

    @pytest.mark.parametrize("length", range(240, 256))
    def test_names_up_to_the_limit(self, tmp_path: Path, length: int) -> None:
        for fill in ("x" * length, "\u8def" * (length // 3)):
            name = fill[: -len(".mp4") if fill[0] == "x" else -2] + ".mp4"
            for sink in open_outputs(INFO, output=tmp_path / name):
                sink.write(result(0))
                sink.close()
            assert names(tmp_path) == [name]
            (tmp_path / name).unlink()


class TestTwoRuns:
    """Two that aim at one place: the second is refused in words; what the first writes is whole."""

    def test_in_one_process(self, tmp_path: Path) -> None:
        outputs: dict[str, Path] = {"output": tmp_path / "out.mp4", "masks": tmp_path / "masks"}
        sinks = open_outputs(INFO, **outputs)  # type: ignore[arg-type]
        records = RecordsSink(tmp_path / "records.jsonl")
        (tmp_path / "link").symlink_to(tmp_path)
        for overwrite in (False, True):
            for name, place in outputs.items():
                for path in (place, tmp_path / "link" / place.name, tmp_path / "masks" / ".." / place.name):
                    with pytest.raises(InputError, match="another run is writing it"):
                        open_outputs(INFO, overwrite=overwrite, **{name: path})  # type: ignore[arg-type]
            with pytest.raises(InputError, match="another run is writing it"):
                RecordsSink(tmp_path / "records.jsonl", overwrite=overwrite)
        for sink in (*sinks, records):
            sink.write(result(5))
            sink.close()
        assert contents(tmp_path / "out.mp4").numbers == [5]
        assert names(tmp_path) == ["link", "masks", "out.mp4", "records.jsonl"]
        for sink in open_outputs(INFO, overwrite=True, **outputs):  # type: ignore[arg-type]
            sink.close()

    def test_a_refused_request_lets_go_of_its_places(self, tmp_path: Path) -> None:
        for _ in range(2):
            with pytest.raises(InputError, match=r"\.mp4"):
                open_outputs(INFO, masks=tmp_path / "masks", output=tmp_path / "out.avi")
        for sink in open_outputs(INFO, masks=tmp_path / "masks"):
            sink.close()

    def test_as_processes(self, tmp_path: Path) -> None:
        path = tmp_path / "out.mp4"
        command = [sys.executable, "-c", WRITER, str(path), "150", ""]
        runs = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
        ends = [(run.communicate(), run.returncode) for run in runs]
        assert sorted({status for _, status in ends} - {2}) == [0]
        for (printed, errors), status in ends:
            assert errors == ""
            assert status == 0 or "another run is writing it" in printed or "exists already" in printed
        assert contents(path).numbers == list(range(150))
        assert names(tmp_path) == ["out.mp4"]

    def test_without_a_place_for_locks_nothing_is_mixed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.gettempdir", lambda: "/proc/no/such/place")
        first, second = (open_outputs(INFO, output=tmp_path / "out.mp4")[0] for _ in range(2))
        for number in range(3):
            first.write(result(number))
            second.write(result(number + 10))
        first.close()
        with pytest.raises(OutputError, match=r"kept as out-2\.mp4"):
            second.close()
        assert contents(tmp_path / "out.mp4").numbers == [0, 1, 2]
        assert contents(tmp_path / "out-2.mp4").numbers == [10, 11, 12]
