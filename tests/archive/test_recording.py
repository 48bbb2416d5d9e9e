"""A drive's files as one recording: in order, with GPS on the drive's clock and the time that the camera shows."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from lanes.archive.drive import SourceFile
from lanes.archive.grouping import group
from lanes.archive.recording import open_recording
from lanes.errors import InputError
from tests.dashcam import cameras
from tests.media import Clip, number_of, truncated


def opened(paths: list[Path]) -> list[Path]:
    """The same in the order of their drive, which must be one."""
    (drive,) = group([SourceFile(path.as_posix(), path.stat().st_size, "") for path in paths])
    return [Path(file.path) for file in drive.files]


def test_files_without_a_cameras_name_are_drives_of_their_own() -> None:
    files = [SourceFile(path, 1, "") for path in ("b.mp4", "a.mp4", "s3://bucket/c.mp4", "d\\GX010042.MP4", "d\\GX020042.MP4")]
    assert [drive.key for drive in group(files)] == [
        ("a.mp4",),
        ("b.mp4",),
        ("d\\GX010042.MP4", "d\\GX020042.MP4"),
        ("s3://bucket/c.mp4",),
    ]


def test_small_copies_are_left_out_where_the_recording_is_there() -> None:
    names = (
        "20260314_102030_NF.mp4",
        "20260314_102030_NFS.mp4",
        "20260314_102030_NRS.mp4",
        "260314_102030_001_FL.MP4",
        "260314_102030_001_FH.MP4",
    )
    assert [drive.key for drive in group([SourceFile(f"card/{name}", 1, "") for name in names])] == [
        ("card/20260314_102030_NF.mp4",),
        ("card/20260314_102030_NRS.mp4",),
        ("card/260314_102030_001_FH.MP4",),
    ]


def test_pieces_with_gps_are_one_drive(tmp_path: Path) -> None:
    clip = Clip(frames=75).write(tmp_path / "clip.mp4")
    paths = []
    for minute, latitude in ((0, 48.1), (1, 48.2)):
        path = tmp_path / f"2026_0314_10{minute:02}30_{minute + 1:06}F.MP4"
        paths.append(cameras.viofo(clip, path, cameras.drive_north_east(3, latitude=latitude)))
    recording = open_recording(ordered := opened(paths), [path.name for path in ordered])
    assert recording.started_at == datetime(2026, 3, 14, 10, 0, 30)
    assert [round(position.time_s) for position in recording.positions] == [0, 1, 2, 3, 4, 5]
    assert [round(position.latitude, 1) for position in recording.positions] == [48.1] * 3 + [48.2] * 3
    assert recording.vehicle is not None
    assert recording.vehicle(1.5).speed_mps == pytest.approx(25)
    with recording.source as source:
        frames = list(source)
    assert [number_of(frame.pixels) for frame in frames] == [*range(75), *range(75)]
    assert [frame.index for frame in frames if frame.cut] == [75]
    assert recording.missing_s == 57  # a minute by the names, of which three seconds were recorded


def test_the_last_file_of_a_camera_without_power_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clip = Clip(frames=10).write(tmp_path / "clip.mp4")
    whole, broken = (tmp_path / f"20260314_10{minute:02}00_NF.mp4" for minute in (0, 1))
    whole.write_bytes(clip.read_bytes())
    truncated(clip, broken)
    recording = open_recording(ordered := opened([whole, broken]), [path.name for path in ordered])
    assert [path.partition(":")[0] for path in recording.unusable] == [str(broken)]
    assert "the drive's other files are used" in caplog.text
    with recording.source as source:
        assert len(list(source)) == 10
    assert recording.positions == ()
    assert recording.vehicle is None
    with pytest.raises(InputError, match="video"):
        open_recording([broken], [broken.name])


def test_chapters_follow_without_a_cut_and_a_missing_one_is_a_cut(tmp_path: Path) -> None:
    clip = Clip(frames=5).write(tmp_path / "clip.mp4")
    paths = [tmp_path / f"GX0{chapter}0042.MP4" for chapter in (1, 2, 4)]
    for path in paths:
        path.write_bytes(clip.read_bytes())
    recording = open_recording(paths, [path.name for path in paths])
    with recording.source as source:
        assert [frame.index for frame in source if frame.cut] == [10]
    assert recording.started_at is None


def test_copies_have_the_time_of_their_names(tmp_path: Path) -> None:
    copy = Clip(frames=3).write(tmp_path / "copy-0.mp4")
    assert open_recording([copy], ["NO20260314-102030-000002F.MP4"]).started_at == datetime(2026, 3, 14, 10, 20, 30)
