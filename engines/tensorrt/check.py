"""Whether a new engine calculates what its file means: found out on one picture before the engine is kept.

TensorRT 8.6.0's int8 kernels for an H200 gave an empty map for `unet`, without a word, where ONNX Runtime on the processor finds all
paint in the same file, and TensorRT itself does in fp32 and fp16.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.backends.onnx_cpu import OnnxEngine
from engines.model_file import ModelFile

LEAST_AGREEMENT = 0.8
"""Least IoU of the two maps' pixels above one half. Rounding in int8 moves edges of thin paint: files that are right reach 0.97."""

FEWEST_PIXELS = 50
"""Where either map has fewer, they are compared by value."""

MOST_DIFFERENCE = 32
"""Greatest difference of such maps in any pixel, of 255."""


def road_picture(width: int, height: int) -> NDArray[np.uint8]:
    """Grey road under a bright sky with four white lines that meet at the horizon, (H, W, 3) uint8 BGR: any lane network sees paint."""
    picture = np.full((height, width, 3), (205, 190, 170), np.uint8)
    horizon = height * 2 // 5
    picture[horizon:] = 95
    for near in (-0.6, 0.15, 0.85, 1.6):
        foot = [(round(width * (near + side)), height) for side in (-0.02, 0.02)]
        cv2.fillPoly(picture, [np.array([*foot, (width // 2, horizon)], np.int32)], (235, 235, 235), cv2.LINE_AA)
    return cv2.GaussianBlur(picture, (3, 3), 0).astype(np.uint8, copy=False)


def looks(model: ModelFile) -> int:
    """How often the picture is seen: once or, by a model with state, once more with what it remembers."""
    return 2 if model.metadata.state else 1


def expected_map(model: ModelFile, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What ONNX Runtime on the processor makes of one picture: lane probability, (H, W) uint8. fp16 files are calculated in fp32.

    Of a model with state, at the last of its `looks`.
    """
    readable = model.as_fp32() if model.precision == "fp16" else model
    batch = model.batch or 1
    with OnnxEngine(readable, readable.precision, batch) as engine:
        for _ in range(looks(model)):
            probability: NDArray[np.uint8] = engine.infer(np.repeat(picture[None], batch, axis=0))[0]
    return probability


def disagreement(given: NDArray[np.uint8], expected: NDArray[np.uint8]) -> str | None:
    """How a map is wrong, in one clause; None where two ways to calculate the same network may differ by as much. Both (H, W) uint8."""
    one, other = given > 127, expected > 127
    if max(one.sum(), other.sum()) < FEWEST_PIXELS:
        most = int(np.abs(given.astype(int) - expected).max(initial=0))
        return f"its probabilities are off by up to {most} of 255" if most > MOST_DIFFERENCE else None
    iou = float((one & other).sum() / (one | other).sum())
    return f"its mask of a drawn road has an IoU of {iou:.2f} with ONNX Runtime's" if iou < LEAST_AGREEMENT else None
