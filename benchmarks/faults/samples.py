"""Whole files of every container that is read and can be written here, before anything is done to them."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import BGRImage

WIDTH, HEIGHT = 176, 144  # which every codec knows, H.263 among them
FRAMES, RATE = 20, 25

BITS = 8


class Sample(NamedTuple):
    """A whole file.

    Attributes:
        suffix: of its name, without the dot.
        codec: FFmpeg's name of it.
        data: its bytes.
    """

    suffix: str
    codec: str
    data: bytes

    @property
    def name(self) -> str:
        """`mp4 (libx264)`."""
        return f"{self.suffix} ({self.codec})"


class _Kind(NamedTuple):
    suffix: str
    form: str
    codec: str
    pixels: str = "yuv420p"
    options: tuple[tuple[str, str], ...] = ()


_FRAGMENTS = (("movflags", "frag_keyframe+empty_moov+default_base_moof"),)

_KINDS = [
    *(_Kind(suffix, form, "libx264") for suffix, form in (("mp4", "mp4"), ("mov", "mov"), ("mkv", "matroska"), ("ts", "mpegts"))),
    _Kind("mp4", "mp4", "libx264", options=_FRAGMENTS),
    _Kind("flv", "flv", "libx264"),
    _Kind("h264", "h264", "libx264"),
    _Kind("mp4", "mp4", "libx265"),
    _Kind("hevc", "hevc", "libx265"),
    _Kind("mp4", "mp4", "libsvtav1"),
    _Kind("ivf", "ivf", "libvpx"),
    _Kind("webm", "webm", "libvpx-vp9"),
    _Kind("avi", "avi", "mpeg4"),
    _Kind("avi", "avi", "mjpeg", "yuvj420p"),
    _Kind("m4v", "m4v", "mpeg4"),
    _Kind("3gp", "3gp", "h263"),
    _Kind("mjpeg", "mjpeg", "mjpeg", "yuvj420p"),
    _Kind("flv", "flv", "flv"),
    _Kind("swf", "swf", "flv"),
    _Kind("mpg", "mpeg", "mpeg1video"),
    _Kind("vob", "vob", "mpeg2video"),
    _Kind("m2ts", "mpegts", "mpeg2video"),
    _Kind("mxf", "mxf", "mpeg2video"),
    _Kind("wmv", "asf", "wmv2"),
    _Kind("ogv", "ogg", "libtheora"),
    _Kind("nut", "nut", "ffv1"),
    _Kind("rm", "rm", "rv10"),
    _Kind("y4m", "yuv4mpegpipe", "wrapped_avframe"),
    _Kind("gif", "gif", "gif", "rgb8"),
    _Kind("apng", "apng", "apng", "rgb24"),
]

_IMAGES = ("jpg", "png", "bmp", "webp", "tiff", "ppm")


def numbered(number: int) -> BGRImage:
    """A picture that says which one it is: eight bars, the lowest bit left. (HEIGHT, WIDTH, 3) uint8 BGR."""
    picture = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for bit in range(BITS):
        picture[: HEIGHT // 2, bit * WIDTH // BITS : (bit + 1) * WIDTH // BITS] = 220 if number >> bit & 1 else 30
    cv2.circle(picture, (8 * number % WIDTH, 3 * HEIGHT // 4), 12, (60, 160, 240), -1)
    return picture


def number_of(picture: BGRImage) -> int | None:
    """The number that `numbered` put in, through lossy coding; None where a bar is neither light nor dark."""
    if picture.shape != (HEIGHT, WIDTH, 3):
        return None
    levels = [float(picture[HEIGHT // 4, (2 * bit + 1) * WIDTH // (2 * BITS)].mean()) for bit in range(BITS)]
    if any(70 < level < 180 for level in levels):
        return None
    return sum(1 << bit for bit, level in enumerate(levels) if level > 125)


def all_samples() -> tuple[list[Sample], dict[str, str]]:
    """A sample of each kind, and those that FFmpeg or OpenCV here cannot write, with the reason."""
    os.environ.setdefault("SVT_LOG", "1")  # the AV1 encoder would introduce itself in twenty lines
    samples, left_out = [], {}
    for kind in _KINDS:
        try:
            samples.append(Sample(kind.suffix, kind.codec, _video(kind)))
        except (av.FFmpegError, ValueError) as error:
            left_out[f"{kind.suffix} ({kind.codec})"] = str(error)
    for suffix in _IMAGES:
        good, data = cv2.imencode(f".{suffix}", numbered(5))
        if good:
            samples.append(Sample(suffix, "image", data.tobytes()))
        else:
            left_out[f"{suffix} (image)"] = "OpenCV here cannot write it"
    return samples, left_out


def jpegs() -> Iterator[bytes]:
    """The frames as JPEG."""
    for number in range(FRAMES):
        data: NDArray[np.uint8] = cv2.imencode(".jpg", numbered(number))[1]
        yield data.tobytes()


def _video(kind: _Kind) -> bytes:
    file = io.BytesIO()
    file.name = f"sample.{kind.suffix}"  # the muxer of some asks for it
    with av.open(file, "w", format=kind.form, container_options=dict(kind.options)) as container:
        stream = container.add_stream(kind.codec, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, kind.pixels
        stream.gop_size = 10
        if kind.codec == "libx265":
            stream.options = {"x265-params": "log-level=none"}
        for number in range(FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered(number), "bgr24").reformat(format=kind.pixels)))
        container.mux(stream.encode(None))
    return file.getvalue()


def write(sample: Sample, folder: Path, data: bytes) -> Path:
    """Puts bytes under a name of that kind."""
    path = folder / f"case.{sample.suffix}"
    path.write_bytes(data)
    return path
