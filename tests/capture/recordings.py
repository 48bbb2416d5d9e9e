"""Recordings with a fault of known place and kind, for the tests of the decoder."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from lanes.capture.video import VideoFile
from lanes.results import Frame
from tests.media import Clip, number_of, numbered

PERIOD = Fraction(1, 25)


@dataclass
class Reading:
    """All that a VideoFile gave."""

    frames: list[Frame]
    corrupt: int

    @property
    def numbers(self) -> list[int]:
        return [number_of(frame.pixels) for frame in self.frames]

    @property
    def times(self) -> list[Fraction]:
        return [frame.time for frame in self.frames]

    @property
    def steps(self) -> list[Fraction]:
        return [later - earlier for earlier, later in itertools.pairwise(self.times)]

    @property
    def cuts(self) -> list[int]:
        return [frame.index for frame in self.frames if frame.cut]

    @property
    def suspects(self) -> list[int]:
        return [frame.index for frame in self.frames if frame.suspect]


def read(path: Path) -> Reading:
    """Read a whole file."""
    with VideoFile(path) as source:
        frames = list(source)
        return Reading(frames, source.corrupt)


def joined(path: Path, *clips: Clip) -> Path:
    """Recordings joined byte by byte."""
    parts = [clip.write(path.with_name(f"{path.stem}-{index}{path.suffix}")) for index, clip in enumerate(clips)]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    for part in parts:
        part.unlink()
    return path


def shifted(path: Path, target: Path, seconds: int) -> Path:
    """A copy of a recording whose stamps are that much later."""
    with av.open(str(path)) as source, av.open(str(target), "w") as container:
        streams = {stream.index: container.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.pts += int(seconds / packet.time_base)
                packet.dts += int(seconds / packet.time_base)
                packet.stream = streams[packet.stream.index]
                container.mux(packet)
    return target


def restamped(path: Path, stamps: Sequence[int], unit: Fraction = Fraction(1, 1000), **options: str) -> Path:
    """Numbered frames at 25 a second, whose packets are given other stamps, in the order of decoding."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25, options={"g": "12", "crf": "10", "bf": "0", **options})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.time_base = unit
        packets = []
        for index in range(len(stamps)):
            frame = av.VideoFrame.from_ndarray(numbered(index), "bgr24")
            frame.pts, frame.time_base = index, PERIOD
            packets += stream.encode(frame)
        for packet, stamp in zip([*packets, *stream.encode(None)], stamps, strict=True):
            packet.time_base = unit
            packet.pts = packet.dts = stamp
            packet.duration = 0
            container.mux(packet)
    return path


def with_streams(path: Path, sizes: Sequence[tuple[int, int]], default: Sequence[bool], frames: int = 10) -> Path:
    """Several video streams; the pictures of stream n carry the numbers from 10 n on."""
    with av.open(str(path), "w") as container:
        streams: list[Any] = []
        for (width, height), flag in zip(sizes, default, strict=True):
            stream: Any = container.add_stream("libx264", rate=25, options={"crf": "10", "bf": "0"})
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.disposition = av.stream.Disposition.default if flag else av.stream.Disposition(0)
            streams.append(stream)
        packets = []
        for index in range(frames):
            for which, stream in enumerate(streams):
                picture = numbered(10 * which + index, stream.width, stream.height)
                packets += stream.encode(av.VideoFrame.from_ndarray(picture, "bgr24"))
        for stream in streams:
            packets += stream.encode(None)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    return path


def interlaced(path: Path, frames: int = 12, codec: str = "libx264") -> Path:
    """A bright bar that moves 8 pixels a field over grey, its even and odd lines taken at two moments."""
    options = {"x264-params": "tff=1", "crf": "10"} if codec == "libx264" else {"flags": "+ilme+ildct", "top": "1", "qscale": "2"}
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 192, 128, "yuv420p"
        for index in range(frames):
            picture = np.full((128, 192, 3), 60, np.uint8)
            for field in (0, 1):
                left = 16 + 8 * ((2 * index + field) % 16)
                picture[field::2, left : left + 24] = 200
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "bgr24")))
        container.mux(stream.encode(None))
    return path


def combing(pixels: np.ndarray) -> float:
    """How much a line differs from the mean of its neighbours, in the middle of the picture: grey levels."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY).astype(float)[16:-16]
    return float(np.abs(grey[1:-1] - (grey[:-2] + grey[2:]) / 2).mean())


def flipped(path: Path, packet: int, bits: int = 3) -> Path:
    """Flip bits in the middle of a packet of a file, in place."""
    with av.open(str(path)) as container:
        packets = [item for item in container.demux(video=0) if item.size]
        place, size = packets[packet].pos, packets[packet].size
    data = bytearray(path.read_bytes())
    for bit in range(bits):
        data[place + size // 2 + bit] ^= 0x10
    path.write_bytes(data)
    return path
