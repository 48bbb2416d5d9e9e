"""The ground truth of a rendered drive, as arrays: kept beside the video, read back frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lanes.geometry.camera import Camera
from lanes.renderer import GroundTruth

Floats = NDArray[np.float64]

KEPT = slice(0, None, 6)
"""Every sixth of the renderer's stations: 0.3 m apart up to 12 m, then 3 % further each."""

SCALARS = ("time_s", "speed_mps", "ego_lane", "width_m", "offset_m", "heading_rad", "curvature_per_m", "curvature_rate_per_m2")
CAMERA = ("width", "height", "fx", "fy", "cx", "cy", "mount_height", "pitch", "roll", "yaw")


@dataclass(frozen=True)
class FrameTruth:
    """One frame's ground truth; the scalars are those of `lanes.renderer.GroundTruth`.

    Attributes:
        points: (B, S, 2) metres ahead and to the left, of each boundary of the road from left to right. pixels: (B, S, 2), where they are
            seen. visible: (B, S) bool. painted: (B,) bool.
    """

    time_s: float
    speed_mps: float
    ego_lane: int
    width_m: float
    offset_m: float
    heading_rad: float
    curvature_per_m: float
    curvature_rate_per_m2: float
    camera: Camera
    points: Floats
    pixels: Floats
    visible: NDArray[np.bool_]
    painted: NDArray[np.bool_]

    @classmethod
    def of(cls, ground_truth: GroundTruth) -> FrameTruth:
        """What is kept of a rendered frame's."""
        boundaries = ground_truth.boundaries
        return cls(
            time_s=ground_truth.time_s,
            speed_mps=ground_truth.speed_mps,
            ego_lane=ground_truth.ego_lane,
            width_m=ground_truth.width_m,
            offset_m=ground_truth.offset_m,
            heading_rad=ground_truth.heading_rad,
            curvature_per_m=ground_truth.curvature_per_m,
            curvature_rate_per_m2=ground_truth.curvature_rate_per_m2,
            camera=ground_truth.camera,
            points=np.stack([boundary.points[KEPT, :2] for boundary in boundaries]),
            pixels=np.stack([boundary.pixels[KEPT] for boundary in boundaries]),
            visible=np.stack([boundary.visible[KEPT] for boundary in boundaries]),
            painted=np.array([boundary.painted for boundary in boundaries]),
        )

    def at_row(self, rows: Floats) -> Floats:
        """(B, N) x of each boundary in the picture at these rows, NaN where it is not visible there."""
        found = np.full((len(self.pixels), len(rows)), np.nan)
        for index, (pixels, visible) in enumerate(zip(self.pixels, self.visible, strict=True)):
            if visible.sum() > 1:
                x, y = pixels[visible].T
                order = np.argsort(y)
                found[index] = np.interp(rows, y[order], x[order], left=np.nan, right=np.nan)
        return found

    def at_distance(self, ahead: Floats) -> Floats:
        """(B, N) metres to the left of each boundary so many metres ahead, visible or not."""
        return np.stack([np.interp(ahead, points[:, 0], points[:, 1]) for points in self.points])


def save_truth(path: Path, frames: Sequence[FrameTruth]) -> None:
    """Writes a drive's ground truth, `.npz`."""
    arrays = {name: np.array([getattr(frame, name) for frame in frames], np.float64) for name in SCALARS}
    arrays["camera"] = np.array([[getattr(frame.camera, name) for name in CAMERA] for frame in frames], np.float64)
    for name in ("points", "pixels"):
        arrays[name] = np.stack([getattr(frame, name) for frame in frames]).astype(np.float32)
    for name in ("visible", "painted"):
        arrays[name] = np.stack([getattr(frame, name) for frame in frames])
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


def load_truth(path: Path) -> list[FrameTruth]:
    """Reads it back."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    frames = []
    for index, camera in enumerate(arrays["camera"]):
        width, height, *rest = camera.tolist()
        frames.append(
            FrameTruth(
                **{name: arrays[name][index].item() for name in SCALARS if name != "ego_lane"},
                ego_lane=int(arrays["ego_lane"][index]),
                camera=Camera(int(width), int(height), *rest),
                points=arrays["points"][index].astype(np.float64),
                pixels=arrays["pixels"][index].astype(np.float64),
                visible=arrays["visible"][index],
                painted=arrays["painted"][index],
            )
        )
    return frames
