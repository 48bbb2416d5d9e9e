"""Lanestream: real-time lane segmentation for vehicles.

What a program needs is exported here, and imported only when it is used.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lanes.cli.opencv import explain_missing_opencv

if TYPE_CHECKING:
    from lanes.arrays import BGRImage, Mask, ProbabilityMap
    from lanes.departure import VehicleSignals, VehicleState
    from lanes.errors import InputError, ProcessingError
    from lanes.geometry.lanes import find_lanes
    from lanes.results import Calibration, Ego, Estimate, Frame, FrameResult, Lane, RoadCurve
    from lanes.segment.segmenter import Segmenter
    from lanes.settings import Settings

    __version__: str

_MODULES = {
    "BGRImage": "lanes.arrays",
    "Calibration": "lanes.results",
    "Ego": "lanes.results",
    "Estimate": "lanes.results",
    "Frame": "lanes.results",
    "FrameResult": "lanes.results",
    "InputError": "lanes.errors",
    "Lane": "lanes.results",
    "Mask": "lanes.arrays",
    "ProbabilityMap": "lanes.arrays",
    "ProcessingError": "lanes.errors",
    "RoadCurve": "lanes.results",
    "Segmenter": "lanes.segment.segmenter",
    "Settings": "lanes.settings",
    "VehicleSignals": "lanes.departure",
    "VehicleState": "lanes.departure",
    "find_lanes": "lanes.geometry.lanes",
}
"""Where each name is defined that is imported when it is first used."""

__all__ = [
    "BGRImage",
    "Calibration",
    "Ego",
    "Estimate",
    "Frame",
    "FrameResult",
    "InputError",
    "Lane",
    "Mask",
    "ProbabilityMap",
    "ProcessingError",
    "RoadCurve",
    "Segmenter",
    "Settings",
    "VehicleSignals",
    "VehicleState",
    "__version__",
    "detect_lanes",
    "find_lanes",
    "load_segmenter",
    "process",
]

explain_missing_opencv()


def load_segmenter(model: str = "unet", engine: str = "auto", precision: str = "auto", band: str = "auto") -> Segmenter:
    """A ready segmenter: `probability = load_segmenter()(frame)`.

    Args:
        model: a bundled model's name, or the path of an ONNX file with the project's metadata.
        engine: `auto` (the first that works here), `tensorrt`, `openvino`, `onnx` or `torch`.
        precision: `auto`, `fp32`, `fp16`, `bf16` or `int8`.
        band: the rows that the model looks at: `auto` (where the road is, for a model that was trained on such bands), `off` (the whole
            frame), or `TOP:BOTTOM` as shares of the frame's height.

    Raises:
        InputError: the model cannot be used, the engine or precision is not available here, or `band` is none of these.
    """
    from argparse import ArgumentTypeError

    # Imported here because the engines in turn import from this package.
    from engines.registry import open_engine
    from lanes.errors import InputError
    from lanes.segment.band_choice import parse_band
    from lanes.segment.segmenter import Segmenter

    try:
        choice = parse_band(band)
    except ArgumentTypeError as error:
        raise InputError(f"band: {error}") from None
    return Segmenter(open_engine(engine=engine, precision=precision, model=model), choice)


def detect_lanes(pixels: BGRImage, segmenter: Segmenter) -> list[Lane]:
    """The lanes of one image by itself: `detect_lanes(cv2.imread("frame.jpg"), segmenter)`.

    Args:
        pixels: (H, W, 3) uint8 BGR, upright, of any size.
        segmenter: what `load_segmenter` gave; load it once for many images.

    Returns:
        Lanes from left to right, in pixels of this image. Empty where there is no paint that looks like a lane line.

    Raises:
        ValueError: `pixels` is no such array.
    """
    import numpy as np

    from lanes.geometry.lanes import find_lanes

    probability = segmenter(pixels)
    return find_lanes(np.where(probability > segmenter.threshold, np.uint8(255), np.uint8(0)))


def process(
    source: str | Path | None = None, *, output: str | Path = "none", vehicle: VehicleSignals | None = None, **settings: Any
) -> Generator[FrameResult, None, None]:
    """Finds the lanes in a video, frame by frame: `for result in lanes.process("drive.mp4"): print(result.lanes)`.

    Args:
        source: a video file, a folder or glob of images or videos, a camera or an address; None for the bundled demo clip.
        output: where the overlay goes, as for `run_video.py`; `none` draws nothing, and leaves the frames' pixels as they are.
        vehicle: gives the vehicle's speed and turn signal at a frame's time, `lambda time_s: VehicleState(speed_mps=27.0)`; None where
            they are not known. Departure warnings depend on them.
        settings: any other setting of `run_video.py`, under the name of its flag with underscores (docs/settings.md). The environment
            is not read.

    Yields:
        A result a frame, its pixels and mask the caller's to keep.

    Raises:
        InputError: the request or the source cannot be used.
        ProcessingError: something failed under way.
    """
    from dataclasses import replace

    from lanes.session import Session
    from lanes.settings import Settings
    from lanes.settings.layers import with_file

    session = Session(Settings(**with_file({"source": source, "output": output, **settings})), vehicle=vehicle)
    with closing(session.results()) as results:
        for result in results:
            yield replace(result, mask=result.mask.copy())


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("lanestream")
    except PackageNotFoundError:  # run from a copy that is not installed
        return "0+unknown"
