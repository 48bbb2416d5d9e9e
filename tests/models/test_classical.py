"""The guesses of the classical method, one by one, on roads drawn by hand; and its engine, which keeps the contract of all others."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lanes
from engines.model_file import describe_models, find_model
from engines.registry import open_engine
from lanes.arrays import BGRImage
from lanes.data.open import list_frames
from lanes.errors import InputError
from lanes.evaluate.run import evaluate
from lanes.models.classical import THRESHOLDS, find_paint, region

WHITE, YELLOW, ASPHALT = (235, 235, 235), (70, 190, 225), (95, 95, 95)
LINE = ((180, 150), (250, 50))


def road(
    colour: tuple[int, int, int] = WHITE, start: tuple[int, int] = LINE[0], end: tuple[int, int] = LINE[1], width: int = 6
) -> BGRImage:
    """Asphalt, 512x160, with a line on it."""
    image = np.full((160, 512, 3), ASPHALT, np.uint8)
    return cv2.line(image, start, end, colour, width).astype(np.uint8, copy=False)


@pytest.mark.parametrize("colour", [WHITE, YELLOW])
def test_a_line_of_paint_is_found_where_it_is(colour: tuple[int, int, int]) -> None:
    image = road(colour)
    ground_truth = (image != ASPHALT).any(axis=2)
    found = find_paint(image) > 0
    assert (found & ground_truth).sum() > 0.85 * ground_truth.sum()
    assert not (found & (cv2.dilate(ground_truth.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0)).any()


def test_what_is_no_line_is_not_found() -> None:
    nothing = {
        "asphalt": np.full((160, 512, 3), ASPHALT, np.uint8),
        "a bright surface": road(width=120),
        "a line across the road": road(start=(120, 100), end=(400, 100)),
        "an edge of shadow": np.where(np.arange(512)[None, :, None] < 250, 40, 120).astype(np.uint8) * np.ones((160, 1, 3), np.uint8),
        "a speck": road(start=(250, 100), end=(251, 101), width=2),
        "a dark line": road((40, 40, 40)),
        "a line in the sky": road(start=(250, 2), end=(262, 26)),
    }
    assert [what for what, image in nothing.items() if find_paint(image).any()] == []


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1 << 32), st.sampled_from([(160, 512), (90, 320), (32, 64)]))
def test_paint_lies_in_the_region_of_interest_whatever_the_image(seed: int, size: tuple[int, int]) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    before = image.copy()
    found = find_paint(image)
    assert (found.shape, found.dtype) == (size, np.uint8)
    assert not (found[region(size, THRESHOLDS) == 0]).any()
    assert (image == before).all()


def test_the_engine_keeps_the_contract() -> None:
    images = np.stack([road(), road(YELLOW)])
    with open_engine(model="classical", batch=2) as engine:
        assert (engine.name, engine.precision, list(engine.inputs), list(engine.outputs)) == ("opencv", "fp32", ["frames"], ["probability"])
        assert "classical is a program" in engine.reason
        found = engine.infer(images)
        assert (found == [find_paint(image) for image in images]).all()
        with pytest.raises(ValueError, match="frames: expected a contiguous uint8 array"):
            engine.infer(images[:1])
        engine.reset()
    with pytest.raises(RuntimeError, match="this opencv engine is closed"):
        engine.infer(images)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"model": "classical", "engine": "onnx"}, "onnx cannot run classical: classical is a program, not a network"),
        ({"model": "classical", "precision": "int8"}, "opencv runs no int8 here, only fp32"),
        ({"model": "unet", "engine": "opencv"}, "opencv runs the models that are programs, classical, and unet is a network"),
    ],
)
def test_what_cannot_run_it_is_refused_in_words(request_: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_engine(**request_)  # type: ignore[arg-type]


def test_it_is_listed_but_there_is_no_file_of_it() -> None:
    assert "classical" in describe_models()
    with pytest.raises(InputError, match="there is no file of it"):
        find_model("classical")


def test_it_is_evaluated_as_every_model(rendered_sources: Path) -> None:
    with lanes.load_segmenter("classical") as segmenter:
        scores = evaluate(segmenter, list_frames(rendered_sources, "val"))
    assert set(scores) == {"north", "south"}
    assert all(count.frames == 2 for count in scores.values())
