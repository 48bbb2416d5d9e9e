"""Lanestream: real-time lane segmentation for vehicles."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lanes.segment.segmenter import Segmenter

__version__ = "0.1.0"
__all__ = ["load_segmenter"]


def load_segmenter(model: str = "unet", engine: str = "auto", precision: str = "auto") -> Segmenter:
    """A ready segmenter: `probability = load_segmenter()(frame)`.

    Args:
        model: a bundled model's name, or the path of an ONNX file with the project's metadata.
        engine: `auto` (the fastest that works here), `tensorrt`, `openvino`, `onnx` or `torch`.
        precision: `auto`, `fp32`, `fp16`, `bf16` or `int8`.

    Raises:
        InputError: the model cannot be used, or the engine or precision is not to be had here.
    """
    # Imported here because the engines in turn import from this package.
    from engines.registry import open_engine
    from lanes.segment.segmenter import Segmenter

    return Segmenter(open_engine(engine=engine, precision=precision, model=model))
