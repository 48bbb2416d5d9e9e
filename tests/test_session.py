"""Session: a request carried out without a console or a signal; `lanes.process`, the same as a generator."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

import lanes
from engines.engine import Engine
from lanes.capture.source import Source
from lanes.errors import InputError, ProcessingError
from lanes.geometry.camera_file import CameraFile
from lanes.pipeline.listener import Listener
from lanes.session import Session
from lanes.settings import Settings
from tests.media import Clip

ROAD = "synthetic://demo?width=160&height=96&fps=10&seconds=1"


class Heard(Listener):
    """Records a session's events."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def engine_opened(self, engine: Engine) -> None:
        self.events.append(f"engine {engine.model.metadata.name}")

    def source_opened(self, source: Source) -> None:
        self.events.append(f"opened {source.info.name}")

    def source_finished(self, written: Sequence[tuple[str, Path]]) -> None:
        self.events.append("finished " + ", ".join(f"{kind} {path.name}" for kind, path in written))

    def source_failed(self, error: InputError | ProcessingError) -> None:
        self.events.append(f"failed {type(error).__name__}")


def drives(folder: Path) -> Path:
    """Two drives and a file between them that is none."""
    Clip(frames=6, width=160, height=96).write(folder / "a.mp4")
    (folder / "b.mp4").write_bytes(b"no video")
    Clip(frames=6, width=160, height=96).write(folder / "c.mp4")
    return folder


def test_one_of_several_that_cannot_be_used_is_heard_of_and_the_rest_is_done(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    heard = Heard()
    session = Session(Settings(source=str(drives(tmp_path / "in")), output=str(tmp_path / "out"), masks=tmp_path / "masks"), heard)
    names = [result.frame.source for result in session.results()]
    assert names == ["a.mp4"] * 6 + ["c.mp4"] * 6
    assert heard.events == [
        "engine unet",
        "opened a.mp4",
        "finished overlay a_lanes.mp4",
        "failed InputError",
        "opened c.mp4",
        "finished overlay c_lanes.mp4",
    ]
    assert (session.sources, session.refused, session.failed) == (3, 1, 0)
    assert sorted(path.name for path in (tmp_path / "masks").iterdir()) == ["a", "c"]
    report = session.report()
    assert report is not None
    assert report.source.files == ("a.mp4", "c.mp4")
    assert report.figures.frames.processed == 12


def test_stop_from_another_thread_ends_the_run_and_leaves_what_plays(tmp_path: Path) -> None:
    session = Session(Settings(source="synthetic://demo?width=160&height=96&seconds=600", output=str(tmp_path / "o.mp4")))
    found = 0
    for result in session.results():
        found += 1
        if result.frame.index == 5:
            threading.Thread(target=session.stop).start()
    assert session.stopped
    assert 6 <= found < 1000
    with av.open(str(tmp_path / "o.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == found


def test_a_loop_that_is_left_early_leaves_what_plays(tmp_path: Path) -> None:
    for result in lanes.process(ROAD, output=tmp_path / "o.mp4"):
        if result.frame.index == 4:
            break
    with av.open(str(tmp_path / "o.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 5


def test_process_gives_typed_results_that_are_the_callers_to_keep() -> None:
    kept = list(lanes.process(ROAD))
    assert [result.frame.index for result in kept] == list(range(10))
    again = [(result.mask.copy(), result.frame.pixels.copy()) for result in lanes.process(ROAD)]
    for result, (mask, pixels) in zip(kept, again, strict=True):
        np.testing.assert_array_equal(result.mask, mask)
        np.testing.assert_array_equal(result.frame.pixels, pixels)  # nothing is drawn where no overlay was asked for
        assert isinstance(result, lanes.FrameResult)
    assert any(result.lanes for result in kept)


def test_process_takes_the_settings_of_the_command_line(tmp_path: Path) -> None:
    results = lanes.process(ROAD, start="0.2", every=3, limit=2, masks=tmp_path / "masks", report=tmp_path / "report.json")
    assert [result.frame.index for result in results] == [2, 5]
    assert sorted(path.name for path in (tmp_path / "masks").iterdir()) == ["000002.png", "000005.png"]
    assert json.loads((tmp_path / "report.json").read_text())["frames"] == {"captured": 2, "processed": 2, "dropped": 0, "corrupt": 0}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source": "absent.mp4"}, "no such file"),
        ({"source": ROAD, "model": "no-such"}, "no-such"),
        ({"source": ROAD, "threshold": 2}, "threshold"),
    ],
)
def test_a_request_that_cannot_be_carried_out_is_refused_in_words(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(lanes.process(**settings))


CAMERA = "udp://127.0.0.1:9"  # that nobody sends to


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source": "absent.mp4"}, "no such file"),
        ({"source": ROAD, "output": "taken.mp4"}, r"taken\.mp4: exists already"),
        ({"source": ROAD, "output": "drawn.avi"}, "an overlay video is an MP4"),
        ({"source": ROAD, "masks": "taken.mp4"}, r"taken\.mp4: is a file"),
        ({"source": ROAD, "output": "rtmp://127.0.0.1/live"}, "give --live too"),
        ({"source": ROAD, "output": "drawn.mp4", "segment_time": "5"}, "is not live"),
        ({"source": ROAD, "records": "taken.mp4"}, r"taken\.mp4: exists already"),
        ({"source": CAMERA, "output": "taken.mp4"}, r"taken\.mp4: exists already"),
        ({"source": CAMERA, "output": "drawn.avi"}, "an overlay video is an MP4"),
        ({"source": CAMERA, "output": "drawn.mp4", "keep_size": "5M"}, "--keep-size deletes whole segments"),
        ({"source": CAMERA, "output": "none", "masks": "taken.mp4"}, r"taken\.mp4: is a file"),
        ({"source": CAMERA, "output": "none", "events": "taken.mp4"}, r"taken\.mp4: is a file"),
        ({"source": CAMERA, "output": "drawn.mp4", "encoder": "h264_mf"}, "the encoder h264_mf does not work here"),
    ],
)
def test_what_can_be_refused_is_refused_before_the_engine_opens(
    settings: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken.mp4").write_bytes(b"mine")
    monkeypatch.setattr("lanes.session.load_segmenter", lambda *_: pytest.fail("the engine is opened"))
    with pytest.raises(InputError, match=message):
        list(Session(Settings(**settings)).results())
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("taken.mp4", b"mine")]


def test_an_engine_that_does_not_open_leaves_nothing_of_the_outputs_that_did(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no-such"):
        list(lanes.process(ROAD, model="no-such", output=tmp_path / "made/o.mp4", masks=tmp_path / "masks", mcap=tmp_path / "o.mcap"))
    assert list(tmp_path.iterdir()) == []


def test_a_limit_is_of_the_frames_that_a_live_run_processes_however_many_it_drops() -> None:
    session = Session(Settings(source="synthetic://demo?width=640&height=360&fps=60&seconds=60", output="none", live=True, limit=12))
    assert len(list(session.results())) == 12
    frames = session.telemetry.counts()
    assert (frames.processed, frames.under_way) == (12, 0)
    assert frames.captured == 12 + sum(frames.dropped.values())


DRIVE = "synthetic://demo?width=640&height=360&fps=10&seconds=2"
LENS = CameraFile("front", 640, 360, fx=520.0, fy=520.0, cx=319.5, cy=179.5, height_m=1.35)


def test_a_camera_file_gives_metres_and_its_height_the_scale(tmp_path: Path) -> None:
    LENS.write(tmp_path / "camera.yaml")
    (*_, last) = lanes.process(DRIVE, camera=tmp_path / "camera.yaml")
    assert last.ego is not None
    assert last.ego.width_m is not None
    assert all(lane.curve is not None for lane in last.lanes)
    (*_, higher) = lanes.process(DRIVE, camera=tmp_path / "camera.yaml", height=1.5)
    assert higher.ego is not None
    assert higher.ego.width_m is not None
    assert higher.ego.width_m.value / last.ego.width_m.value == pytest.approx(1.5 / 1.35, abs=0.02)


@pytest.mark.parametrize("settings", [{"no_track": True}, {}])
def test_stills_and_no_track_are_in_pixels_alone(settings: dict[str, Any], tmp_path: Path) -> None:
    for result in lanes.process(DRIVE, limit=3, output=tmp_path / "drawn.mp4", height=1.35, no_track=True):
        cv2.imwrite(str(tmp_path / f"{result.frame.stem}.jpg"), result.frame.pixels)
    source = DRIVE if settings else str(tmp_path / "*.jpg")
    found = list(lanes.process(source, limit=3, height=1.35, **settings))
    assert len(found) == 3
    assert any(result.lanes for result in found)
    assert all(result.ego is None and result.calibration is None for result in found)
    assert all(lane.curve is None and lane.id == 2 * abs(lane.position) - (lane.position < 0) for each in found for lane in each.lanes)


def test_a_camera_of_another_shape_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    LENS.write(tmp_path / "camera.yaml")
    with pytest.raises(InputError, match="have another shape"):
        list(lanes.process(ROAD, camera=tmp_path / "camera.yaml", output=tmp_path / "o.mp4"))
    assert [path.name for path in tmp_path.iterdir()] == ["camera.yaml"]
    with pytest.raises(InputError, match=r"none\.yaml"):
        list(lanes.process(ROAD, camera=tmp_path / "none.yaml"))


def test_the_vehicle_is_asked_for_each_frames_time() -> None:
    asked = []

    def vehicle(time_s: float) -> lanes.VehicleState:
        asked.append(time_s)
        return lanes.VehicleState(speed_mps=5.0, turn_signal="off")

    results = list(lanes.process(ROAD, vehicle=vehicle))
    assert asked == [result.frame.time_s for result in results]


def test_two_runs_over_one_file_give_the_same_records_but_for_the_times(tmp_path: Path) -> None:
    Clip(frames=40, width=320, height=192).write(tmp_path / "clip.mp4")
    found = []
    for run in ("one", "two"):
        list(lanes.process(tmp_path / "clip.mp4", records=tmp_path / run, masks=tmp_path / f"masks_{run}"))
        found.append([json.loads(line) for line in (tmp_path / run).read_text().splitlines()])
        for record in found[-1]:
            del record["latency_ms"]
    assert found[0] == found[1]
    for mask in (tmp_path / "masks_one").iterdir():
        assert mask.read_bytes() == (tmp_path / "masks_two" / mask.name).read_bytes()
