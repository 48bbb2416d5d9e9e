"""The rendered road as a source."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from lanes.capture import open_source


def test_synthetic_is_reproducible_and_has_the_asked_shape() -> None:
    address = "synthetic://random?width=48&height=32&fps=30000/1001&seconds=0.1&seed=7"
    with open_source(address) as one, open_source(address) as two:
        frames = list(one)
        assert len(frames) == 3
        assert [frame.time for frame in frames] == [index * Fraction(1001, 30_000) for index in range(3)]
        assert all(np.array_equal(frame.pixels, again.pixels) for frame, again in zip(frames, two, strict=True))
        assert frames[0].size == (48, 32)


def test_a_late_consumer_gets_the_newest_frame_that_is_due_and_the_others_are_counted() -> None:
    with open_source("synthetic://demo?width=48&height=32&fps=10&seconds=1") as source:
        frames = iter(source)
        assert next(frames).index == 0
        source.skip_to(Fraction(45, 100))
        assert next(frames).index == 4
        source.skip_to(Fraction(100))
        assert [frame.index for frame in frames] == [9]
        assert source.counts.dropped == {"late": 7}
