"""AssumedMount: a camera that looks straight ahead, where nothing estimates how it is mounted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lanes.geometry.camera import Camera
from lanes.geometry.camera_file import CameraFile
from lanes.geometry.paint import PaintLine
from lanes.results import Band, Calibration


class AssumedMount:
    """See the module."""

    def __init__(self, camera: CameraFile | None, height_m: float | None, store: Path | None) -> None:  # noqa: ARG002
        self._file, self._height_m = camera, height_m
        self.camera = Camera.centred(2, 2, 1.0)
        self.calibration = Calibration("uncalibrated")
        self.metric = camera is not None or height_m is not None
        self.band: Band | None = None

    def update(self, lines: Sequence[PaintLine], size: tuple[int, int], time_s: float) -> None:  # noqa: ARG002
        """Nothing is learnt but the picture's size."""
        if (self.camera.width, self.camera.height) != size:
            self.camera = Camera.centred(*size, 0.9 * size[0], self._height_m or 1.4)

    def reset(self, cause: str) -> None:
        """Nothing is forgotten."""
