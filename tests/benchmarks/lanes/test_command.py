"""The command from end to end, on drives of a second: what it prints, writes, leaves out, and does not run twice."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from benchmarks.common.results import load_result
from benchmarks.lanes import drives, estimators, parts
from benchmarks.lanes.command import main
from benchmarks.lanes.roads import road
from benchmarks.report.command import report_page
from lanes.assets import DEMO_CLIP
from lanes.capture.open import open_source


@pytest.fixture(autouse=True)
def _short_drives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "Context", partial(parts.Context, size=(320, 180)))
    monkeypatch.setattr(parts, "cut_power_often", partial(parts.cut_power_often, cuts=20))
    monkeypatch.setattr(estimators, "SETTLE_S", 2)
    lane, departure, mount = drives.lane_drives(0.1), drives.departure_drives(2), drives.mount_drives()
    monkeypatch.setattr(drives, "lane_drives", lambda share: [replace(each, seconds=2.0) for each in lane[:2]])  # noqa: ARG005
    monkeypatch.setattr(drives, "departure_drives", lambda count: [replace(departure[1], seconds=6.0, rate=5)])  # noqa: ARG005
    monkeypatch.setattr(drives, "mount_drives", lambda: [replace(mount[0], seconds=4.0), replace(mount[4], seconds=4.0, bump_s=2.0)])
    monkeypatch.setattr(
        drives,
        "hour_drives",
        lambda hours, rate, seconds=2.0: [drives.Drive("any-0", "any", road("any", 0), 2.0, rate)],  # noqa: ARG005
    )


def write_beginning(clip: Path, path: Path, frames: int = 20) -> None:
    """The first frames of a clip, smaller."""
    with open_source(str(clip)) as source, av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for frame in source:
            if frame.index == frames:
                break
            coded = av.VideoFrame.from_ndarray(np.asarray(cv2.resize(frame.pixels, (320, 180)), np.uint8), "bgr24")
            coded.pts, coded.time_base = frame.index, Fraction(1, 30)
            container.mux(stream.encode(coded))
        container.mux(stream.encode(None))


def test_every_part_is_measured_printed_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clips").mkdir()
    write_beginning(DEMO_CLIP, tmp_path / "clips" / "demo.mp4")
    page, written = tmp_path / "page.html", tmp_path / "lanes.json"
    command = ["--cache", str(tmp_path / "cache"), "--page", str(page), "--json", str(written), "--video", str(tmp_path / "clips")]
    every = ["--parts", "lanes", "departures", "records", "hour", "mount", "camera", "labels", "clips", "--model-rate", "5"]
    assert main([*command, *every]) == 0
    printed = capsys.readouterr().out
    for text in (
        "straight-0",
        "departure-29",
        "lane records",
        "through the model",
        "bump-0",
        "demo",
        "what is asked for",
        "--camera is not given",
    ):
        assert text in printed, text
    result = load_result(written)
    assert set(result["parts"]) == {"lanes", "departures", "records", "hour", "mount", "clips"}
    assert set(result["left_out"]) == {"camera", "labels"}
    assert result["parts"]["lanes"]["all"]["frames"] == 40
    assert page.read_text().count("<img") == 2
    assert "straight-0" in report_page([(written, result)], {})

    def fail(*_: object) -> None:
        raise AssertionError("what was run is run again")

    monkeypatch.setattr(parts, "results", fail)
    again = tmp_path / "again.json"
    assert main(["--cache", str(tmp_path / "cache"), "--json", str(again), "--parts", "lanes", "departures", "records", "mount"]) == 0
    assert json.loads(again.read_text())["parts"]["lanes"] == result["parts"]["lanes"]


def test_what_is_not_there_is_left_out_and_a_folder_without_clips_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--parts", "camera", "--camera", str(tmp_path / "none")]) == 0
    assert "is not there" in capsys.readouterr().out
    assert main(["--parts", "clips", "--video", str(tmp_path)]) == 2
    assert "holds no videos" in capsys.readouterr().err


def test_minutes_are_added_to_those_that_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def three(hours: float, rate: int) -> list[drives.Drive]:  # noqa: ARG001
        return [drives.Drive(f"any-{number}", "any", road("any", number), 0.4, rate) for number in range(3)]

    monkeypatch.setattr(drives, "hour_drives", three)
    written = tmp_path / "lanes.json"
    command = ["--cache", str(tmp_path / "cache"), "--json", str(written), "--parts", "hour", "--model-rate", "5", "--minutes"]
    for minutes, drives_in_all in (("2", 2), ("2", 3), ("1", 3)):
        assert main([*command, minutes]) == 0
        assert load_result(written)["parts"]["hour"]["hours"] * 3600 == pytest.approx(0.4 * drives_in_all)
        written.unlink()
