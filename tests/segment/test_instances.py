"""Instances from a model's regions: which regions are one line, what its paint is, and where it lies in the frame."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lanes.segment.instances import Regions, find_instances, to_frame
from lanes.segment.transform import FrameTransform

SIZE = (96, 160)


def diagonal(direction: int) -> NDArray[np.float32]:
    """A mask along one diagonal of its box."""
    y, x = np.indices((48, 64), np.float32)
    across = (y + 0.5) / 48 - ((x + 0.5) / 64 if direction < 0 else 1 - (x + 0.5) / 64)
    return np.where(np.abs(across) < 0.1, 0.9, 0.05).astype(np.float32)


def regions(*each: tuple[tuple[float, float, float, float], float, int]) -> Regions:
    boxes, scores, directions = zip(*each, strict=True)
    return Regions(np.array(boxes, np.float32), np.array(scores, np.float32), np.stack([diagonal(way) for way in directions]))


def test_two_regions_of_one_line_are_one_and_two_lines_in_one_box_are_two() -> None:
    box = (20, 10, 100, 80)
    labels = find_instances(regions((box, 0.9, 1), ((22, 12, 104, 84), 0.8, 1), (box, 0.7, -1)), SIZE, 0.5)
    assert labels.shape == SIZE
    assert labels.max() == 2
    assert labels[75, 26] == 1
    assert labels[15, 94] == 1
    assert labels[15, 26] == 2


def test_what_is_unlikely_is_no_line() -> None:
    assert not find_instances(regions(((20, 10, 100, 80), 0.4, 1)), SIZE, 0.5).any()
    assert find_instances(regions(((20, 10, 100, 80), 0.4, 1)), SIZE, 0.3).any()


def test_a_region_beyond_the_border_is_cut_off_there() -> None:
    labels = find_instances(regions(((-60, -40, 60, 60), 0.9, -1), ((300, 10, 340, 40), 0.8, 1)), SIZE, 0.5)
    assert labels.max() == 1
    assert labels[30, 24] == 1


def test_instances_lie_in_the_frame_where_the_model_saw_them() -> None:
    labels = np.zeros(SIZE, np.uint8)
    labels[40:60, 100:120] = 3
    placement = FrameTransform(SIZE[1], SIZE[0]).fit(640, 480, (100, 400))
    moved = to_frame(labels, placement)
    assert moved.shape == (480, 640)
    y, x = np.nonzero(moved == 3)
    middle = placement.points_to_frame((109.5, 49.5))
    np.testing.assert_allclose((x.mean(), y.mean()), middle, atol=1)
    assert not moved[:100].any()
    assert not moved[400:].any()
    assert set(np.unique(moved)) == {0, 3}


def test_regions_come_from_an_engines_outputs() -> None:
    outputs = {"boxes": np.zeros((2, 3, 4), np.float16), "scores": np.ones((2, 3), np.float16), "masks": np.zeros((2, 3, 4, 5), np.float16)}
    found = Regions.of(outputs, 1)
    assert found.boxes.dtype == found.masks.dtype == np.float32
    assert found.masks.shape == (3, 4, 5)
    with pytest.raises(KeyError):
        Regions.of({"boxes": outputs["boxes"]})
