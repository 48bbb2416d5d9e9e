"""TrackingEstimator on rendered drives with exact ground truth, and on masks that show no road."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from lanes.arrays import Mask
from lanes.departure import VehicleState
from lanes.geometry.camera_file import CameraFile
from lanes.geometry.estimator import LaneEstimator
from lanes.renderer import RoadRenderer, Scene
from lanes.renderer.course import Course
from lanes.renderer.elements import LaneChange, LaneMarking, Lens
from lanes.renderer.ground_truth import GroundTruth
from lanes.results import Frame, RoadState
from lanes.tracking import TrackingEstimator

SIZE = 640, 360
RATE = 20
DRIVE = Scene(
    seed=71,
    lines=(LaneMarking(), LaneMarking("dashed"), LaneMarking("dashed"), LaneMarking()),
    lane_width=3.6,
    horizon=0.46,
    sway=1.0,
    speed=25.0,
)
STRAIGHT = replace(DRIVE, course=Course())
BEND = replace(DRIVE, seed=72, course=Course(bend=1 / 300), speed=20.0)
HILLS = replace(DRIVE, seed=73, course=Course(hill=3.0, hill_length=400.0))
CHANGE = replace(DRIVE, seed=74, lane_changes=(LaneChange(1.0, "left", 4.0),))


def frame_of(index: int, size: tuple[int, int] = SIZE) -> Frame:
    return Frame(np.zeros((size[1], size[0], 3), np.uint8), index, Fraction(index, RATE), "test", f"{index:06d}")


def camera_of(scene: Scene) -> CameraFile:
    camera = RoadRenderer(scene, *SIZE).render(0.0).ground_truth.camera
    return CameraFile("test", *SIZE, camera.fx, camera.fy, camera.cx, camera.cy, height_m=scene.camera_height)


def drive(scene: Scene, estimator: LaneEstimator, seconds: float) -> Iterator[tuple[RoadState, GroundTruth, Mask]]:
    """A drive with perfect masks."""
    renderer = RoadRenderer(scene, *SIZE)
    for index in range(round(seconds * RATE)):
        rendering = renderer.render(index / RATE)
        yield estimator.update(rendering.paint, frame_of(index)), rendering.ground_truth, rendering.paint


@pytest.mark.parametrize("scene", [STRAIGHT, BEND, HILLS], ids=["straight", "bend", "hills"])
def test_the_place_in_the_lane_on_rendered_drives(scene: Scene) -> None:
    offsets, widths, bends, right = [], [], [], []
    for index, (state, truth, _) in enumerate(drive(scene, TrackingEstimator(camera_of(scene)), 5.0)):
        if index < RATE:
            continue
        ego = state.ego
        assert ego is not None
        assert ego.offset_m
        assert ego.width_m
        assert ego.curvature_per_m
        offsets.append(abs(ego.offset_m.value - truth.offset_m))
        widths.append(abs(ego.width_m.value - truth.width_m))
        bends.append(abs(ego.curvature_per_m.value - truth.curvature_per_m))
        right.append(offsets[-1] < 1.0 and widths[-1] < 1.0)
    assert np.median(offsets) < 0.05
    assert np.percentile(offsets, 95) < 0.15
    assert np.median(widths) < 0.12
    assert np.percentile(bends, 95) < 0.001
    assert np.mean(right) >= 0.99


def test_through_a_lane_change_the_ego_lane_is_the_one_that_the_camera_is_in() -> None:
    right, ids = [], {}
    for index, (state, truth, _) in enumerate(drive(CHANGE, TrackingEstimator(camera_of(CHANGE)), 6.0)):
        if index < RATE or state.ego is None or state.ego.offset_m is None:
            continue
        near_the_line = abs(truth.offset_m) > truth.width_m / 2 - 0.15
        right.append(near_the_line or abs(state.ego.offset_m.value - truth.offset_m) < 0.3)
        for lane in state.lanes:
            boundary = truth.ego_lane + lane.position + (lane.position < 0)
            if not near_the_line:
                ids.setdefault(lane.id, set()).add(boundary)
    assert len(right) > 90
    assert np.mean(right) >= 0.98
    assert all(len(boundaries) == 1 for boundaries in ids.values())


def test_curves_lie_on_the_paint() -> None:
    far = []
    for index, (state, truth, _) in enumerate(drive(BEND, TrackingEstimator(camera_of(BEND)), 2.5)):
        if index < RATE:
            continue
        for lane in state.lanes:
            boundary = next(each for each in truth.boundaries if each.position == lane.position)
            rows = boundary.pixels[boundary.visible]
            points = lane.points[::-1]
            inside = (rows[:, 1] > points[0, 1]) & (rows[:, 1] < points[-1, 1])
            far.append(np.abs(np.interp(rows[inside, 1], points[:, 1], points[:, 0]) - rows[inside, 0]))
    assert np.percentile(np.concatenate(far), 95) < 4.0


def test_points_are_in_the_frame_and_go_upward() -> None:
    for state, _, _ in drive(BEND, TrackingEstimator(), 1.0):
        assert [lane.position for lane in state.lanes] == sorted(lane.position for lane in state.lanes)
        for lane in state.lanes:
            assert lane.points.dtype == np.float32
            assert len(lane.points) >= 2
            assert (lane.points >= 0).all()
            assert (lane.points <= np.array(SIZE) - 1).all()
            assert (np.diff(lane.points[:, 1]) <= 0).all()
            assert 0.0 <= lane.confidence <= 1.0


def test_no_curve_runs_over_the_bonnet() -> None:
    scene, lowest = replace(STRAIGHT, lens=Lens(bonnet=0.2)), 0
    for state, _, mask in drive(scene, TrackingEstimator(camera_of(scene)), 2.0):
        lowest = max(lowest, int(np.flatnonzero(mask.any(axis=1)).max()))
        assert lowest < 0.9 * SIZE[1]
        assert max(float(lane.points[0, 1]) for lane in state.lanes) < lowest + 0.03 * SIZE[1]


def test_without_a_camera_no_metres_are_known_and_curves_go_by_an_assumed_height() -> None:
    *_, (state, _, _) = drive(STRAIGHT, TrackingEstimator(), 1.0)
    assert len(state.lanes) >= 2
    assert state.ego is None
    assert state.calibration is not None
    assert state.calibration.height_from == "assumed"
    assert not state.calibration.is_metric
    for lane in state.lanes:
        assert lane.curve is not None
        assert lane.curve.offset_m.std > 0.1 * abs(lane.curve.offset_m.value)
    assert (state.departure, state.departure_why) == ("inactive", "the camera's height is not known")


def test_with_the_height_alone_lengths_across_are_known_and_those_ahead_are_not() -> None:
    *_, (state, truth, _) = drive(STRAIGHT, TrackingEstimator(height_m=STRAIGHT.camera_height), 2.0)
    ego = state.ego
    assert ego is not None
    assert ego.offset_m
    assert ego.width_m
    assert ego.width_m.value == pytest.approx(truth.width_m, abs=0.2)
    assert ego.heading_rad is None
    assert ego.curvature_per_m is None
    assert ego.look_ahead_m is None


def test_the_vehicles_state_is_asked_for_by_the_frames_own_time() -> None:
    asked = []

    def vehicle(time_s: float) -> VehicleState:
        asked.append(time_s)
        return VehicleState(speed_mps=20.0)

    estimator = TrackingEstimator(camera_of(STRAIGHT), vehicle=vehicle)
    estimator.update(np.zeros((SIZE[1], SIZE[0]), np.uint8), frame_of(3))
    assert asked == [3 / RATE]


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (64, 48), (640, 360), (33, 900)])
@pytest.mark.parametrize("value", [0, 255])
def test_empty_and_full_masks_have_no_lanes(size: tuple[int, int], value: int) -> None:
    estimator = TrackingEstimator()
    for index in range(3):
        state = estimator.update(np.full((size[1], size[0]), value, np.uint8), frame_of(index, size))
        assert list(state.lanes) == []
        assert state.ego is None


def test_frames_of_another_size_and_a_cut_are_taken() -> None:
    estimator = TrackingEstimator()
    *_, (before, _, mask) = drive(STRAIGHT, estimator, 0.5)
    estimator.reset("the source has a cut here")
    after = estimator.update(mask, frame_of(100))
    assert len(after.lanes) >= 2
    assert not {lane.id for lane in before.lanes} & {lane.id for lane in after.lanes}
    small = np.ascontiguousarray(mask[::2, ::2])
    state = estimator.update(small, frame_of(101, (SIZE[0] // 2, SIZE[1] // 2)))
    assert not {lane.id for lane in after.lanes} & {lane.id for lane in state.lanes}


def test_two_runs_over_one_drive_are_the_same_to_the_bit() -> None:
    runs = [list(drive(BEND, TrackingEstimator(camera_of(BEND)), 1.0)) for _ in range(2)]
    for (one, _, _), (other, _, _) in zip(*runs, strict=True):
        assert (one.ego, one.calibration, one.departure, one.band) == (other.ego, other.calibration, other.departure, other.band)
        assert [lane.id for lane in one.lanes] == [lane.id for lane in other.lanes]
        for lane, again in zip(one.lanes, other.lanes, strict=True):
            assert_array_equal(lane.points, again.points)
