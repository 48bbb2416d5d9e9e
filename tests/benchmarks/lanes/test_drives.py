"""The drives: as many and as hard as is asked for, of seeds of their own, with ground truth that is read back as it was."""

from __future__ import annotations

from dataclasses import replace
from math import degrees, radians
from pathlib import Path

import numpy as np
import pytest

from benchmarks.lanes.departure_scores import tyre_gaps
from benchmarks.lanes.drives import Drive, departure_drives, hour_drives, lane_drives, mount_drives
from benchmarks.lanes.estimators import camera_of, mount_of
from benchmarks.lanes.ground_truth import FrameTruth
from benchmarks.lanes.measure import measure
from benchmarks.lanes.render import RenderedDrive, fingerprint, rendered, renderings
from benchmarks.lanes.replay import laid, perfect_paint, seen_paint, stretches_of, unrendered
from benchmarks.lanes.roads import SEED, horizon_at, pitch_of, road
from lanes.results import FrameResult

SIZE = (320, 180)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> RenderedDrive:
    """A second of a bend."""
    drive = replace(lane_drives()[4], seconds=1.0)
    return rendered(drive, tmp_path_factory.mktemp("drives"), SIZE)


def test_thirty_drives_of_twenty_seconds_hold_all_that_is_asked_for() -> None:
    drives = lane_drives()
    assert len(drives) >= 30
    assert {drive.seconds for drive in drives} == {20.0}
    assert {"straight", "bends", "hills", "lane_changes", "occlusion", "rain", "night", "slab_joints"} == {d.kind for d in drives}
    assert all(
        drive.scene.lines[1].kind == "dashed" and (drive.scene.lines[1].dash, drive.scene.lines[1].gap) == (3, 9) for drive in drives
    )
    tightest = max(abs(d.scene.course.curvature(s)) for d in drives if d.kind == "bends" for s in range(0, 500, 5))
    assert tightest == pytest.approx(1 / 150, rel=0.02)
    assert SEED > 1_000_000
    assert len({drive.scene.seed for drive in drives}) == len(drives)
    assert len(lane_drives(share=0.01)) == 8


def test_departures_leave_their_lane_at_the_speeds_asked_for() -> None:
    speeds = []
    for drive in departure_drives():
        truths = list(unrendered(replace(drive, rate=5), SIZE))
        rows = [{"ground_truth": {"ego_lane": t.ego_lane, "boundaries": t.at_distance(np.array([0.0]))[:, 0]}} for t in truths]
        way = drive.scene.lane_changes[0].direction
        line = drive.scene.lines[truths[0].ego_lane + (way == "right")]
        assert line.kind != "none"
        gaps = tyre_gaps(rows, way, line.width)
        assert gaps[0] > 0.35
        crossing = int(np.argmax(gaps < 0))
        assert gaps.min() < -0.3, drive.name
        assert gaps[: crossing + 1].min() >= gaps[crossing]
        speeds.append((gaps[crossing - 1] - gaps[crossing]) * 5)
    assert len(speeds) == 30
    assert min(speeds) == pytest.approx(0.2, abs=0.08)
    assert max(speeds) == pytest.approx(0.8, abs=0.1)


def test_fewer_departures_are_some_of_the_same() -> None:
    everything = {drive.name: drive for drive in departure_drives()}
    some = departure_drives(5)
    assert [everything[drive.name] for drive in some] == some


def test_mounts_begin_three_degrees_off_and_bumps_are_of_one_degree() -> None:
    drives = mount_drives()
    starts = [mount_of(drive, 0.0) for drive in drives if drive.kind == "mount"]
    assert max(abs(degrees(angle)) for pair in starts for angle in pair) == pytest.approx(3.0, abs=1e-6)
    assert all(camera_of(drive).extrinsics is None for drive in drives if drive.kind == "mount")
    for drive in (each for each in drives if each.kind == "bump"):
        before, after = mount_of(drive, drive.start_s), mount_of(drive, drive.start_s + drive.seconds)
        assert np.abs(np.subtract(after, before)).sum() == pytest.approx(radians(1.0), abs=1e-9)


def test_pitch_and_horizon_are_each_others_inverse() -> None:
    scene = replace(road("straight", 0), horizon=horizon_at(radians(2), road("straight", 0).field_of_view))
    assert pitch_of(scene) == pytest.approx(radians(2))


def test_hours_keep_their_lane() -> None:
    drives = hour_drives(1.0, 10)
    assert sum(drive.seconds for drive in drives) == 3600
    assert not any(drive.scene.lane_changes for drive in drives)


def test_ground_truth_is_read_back_as_it_was(short: RenderedDrive) -> None:
    direct = [FrameTruth.of(rendering.ground_truth) for rendering in renderings(short.drive, SIZE)]
    for one, other in zip(direct, short.ground_truth, strict=True):
        assert other.offset_m == one.offset_m
        assert other.camera == one.camera
        np.testing.assert_allclose(other.points, one.points, atol=1e-3)
        np.testing.assert_array_equal(other.visible, one.visible)


def test_a_drive_is_rendered_once(short: RenderedDrive) -> None:
    before = short.video.stat().st_mtime_ns
    assert rendered(short.drive, short.video.parent, SIZE).video.stat().st_mtime_ns == before
    assert len(list(short.video.parent.iterdir())) == 2


def test_the_fingerprint_follows_texts_and_code(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one")
    first = fingerprint("text", tmp_path)
    (tmp_path / "a.py").write_text("two")
    assert len({first, fingerprint("text", tmp_path), fingerprint("other", tmp_path)}) == 3


def test_paint_that_is_laid_where_it_was_seen_comes_out_as_it_was(short: RenderedDrive) -> None:
    for truth in short.ground_truth:
        lines = perfect_paint(truth)
        seen = seen_paint(lines, truth)
        assert len(lines) == len(seen) >= 2
        for line, again in zip(lines, laid(seen, truth, truth.ego_lane), strict=True):
            rows = np.isin(line.points[:, 1].round(2), again.points[:, 1].round(2))
            assert rows.mean() > 0.5
            assert np.abs(np.interp(again.points[:, 1], line.points[::-1, 1], line.points[::-1, 0]) - again.points[:, 0]).max() < 1.0


def test_errors_are_laid_beside_the_boundaries_of_another_drive(short: RenderedDrive) -> None:
    truth = short.ground_truth[0]
    line = next(each for each in seen_paint(perfect_paint(truth), truth) if each["boundary"] == 0)
    line["beside"] = [0.1 for _ in line["beside"]]
    other = next(iter(unrendered(Drive("other", "straight", road("straight", 1), 1.0, 10), SIZE)))
    (moved,) = laid([line], other, 0)
    across = other.at_row(moved.points[:, 1])
    share = (moved.points[:, 0] - across[line["boundary"]]) / (across[1] - across[0])
    assert share == pytest.approx(0.1, abs=0.02)


def test_stretches_follow_each_other_as_they_were() -> None:
    frames = [[{"boundary": index}] for index in range(70)]
    assert [[seen[0]["boundary"] for seen in stretch] for stretch in stretches_of(frames, 10)] == [list(range(30)), list(range(30, 60))]


def test_a_frame_without_lanes_is_measured_as_none(short: RenderedDrive) -> None:
    truth = short.ground_truth[0]
    with short.source() as source:
        frame = next(iter(source))
    row = measure(FrameResult(frame, np.zeros(SIZE[::-1], np.uint8)), truth, (0.0, 0.0))
    assert (row["ego_lane"], row["ego"], row["near"], row["lanes"], row["calibration"]) == ("none", {}, [], [], None)
