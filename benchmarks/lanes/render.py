"""Renders drives once, into a folder: a video of high quality and its ground truth; and reads them back as a source of frames."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import av

from benchmarks.lanes.drives import SIZE, Drive
from benchmarks.lanes.ground_truth import FrameTruth, load_truth, save_truth
from lanes.capture.video import VideoFile
from lanes.renderer import Rendering, RoadRenderer

RENDERER = Path(__file__).resolve().parents[2] / "lanes" / "renderer"


@dataclass(frozen=True)
class RenderedDrive:
    """A drive on disk.

    Attributes:
        drive: which. video: its frames. ground_truth: of each of them.
    """

    drive: Drive
    video: Path
    ground_truth: list[FrameTruth]

    def source(self) -> VideoFile:
        """Its frames, as the product reads a file; not open yet."""
        return VideoFile(self.video)


def rendered(drive: Drive, folder: Path, size: tuple[int, int] = SIZE) -> RenderedDrive:
    """The drive from the folder, rendered into it first where it is not there, or is of another renderer.

    Args:
        drive: to be had. folder: made where it does not exist. size: of the frames, pixels.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{drive.name}-{fingerprint(repr(drive), str(size), RENDERER)}"
    video, truth = folder / f"{stem}.mp4", folder / f"{stem}.npz"
    if not (video.exists() and truth.exists()):
        part = folder / f".{stem}.{os.getpid()}"
        frames = _encode(drive, part.with_suffix(".mp4"), size)
        save_truth(part.with_suffix(".npz"), frames)
        part.with_suffix(".npz").replace(truth)
        part.with_suffix(".mp4").replace(video)
    return RenderedDrive(drive, video, load_truth(truth))


def renderings(drive: Drive, size: tuple[int, int] = SIZE) -> Iterator[Rendering]:
    """A drive's frames, straight from the renderer."""
    renderers: dict[int, RoadRenderer] = {}
    for index in range(drive.frames):
        time_s = drive.start_s + index / drive.rate
        scene = drive.scene_at(time_s)
        if id(scene) not in renderers:
            renderers[id(scene)] = RoadRenderer(scene, *size)
        yield renderers[id(scene)].render(time_s)


def fingerprint(*parts: str | Path) -> str:
    """Twelve hexadecimal digits that change with any of the texts, or with any file, or Python file below a folder, of the paths."""
    digest = sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(part.encode())
        else:
            for file in sorted(part.rglob("*.py")) if part.is_dir() else [part]:
                digest.update(file.read_bytes())
        digest.update(b"\0")
    return digest.hexdigest()[:12]


def _encode(drive: Drive, path: Path, size: tuple[int, int]) -> list[FrameTruth]:
    """Nearly without loss: what compression does to a picture is not what is measured here."""
    frames = []
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=drive.rate, options={"crf": "12", "preset": "superfast", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for index, rendering in enumerate(renderings(drive, size)):
            frame = av.VideoFrame.from_ndarray(rendering.pixels, "bgr24")
            frame.pts, frame.time_base = index, Fraction(1, drive.rate)
            container.mux(stream.encode(frame))
            frames.append(FrameTruth.of(rendering.ground_truth))
        container.mux(stream.encode(None))
    return frames
