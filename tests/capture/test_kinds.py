"""What a file is, by its suffix and by what it contains."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import pytest

from lanes.capture import find_sources, open_source
from lanes.capture.kinds import kind_of, sort_files
from tests.media import Clip, numbered

# Suffix of the file as it is written; every one is recognised under any name.
VIDEOS = [
    ".mp4",
    ".mov",
    ".mkv",
    ".webm",
    ".avi",
    ".asf",
    ".flv",
    ".ts",
    ".m2ts",
    ".mpg",
    ".h264",
    ".hevc",
    ".gif",
    ".3gp",
    ".mxf",
    ".nut",
    ".ogv",
]
IMAGES = [".png", ".jpg", ".bmp", ".webp", ".tif", ".ppm", ".pgm", ".jp2", ".avif"]


def video(path: Path) -> Path:
    """A clip in the codec that the container takes."""
    codecs = {
        ".webm": ("libvpx-vp9", "yuv420p", {"deadline": "realtime", "cpu-used": "8"}),
        ".mpg": ("mpeg2video", "yuv420p", {}),
        ".hevc": ("libx265", "yuv420p", {"x265-params": "log-level=none"}),
        ".gif": ("gif", "rgb8", {}),
        ".mxf": ("mpeg2video", "yuv420p", {}),
        ".ogv": ("libvpx", "yuv420p", {}),
    }
    codec, pixel_format, options = codecs.get(path.suffix, ("libx264", "yuv420p", {"bf": "0"}))
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg cannot write {codec}")
    clip = Clip(times=range(10), time_base=Fraction(1, 25), codec=codec, pixel_format=pixel_format, options=options)
    return clip.write(path)


@pytest.mark.parametrize("suffix", VIDEOS)
@pytest.mark.parametrize("name", ["REC{}", "REC.{upper}", "recording", "a.unknown"])
def test_videos(tmp_path: Path, suffix: str, name: str) -> None:
    written = video(tmp_path / f"written{suffix}")
    path = written.rename(tmp_path / name.format(suffix, upper=suffix[1:].upper()))
    assert kind_of(path) == "video"
    (tmp_path / "notes.txt").write_text("text")
    with open_source(str(tmp_path)) as source:
        assert source.info.kind == "video"
        assert len(list(source)) == 10


@pytest.mark.parametrize("suffix", IMAGES)
@pytest.mark.parametrize("name", ["photo{}", "PHOTO.{upper}", "photo", "photo.unknown"])
def test_images(tmp_path: Path, suffix: str, name: str) -> None:
    written = tmp_path / f"written{suffix}"
    picture = numbered(3)
    cv2.imwrite(str(written), cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) if suffix == ".pgm" else picture)
    path = written.rename(tmp_path / name.format(suffix, upper=suffix[1:].upper()))
    assert kind_of(path) == "image"
    for place in (path, tmp_path):
        with open_source(str(place)) as source:
            assert source.info.kind == "images"
            assert [frame.size for frame in source] == [(96, 64)]


def test_other_names_of_jpeg(tmp_path: Path) -> None:
    data = cv2.imencode(".jpg", numbered(1))[1].tobytes()
    for name in ("a.jfif", "b.JPE", "c.mpo"):
        (tmp_path / name).write_bytes(data)
    with open_source(str(tmp_path)) as source:
        assert [frame.stem for frame in source] == ["a", "b", "c"]


def test_a_card_of_cameras(tmp_path: Path) -> None:
    """A preview, a recorder's file and a raw stream; each by itself and through a pattern."""
    plain = Clip(frames=3).write(tmp_path / "plain.mp4")
    (tmp_path / "card").mkdir()
    for name in ("GL010002.LRV", "GX010002.MP4", "drone.LRF"):
        (tmp_path / "card" / name).write_bytes(plain.read_bytes())
    Clip(frames=3).write(tmp_path / "card" / "REC0001.asf")
    Clip(frames=3).write(tmp_path / "card" / "ch01.h264").rename(tmp_path / "card" / "ch01.264")
    names = ["ch01.264", "drone.LRF", "GL010002.LRV", "GX010002.MP4", "REC0001.asf"]
    assert [source.name for source in find_sources(str(tmp_path / "card"))] == names
    assert [source.name for source in find_sources(f"{tmp_path}/card/*.asf")] == ["REC0001.asf"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", b"text"),
        ("track.gpx", b"<gpx/>"),
        ("clip.srt", b"1\n"),
        ("empty", b""),
        ("model.onnx", bytes(range(256))),
        ("P1.txt", b"P1no"),
    ],
)
def test_neither(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert kind_of(tmp_path / name) is None


def test_what_is_left_out_of_a_folder_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Clip(frames=3).write(tmp_path / "clip.mp4")
    for name in ("a.gpx", "b.txt", "c.json", "d.srt"):
        (tmp_path / name).write_text("text")
    find_sources(str(tmp_path))
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path.name}: 4 left out that are no videos: a.gpx, b.txt, c.json, ..."
    ]


def test_thumbnails_beside_videos_are_no_images(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Clip(frames=3).write(tmp_path / "GX010002.MP4".lower()).rename(tmp_path / "GX010002.MP4")
    for name in ("GX010002.THM", "cover"):
        (tmp_path / name).write_bytes(cv2.imencode(".jpg", numbered(1))[1].tobytes())
    assert [source.name for source in find_sources(str(tmp_path))] == ["GX010002.MP4"]
    assert "2 left out" in caplog.text


def test_the_order_is_kept(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("b.png", "a.mp4", "c.txt", "a.png")]
    for path in paths:
        path.touch()
    found = sort_files(paths)
    assert (found.images, found.videos, found.others) == ([paths[0], paths[3]], [paths[1]], [paths[2]])
