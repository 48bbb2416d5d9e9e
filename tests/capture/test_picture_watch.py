"""A frozen or black picture, by pictures of the renderer and FFmpeg's own thresholds."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from lanes.arrays import BGRImage
from lanes.capture.events import Black, Event, Frozen, PictureBack
from lanes.capture.picture_watch import PictureWatch
from lanes.renderer import RoadRenderer, Scene
from lanes.results import Frame


def watch(pictures: list[BGRImage], rate: int = 10, cuts: frozenset[int] = frozenset()) -> list[tuple[int, Event]]:
    """The events, and the number of the frame with each."""
    watching = PictureWatch()
    found = []
    for index, pixels in enumerate(pictures):
        event = watching.look(Frame(pixels, index, Fraction(index, rate), "cam", "", cut=index in cuts))
        if event is not None:
            found.append((index, event))
    return found


def drive(count: int) -> list[BGRImage]:
    renderer = RoadRenderer(Scene.demo(), 320, 180)
    return [renderer.render(index / 10).pixels for index in range(count)]


def test_a_drive_is_neither() -> None:
    assert watch(drive(40)) == []


def test_the_same_picture_for_two_seconds_is_frozen_once_until_it_moves() -> None:
    moving = drive(10)
    found = watch(moving + [moving[-1]] * 30 + drive(5))
    assert found == [(29, Frozen(2.0)), (40, PictureBack(3.1))]


def test_noise_that_nobody_sees_is_frozen_and_a_camera_s_own_noise_is_not() -> None:
    rng = np.random.default_rng(1)
    (picture,) = drive(1)
    hardly = [np.clip(picture + (rng.random(picture.shape) < 0.1), 0, 255).astype(np.uint8) for _ in range(30)]
    noisy = [np.clip(picture + rng.normal(0, 1.5, picture.shape), 0, 255).astype(np.uint8) for _ in range(30)]
    assert [type(event) for _, event in watch(hardly)] == [Frozen]
    assert watch(noisy) == []


def test_a_picture_that_changes_slowly_is_not_frozen() -> None:
    assert watch([np.full((90, 160, 3), 60 + index, np.uint8) for index in range(60)]) == []


def test_a_black_picture_is_black_and_not_frozen() -> None:
    black = np.full((180, 320, 3), 4, np.uint8)
    black[:1, :40] = 200  # a time burnt in
    found = watch(drive(5) + [black] * 30 + drive(3))
    assert found == [(25, Black(2.0)), (35, PictureBack(3.0))]


def test_a_night_with_lights_is_not_black() -> None:
    rng = np.random.default_rng(2)
    pictures = []
    for _ in range(40):
        night = rng.integers(0, 12, (180, 320, 3)).astype(np.uint8)
        night[100:130, 100:220] = 120
        pictures.append(night)
    assert watch(pictures) == []


def test_a_cut_begins_anew() -> None:
    (picture,) = drive(1)
    assert watch([picture] * 39, cuts=frozenset({20})) == []
