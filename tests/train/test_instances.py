"""Boxes of lines and which regions hold them, on cases made by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")

from lanes.train.instances import MARGIN, MOST_LINES, NOTHING, UNCERTAIN, Lines, line_boxes, match  # noqa: E402


def test_boxes_lie_around_lines_and_say_which_way_they_lean() -> None:
    labels = np.zeros((160, 256), np.uint8)
    labels[20, 100] = 2  # too little of a line
    cv2.line(labels, (40, 150), (120, 30), 1, 3)
    cv2.line(labels, (220, 150), (140, 30), 3, 3)
    cv2.line(labels, (130, 150), (132, 30), 4, 3)
    kept, boxes = line_boxes(labels)
    assert boxes.shape == (MOST_LINES, 5)
    assert boxes[:, 4].tolist()[:4] == [1, -1, 0.5, 0]
    y, x = np.nonzero(labels == 3)
    assert boxes[1, :4].tolist() == [x.min() - MARGIN, y.min() - MARGIN, x.max() + 1 + MARGIN, y.max() + 1 + MARGIN]
    assert set(np.unique(kept)) == {0, 1, 2, 3}
    assert (kept[labels == 3] == 2).all()
    assert not kept[labels == 2].any()
    assert not line_boxes(np.zeros((160, 256), np.uint8))[1].any()


def lines() -> Lines:
    """One that leans to the right, a steep one, and the place of a third that is not there."""
    boxes = torch.tensor([[[0.0, 0, 100, 100], [200, 0, 220, 100], [0, 0, 0, 0]]])
    return Lines(boxes, torch.tensor([[1.0, -0.5, 0]]))


def test_regions_hold_the_line_that_they_overlap_and_lean_with() -> None:
    regions = torch.tensor([[0.0, 0, 100, 90], [0, 0, 100, 90], [0, 0, 100, 42], [0, 0, 100, 20], [200, 0, 220, 90], [200, 0, 220, 90]])
    direction = torch.tensor([1.0, -1, 1, 1, -1, 1])
    assert match(lines(), regions, direction).tolist() == [[0, NOTHING, UNCERTAIN, NOTHING, 1, UNCERTAIN]]


def test_the_best_regions_hold_a_line_whatever_the_overlap() -> None:
    regions = torch.tensor([[0.0, 0, 100, 30], [0, 0, 100, 20], [0, 0, 100, 10], [300, 0, 310, 10]])
    direction = torch.ones(4)
    assert match(lines(), regions, direction).tolist() == [[NOTHING] * 4]
    assert match(lines(), regions, direction, best=2).tolist() == [[0, 0, NOTHING, NOTHING]]


def test_an_image_without_lines_has_nothing_to_hold() -> None:
    none = Lines(torch.zeros(1, 3, 4), torch.zeros(1, 3))
    assert match(none, torch.tensor([[0.0, 0, 10, 10]]), torch.ones(1), best=1).tolist() == [[NOTHING]]
