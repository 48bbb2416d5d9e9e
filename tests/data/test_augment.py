"""Each change of the view by itself: it keeps the form of an image, is drawn from its generator alone, and hides what it says it hides."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator

from lanes.arrays import BGRImage
from lanes.data.augment import EFFECTS, Sample
from lanes.data.light import headlights, tone
from lanes.data.obstructions import with_wiper
from lanes.data.recording import auto_contrast, low_resolution, video
from lanes.data.windscreen import rain

Effect = Callable[[BGRImage, Generator], BGRImage]
ALL = [tone, headlights, *(effect for _, effect in EFFECTS)]


def view(width: int = 176, height: int = 96) -> BGRImage:
    rows, columns = np.mgrid[0:height, 0:width]
    grey = (90 + 60 * np.sin(columns / 5) + rows / 3).astype(np.uint8)
    return np.stack([grey, grey, np.roll(grey, 3, axis=1)], axis=-1)


def sharpness(pixels: BGRImage) -> float:
    return float(np.abs(np.diff(pixels.astype(np.float64), axis=1)).mean())


@pytest.mark.parametrize("effect", ALL, ids=lambda effect: effect.__name__)
@pytest.mark.parametrize("size", [(176, 96), (97, 33), (32, 32)], ids=["even", "odd", "small"])
def test_an_effect_keeps_the_form_and_its_source(effect: Effect, size: tuple[int, int]) -> None:
    pixels = view(*size)
    original = pixels.copy()
    changed = [effect(pixels, np.random.default_rng(seed)) for seed in (1, 1, 2, 3)]
    assert all(each.shape == pixels.shape and each.dtype == np.uint8 for each in changed)
    np.testing.assert_array_equal(changed[0], changed[1])
    assert any((each != pixels).any() for each in changed)
    np.testing.assert_array_equal(pixels, original)


def test_resolution_that_was_lost_stays_lost() -> None:
    fine = np.random.default_rng(0).integers(0, 256, (96, 176, 3), np.uint8)
    assert np.mean([sharpness(low_resolution(fine, np.random.default_rng(seed))) for seed in range(8)]) < 0.6 * sharpness(fine)


def test_video_at_a_low_bitrate_is_coarse_and_still_the_same_view() -> None:
    noisy = np.clip(view() + np.random.default_rng(0).normal(0, 6, (96, 176, 3)), 0, 255).astype(np.uint8)
    coded = [video(noisy, np.random.default_rng(seed)) for seed in range(4)]
    assert all(sharpness(each) < sharpness(noisy) for each in coded)
    assert all(np.abs(each.astype(int) - noisy).mean() < 25 for each in coded)


def test_lamps_are_burnt_out_and_glow() -> None:
    dark = np.full((224, 704, 3), 12, np.uint8)
    lit = headlights(dark, np.random.default_rng(1))
    assert lit.max() > 200
    assert (lit >= dark).all()
    assert 0.001 < np.mean(lit.max(axis=2) > 20) < 0.6


def test_rain_changes_the_view_in_drops_alone() -> None:
    changed = np.mean((rain(view(704, 224), np.random.default_rng(2)) != view(704, 224)).any(axis=2))
    assert 0.005 < changed < 0.6


def test_auto_contrast_spreads_a_dull_view() -> None:
    dull = (view() // 4 + 100).astype(np.uint8)
    assert np.mean([auto_contrast(dull, np.random.default_rng(seed)).std() for seed in range(6)]) > 1.3 * dull.std()


def test_what_a_wiper_hides_is_no_paint_and_the_rest_stays() -> None:
    original = Sample(np.full((120, 320, 3), 200, np.uint8), *(np.full((120, 320), 255, np.uint8) for _ in range(2)))
    hidden = 0
    for seed in range(12):
        wiped = with_wiper(original, np.random.default_rng(seed))
        blade = wiped.target == 0
        hidden += int(blade.any())
        assert (wiped.weight[blade] == 255).all()
        assert (wiped.pixels[blade] < 150).all()
        untouched = (wiped.pixels == 200).all(axis=2)
        assert (wiped.weight[untouched] == 255).all()
        assert untouched.mean() > 0.4
    assert hidden > 6
    assert original.target.all()
