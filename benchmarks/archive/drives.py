"""Rendered drives to fill an archive with, and ten ways to break a file."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from lanes.renderer import RoadRenderer, Scene


def write_drive(path: Path, seed: int, seconds: float = 10.0, fps: int = 10, size: tuple[int, int] = (320, 180)) -> Path:
    """One drive on a random road, H.264. The same arguments give the same bytes on one machine."""
    renderer = RoadRenderer(Scene.random(np.random.default_rng(seed)), *size)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "28", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, fps)
        for index in range(max(1, round(seconds * fps))):
            frame = av.VideoFrame.from_ndarray(renderer.render(index / fps).pixels, "bgr24")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


def write_drives(folder: Path, count: int, **options: Any) -> list[Path]:
    """So many drives, `drive-0000.mp4` and on; those that are there already are left."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"drive-{seed:04d}.mp4" for seed in range(count)]
    for seed, path in enumerate(paths):
        if not path.exists():
            draft = path.with_suffix(".part.mp4")
            write_drive(draft, seed, **options).replace(path)
    return paths


def _sound_alone(path: Path, _: bytes) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        wave = np.zeros((1, 1024), np.float32)
        for block in range(20):
            frame = av.AudioFrame.from_ndarray(wave, "fltp", layout="mono")
            frame.rate, frame.pts = 48000, block * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _noise_in_the_pictures(path: Path, good: bytes) -> None:
    begin = good.index(b"mdat") + 4
    length = int.from_bytes(good[begin - 8 : begin - 4], "big") - 8
    noise = np.random.default_rng(0).integers(0, 256, length, np.uint8).tobytes()
    path.write_bytes(good[:begin] + noise + good[begin + length :])


def _leads_nowhere(path: Path, _: bytes) -> None:
    path.symlink_to(path.with_name("gone.mp4"))


BREAKS: dict[str, Callable[[Path, bytes], object]] = {
    "empty": lambda path, _: path.write_bytes(b""),
    "text": lambda path, _: path.write_text("this is no video\n" * 50),
    "not finished": lambda path, good: path.write_bytes(good[: good.rindex(b"moov") - 4]),  # the camera lost power before the index
    "beginning lost": lambda path, good: path.write_bytes(good[len(good) // 2 :]),
    "zeros": lambda path, good: path.write_bytes(bytes(len(good))),
    "sound alone": _sound_alone,
    "noise in the pictures": _noise_in_the_pictures,
    "unknown codec": lambda path, good: path.write_bytes(good.replace(b"avc1", b"zzz9")),
    "link to nowhere": _leads_nowhere,
    "index of nothing": lambda path, good: path.write_bytes(good.replace(b"stsz", b"free").replace(b"stco", b"free")),
}
"""Writes a file of the name that is broken in that way, given the bytes of a good one."""
