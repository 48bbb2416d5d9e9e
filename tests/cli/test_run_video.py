"""The main job as a user meets it: real files in, real files out, and one clear line when something is wrong."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import run_video
from tests.media import Clip, damaged, sound_only

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """One second of video."""
    path = tmp_path / "drive.mp4"
    Clip(frames=25).write(path)
    return path


def count_frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def run(*arguments: object) -> int:
    """The program's exit status."""
    try:
        return run_video.main([*map(str, arguments), "--no-progress"])
    except SystemExit as end:
        return int(end.code or 0)


def test_video_in_everything_out(clip: Path, tmp_path: Path) -> None:
    output, masks, records, report = (tmp_path / name for name in ("out.mp4", "masks", "r.jsonl", "report.json"))
    assert run("--source", clip, "--output", output, "--masks", masks, "--records", records, "--report", report) == 0
    assert count_frames(output) == 25
    assert sorted(path.name for path in masks.iterdir()) == [f"{index:06d}.png" for index in range(25)]
    mask = cv2.imread(str(masks / "000000.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (64, 96)
    assert mask.dtype == np.uint8
    lines = [json.loads(line) for line in records.read_text().splitlines()]
    assert [line["frame"] for line in lines] == list(range(25))
    assert lines[10]["time_s"] == pytest.approx(0.4)
    figures = json.loads(report.read_text())
    assert figures["frames"] == {"captured": 25, "processed": 25, "dropped": 0, "corrupt": 0}
    assert set(figures) == {
        *("frames", "dropped_by_reason", "suspect_frames", "warmup_frames", "stages", "end_to_end", "throughput_fps"),
        *("engine", "machine", "source"),
    }
    assert set(figures["engine"]) == {"name", "precision", "model", "model_sha256", "device", "version"}


def test_images_in_images_out_under_their_own_names(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for name, size in (("b.png", (64, 48)), ("a.jpg", (80, 60))):
        cv2.imwrite(str(folder / name), np.zeros((size[1], size[0], 3), np.uint8))
    assert run("--source", folder, "--output", tmp_path / "drawn", "--masks", tmp_path / "masks") == 0
    assert sorted(path.name for path in (tmp_path / "masks").iterdir()) == ["a.png", "b.png"]
    assert cv2.imread(str(tmp_path / "masks/a.png"), cv2.IMREAD_UNCHANGED).shape == (60, 80)
    assert len(list((tmp_path / "drawn").iterdir())) == 2


def test_several_videos_each_get_a_file_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / "drives"
    folder.mkdir()
    Clip(frames=5).write(folder / "one.mp4")
    Clip(frames=7).write(folder / "two.mp4")
    (folder / "three.mp4").write_text("no video")
    records = tmp_path / "r.jsonl"
    status = run("--source", folder, "--output", tmp_path / "out", "--masks", tmp_path / "masks", "--records", records)
    assert status == 1, "one of them could not be used"
    assert count_frames(tmp_path / "out/one_lanes.mp4") == 5
    assert count_frames(tmp_path / "out/two_lanes.mp4") == 7
    assert len(list((tmp_path / "masks/two").iterdir())) == 7
    assert [json.loads(line)["source"] for line in records.read_text().splitlines()] == ["one.mp4"] * 5 + ["two.mp4"] * 7


def test_when_not_one_of_several_videos_can_be_used_the_request_was_wrong(tmp_path: Path) -> None:
    (tmp_path / "drives").mkdir()
    for name in ("one", "two"):
        Clip(frames=2).write(tmp_path / "drives" / f"{name}.mp4")
    again = ("--source", tmp_path / "drives", "--output", tmp_path / "out")
    assert [run(*again), run(*again)] == [0, 2], "all outputs exist by then"
    (tmp_path / "out/two_lanes.mp4").unlink()
    assert run(*again) == 1


def test_videos_of_one_name_are_kept_apart(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for frames, camera in enumerate(("left", "right"), 3):
        (tmp_path / camera).mkdir()
        Clip(frames=frames).write(tmp_path / camera / "front.mp4")
    out = tmp_path / "out"
    assert run("--source", tmp_path / "*/front.mp4", "--output", out, "--masks", tmp_path / "m") == 0
    assert [count_frames(out / f"front_lanes{number}.mp4") for number in ("", "-2")] == [3, 4]
    assert [len(list((tmp_path / f"m/front{number}").iterdir())) for number in ("", "-2")] == [3, 4]
    assert "front_lanes-2.mp4" in capfd.readouterr().err


def test_quiet_still_says_which_video_was_skipped(tmp_path: Path) -> None:
    drives = tmp_path / ("a" * 90)
    drives.mkdir()
    Clip(frames=3).write(drives / "a.mp4")
    (drives / "b.mp4").write_text("no video")
    process = subprocess.run(
        [sys.executable, str(ROOT / "run_video.py"), "--source", str(drives), "--output", "none", "--quiet"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert process.returncode == 1
    (line,) = process.stderr.splitlines()
    assert line.startswith(f"run_video.py: {drives / 'b.mp4'}: ")
    assert line.endswith("; skipped")


def test_a_limit_and_no_output(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("--source", clip, "--limit", 3, "--output", "none", "--masks", "m") == 0
    assert len(list((tmp_path / "m").iterdir())) == 3
    assert not (tmp_path / "outputs").exists()


def test_the_default_output_lies_beside_nothing_the_user_owns(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("--source", clip, "--limit", 3) == 0
    assert count_frames(tmp_path / "outputs/drive_lanes.mp4") == 3


def test_a_threshold_of_one_leaves_no_paint(clip: Path, tmp_path: Path) -> None:
    assert run("--source", clip, "--limit", 2, "--output", "none", "--masks", tmp_path / "m", "--threshold", 1) == 0
    assert not cv2.imread(str(tmp_path / "m/000000.png"), cv2.IMREAD_UNCHANGED).any()


def test_stdout_stays_empty_and_quiet_says_nothing(clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("--source", clip, "--limit", 2, "--output", tmp_path / "o.mp4") == 0
    loud = capfd.readouterr()
    assert loud.out == ""
    assert "end to end" in loud.err
    assert max(map(len, loud.err.splitlines()[1:])) <= 100
    assert run("--source", clip, "--limit", 2, "--output", tmp_path / "p.mp4", "--quiet") == 0
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("width", "height"), [(1, 1), (17, 9), (90, 160)])
def test_frames_of_odd_sizes_work(width: int, height: int, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "one.png"), np.full((height, width, 3), 120, np.uint8))
    assert run("--source", tmp_path / "one.png", "--output", tmp_path / "drawn", "--masks", tmp_path / "m") == 0
    assert cv2.imread(str(tmp_path / "m/one.png"), cv2.IMREAD_UNCHANGED).shape == (height, width)


def test_a_frame_as_large_as_cinema_works(tmp_path: Path) -> None:
    source = "synthetic://demo?width=4096&height=2160&seconds=0.1"
    assert run("--source", source, "--limit", 2, "--output", tmp_path / "o.mp4") == 0
    assert count_frames(tmp_path / "o.mp4") == 2


# --- wrong input: status 2, one line, nothing left behind --------------------------------------------------------------------------


def write_wrong_inputs(folder: Path) -> None:
    (folder / "text.mp4").write_text("this is no video\n" * 50)
    (folder / "zero.mp4").touch()
    (folder / "empty").mkdir()
    (folder / "text.onnx").write_text("this is no model")
    (folder / "there.mp4").write_bytes(b"kept")
    (folder / "pictures").mkdir()
    cv2.imwrite(str(folder / "pictures/1.png"), np.zeros((48, 64, 3), np.uint8))
    (folder / "pictures/broken").mkdir()
    (folder / "pictures/broken/1.png").write_bytes(b"no picture")
    Clip(frames=3).write(folder / "drive.mp4")
    sound_only(folder / "sound.mp4")


WRONG: dict[str, tuple[str | list[str], str]] = {
    "no such file": ("--source {d}/none.mp4", "none.mp4"),
    "a folder without images": ("--source {d}/empty", "no images"),
    "text called mp4": ("--source {d}/text.mp4", "text.mp4"),
    "no video stream": ("--source {d}/sound.mp4", "sound.mp4"),
    "zero bytes": ("--source {d}/zero.mp4", "empty"),
    "no such camera": ("--source /dev/video77", "video77"),
    "an address of no kind": ("--source gopher://example", "gopher"),
    "a model that is none": ("--source {d}/drive.mp4 --model {d}/text.onnx", "text.onnx"),
    "no such model": ("--source {d}/drive.mp4 --model resnet", "resnet"),
    "no such model file": ("--source {d}/drive.mp4 --model {d}/none.onnx", "none.onnx"),
    "an engine that is not available": ("--source {d}/drive.mp4 --engine tensorrt", "tensorrt"),
    "a precision that is not available": ("--source {d}/drive.mp4 --engine onnx --precision bf16", "bf16"),
    "an engine of no kind": ("--source {d}/drive.mp4 --engine warp", "warp"),
    "an output that exists": ("--source {d}/drive.mp4 --output {d}/there.mp4", "--overwrite"),
    "an output in no mp4": ("--source {d}/drive.mp4 --output {d}/out.avi", ".mp4"),
    "an output that is the input": ("--source {d}/drive.mp4 --output {d}/drive.mp4 --overwrite", "input"),
    "records that are the input": ("--source {d}/drive.mp4 --output none --records {d}/drive.mp4 --overwrite", "input"),
    "an output below a file": ("--source {d}/drive.mp4 --output {d}/there.mp4/out.mp4", "there.mp4"),
    "one place for two outputs": ("--source {d}/drive.mp4 --records {d}/x --report {d}/x", "two outputs"),
    "an empty source": (["--source", ""], "--source is empty"),
    "an empty output": (["--source", "{d}/drive.mp4", "--output", ""], "cannot be written to"),
    "an address to write to": ("--source {d}/drive.mp4 --output http://example/o.mp4", "cannot be written to"),
    "masks on stdout": ("--source {d}/drive.mp4 --output none --masks -", "cannot be written to"),
    "a picture's name for a folder of them": ("--source {d}/pictures --output {d}/o.png", "into a folder"),
    "a video's name for a folder of them": ("--source {d}/*.mp4 --output {d}/o.mp4", "into a folder"),
    "a picture that is none": ("--source {d}/pictures/broken --output none", "cannot be read as an image"),
    "a negative limit": ("--source {d}/drive.mp4 --limit -3", "-3"),
    "a threshold above one": ("--source {d}/drive.mp4 --threshold 1.5", "1.5"),
    "a flag of no kind": ("--source {d}/drive.mp4 --frobnicate", "frobnicate"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_told_in_one_line_and_leaves_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_wrong_inputs(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    command, message = WRONG[name]
    words = command.split() if isinstance(command, str) else command
    assert run("--quiet", *(word.format(d=tmp_path) for word in words)) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1, err
    assert message in err
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_takes_nothing_is_refused(clip: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    assert run("--source", clip, "--output", closed / "out.mp4") == 2


# --- what goes wrong under way ----------------------------------------------------------------------------------------------------


def test_a_corrupt_stretch_is_counted_and_the_rest_processed(tmp_path: Path) -> None:

    whole, broken, report = tmp_path / "whole.mp4", tmp_path / "broken.mp4", tmp_path / "r.json"
    Clip(frames=60).write(whole)
    damaged(whole, broken)
    assert run("--source", broken, "--output", tmp_path / "o.mp4", "--report", report) == 0
    frames = json.loads(report.read_text())["frames"]
    assert frames["corrupt"] > 0
    assert frames["processed"] > 20
    assert count_frames(tmp_path / "o.mp4") == frames["processed"]


def start(*arguments: object, limit_bytes: int | None = None) -> subprocess.Popen[str]:
    """The program in a process of its own, no file of which may grow beyond `limit_bytes`: for its outputs, a disk that is full."""

    def full_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes or 0, limit_bytes or 0))

    return subprocess.Popen(
        [sys.executable, str(ROOT / "run_video.py"), *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=full_disk if limit_bytes else None,
    )


def test_a_full_disk_ends_with_status_1_and_what_was_finished_plays(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    source = "synthetic://demo?width=320&height=180&seconds=60"
    process = start("--source", source, "--output", output, "--no-progress", limit_bytes=400_000)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1, err
    assert "out.mp4" in err.splitlines()[-1]
    assert "Traceback" not in err
    assert count_frames(output) > 10


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_a_file_that_plays(number: signal.Signals, tmp_path: Path) -> None:
    output, records, report = tmp_path / "out.mp4", tmp_path / "r.jsonl", tmp_path / "report.json"
    source = "synthetic://demo?width=320&height=180&seconds=600"
    process = start("--source", source, "--output", output, "--records", records, "--report", report, "--no-progress")
    deadline = time.monotonic() + 60
    while not (records.exists() and records.read_text().count("\n") > 20):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "run_video.py: interrupted after" in err.splitlines()[-1]
    lines = records.read_text().splitlines()
    assert count_frames(output) == len(lines) == json.loads(report.read_text())["frames"]["processed"]


def test_the_demo_needs_no_argument_and_never_overwrites(tmp_path: Path, quick_model: Path) -> None:
    """Where nothing is yet it is made by the README's first command, with the model of the demo; see `tests/docs/test_readme.py`."""
    (tmp_path / "outputs").mkdir()
    mine = [tmp_path / "outputs/demo_lanes.mp4", tmp_path / "outputs/demo_lanes.png"]
    for path in mine:
        path.write_text("mine")
    environment = os.environ | {"LANESTREAM_MODEL": str(quick_model)}
    subprocess.run(
        [sys.executable, str(ROOT / "run_video.py")], cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=300
    )
    assert count_frames(tmp_path / "outputs/demo_lanes-2.mp4") == count_frames(ROOT / "lanes/assets/demo.mp4")
    assert cv2.imread(str(tmp_path / "outputs/demo_lanes-2.png")) is not None
    assert [path.read_text() for path in mine] == ["mine", "mine"]


def test_a_demo_goes_where_neither_its_video_nor_its_still_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs/demo_lanes.png").write_text("mine")
    assert run("--limit", 2) == 0
    assert (tmp_path / "outputs/demo_lanes.png").read_text() == "mine"
    assert count_frames(tmp_path / "outputs/demo_lanes-2.mp4") == 2
    assert run("--limit", 3, "--overwrite") == 0
    assert count_frames(tmp_path / "outputs/demo_lanes.mp4") == 3
    assert cv2.imread(str(tmp_path / "outputs/demo_lanes.png")) is not None


def test_a_rate_that_no_container_can_count_is_taken_to_the_nearest_it_can(tmp_path: Path) -> None:
    source = "synthetic://demo?width=64&height=48&seconds=0.2&fps=29.97002997"
    assert run("--source", source, "--output", tmp_path / "o.mp4") == 0
    with av.open(str(tmp_path / "o.mp4")) as video:
        assert video.streams.video[0].average_rate == Fraction(30000, 1001)


def test_the_report_says_whether_the_source_was_live(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, address = served
    Clip(frames=25).write(folder / "drive.mp4")
    sources = {"stream": (f"{address}/drive.mp4",), "file": (folder / "drive.mp4",), "paced": (folder / "drive.mp4", "--live")}
    for name, source in sources.items():
        run("--source", *source, "--output", "none", "--limit", 3, "--report", tmp_path / f"{name}.json")
    live = {name: json.loads((tmp_path / f"{name}.json").read_text())["source"]["live"] for name in sources}
    assert live == {"stream": True, "file": False, "paced": True}


def test_without_a_source_the_demo_clip_is_taken_with_whatever_else_is_asked(tmp_path: Path) -> None:
    assert run("--limit", 3, "--output", tmp_path / "o.mp4", "--masks", tmp_path / "m") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "o.mp4"]
    assert count_frames(tmp_path / "o.mp4") == 3


# --- real clips -------------------------------------------------------------------------------------------------------------------

CLIPS = ("akin_highway", "pmoran_trees", "samyx_nuit", "tmo_rainy", "udacity_solidWhiteRight")


@pytest.fixture
def quick_model(tmp_path: Path) -> Path:
    """Takes the green of a frame for its probability."""
    pytest.importorskip("torch", reason="the module that makes the model needs the extra lanestream[train]")
    from tests.engines.made_models import save_two_outputs

    return save_two_outputs(tmp_path / "green.onnx")


@pytest.mark.parametrize("name", CLIPS)
def test_a_real_clip_keeps_its_frames_and_its_length(name: str, shared: Path, quick_model: Path, tmp_path: Path) -> None:
    """Whatever the network sees: one of them goes through the real one."""
    source, output = shared / "video" / f"{name}.mp4", tmp_path / "out.mp4"
    model = () if name == "pmoran_trees" else ("--model", quick_model)
    assert run("--source", source, "--output", output, *model) == 0
    with av.open(str(source)) as before, av.open(str(output)) as after:
        frame = 1 / float(before.streams.video[0].average_rate or 30)
        assert abs(before.duration - after.duration) / av.time_base <= frame
    assert count_frames(output) == count_frames(source)
