"""Lanestream: real-time lane segmentation for vehicles."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lanes.results import FrameResult
    from lanes.segment.segmenter import Segmenter

__version__ = "0.1.0"
__all__ = ["load_segmenter", "process"]


def load_segmenter(model: str = "unet", engine: str = "auto", precision: str = "auto") -> Segmenter:
    """A ready segmenter: `probability = load_segmenter()(frame)`.

    Args:
        model: a bundled model's name, or the path of an ONNX file with the project's metadata.
        engine: `auto` (the first that works here), `tensorrt`, `openvino`, `onnx` or `torch`.
        precision: `auto`, `fp32`, `fp16`, `bf16` or `int8`.

    Raises:
        InputError: the model cannot be used, or the engine or precision does not work here.
    """
    # Imported here because the engines in turn import from this package.
    from engines.registry import open_engine
    from lanes.segment.segmenter import Segmenter

    return Segmenter(open_engine(engine=engine, precision=precision, model=model))


def process(
    source: str | Path | None = None, *, output: str | Path = "none", **settings: Any
) -> Generator[FrameResult, None, None]:
    """Finds the lanes in a video, frame by frame: `for result in lanes.process("drive.mp4"): print(result.lanes)`.

    Args:
        source: a video file, a folder or glob of pictures or videos, a camera or an address; None for the bundled demo clip.
        output: where the overlay goes, as for `run_video.py`; `none` draws nothing, and leaves the frames' pixels as they are.
        settings: any other setting of `run_video.py`, under the name of its flag with underscores (docs/settings.md).

    Yields:
        A result a frame, its pixels and mask the caller's to keep.

    Raises:
        InputError: the request or the source cannot be used.
        ProcessingError: something failed under way.
    """
    from lanes.session import Session
    from lanes.settings import Settings

    session = Session(Settings(source=None if source is None else str(source), output=str(output), **settings))
    with closing(session.results()) as results:
        for result in results:
            yield replace(result, mask=result.mask.copy())
