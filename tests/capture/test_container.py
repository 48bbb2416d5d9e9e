"""Which stream of a container is looked at."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import pytest

from lanes.capture.video import VideoFile
from lanes.errors import InputError
from tests.capture.recordings import read, with_streams
from tests.media import Clip, numbered

SMALL, LARGE = (96, 64), (384, 256)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(
    ("sizes", "default", "chosen"),
    [
        pytest.param([SMALL, LARGE], [False, True], 1, id="preview first, the drive is the default"),
        pytest.param([SMALL, LARGE], [True, True], 1, id="both are, the drive is larger"),
        pytest.param([LARGE, SMALL], [True, True], 0, id="the drive first"),
        pytest.param([LARGE, SMALL], [False, True], 1, id="the small one alone is"),
        pytest.param([LARGE, LARGE], [True, True], 0, id="front and rear"),
        pytest.param([LARGE, LARGE], [False, True], 1, id="front and rear, the second is the default"),
    ],
)
def test_the_one_that_players_show(tmp_path: Path, suffix: str, sizes: list[tuple[int, int]], default: list[bool], chosen: int) -> None:
    reading = read(with_streams(tmp_path / f"clip{suffix}", sizes, default))
    assert reading.numbers == [10 * chosen + index for index in range(10)]
    assert {frame.size for frame in reading.frames} == {sizes[chosen]}


@pytest.mark.parametrize("suffix", [".ts", ".mkv"])  # an MP4 always has one that is
def test_a_preview_where_none_is_the_default(tmp_path: Path, suffix: str) -> None:
    reading = read(with_streams(tmp_path / f"clip{suffix}", [SMALL, LARGE], [False, False]))
    assert reading.numbers == list(range(10, 20))


def test_a_cover_picture_is_never_it(tmp_path: Path) -> None:
    Clip(frames=3).write(tmp_path / "plain.mp4")
    with av.open(str(tmp_path / "plain.mp4")) as plain, av.open(str(tmp_path / "clip.mp4"), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 640, 480, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        stream = container.add_stream_from_template(plain.streams.video[0])
        container.mux(cover.encode(av.VideoFrame.from_ndarray(numbered(9, 640, 480), "bgr24")))
        for packet in plain.demux(video=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
        container.mux(cover.encode(None))
    with VideoFile(tmp_path / "clip.mp4") as source:
        assert (source.info.width, source.info.height) == (96, 64)


def test_music_with_a_cover_is_no_video(tmp_path: Path) -> None:
    _, jpeg = cv2.imencode(".jpg", numbered(1))
    (tmp_path / "cover.jpg").write_bytes(jpeg.tobytes())
    with av.open(str(tmp_path / "music.mp4"), "w") as container:
        tone = container.add_stream("aac", rate=48000, layout="mono")
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 96, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame.from_ndarray(numbered(9), "bgr24")))
        container.mux(cover.encode(None))
        Clip._write_tone(container, tone, 0.5)
    with pytest.raises(InputError, match="no video stream"), VideoFile(tmp_path / "music.mp4"):
        pass
