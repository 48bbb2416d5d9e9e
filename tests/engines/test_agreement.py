"""All engines, in all of their precisions, see the lanes that torch sees in fp32."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines import model_file
from engines.model_file import bundled_models
from engines.registry import ENGINES, load_engine_class, open_engine
from tests.engines.made_models import AGREEMENT, draw_roads, iou

pytestmark = pytest.mark.usefixtures("tiny_is_bundled")

BUNDLED_WEIGHTS = model_file.WEIGHTS


def runnable() -> list[tuple[str, str]]:
    """(engine, precision) of everything that this machine can do."""
    return [(name, precision) for name in ENGINES for precision in load_engine_class(name).precisions()]


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize(("name", "precision"), runnable())
def test_masks_agree_with_the_reference(name: str, precision: str, batch: int) -> None:
    frames, ground_truth = draw_roads(8, seed=5)
    with open_engine("torch", "fp32", "tiny", batch=1) as reference, open_engine(name, precision, "tiny", batch) as opened:
        expected = np.concatenate([reference.infer(frames[i : i + 1]).copy() for i in range(8)])
        given = np.concatenate([opened.infer(frames[i : i + batch]).copy() for i in range(0, 8, batch)])
    assert iou(expected > 127, ground_truth > 0) > 0.6  # the reference does see lines: agreeing on nothing would be no feat
    assert iou(given > 127, expected > 127) >= AGREEMENT[precision]
    if precision == "fp32":
        assert np.abs(given.astype(int) - expected).max() <= 2


@pytest.fixture(scope="module")
def real_frames(shared: Path) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Frames of all labelled sources, (N, H, W, 3) as the bundled U-Net sees them, and what torch says of them in fp32."""
    if "fp32" not in bundled_models().get("unet", {}):
        pytest.skip("no fp32 file of unet is bundled")
    paths = sorted((shared / "lanedata").glob("*/images/*.jpg"))[::240]
    with open_engine("torch", "fp32", "unet", batch=len(paths)) as reference:
        transform = reference.model.metadata.transform
        pictures = np.empty((len(paths), transform.height, transform.width, 3), np.uint8)
        for path, picture in zip(paths, pictures, strict=True):
            frame = cv2.imread(str(path))
            assert frame is not None
            transform.fit(frame.shape[1], frame.shape[0]).to_model(frame.astype(np.uint8, copy=False), picture)
        return pictures, reference.infer(pictures) > 127


@pytest.mark.parametrize(("name", "precision"), runnable())
def test_masks_agree_on_real_frames(
    real_frames: tuple[NDArray[np.uint8], NDArray[np.bool_]], name: str, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_file, "WEIGHTS", BUNDLED_WEIGHTS)
    if model_file.FILE_PRECISION[precision] not in bundled_models()["unet"]:
        pytest.skip(f"no {precision} file of unet is bundled")
    pictures, expected = real_frames
    with open_engine(name, precision, "unet", batch=len(pictures)) as opened:
        given = opened.infer(pictures) > 127
    assert expected.sum() > 1000
    assert iou(given, expected) >= (0.97 if precision == "int8" else AGREEMENT[precision])
