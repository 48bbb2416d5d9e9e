"""Lane estimators: the contract of the seam, and its first implementation."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.testing import assert_array_equal

from lanes.geometry.estimator import LaneEstimator, PerFrameEstimator
from lanes.geometry.lanes import find_lanes
from lanes.renderer import RoadRenderer, Scene
from lanes.results import Frame


def test_every_mask_is_looked_at_by_itself() -> None:
    estimator: LaneEstimator = PerFrameEstimator()
    renderer = RoadRenderer(Scene.demo(), 640, 360)
    for index in range(3):
        rendering = renderer.render(float(index))
        frame = Frame(rendering.pixels, index, Fraction(index), "test", f"{index:06d}")
        state = estimator.update(rendering.paint, frame)
        expected = find_lanes(rendering.paint)
        assert [lane.position for lane in state.lanes] == [lane.position for lane in expected]
        for lane, other in zip(state.lanes, expected, strict=True):
            assert_array_equal(lane.points, other.points)
        estimator.reset("another source")


def test_what_is_not_known_is_none() -> None:
    frame = Frame(np.zeros((48, 64, 3), np.uint8), 0, Fraction(0), "test", "000000")
    state = PerFrameEstimator().update(np.zeros((48, 64), np.uint8), frame)
    assert list(state.lanes) == []
    assert state.ego is None
    assert state.calibration is None
    assert (state.departure, state.departure_why) == ("none", "")
