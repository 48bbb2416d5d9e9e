"""The inset from above: true to scale, legible at every size, and never over the lanes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lanes.arrays import BGRImage
from lanes.draw.birds_eye import AHEAD_M, PATIENCE, Layout
from lanes.draw.overlay import Overlay
from lanes.draw.readout import Readout
from lanes.geometry.camera import Camera
from lanes.results import Ego, Estimate, Lane, RoadCurve, RoadState

SIZES = [(640, 360), (960, 540), (1280, 720), (720, 1280), (960, 720), (480, 360), (3840, 2160)]
READOUT = Readout("openvino", "bf16", 31.4, 12.3)


def sure(value: float) -> Estimate:
    return Estimate(value, 0.01)


def road(size: tuple[int, int], curvature: float = 0.0, offset: float = 0.0, pitch: float = 0.03, far: float = 50.0) -> RoadState:
    """A lane 3.5 m wide with one beside it on the right, as a camera 1.4 m above it sees it."""
    width, height = size
    camera = Camera.centred(width, height, 0.8 * width, pitch=pitch)
    lanes = []
    for position, y in ((-1, 1.75), (1, -1.75), (2, -5.25)):
        curve = RoadCurve(sure(y - offset), sure(0.0), sure(curvature), sure(0.0), 3.0, far)
        x = np.geomspace(3.0, far, 40)
        pixels = camera.project(np.stack([x, curve.y_at(x), np.zeros_like(x)], axis=1))
        inside = ((pixels >= 0) & (pixels <= (width - 1, height - 1))).all(axis=1)
        if inside.sum() >= 2:
            lanes.append(Lane(position, pixels[inside].astype(np.float32), 0.95, abs(position) + (position > 0), "dashed", 0.0, curve))
    return RoadState(lanes, Ego(sure(offset), sure(3.5), sure(curvature), sure(0.0)))


def inset_of(size: tuple[int, int], state: RoadState, overlay: Overlay | None = None, readout: Readout | None = None) -> NDArray[np.bool_]:
    """The pixels that the inset changes."""
    pixels: BGRImage = np.full((size[1], size[0], 3), 120, np.uint8)
    mask = np.zeros(pixels.shape[:2], np.uint8)
    without, within = pixels.copy(), pixels.copy()
    Overlay().draw(without, mask, state, readout)
    (overlay or Overlay(birds_eye=True)).draw(within, mask, state, readout)
    differs: NDArray[np.bool_] = (without != within).any(axis=2)
    return differs


def box(inset: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(inset)
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


@pytest.mark.parametrize("size", SIZES)
def test_it_stands_in_the_upper_right_corner_and_is_large_enough_to_read(size: tuple[int, int]) -> None:
    left, top, right, bottom = box(inset_of(size, road(size), readout=READOUT))
    assert left > size[0] / 2
    assert right < size[0]
    assert top >= 5
    assert bottom < 0.6 * size[1]
    assert bottom - top > 100
    assert bottom - top > 0.3 * min(size[1], 0.75 * size[0])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("curvature", [-0.008, 0.0, 0.008])
@pytest.mark.parametrize("pitch", [-0.1, 0.03, 0.15, 0.3])
def test_it_never_covers_a_lane(size: tuple[int, int], curvature: float, pitch: float) -> None:
    state = road(size, curvature, pitch=pitch)
    inset = inset_of(size, state)
    for lane in state.lanes:
        x, y = np.round(lane.points).astype(int).T
        assert not inset[y, x].any()


def test_it_gives_way_where_a_lane_comes_and_returns_after_a_while() -> None:
    size = (1280, 720)
    overlay = Overlay(birds_eye=True)
    free, low = road(size), road(size, pitch=0.25, curvature=-0.008)
    corner = box(inset_of(size, free, overlay))
    assert box(inset_of(size, low, overlay)) != corner
    assert box(inset_of(size, free, overlay)) != corner  # no hopping to and fro
    for _ in range(PATIENCE):
        last = inset_of(size, free, overlay)
    assert box(last) == corner


def test_it_is_left_out_until_a_lane_is_known_in_metres_and_stays_then() -> None:
    size = (640, 360)
    overlay = Overlay(birds_eye=True)
    state = road(size)
    pixels_alone = replace(state, lanes=[replace(lane, curve=None) for lane in state.lanes], ego=None)
    assert not inset_of(size, pixels_alone, overlay).any()
    assert inset_of(size, state, overlay).any()
    assert inset_of(size, RoadState(), overlay).any()  # a gap in the paint is no reason to blink


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(SIZES), st.floats(0, AHEAD_M), st.floats(-7, 7))
def test_metres_are_true_to_scale(size: tuple[int, int], x: float, y: float) -> None:
    layout = Layout.of(*size, 1.0)
    (column, row), (ahead_column, ahead_row), (_, beside_row) = layout.at(np.array([x, x + 1, x]), np.array([y, y, y + 1]))
    assert (column, row) == pytest.approx((layout.column(y), layout.row(x)))
    assert ahead_column == column
    assert row - ahead_row == pytest.approx(layout.row(0) - layout.row(1))
    assert beside_row == row


def test_the_boundaries_lie_where_their_metres_say() -> None:
    size = (1280, 720)
    state = road(size, offset=0.5)
    solid = replace(state, lanes=[replace(lane, type="solid") for lane in state.lanes])
    pixels: BGRImage = np.full((size[1], size[0], 3), 120, np.uint8)
    Overlay(birds_eye=True).draw(pixels, np.zeros(pixels.shape[:2], np.uint8), solid)
    left, top, *_ = box(inset_of(size, solid))
    layout = Layout.of(*size, 1.0)
    row = top + layout.strip[1] + round(layout.row(25.0))
    strip = pixels[row, left + layout.strip[0] : left + layout.strip[0] + layout.strip_width].astype(int)
    found = np.flatnonzero(np.ptp(strip, axis=1) > 90)
    for lane in state.lanes:
        assert lane.curve is not None
        wanted = layout.column(float(lane.curve.y_at(np.array([25.0]))[0]))
        assert np.abs(found - wanted).min() <= 2
    assert all(any(abs(column - layout.column(y - 0.5)) < 5 for y in (1.75, -1.75, -5.25)) for column in found)
