"""Clips of single frames: the road moves as a plane before a moving camera does."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lanes.data.augment import Sample
from lanes.data.motion import FASTEST, Motion, advance, random_motion

WIDTH, HEIGHT = 640, 360
FOCAL, CAMERA_HEIGHT, HORIZON, MIDDLE = 500.0, 1.4, 130.0, 300.0
NEAREST = FOCAL * CAMERA_HEIGHT / (HEIGHT - HORIZON)
"""Metres to the road at the frame's lower edge."""


def seen_from(travelled: float) -> Sample:
    """A flat road with two lines and dashes between them, seen by a camera that has `travelled` so many metres."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    edges = [(-1.8, 0.0, 400.0), (1.8, 0.0, 400.0), *((0.0, start, start + 1.5) for start in range(0, 100, 4))]
    for across, start, end in edges:
        near, far = max(start - travelled, 0.5), end - travelled
        if far > near:
            corners = [(across + side, at) for at, side in ((near, -0.1), (far, -0.1), (far, 0.1), (near, 0.1))]
            pixels = [(MIDDLE + FOCAL * x / z, HORIZON + FOCAL * CAMERA_HEIGHT / z) for x, z in corners]
            cv2.fillPoly(mask, [np.round(np.array(pixels) * 16).astype(np.int32)], 255.0, shift=4)
    image = np.repeat(90 + (mask // 255 * 120)[..., None], 3, axis=2).astype(np.uint8)
    return Sample(image, mask, np.full_like(mask, 255))


def iou(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(((one > 0) & (other > 0)).sum() / ((one > 0) | (other > 0)).sum())


@pytest.mark.parametrize(("metres", "frames"), [(0.4, 1), (0.8, 1), (0.8, 2), (0.5, 3)])
def test_paint_is_where_a_camera_that_moved_on_sees_it(metres: float, frames: int) -> None:
    start, later = seen_from(3.0), seen_from(3.0 + metres * frames)
    moved = advance(start, Motion((MIDDLE, HORIZON), metres / NEAREST, 0.0), frames)
    assert iou(moved.target, later.target) > 0.85
    dashes = slice(int(MIDDLE) - 25, int(MIDDLE) + 25)  # lines look the same all along
    moved_iou, start_iou = (iou(each.target[:, dashes], later.target[:, dashes]) for each in (moved, start))
    assert moved_iou > 0.7 > start_iou
    paint = cv2.erode(moved.target, np.ones((3, 3), np.uint8)) > 0
    assert np.abs(moved.pixels[paint].astype(int) - 210).mean() < 20


def test_nothing_moves_above_the_horizon_or_for_a_car_that_stands() -> None:
    sample = seen_from(3.0)
    noise = np.random.default_rng(1).integers(0, 256, sample.pixels.shape).astype(np.uint8)
    sample = Sample(noise, sample.target, sample.weight)
    moved = advance(sample, Motion((MIDDLE, HORIZON), 0.2, 0.0), 2)
    np.testing.assert_array_equal(moved.pixels[: int(HORIZON)], noise[: int(HORIZON)])
    assert (moved.pixels[int(HORIZON) + 20 :] != noise[int(HORIZON) + 20 :]).mean() > 0.5
    assert advance(sample, Motion((MIDDLE, HORIZON), 0.0, 0.0), 2) is sample
    assert advance(sample, Motion((MIDDLE, HORIZON), 0.2, 0.0), 0) is sample
    assert advance(sample, Motion((MIDDLE, HEIGHT + 10.0), 0.2, 0.0), 1) is sample


@given(st.integers(0, 2**32), st.integers(2, 8))
def test_every_motion_is_forward_and_shows_only_road_that_the_first_frame_has(seed: int, frames: int) -> None:
    sample = seen_from(0.0)
    motion = random_motion(sample, frames, np.random.default_rng(seed))
    assert 0 <= motion.speed <= FASTEST
    assert motion.speed * (frames - 1) < 1
    assert motion.vanishing[1] < np.flatnonzero(sample.target.any(axis=1))[0]
    last = advance(sample, motion, frames - 1)
    assert set(np.unique(last.target)) <= {0, 255}
    assert last.pixels.shape == sample.pixels.shape


def test_a_frame_without_paint_moves_too() -> None:
    bare = Sample(np.full((90, 160, 3), 90, np.uint8), np.zeros((90, 160), np.uint8), np.full((90, 160), 255, np.uint8))
    motions = [random_motion(bare, 3, np.random.default_rng(seed)) for seed in range(40)]
    assert 0 < sum(motion.speed == 0 for motion in motions) < 20
    assert all(advance(bare, motion, 2).target.max() == 0 for motion in motions)
