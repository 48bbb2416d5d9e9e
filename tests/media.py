"""Small clips and images with known content, written with PyAV and OpenCV, for the tests of capture and output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from lanes.arrays import BGRImage

# Upright pixels -> coded pixels whose display matrix (degrees, counter-clockwise) makes a player show them upright again.
_CODED = {0: None, 90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def numbered(number: int, width: int = 96, height: int = 64) -> BGRImage:
    """A BGR picture that says which one it is: eight bars above, the bits of `number` lowest left; below, red left, blue right."""
    picture = np.zeros((height, width, 3), np.uint8)
    for bit in range(8):
        picture[: height // 2, bit * width // 8 : (bit + 1) * width // 8] = 220 if number >> bit & 1 else 30
    picture[height // 2 :, : width // 2] = (20, 20, 200)
    picture[height // 2 :, width // 2 :] = (200, 20, 20)
    return picture


def number_of(picture: BGRImage) -> int:
    """The number that `numbered` put in, through lossy coding; -1 if the picture does not stand upright or is damaged."""
    height, width = picture.shape[:2]
    left, right = (picture[height * 3 // 4, x].astype(int) for x in (width // 4, width * 3 // 4))
    if not (left[2] > left[0] + 60 and right[0] > right[2] + 60):
        return -1
    bars = [int(picture[height // 4, (2 * bit + 1) * width // 16].mean()) for bit in range(8)]
    return sum(1 << bit for bit, level in enumerate(bars) if level > 125)


@dataclass
class Clip:
    """A clip to write. Times are in units of `time_base`.

    Attributes:
        times: presentation times; by default `frames` of them at constant rate, 40 ms apart.
        rotation: degrees by which a player turns it counter-clockwise; the content is upright after that.
        audio: codec of a tone beside the video, or None.
        options: of the video encoder.
    """

    frames: int = 30
    width: int = 96
    height: int = 64
    times: Sequence[int] = ()
    time_base: Fraction = Fraction(1, 1000)
    rotation: int = 0
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    audio: str | None = None
    options: dict[str, str] = field(default_factory=lambda: {"g": "12", "crf": "10", "bf": "0"})
    container: dict[str, str] = field(default_factory=dict)

    def write(self, path: Path) -> Path:
        """Write the clip; the suffix of `path` decides about the container."""
        times = self.times or [40 * index for index in range(self.frames)]
        with av.open(str(path), "w", options=self.container) as container:
            stream = container.add_stream(self.codec, rate=25, options=self.options)
            swap = self.rotation in (90, 270)
            stream.width, stream.height = (self.height, self.width) if swap else (self.width, self.height)
            stream.pix_fmt = self.pixel_format
            stream.codec_context.time_base = stream.time_base = self.time_base
            if self.rotation:
                stream.set_display_rotation(self.rotation)
            tone = container.add_stream(self.audio, rate=48000, layout="mono") if self.audio else None
            packets: list[Any] = []
            for index, time in enumerate(times):
                picture = numbered(index, self.width, self.height)
                turn = _CODED[self.rotation]
                coded: Any = picture if turn is None else cv2.rotate(picture, turn)
                frame = av.VideoFrame.from_ndarray(coded, "bgr24")
                frame.pts, frame.time_base = time, self.time_base
                packets += stream.encode(frame)
            packets += stream.encode(None)
            ends = dict(zip(times, [*times[1:], 2 * times[-1] - times[-2]], strict=True))
            for packet in packets:
                packet.duration = ends[packet.pts] - packet.pts
                container.mux(packet)
            if tone is not None:
                self._write_tone(container, tone, float((times[-1] + 40) * self.time_base))
        return path

    @staticmethod
    def _write_tone(container: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
        size = 1024
        layout = stream.codec_context.format.name
        for block in range(int(seconds * 48000) // size):
            wave = np.sin((np.arange(size) + block * size) * (2 * np.pi * 440 / 48000)) * 0.3
            samples = wave.astype(np.float32) if layout.startswith("flt") else (wave * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples[None], "fltp" if layout.startswith("flt") else "s16", layout="mono")
            frame.rate, frame.pts, frame.time_base = 48000, block * size, Fraction(1, 48000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def damaged(clip: Path, path: Path, begin: float = 0.4, end: float = 0.6) -> Path:
    """A copy of `clip` whose bytes from `begin` to `end` (shares of the file) are noise."""
    data = bytearray(clip.read_bytes())
    first, last = int(len(data) * begin), int(len(data) * end)
    data[first:last] = np.random.default_rng(0).integers(0, 256, last - first, np.uint8).tobytes()
    path.write_bytes(data)
    return path


def truncated(clip: Path, path: Path, share: float = 0.6) -> Path:
    """The first `share` of `clip`'s bytes."""
    data = clip.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def sound_only(path: Path) -> Path:
    """A file with a tone and no pictures."""
    with av.open(str(path), "w") as container:
        Clip._write_tone(container, container.add_stream("aac", rate=48000, layout="mono"), 1.0)
    return path


@dataclass
class Contents:
    """What a reader of a video file finds in it, independently of the project's own reader."""

    times: list[Fraction]
    numbers: list[int]
    duration: Fraction
    audio: list[bytes]
    audio_times: list[Fraction]
    width: int
    height: int


def contents(path: Path) -> Contents:
    """Decode a whole file with plain PyAV. `duration` is the video stream's, without a late start."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        times = [frame.pts * frame.time_base for frame in frames]
        numbers = [number_of(frame.to_ndarray(format="bgr24")) for frame in frames]
        size = frames[0].width, frames[0].height
        duration = Fraction(stream.duration * stream.time_base) if stream.duration else Fraction(container.duration, av.time_base)
    audio = sound(path)
    return Contents(times, numbers, duration, [data for data, _ in audio], [time for _, time in audio], *size)


def sound(path: Path) -> list[tuple[bytes, Fraction]]:
    """The packets of a file's first audio stream with their times."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return []
        return [(bytes(packet), packet.pts * packet.time_base) for packet in container.demux(container.streams.audio[0]) if packet.size]
