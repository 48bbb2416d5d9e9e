"""FrameTransform: where a frame comes to lie in the model's input, and the way back."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lanes.segment.transform import PADDING, FrameTransform, Placement

SIZES = [(1280, 720), (1920, 1080), (3840, 2160), (4096, 2160), (1919, 1079), (1640, 590), (1080, 1920), (640, 384), (320, 180)]
"""Frames of common cameras; shrunk bilinearly, halved once and twice, of odd sides, padded, portrait, as they are, enlarged."""

sides = st.integers(1, 5000)
transforms = st.builds(FrameTransform, st.integers(1, 1024), st.integers(1, 1024), st.floats(1, 2))


def centroid(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean (x, y) of the pixels of (H, W), weighted."""
    rows, columns = np.indices(weights.shape)
    return np.array([(columns * weights).sum() / weights.sum(), (rows * weights).sum() / weights.sum()])


def to_model(place: Placement, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    out = np.empty((place.model_height, place.model_width, 3), np.uint8)
    place.to_model(frame, out)
    return out


@given(transforms, sides, sides)
def test_frame_fills_one_side_and_lies_in_the_middle(transform: FrameTransform, width: int, height: int) -> None:
    place = transform.fit(width, height)
    assert 1 <= place.width <= transform.width
    assert 1 <= place.height <= transform.height
    assert place.width == transform.width or place.height == transform.height
    assert abs(2 * place.x + place.width - transform.width) <= 1
    assert abs(2 * place.y + place.height - transform.height) <= 1


@given(transforms, sides, sides)
def test_aspect_ratio_changes_by_no_more_than_allowed(transform: FrameTransform, width: int, height: int) -> None:
    place = transform.fit(width, height)
    assume(min(place.width, place.height) > 1)  # a frame so flat that it would vanish gets one row or column all the same
    # Sides are whole pixels: half a pixel more or less is rounding.
    wider = (place.width - 0.5) / width / ((place.height + 0.5) / height)
    higher = (place.height - 0.5) / height / ((place.width + 0.5) / width)
    assert max(wider, higher) <= transform.max_stretch + 1e-9


@given(transforms, sides, sides)
def test_input_is_filled_when_the_stretch_allows_it(transform: FrameTransform, width: int, height: int) -> None:
    stretch = (transform.width / width) / (transform.height / height)
    place = transform.fit(width, height)
    if max(stretch, 1 / stretch) <= transform.max_stretch - 1e-9:
        assert (place.x, place.y, place.width, place.height) == (0, 0, transform.width, transform.height)


@given(transforms, sides, sides, st.lists(st.tuples(st.floats(-100, 6000), st.floats(-100, 6000)), min_size=1, max_size=5))
def test_points_come_back_where_they_were(transform: FrameTransform, width: int, height: int, points: list[tuple[float, float]]) -> None:
    place = transform.fit(width, height)
    np.testing.assert_allclose(place.points_to_frame(place.points_to_model(points)), points, atol=1e-6)


@given(transforms, sides, sides)
def test_matrix_maps_points_and_edges_to_edges(transform: FrameTransform, width: int, height: int) -> None:
    place = transform.fit(width, height)
    edges = np.array([[-0.5, -0.5], [width - 0.5, height - 0.5]])
    expected = [[place.x - 0.5, place.y - 0.5], [place.x + place.width - 0.5, place.y + place.height - 0.5]]
    np.testing.assert_allclose(place.points_to_model(edges), expected, atol=1e-6)
    np.testing.assert_allclose(np.column_stack([edges, [1, 1]]) @ place.matrix.T, expected, atol=1e-6)


@given(transforms, sides, sides, st.data())
def test_a_band_lies_where_the_picture_of_its_rows_would_lie(
    transform: FrameTransform, width: int, height: int, data: st.DataObject
) -> None:
    top = data.draw(st.integers(0, height - 1))
    bottom = data.draw(st.integers(top + 1, height))
    place, alone = transform.fit(width, height, (top, bottom)), transform.fit(width, bottom - top)
    assert (place.x, place.y, place.width, place.height) == (alone.x, alone.y, alone.width, alone.height)
    np.testing.assert_allclose(place.points_to_model([[0.0, float(top)]]), alone.points_to_model([[0.0, 0.0]]), atol=1e-6)
    points = [[0.0, 0.0], [width - 1.0, bottom - 1.0]]
    np.testing.assert_allclose(place.points_to_frame(place.points_to_model(points)), points, atol=1e-6 * max(width, height))


def test_a_band_shows_the_model_its_rows_alone_and_leaves_no_paint_outside() -> None:
    frame = np.random.default_rng(1).integers(0, 256, (360, 640, 3), np.uint8)
    place = FrameTransform(320, 96).fit(640, 360, (150, 342))
    np.testing.assert_array_equal(to_model(place, frame), to_model(FrameTransform(320, 96).fit(640, 192), frame[150:342]))
    out = place.to_frame(np.full((96, 320), 255, np.uint8), np.full((360, 640), 7, np.uint8))
    assert (out[150:342] == 255).all()
    assert not out[:150].any()
    assert not out[342:].any()


@pytest.mark.parametrize("band", [(0, 0), (10, 5), (-1, 20), (0, 361)])
def test_a_band_that_is_none_is_refused(band: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="rows within"):
        FrameTransform(320, 96).fit(640, 360, band)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_pixels_go_where_points_go(width: int, height: int) -> None:
    """A blob's centroid in the model's input is where `points_to_model` puts the blob, to a tenth of a pixel."""
    place = FrameTransform(640, 384).fit(width, height)
    for at in [(0.3, 0.4), (0.81, 0.77)]:
        centre = (round(at[0] * width), round(at[1] * height))
        frame = np.zeros((height, width, 3), np.uint8)
        cv2.circle(frame, centre, max(6, width // 60), (255, 255, 255), -1)
        content = to_model(place, frame)[place.y : place.y + place.height, place.x : place.x + place.width, 0]
        found = centroid(content.astype(np.float64)) + np.array([place.x, place.y])
        np.testing.assert_allclose(found, place.points_to_model(centroid(frame[..., 0].astype(np.float64))), atol=0.1)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_mask_comes_back_in_place(width: int, height: int) -> None:
    """A line survives the way into the model's size and back: no shift of 0.1 model pixels, hardly a change of area."""
    place = FrameTransform(640, 384).fit(width, height)
    frame = np.zeros((height, width, 3), np.uint8)
    cv2.line(frame, (width // 2, height // 3), (width // 5, height - height // 10), (255, 255, 255), max(5, width // 80))
    back = place.to_frame(np.ascontiguousarray(to_model(place, frame)[..., 0]))
    before, after = frame[..., 0].astype(np.float64), back.astype(np.float64)
    shift = (centroid(after) - centroid(before)) * (place.matrix[0, 0], place.matrix[1, 1])
    assert np.abs(shift).max() < 0.1
    overlap = ((before > 127) & (after > 127)).sum() / ((before > 127) | (after > 127)).sum()
    assert overlap > 0.85


@pytest.mark.parametrize("size", [(3840, 2160), (1920, 1080), (1919, 1079)])
def test_thin_line_is_not_broken_by_shrinking(size: tuple[int, int]) -> None:
    """Every frame pixel counts: a line two pixels wide, slanted across a large frame, is there in every row of the input."""
    width, height = size
    frame = np.zeros((height, width, 3), np.uint8)
    cv2.line(frame, (width // 2, 0), (width // 2 + width // 10, height - 1), (255, 255, 255), 2)
    content = to_model(FrameTransform(640, 384).fit(width, height), frame)[..., 0]
    in_rows = content.astype(np.int64).sum(axis=1)
    assert in_rows.min() > 0.7 * in_rows.mean()


@pytest.mark.parametrize(("width", "height"), [(1, 1), (17, 9), (9, 17), (4096, 2160), (2160, 4096), (4096, 1), (1, 4096), (1080, 1920)])
def test_any_size_works(width: int, height: int) -> None:
    place = FrameTransform(640, 384).fit(width, height)
    out = np.zeros((384, 640, 3), np.uint8)
    place.to_model(np.full((height, width, 3), 200, np.uint8), out)
    covered = np.zeros((384, 640), bool)
    covered[place.y : place.y + place.height, place.x : place.x + place.width] = True
    assert (out[covered] == 200).all()
    assert (out[~covered] == PADDING).all()
    back = place.to_frame(np.where(covered, 90, 0).astype(np.uint8))
    assert back.shape == (height, width)
    assert (back == 90).all()


def test_writes_into_its_part_of_a_batch_only() -> None:
    batch = np.full((3, 96, 160, 3), 7, np.uint8)
    FrameTransform(160, 96).fit(50, 100).to_model(np.full((100, 50, 3), 30, np.uint8), batch[1])
    assert (batch[[0, 2]] == 7).all()
    assert set(np.unique(batch[1])) == {30, PADDING}


def test_takes_a_part_of_a_larger_frame() -> None:
    whole = np.random.default_rng(1).integers(0, 256, (300, 500, 3)).astype(np.uint8)
    part = whole[20:260, 30:430]
    place = FrameTransform(64, 48).fit(400, 240)
    np.testing.assert_array_equal(to_model(place, part), to_model(place, part.copy()))


def test_mask_is_written_into_the_given_array() -> None:
    out = np.empty((90, 160), np.uint8)
    assert FrameTransform(64, 36).fit(160, 90).to_frame(np.full((36, 64), 5, np.uint8), out) is out
    assert (out == 5).all()


def test_placement_is_remembered_by_size() -> None:
    transform = FrameTransform(64, 36)
    place = transform.fit(160, 90)
    assert transform.fit(160, 90) is place
    for width in range(1, 200):
        transform.fit(width, 90)
    assert (transform.fit(160, 90).matrix == place.matrix).all()


def test_wrong_arrays_are_refused() -> None:
    place = FrameTransform(64, 36).fit(160, 90)
    right = np.zeros((90, 160, 3), np.uint8)
    with pytest.raises(ValueError, match="frame of shape"):
        place.to_model(np.zeros((160, 90, 3), np.uint8), np.zeros((36, 64, 3), np.uint8))
    with pytest.raises(ValueError, match="uint8, 0 to 255, got float32"):
        place.to_model(right.astype(np.float32), np.zeros((36, 64, 3), np.uint8))
    with pytest.raises(ValueError, match="output of shape"):
        place.to_model(right, np.zeros((64, 36, 3), np.uint8))
    with pytest.raises(ValueError, match="map of shape"):
        place.to_frame(np.zeros((90, 160), np.uint8))
    with pytest.raises(ValueError, match="output of shape"):
        place.to_frame(np.zeros((36, 64), np.uint8), np.zeros((36, 64), np.uint8))


def test_transform_goes_through_json() -> None:
    transform = FrameTransform(640, 384, 1.2)
    assert FrameTransform.from_dict(json.loads(json.dumps(transform.to_dict()))) == transform


@pytest.mark.parametrize("values", [(0, 10, 1.35), (10, 0, 1.35), (10, 10, 0.9), (10, 10, float("nan"))])
def test_unusable_transforms_are_refused(values: tuple[int, int, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        FrameTransform(*values)
