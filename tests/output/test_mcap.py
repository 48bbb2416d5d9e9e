"""McapSink: read back with the `mcap` package, as Foxglove and Rerun read it."""

from __future__ import annotations

import json
import logging
import re
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import PictureType

import lanes
from lanes.capture.source import SourceInfo
from lanes.errors import InputError, OutputError
from lanes.geometry.camera import Camera
from lanes.geometry.camera_file import CameraFile
from lanes.output.mcap_file import McapSink
from lanes.results import Calibration, Ego, Estimate, FrameResult, Lane, RoadCurve
from tests.media import Clip, numbered
from tests.output.results import INFO, UNEVEN, names, result

mcap = pytest.importorskip("mcap.reader", reason="needs the extra lanestream[mcap]")
decoder = pytest.importorskip("mcap_protobuf.decoder")

FOXGLOVE = {
    "/camera/video": "foxglove.CompressedVideo",
    "/camera/annotations": "foxglove.ImageAnnotations",
    "/camera/calibration": "foxglove.CameraCalibration",
    "/scene": "foxglove.SceneUpdate",
    "/tf": "foxglove.FrameTransforms",
}
OURS = {f"/{name.lower()}": f"lanestream.{name}" for name in ("Lanes", "Ego", "Mount", "Departure", "Latency")}


def sure(value: float, std: float = 0.01) -> Estimate:
    return Estimate(value, std)


def known(number: int, time: Fraction | None = None) -> FrameResult:
    """A result with all that can be known."""
    curve = RoadCurve(sure(1.7), sure(0.01), sure(0.001), sure(1e-5), 4.0, 40.0)
    points = np.array([[10, 63], [20, 40], [30, 30]], np.float32)
    return replace(
        result(number, time=time),
        lanes=[Lane(-1, points, 0.9, 7, "dashed", 0.0, curve), Lane(1, points + np.float32(20), 0.5, 8, "solid", 0.25)],
        ego=Ego(sure(0.1), sure(3.5), None, sure(0.01)),
        calibration=Calibration("valid", sure(0.05), sure(-0.02), None, sure(1.4), "user"),
        departure="left",
        latency_ms={"inference": 4.0, "total": 9.0},
    )


def messages(path: Path) -> dict[str, list[Any]]:
    """By topic: the schema's name, the log time in ns and the decoded message of each."""
    found: dict[str, list[Any]] = defaultdict(list)
    with path.open("rb") as file:
        reader = mcap.make_reader(file, decoder_factories=[decoder.DecoderFactory()])
        for schema, channel, message in reader.iter_messages():
            content = json.loads(message.data) if schema.encoding == "jsonschema" else None
            found[channel.topic].append((schema.name, message.log_time, content))
        for schema, channel, message, content in reader.iter_decoded_messages(topics=list(FOXGLOVE)):
            each = found[channel.topic]
            each[next(i for i, (_, ns, old) in enumerate(each) if ns == message.log_time and old is None)] = (
                *(schema.name, message.log_time),
                content,
            )
    return found


def write(path: Path, results: list[FrameResult], info: SourceInfo = INFO, **options: Any) -> dict[str, list[Any]]:
    with McapSink(path, info, **options) as sink:
        for each in results:
            sink.write(each)
    return messages(path)


def decoded(video: list[Any]) -> list[Any]:
    """Each message's frame, decoded one message at a time as Foxglove does."""
    codec = av.CodecContext.create("h264", "r")
    frames = []
    for _, _, message in video:
        frames += codec.decode(av.Packet(message.data))
    return frames + codec.decode(None)


def units(data: bytes) -> list[int]:
    """Types of the NAL units of Annex B data."""
    return [unit[0] & 31 for unit in re.split(b"\0\0\0?\1", data)[1:]]


LENS = CameraFile("front", 192, 128, fx=150.0, fy=151.0, cx=95.5, cy=63.5)


def test_everything_stands_on_the_frames_own_times(tmp_path: Path) -> None:
    times = [Fraction(ms, 1000) for ms in UNEVEN]
    found = write(tmp_path / "drive.mcap", [known(n, t) for n, t in enumerate(times)], camera=LENS)
    assert {topic: each[0][0] for topic, each in found.items()} == FOXGLOVE | OURS
    for each in found.values():
        assert [ns for _, ns, _ in each] == [ms * 10**6 for ms in UNEVEN]
    for _, ns, video in found["/camera/video"]:
        assert video.timestamp.seconds * 10**9 + video.timestamp.nanos == ns


def test_the_video_is_as_foxglove_asks(tmp_path: Path) -> None:
    found = write(tmp_path / "drive.mcap", [known(n) for n in range(60)])["/camera/video"]
    kinds = [units(message.data) for _, _, message in found]
    assert len(found) == 60
    keys = [n for n, each in enumerate(kinds) if 5 in each]
    assert keys == [0, 25, 50]  # one a second
    assert all({7, 8} <= set(kinds[n]) for n in keys)
    frames = decoded(found)
    assert len(frames) == 60
    assert {PictureType(frame.pict_type) for frame in frames} == {PictureType.I, PictureType.P}
    for frame, number in zip(frames[::9], range(0, 60, 9), strict=True):
        assert np.abs(frame.to_ndarray(format="bgr24").astype(int) - numbered(number)).mean() < 8


def test_the_overlay_is_not_in_the_video(tmp_path: Path) -> None:
    drawn = known(0)
    drawn.undrawn = drawn.frame.pixels.copy()
    drawn.frame.pixels[:] = 255
    (frame,) = decoded(write(tmp_path / "drive.mcap", [drawn])["/camera/video"])
    assert np.abs(frame.to_ndarray(format="bgr24").astype(int) - drawn.undrawn).mean() < 8


def test_lanes_in_pixels_and_metres(tmp_path: Path) -> None:
    each = known(0)
    found = write(tmp_path / "drive.mcap", [each])
    _, _, annotations = found["/camera/annotations"][0]
    left = annotations.points[0]
    assert [(point.x, point.y) for point in left.points] == [(10.5, 63.5), (20.5, 40.5), (30.5, 30.5)]
    assert {pair.key: pair.value for pair in left.metadata}["id"] == "7"
    assert annotations.points[1].outline_color.a < left.outline_color.a
    _, _, scene = found["/scene"][0]
    (entity,) = scene.entities
    assert entity.frame_id == "vehicle"
    (line,) = entity.lines
    curve = each.lanes[0].curve
    assert curve is not None
    assert [point.y for point in line.points] == pytest.approx(curve.y_at(np.linspace(4.0, 40.0, 32)))
    assert found["/lanes"][0][2]["lanes"][1] == {"id": 8, "position": 1, "type": "solid", "confidence": 0.5, "held_s": 0.25}
    assert found["/ego"][0][2]["width_m"] == 3.5
    assert found["/departure"][0][2] == {"state": "left", "why": ""}
    assert found["/latency"][0][2] == {"inference": 4.0, "total": 9.0}


def test_a_point_of_the_road_comes_through_mount_and_calibration_to_its_pixel(tmp_path: Path) -> None:
    found = write(tmp_path / "drive.mcap", [known(0)], camera=LENS)
    (transform,) = found["/tf"][0][2].transforms
    q, t = transform.rotation, transform.translation
    x, y, z, w = q.x, q.y, q.z, q.w
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    road = np.array([12.0, -1.5, 0.0])
    seen = np.reshape(found["/camera/calibration"][0][2].K, (3, 3)) @ (rotation.T @ (road - (t.x, t.y, t.z)))
    scaled = LENS.for_size(96, 64)
    camera = Camera(96, 64, scaled.fx, scaled.fy, scaled.cx, scaled.cy, mount_height=1.4, pitch=0.05, yaw=-0.02)
    np.testing.assert_allclose(seen[:2] / seen[2], camera.project(road), atol=1e-6)


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    found = write(tmp_path / "drive.mcap", [result(0)])
    assert set(found) == {"/camera/video", "/camera/annotations", "/scene", "/lanes", "/departure", "/latency"}
    assert not found["/scene"][0][2].entities[0].lines


def test_pictures_of_several_sizes_are_each_embedded_in_their_own(tmp_path: Path) -> None:
    sizes = [(64, 96), (64, 96), (48, 64), (64, 96)]
    found = write(tmp_path / "drive.mcap", [result(n, np.full((*size, 3), 90, np.uint8)) for n, size in enumerate(sizes)])
    assert [(frame.height, frame.width) for frame in decoded(found["/camera/video"])] == sizes


def test_a_whole_run_is_one_file_that_is_named_at_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Clip(frames=8, width=160, height=96).write(tmp_path / "clip.mp4")
    with caplog.at_level(logging.WARNING):
        list(lanes.process(tmp_path / "clip.mp4", output=tmp_path / "o.mp4", mcap=tmp_path / "out" / "drive.mcap"))
    found = messages(tmp_path / "out" / "drive.mcap")
    assert len(found["/camera/video"]) == len(found["/lanes"]) == 8
    assert names(tmp_path / "out") == ["drive.mcap"]


def test_a_run_with_an_overlay_embeds_the_frames_without_it(tmp_path: Path) -> None:
    source = "synthetic://demo?width=640&height=360&seconds=1"
    (plain,) = lanes.process(source, limit=1)
    (drawn,) = lanes.process(source, limit=1, output=tmp_path / "o.mp4", mcap=tmp_path / "drive.mcap")
    (frame,) = decoded(messages(tmp_path / "drive.mcap")["/camera/video"])
    corner = np.s_[:60, 240:260]  # of the readout, before the sky
    assert np.abs(drawn.frame.pixels[corner].astype(int) - plain.frame.pixels[corner]).mean() > 20
    assert np.abs(frame.to_ndarray(format="bgr24")[corner].astype(int) - plain.frame.pixels[corner]).mean() < 8


def test_several_sources_get_a_file_each_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.mp4", "b.mp4"):
        Clip(frames=2, width=160, height=96).write(tmp_path / "in" / name)
    list(lanes.process(tmp_path / "in", mcap=tmp_path / "out"))
    assert names(tmp_path / "out") == ["a.mcap", "b.mcap"]
    with pytest.raises(InputError, match="give a folder"):
        list(lanes.process(tmp_path / "in", mcap=tmp_path / "all.mcap"))


@pytest.mark.parametrize("name", ["drive.mp4", "drive"])
def test_another_suffix_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in \.mcap"):
        list(lanes.process("synthetic://demo?width=160&height=96", mcap=tmp_path / name))
    assert names(tmp_path) == []


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "sys.modules['mcap'] = None\n"
        "from importlib import util\n"
        "found = util.find_spec\n"
        "util.find_spec = lambda name: None if name == 'mcap' else found(name)\n"
        "from lanes.cli.main import main\n"
        f"sys.exit(main(['--source', 'synthetic://demo?width=160&height=96&seconds=1', '--mcap', {str(tmp_path / 'd.mcap')!r}]))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ended.returncode == 2, ended.stderr
    (line,) = [line for line in ended.stderr.splitlines() if "mcap" in line]
    assert line.endswith("pip install 'lanestream[mcap]'")
    assert names(tmp_path) == []


def test_after_a_crash_it_is_readable_up_to_its_last_second(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from tests.output.results import INFO, result\n"
        "from lanes.output.mcap_file import McapSink\n"
        "sink = McapSink(Path(sys.argv[1]), INFO)\n"
        "for number in range(90):\n"
        "    sink.write(result(number))\n"
        "print('written', flush=True)\n"
        "time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "drive.mcap")], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "written\n"
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    (draft,) = tmp_path.iterdir()
    assert re.fullmatch(r"\.drive\.mcap\.\w{8}\.part", draft.name)
    assert max(as_far_as_it_goes(draft)) >= 2 * 10**9


def as_far_as_it_goes(path: Path) -> Iterator[int]:
    """Log times of the messages in a file without an end, as `mcap recover` reads it."""
    stream, errors = pytest.importorskip("mcap.stream_reader"), pytest.importorskip("mcap.exceptions")
    with path.open("rb") as file, suppress(errors.McapError):
        for record in stream.StreamReader(file).records:
            if type(record).__name__ == "Message":
                yield record.log_time


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = McapSink(tmp_path / "drive.mcap", INFO)
    for number in range(30):
        sink.write(result(number))
    file = sink._file
    assert file is not None
    with Path("/dev/full").open("wb", buffering=0) as full:
        monkeypatch.setattr(file, "write", full.write)
        with pytest.raises(OutputError, match="cannot write on"):  # noqa: PT012 - which of them does not fit is the buffer's matter
            for number in range(30, 5000):
                sink.write(result(number))
        monkeypatch.undo()
    sink.close()
    assert max(as_far_as_it_goes(tmp_path / "drive.mcap")) >= 10**9 - 1


def test_the_official_program_finds_nothing_wrong(tmp_path: Path) -> None:
    program = shutil.which("mcap")
    if program is None:
        pytest.skip("needs the mcap command line tool")
    write(tmp_path / "drive.mcap", [known(n) for n in range(30)])
    assert subprocess.run([program, "doctor", str(tmp_path / "drive.mcap")], check=False).returncode == 0
