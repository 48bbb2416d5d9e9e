"""Training, validation and running see a picture in one way: as sharp, and in the same place."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from lanes.arrays import BGRImage
from lanes.data.augment import Sample, random_view, warped
from lanes.data.bands import cut, labelled_band
from lanes.data.open import list_frames
from lanes.segment.transform import FrameTransform

TRANSFORM = FrameTransform(576, 320)


def natural_picture(width: int, height: int, rng: Generator) -> BGRImage:
    """A picture with the spectrum of natural ones, amplitude 1/f: it has edges of every size, as many at every scale."""
    across, down = np.fft.fftfreq(width), np.fft.fftfreq(height)
    frequency = np.hypot(across, down[:, None])
    frequency[0, 0] = 1
    spectrum = np.fft.fft2(rng.standard_normal((height, width))) / frequency
    spectrum[0, 0] = 0
    values = np.fft.ifft2(spectrum).real
    grey = np.clip(127 + 40 * values / values.std(), 0, 255).astype(np.uint8)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR).astype(np.uint8, copy=False)


def seen_when_running(pixels: BGRImage, transform: FrameTransform = TRANSFORM) -> BGRImage:
    fitted = np.empty((transform.height, transform.width, 3), np.uint8)
    transform.fit(pixels.shape[1], pixels.shape[0]).to_model(pixels, fitted)
    return fitted


def edge_energy(pixels: NDArray[np.uint8]) -> float:
    """Mean squared difference of neighbours."""
    values = pixels.astype(np.float64)
    return float(np.mean(np.diff(values, axis=0)[:, :-1] ** 2 + np.diff(values, axis=1)[:-1] ** 2))


def unlabelled(pixels: BGRImage) -> Sample:
    blank = np.zeros(pixels.shape[:2], np.uint8)
    return Sample(pixels, blank, blank)


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (2560, 1440), (1281, 721), (960, 540), (640, 360), (480, 640), (3000, 500)])
def test_an_example_that_is_not_augmented_is_what_the_running_model_sees(size: tuple[int, int]) -> None:
    pixels = natural_picture(*size, np.random.default_rng(1))
    matrix = np.vstack([TRANSFORM.fit(*size).matrix, (0, 0, 1)])
    example = warped(unlabelled(pixels), matrix, (1.0, 1.0), TRANSFORM, (TRANSFORM.width, TRANSFORM.height)).pixels
    running = seen_when_running(pixels)
    inner = slice(2, -2)
    place = TRANSFORM.fit(*size)
    rows, columns = slice(place.y + 2, place.y + place.height - 2), slice(place.x + 2, place.x + place.width - 2)
    difference = np.abs(example[rows, columns].astype(int) - running[rows, columns])[inner]
    assert difference.mean() < 0.6
    assert edge_energy(example[rows, columns]) == pytest.approx(edge_energy(running[rows, columns]), rel=0.03)


def test_the_training_stream_is_as_sharp_as_the_running_model_sees_it() -> None:
    """Over crops of every zoom and turn that training draws, at 1280x720."""
    rng = np.random.default_rng(2)
    training, running = [], []
    for _ in range(8):
        pixels = natural_picture(1280, 720, rng)
        running.append(edge_energy(seen_when_running(pixels)))
        for _ in range(15):
            view = random_view(unlabelled(pixels), TRANSFORM, 256, 128, rng)
            training.append(edge_energy(view.pixels))
    assert np.mean(training) == pytest.approx(np.mean(running), rel=0.05)


def test_real_frames_are_as_sharp_in_training_as_in_running(shared: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")
    from lanes.train.loaders import fit_sample, read_sample

    frames = [frame for frame in list_frames(shared / "lanedata", "val") if frame.source in ("udacity_ego", "moscow_strokes")][::8]
    for frame in frames:
        sample = read_sample(frame)
        band = labelled_band(sample, TRANSFORM)
        sample = cut(sample, band) if band else sample
        matrix = np.vstack([TRANSFORM.fit(sample.pixels.shape[1], sample.pixels.shape[0]).matrix, (0, 0, 1)])
        size = (TRANSFORM.width, TRANSFORM.height)
        example = warped(sample, matrix, (1.0, 1.0), TRANSFORM, size).pixels
        assert edge_energy(example) == pytest.approx(edge_energy(fit_sample(frame, TRANSFORM).pixels), rel=0.03)
