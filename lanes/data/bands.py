"""Road bands of labelled frames: what training and validation cut out where a running model sees the rows of the road alone."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from lanes.data.augment import Sample
from lanes.results import Band
from lanes.segment.first_look import LEAST_ROWS, MULTIPLE, with_margins
from lanes.segment.transform import FrameTransform


def labelled_band(sample: Sample, transform: FrameTransform) -> Band | None:
    """The band around the labelled paint, with the margins of a first look; None where there is too little paint to tell."""
    rows = paint_rows(sample)
    height, width = sample.target.shape
    return with_margins(*rows, (width, height), transform) if rows else None


def paint_rows(sample: Sample) -> tuple[int, int] | None:
    """The first row of a sample's paint and the one after the last; None where it covers too few to tell where the road is."""
    rows = np.flatnonzero(sample.target.any(axis=1))
    if not len(rows) or rows[-1] + 1 - rows[0] < LEAST_ROWS * sample.target.shape[0]:
        return None
    return int(rows[0]), int(rows[-1]) + 1


def random_band(sample: Sample, transform: FrameTransform, rng: Generator) -> Band | None:
    """A band as an estimate of the road's rows may give it: around the paint with margins of all sizes, now and then too tight.

    A frame without enough paint gets rows at which a road often lies. None where nearly all rows would be in it.
    """
    height, width = sample.target.shape
    rows = paint_rows(sample)
    if rows is None:
        top, bottom = rng.uniform(0.2, 0.55) * height, rng.uniform(0.75, 1.0) * height
        rows = int(top), int(bottom)
    above, below = rng.uniform(-0.2, 2.5), rng.uniform(-0.2, 2.5)
    return with_margins(*rows, (width, height), transform, (above, below))


def cut(sample: Sample, band: Band) -> Sample:
    """The rows of a band as a sample of their own: what lies outside, a model that looks at the band does not see."""
    rows = slice(*band)
    width, height = sample.frame_size or sample.target.shape[::-1]
    frame_height = round(height * (band[1] - band[0]) / sample.target.shape[0])
    frame_size = (width, frame_height // MULTIPLE * MULTIPLE) if sample.frame_size else None
    return Sample(sample.pixels[rows], sample.target[rows], sample.weight[rows], frame_size)
