"""A real camera: photographs of a board, and of a straight road by the same camera.

Its README says what others' calibrations of these photographs gave, by the detector and by which boards were kept. The straight road is
the check that no board can give: with the camera's intrinsics, and turned so that the lane's two boundaries meet at the horizon, they
run parallel in the bird's-eye view all along, which a wrong focal length or lens bends or opens.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from calibration.camera.board import Board
from calibration.camera.examine import examine
from calibration.camera.straight import mount_on_straight, parallelism
from lanes import detect_lanes
from lanes.data.frames import read_image
from lanes.errors import InputError
from lanes.geometry.camera import Camera
from lanes.geometry.camera_file import CameraFile
from lanes.segment.segmenter import Segmenter

BOARD = Board(9, 6)
RANGES = {"fx": (1155.0, 1161.0), "fy": (1150.0, 1156.0), "cx": (671.0, 673.0), "cy": (388.0, 390.0)}
"""Pixels at 1280x720, for udacity/CarND-Advanced-Lane-Lines."""

PARALLEL = 0.01
HEIGHT_M = 1.4
"""Taken for granted; the ratio of widths does not depend on it."""


def measure_photographs(folder: Path, segmenter: Segmenter, console: Console) -> dict[str, Any]:
    """Calibrates and looks at the road.

    Args:
        folder: with `board_*.jpg` and `straight_*.jpg`. segmenter: finds the paint. console: shows progress.

    Returns:
        `intrinsics`: `value`, `std` and the range, by name. `rejected`: cause by photograph, `dropped`: error in pixels by photograph.
        `rms_px`. `straight`: by photograph, by how much the lane's width changes with distance, as a share of it; None where the model
        does not see both lines.

    Raises:
        InputError: the photographs are missing, or give no camera.
    """
    boards, roads = sorted(folder.glob("board_*.jpg")), sorted(folder.glob("straight_*.jpg"))
    if not boards:
        raise InputError(f"{folder} holds no photographs board_*.jpg")
    report = examine(boards, BOARD, console)
    camera = report.camera()
    solution = report.solution
    assert solution is not None
    fit = solution.fit
    intrinsics = {name: {"value": fit.parameters[name], "std": fit.std[name], "range": list(limits)} for name, limits in RANGES.items()}
    return {
        "intrinsics": intrinsics,
        "rms_px": fit.rms,
        "photographs": len(boards),
        "rejected": {each.name: each.cause for each in report.rejected},
        "dropped": {view.name: error for view, error in solution.dropped},
        "straight": _straight(camera, roads, segmenter),
    }


def _straight(file: CameraFile, roads: list[Path], segmenter: Segmenter) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for path in roads:
        pixels = read_image(path, cv2.IMREAD_COLOR)
        lines = ego_lines(pixels, segmenter)
        size = file.for_size(pixels.shape[1], pixels.shape[0])
        flat = Camera(size.width, size.height, size.fx, size.fy, size.cx, size.cy, HEIGHT_M, distortion=size.distortion)
        found[path.name] = None if lines is None else parallelism(mount_on_straight(flat, *lines), *lines)
    return found


def ego_lines(pixels: NDArray[np.uint8], segmenter: Segmenter) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """The boundaries of the ego lane in a still; None where either is not found."""
    segmenter.reset()
    lanes = {lane.position: lane.points for lane in detect_lanes(pixels, segmenter)}
    return (lanes[-1], lanes[1]) if {-1, 1} <= lanes.keys() else None
