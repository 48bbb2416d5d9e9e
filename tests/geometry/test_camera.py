"""The camera: signs, that projection and its inverse agree, and that its lens is OpenCV's."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from lanes.geometry.camera import Camera
from lanes.geometry.distortion import NO_DISTORTION, Distortion

WIDTH, HEIGHT = 640, 384
LEVEL = Camera.centred(WIDTH, HEIGHT, 500.0)

mountings = st.builds(
    dict,
    mount_height=st.floats(0.8, 3.0),
    pitch=st.floats(-0.3, 0.3),
    roll=st.floats(-0.2, 0.2),
    yaw=st.floats(-0.3, 0.3),
    lateral=st.floats(-3, 3),
)
# Ordinary lenses: from strong barrel to mild pincushion distortion, with a sensor a little askew.
lenses = st.builds(
    Distortion,
    k1=st.floats(-0.35, 0.1),
    k2=st.floats(-0.02, 0.12),
    p1=st.floats(-0.003, 0.003),
    p2=st.floats(-0.003, 0.003),
    k3=st.floats(-0.01, 0.01),
)


def camera(fov: float, mounting: dict[str, float], lens: Distortion = NO_DISTORTION, aspect: float = 1.0) -> Camera:
    focal = WIDTH / 2 / np.tan(fov / 2)
    return Camera(WIDTH, HEIGHT, focal, focal * aspect, 0.47 * WIDTH, 0.52 * HEIGHT, **mounting, distortion=lens)  # type: ignore[arg-type]


LOOKING_AHEAD = {"mount_height": 0.8, "pitch": 0.0, "roll": 0.0, "yaw": 0.0, "lateral": -2.0}


@settings(deadline=None)
@given(st.floats(0.3, 1.9), mountings, lenses, st.floats(0.8, 1.2), st.floats(4, 80), st.floats(-8, 8))
@example(1.0, LOOKING_AHEAD, Distortion(k2=0.0625, k3=-0.0078125), 1.0, 4.0, 6.0)  # a whole step of Newton's would leap over the fold
def test_road_to_pixel_and_back(fov: float, mounting: dict[str, float], lens: Distortion, aspect: float, x: float, y: float) -> None:
    seen = camera(fov, mounting, lens, aspect)
    pixel = seen.project((x, y, 0.0))
    # Where the image is about to fold back, a point is not determined by its pixel.
    assume(np.all(np.isfinite(pixel)) and np.all(np.abs(pixel) < 5000))
    forward, left, up = (np.array((x, y - seen.lateral, -seen.mount_height)) @ seen.rotation).tolist()
    assume(np.hypot(left, up) / forward < 0.9 * lens.reach)
    assert seen.unproject(pixel) == pytest.approx((x, y), abs=1e-5 * x)


@settings(deadline=None)
@given(st.floats(0.3, 1.4), mountings, lenses, st.floats(0, WIDTH - 1), st.floats(0, HEIGHT - 1))
def test_pixel_to_road_and_back(fov: float, mounting: dict[str, float], lens: Distortion, u: float, v: float) -> None:
    seen = camera(fov, mounting, lens)
    ground = seen.unproject((u, v))
    assume(np.all(np.isfinite(ground)) and np.hypot(*ground) < 1000)
    assert seen.project((*ground, 0.0)) == pytest.approx((u, v), abs=1e-4)


@settings(deadline=None)
@given(lenses, st.integers(0, 2**32 - 1))
def test_the_lens_is_opencv_s(lens: Distortion, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ahead = np.concatenate([rng.uniform(-0.6, 0.6, (50, 2)), np.ones((50, 1))], axis=1)  # x right, y down, z forward
    matrix = np.array([[500.0, 0, 300], [0, 520.0, 200], [0, 0, 1]])
    coefficients = np.array([lens.k1, lens.k2, lens.p1, lens.p2, lens.k3])
    expected = cv2.projectPoints(ahead, np.zeros(3), np.zeros(3), matrix, coefficients)[0][:, 0]
    seen = Camera(600, 400, 500.0, 520.0, 300.0, 200.0, mount_height=0.0, distortion=lens)
    inside = np.hypot(ahead[:, 0], ahead[:, 1]) < lens.reach
    forward_left_up = np.stack([ahead[:, 2], -ahead[:, 0], -ahead[:, 1]], axis=1)
    np.testing.assert_allclose(seen.project(forward_left_up)[inside], expected[inside], atol=1e-8)


def test_signs() -> None:
    """Left of the axis is left in the picture, down is down; nose down moves the world up, nose left moves it right."""
    u, v = LEVEL.project((20.0, 1.0, 0.0))
    assert u < LEVEL.cx
    assert v > LEVEL.cy
    assert replace(LEVEL, pitch=0.1).project((20.0, 1.0, 0.0))[1] < v
    assert replace(LEVEL, yaw=0.1).project((20.0, 1.0, 0.0))[0] > u
    assert replace(LEVEL, lateral=2.0).project((20.0, 1.0, 0.0))[0] > LEVEL.cx
    # The right side down: what is on the left sinks less than what is on the right rises.
    rolled = replace(LEVEL, roll=0.1)
    assert rolled.project((20.0, 5.0, 1.4))[1] > rolled.project((20.0, -5.0, 1.4))[1]
    assert np.isnan(LEVEL.unproject((0, 0))).all()
    assert np.isnan(LEVEL.project((-1.0, 0.0, 0.0))).all()


def test_a_barrel_lens_pulls_points_to_the_middle_and_never_folds_them_back() -> None:
    barrel = replace(LEVEL, distortion=Distortion(k1=-0.3))
    near, far = (np.array((10.0, y, 1.4)) for y in (2.0, 9.0))
    assert LEVEL.cx > barrel.project(near)[0] > LEVEL.project(near)[0]
    assert barrel.distortion.reach == pytest.approx(np.sqrt(1 / 0.9))
    assert np.isfinite(barrel.project(far)).all()
    assert np.isnan(barrel.project((10.0, 11.0, 1.4))).all()
    # The widest picture that this lens makes ends before a pixel so far out.
    assert np.isnan(barrel.unproject((-500.0, HEIGHT))).all()


def test_many_points_at_once_give_what_each_gives_alone() -> None:
    seen = replace(LEVEL, pitch=0.05, distortion=Distortion(-0.25, 0.05, 0.001, -0.001))
    pixels = np.stack(np.meshgrid(np.linspace(0, WIDTH - 1, 7), np.linspace(0, HEIGHT - 1, 5)), axis=-1)
    together = seen.unproject(pixels)
    assert together.shape == (5, 7, 2)
    alone = np.array([[seen.unproject(pixel) for pixel in row] for row in pixels])
    np.testing.assert_allclose(together, alone, rtol=1e-6)


def test_the_horizon_is_where_far_ground_ends() -> None:
    seen = replace(LEVEL, pitch=0.05, roll=0.03, yaw=0.1)
    left, right = seen.horizon()
    for u, row in ((0, left), (WIDTH - 1, right)):
        assert np.isnan(seen.unproject((u, row - 0.5))).all()
        assert np.isfinite(seen.unproject((u, row + 0.5))).all()
