"""Lines told apart: in masks that are labels, and in what a network gives."""

from __future__ import annotations

import cv2
import numpy as np

from lanes.arrays import Mask
from lanes.geometry.estimator import InstanceEstimator, PerFrameEstimator
from lanes.geometry.grid import paint_grid
from lanes.geometry.instances import instance_lines, label_instances
from lanes.geometry.lanes import find_lanes
from lanes.geometry.lines import find_paint_lines
from lanes.tracking.estimator import TrackingEstimator

WIDTH, HEIGHT = 512, 256


def road() -> tuple[Mask, Mask]:
    """A solid line on the left, a dashed one on the right; and which of the two each pixel is of, 1 or 2."""
    lines = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.line(lines, (60, 250), (240, 40), 1, 7)
    for share in (0.0, 0.35, 0.7):
        start, end = (np.array([450, 250]) + np.array([-175, -205]) * at for at in (share, share + 0.2))
        cv2.line(lines, tuple(np.rint(start).astype(int).tolist()), tuple(np.rint(end).astype(int).tolist()), 2, 7)
    return np.where(lines > 0, 255, 0).astype(np.uint8), lines


def test_the_dashes_of_a_line_are_one_instance_and_two_lines_are_two() -> None:
    mask, lines = road()
    labels = label_instances(mask)
    assert labels.max() == 2
    for number in (1, 2):
        found = np.bincount(labels[lines == number], minlength=3)
        assert found.max() > 0.97 * found.sum()
        assert np.argmax(found) > 0
    assert not labels[mask == 0].any()


def test_specks_and_nothing_are_no_lines() -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    assert not label_instances(mask).any()
    mask[100:103, 200:203] = 255
    assert not label_instances(mask).any()
    assert not label_instances(np.full((1, 1), 255, np.uint8)).any()


def test_what_a_network_tells_apart_is_not_joined_again() -> None:
    """Two dashes that lie in one line are joined, unless the network says that they are of two; and it may say so of any strokes."""
    mask, _ = road()
    far = mask.copy()
    far[:, :300] = 0
    joined = find_paint_lines(far)
    assert len(joined) == 1
    rows, _ = np.indices(mask.shape)
    apart = np.where(far > 0, np.where(rows > 190, 1, 2), 0).astype(np.uint8)
    assert len(instance_lines(paint_grid(far), apart)) == 2
    one = np.where(far > 0, 1, 0).astype(np.uint8)
    (line,) = instance_lines(paint_grid(far), one)
    assert len(line.parts) == 3
    assert (np.diff(line.y) < 0).all()


def test_lanes_of_instances_are_those_of_their_lines() -> None:
    mask, lines = road()
    assert [lane.position for lane in find_lanes(mask, lines)] == [-1, 1]
    assert [lane.type for lane in find_lanes(mask, lines)] == [lane.type for lane in find_lanes(mask)]
    without_left = np.where(lines == 1, 0, lines).astype(np.uint8)
    assert [lane.position for lane in find_lanes(mask, without_left)] == [1]


def test_the_estimators_take_instances() -> None:
    assert isinstance(PerFrameEstimator(), InstanceEstimator)
    assert isinstance(TrackingEstimator(), InstanceEstimator)
