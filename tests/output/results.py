"""Results to write, and short ways to write them, for the tests of outputs."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from lanes.arrays import BGRImage
from lanes.capture.source import SourceInfo
from lanes.capture.video import VideoFile
from lanes.output.video import VideoSink
from lanes.results import Frame, FrameResult
from tests.media import numbered

UNEVEN = [0, 33, 66, 101, 140, 200, 300, 333, 400, 480]
INFO = SourceInfo("clip.mp4", "video", 96, 64, Fraction(25), None, time_base=Fraction(1, 25))


def result(number: int, pixels: BGRImage | None = None, time: Fraction | None = None, stem: str | None = None) -> FrameResult:
    """A result of a numbered picture, 25 a second, with a mask of its own."""
    pixels = numbered(number) if pixels is None else pixels
    frame = Frame(pixels, number, Fraction(number, 25) if time is None else time, "clip.mp4", stem or f"{number:06d}")
    mask = np.zeros(pixels.shape[:2], np.uint8)
    mask[:, :: number + 2] = 255
    return FrameResult(frame, mask)


def convert(source: Path, target: Path, limit: int | None = None) -> None:
    """Source to sink with nothing between them."""
    with VideoFile(source) as video, VideoSink(target, video.info) as sink:
        for frame in video:
            if frame.index == limit:
                break
            sink.write(FrameResult(frame, frame.pixels[..., 0]))


def write_video(path: Path, count: int = 10, info: SourceInfo = INFO) -> Path:
    """A video of numbered pictures."""
    with VideoSink(path, info) as sink:
        for number in range(count):
            sink.write(result(number))
    return path


def names(folder: Path) -> list[str]:
    """What lies in a folder, hidden files included, sorted."""
    return sorted(entry.name for entry in folder.iterdir())
