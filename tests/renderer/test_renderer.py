"""The road renderer: its geometry, what its labels promise, and that every scene renders."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lanes.geometry.camera import Camera
from lanes.renderer import Rendering, RoadRenderer, Scene
from lanes.renderer.course import Course
from lanes.renderer.ego import EgoMotion
from lanes.renderer.elements import LaneMarking, Lens, Light, Marking, Side, Sky, Surface, Vehicle
from lanes.renderer.ground_truth import position_of
from lanes.renderer.road import RoadAhead, view_ground

WIDTH, HEIGHT = 640, 384
SIDE = Side(shoulder=2.0)
PLAIN = Scene(
    lines=(LaneMarking("solid"), LaneMarking("dashed", dash=3.0, gap=6.0), LaneMarking("solid")),
    surface=Surface(grain=0, blotches=0, tracks=0, oil=0),
    left=SIDE,
    right=SIDE,
    light=Light(shadow=0),
    sky=Sky(clouds=0, skyline="none"),
    lens=Lens(blur=0, noise=0, vignette=0),
    speed=20.0,
)
"""A flat straight road of two lanes on which nothing stands, seen by a perfect camera in the right lane."""


def camera_of(scene: Scene) -> Camera:
    """The camera when time is 0, in the road's frame."""
    return EgoMotion(scene).camera(WIDTH, HEIGHT)


def painted_at(rendering: Rendering, camera: Camera, s: NDArray[np.float64], y: float) -> NDArray[np.bool_]:
    """Whether points of a flat straight road are labelled as paint."""
    pixels = np.round(camera.project(np.stack([s, np.full_like(s, y), np.zeros_like(s)], axis=-1))).astype(int)
    assert np.all((pixels >= 0) & (pixels < (camera.width, camera.height)))
    painted: NDArray[np.bool_] = rendering.paint[pixels[:, 1], pixels[:, 0]] > 0
    return painted


def stretches(s: NDArray[np.float64], painted: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where paint begins and where it ends along a sampled line."""
    change = np.diff(painted.astype(int))
    middle = (s[1:] + s[:-1]) / 2
    return middle[change == 1], middle[change == -1]


def test_the_horizon_is_at_its_row_on_a_flat_road() -> None:
    assert camera_of(PLAIN).horizon()[0] == pytest.approx(PLAIN.horizon * HEIGHT, abs=1.0)


@settings(max_examples=25, deadline=None)
@given(st.floats(-0.05, 0.05), st.floats(-0.05, 0.05), st.floats(-0.006, 0.006), st.floats(0, 4), st.floats(0, 6))
def test_traced_ground_projects_back_onto_its_pixel(roll: float, yaw: float, bend: float, hill: float, phase: float) -> None:
    """What a pixel sees by tracing, projected forward through the road's tables, is that pixel: on bends and hills too."""
    camera = Camera.centred(160, 96, 130.0, 1.4, 0.02, roll, yaw, 0.5)
    road = RoadAhead(Course(bend=bend, hill=hill, hill_length=300, hill_phase=phase), 0.0)
    view = view_ground(camera, road)
    assert view is not None
    rows, columns = np.nonzero(view.ground & (view.s > 2) & (view.s < 60) & (np.abs(view.y) < 10))
    pixels = camera.project(road.points(view.s[rows, columns], view.y[rows, columns]))
    error = np.abs(pixels - np.stack([columns, rows + view.top], axis=-1)).max(axis=1)
    assert np.median(error) < 0.05
    assert np.quantile(error, 0.99) < 0.5


def test_lines_are_labelled_where_geometry_has_them() -> None:
    rendering = RoadRenderer(PLAIN, WIDTH, HEIGHT).render()
    camera = camera_of(PLAIN)
    for boundary in (PLAIN.boundaries[0], PLAIN.boundaries[2]):
        for x in np.linspace(6, 40, 30):
            u, v = camera.project((x, boundary, 0.0))
            if 0 <= u < WIDTH and v < HEIGHT:
                row = round(v)
                seen_x = camera.unproject((0.0, row))[0]
                columns = np.flatnonzero(rendering.paint[row])
                middle = camera.project((seen_x, boundary, 0.0))[0]
                run = columns[np.abs(columns - middle) < 0.12 * camera.fx / seen_x + 3]
                assert run.mean() == pytest.approx(middle, abs=1.0)
                # As wide as the paint is, seen from here, and never thinner than a pixel at right angles to the line.
                thinnest = np.hypot(1, (boundary - camera.lateral) / camera.mount_height)
                assert len(run) == pytest.approx(max(0.12 * camera.fx / seen_x, thinnest), abs=1.5)


def test_dashes_have_their_length_and_gap() -> None:
    rendering = RoadRenderer(PLAIN, WIDTH, HEIGHT).render()
    s = np.arange(6.0, 30.0, 0.02)
    starts, ends = stretches(s, painted_at(rendering, camera_of(PLAIN), s, PLAIN.boundaries[1]))
    ends = ends[ends > starts[0]]
    assert len(ends) >= 2
    starts = starts[: len(ends)]
    # A row of pixels spans this much of the road.
    row = ends**2 / (PLAIN.camera_height * camera_of(PLAIN).fx)
    assert np.all(np.abs(ends - starts - 3.0) <= row + 0.05)
    assert np.all(np.abs(np.diff(starts) - 9.0) <= row[1:] + 0.05)


def test_time_moves_dashes_by_speed() -> None:
    renderer, camera = RoadRenderer(PLAIN, WIDTH, HEIGHT), camera_of(PLAIN)
    s = np.arange(6.0, 22.0, 0.02)
    before, _ = stretches(s, painted_at(renderer.render(0.0), camera, s, PLAIN.boundaries[1]))
    after, _ = stretches(s, painted_at(renderer.render(0.1), camera, s, PLAIN.boundaries[1]))
    shift = (before[:, None] - after[None]) % 9.0
    assert np.min(np.abs(shift - 0.1 * PLAIN.speed)) < 0.3


def test_paint_is_brighter_than_the_road_under_its_label() -> None:
    rendering = RoadRenderer(PLAIN, WIDTH, HEIGHT).render()
    grey = rendering.pixels.mean(axis=2)
    rows = slice(HEIGHT * 2 // 3, None)
    assert grey[rows][rendering.paint[rows] > 0].mean() > 1.5 * grey[rows][rendering.paint[rows] == 0].mean()


def test_fresh_paint_close_by_is_never_ignored_but_for_the_ends_of_dashes() -> None:
    rows = slice(HEIGHT * 2 // 3, None)
    solid = replace(PLAIN, lines=(LaneMarking("solid"),) * 3)
    assert not RoadRenderer(solid, WIDTH, HEIGHT).render().other_paint[rows].any()
    dashed = RoadRenderer(PLAIN, WIDTH, HEIGHT).render()
    above_or_below = cv2.dilate(dashed.paint, np.ones((3, 9), np.uint8))  # lines run aslant
    assert not np.any(dashed.other_paint[rows] > above_or_below[rows])


@pytest.mark.parametrize("width", [0.12, 0.02])
def test_paint_that_can_be_seen_is_labelled_or_ignored(width: float) -> None:
    """Never labelled as road, however thin the line or far away its dashes."""
    thin = replace(PLAIN, lines=tuple(replace(line, width=width) for line in PLAIN.lines))
    bare = replace(PLAIN, lines=tuple(LaneMarking("none") for _ in PLAIN.lines))
    painted, without = (RoadRenderer(scene, WIDTH, HEIGHT).render() for scene in (thin, bare))
    seen = np.max(painted.pixels.astype(int) - without.pixels, axis=2) > 10
    assert np.count_nonzero(seen) > 500
    labelled = cv2.dilate(painted.paint | painted.other_paint, np.ones((3, 3), np.uint8)) > 0
    assert not np.any(seen & ~labelled)
    assert not np.any((without.paint | without.other_paint) > 0)


def test_what_a_vehicle_hides_is_not_labelled() -> None:
    ahead = replace(PLAIN, ego_lane=0, vehicles=(Vehicle("truck", 20.0, PLAIN.boundaries[2], PLAIN.speed),))
    free = replace(ahead, vehicles=())
    hidden, seen = (RoadRenderer(scene, WIDTH, HEIGHT).render().paint for scene in (ahead, free))
    assert np.count_nonzero(seen > hidden) > 20
    assert not np.any(hidden > seen)
    u, v = camera_of(ahead).project((16.0, PLAIN.boundaries[2], 0.3))
    above = slice(round(v) - 12, round(v))
    assert not hidden[above, round(u) - 8 : round(u) + 9].any()


def test_bonnet_and_text_hide_paint() -> None:
    covered = replace(PLAIN, lens=replace(PLAIN.lens, bonnet=0.2, text="2024-01-01"))
    paint = RoadRenderer(covered, WIDTH, HEIGHT).render().paint
    free = RoadRenderer(PLAIN, WIDTH, HEIGHT).render().paint
    assert free[-20:].any()
    assert not paint[-20:].any()


def test_arrows_and_words_are_other_paint() -> None:
    lane = -PLAIN.lane_width / 2
    marked = replace(PLAIN, markings=(Marking("arrow", 12.0, lane), Marking("word", 20.0, lane, "STOP"), Marking("stop", 9.0, lane)))
    with_marks, without = (RoadRenderer(scene, WIDTH, HEIGHT).render() for scene in (marked, PLAIN))
    assert np.array_equal(with_marks.paint, without.paint)
    marks = with_marks.other_paint > without.other_paint
    assert np.count_nonzero(marks) > 200
    changed = np.any(with_marks.pixels != without.pixels, axis=2)
    assert changed[marks].mean() > 0.95


def test_worn_away_paint_is_not_labelled_as_paint() -> None:
    worn = replace(PLAIN, lines=tuple(replace(line, wear=0.6) for line in PLAIN.lines))
    fresh, old = (RoadRenderer(scene, WIDTH, HEIGHT).render() for scene in (PLAIN, worn))
    assert np.count_nonzero(old.paint) < 0.8 * np.count_nonzero(fresh.paint)
    # What is left out of the labels is ignored, not labelled as road.
    assert np.array_equal((old.paint | old.other_paint) > 0, (fresh.paint | fresh.other_paint) > 0)


def test_paint_in_the_dark_is_ignored() -> None:
    night = replace(PLAIN, light=Light(ambient=0.01, shadow=0))
    rendering = RoadRenderer(night, WIDTH, HEIGHT).render()
    assert not rendering.paint.any()
    assert rendering.other_paint.any()


def test_boundary_curves_run_upward_through_gaps_with_their_positions() -> None:
    scene = replace(
        PLAIN, lines=(LaneMarking(), LaneMarking("dashed"), LaneMarking("dashed"), LaneMarking()), ego_lane=1, course=Course(bend=0.002)
    )
    rendering = RoadRenderer(scene, WIDTH, HEIGHT).render()
    assert [boundary.position for boundary in rendering.lanes] == [-2, -1, 1, 2]
    for boundary in rendering.lanes:
        assert np.all(np.diff(boundary.points[:, 1]) < 0)
        assert np.max(np.abs(np.diff(boundary.points, axis=0))) < 40
    painted = np.argwhere(rendering.paint > 0)[:, ::-1]
    curves = np.concatenate([boundary.points for boundary in rendering.lanes])
    near = painted[painted[:, 1] > 0.6 * HEIGHT]
    nearest = np.min(np.linalg.norm(near[::50, None] - curves[None], axis=2), axis=1)
    assert nearest.max() < 20
    assert [[position_of(boundary, lane) for boundary in range(3)] for lane in (0, 1)] == [[-1, 1, 2], [-2, -1, 1]]


def test_a_crest_hides_what_lies_behind_it() -> None:
    crest = replace(PLAIN, course=Course(hill=6.0, hill_length=240.0, hill_phase=0.9))
    renderer = RoadRenderer(crest, WIDTH, HEIGHT)
    road = RoadAhead(crest.course, 0.0)
    hidden = road.hidden(np.array([10.0, 100.0]), camera_of(crest))
    assert hidden.tolist() == [False, True]
    lanes = renderer.render().lanes
    flat = RoadRenderer(PLAIN, WIDTH, HEIGHT).render().lanes
    assert all(len(a.points) < len(b.points) for a, b in zip(lanes, flat, strict=True))


def test_same_scene_and_time_same_pixels() -> None:
    scenes = [Scene.random(np.random.default_rng(5)) for _ in range(2)]
    assert scenes[0] == scenes[1]
    one, other = RoadRenderer(scenes[0], 320, 192), RoadRenderer(scenes[1], 320, 192)
    other.render(0.5)
    first, second = one.render(2.0), other.render(2.0)
    assert np.array_equal(first.pixels, second.pixels)
    assert np.array_equal(first.paint, second.paint)
    assert not np.array_equal(first.pixels, one.render(2.1).pixels)


@pytest.mark.parametrize("seed", range(16))
def test_random_scenes_render(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rendering = RoadRenderer(Scene.random(rng), 320, 192).render(float(rng.uniform(0, 60)))
    assert rendering.pixels.shape == (192, 320, 3)
    assert rendering.pixels.dtype == np.uint8
    assert rendering.pixels.std() > 3
    for labels in (rendering.paint, rendering.other_paint):
        assert labels.shape == (192, 320)
        assert labels.dtype == np.uint8
        assert set(np.unique(labels)) <= {0, 255}
    assert not np.any(rendering.paint & rendering.other_paint)
    assert 0 not in [boundary.position for boundary in rendering.lanes]


def test_random_scenes_differ_and_mostly_show_paint() -> None:
    renderings = [RoadRenderer(Scene.random(np.random.default_rng(seed)), 160, 96).render() for seed in range(40)]
    assert sum(rendering.paint.any() for rendering in renderings) > 32
    assert 0.002 < np.mean([rendering.paint > 0 for rendering in renderings]) < 0.05
    assert np.std([rendering.pixels.mean() for rendering in renderings]) > 15


@pytest.mark.parametrize("size", [(17, 9), (9, 17), (2, 2), (360, 640), (641, 383), (1300, 720)])
def test_any_size(size: tuple[int, int]) -> None:
    width, height = size
    for scene in (Scene.demo(), Scene.random(np.random.default_rng(width))):
        rendering = RoadRenderer(scene, width, height).render(1.0)
        assert rendering.pixels.shape == (height, width, 3)
        assert rendering.paint.shape == rendering.other_paint.shape == (height, width)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="2 or more"):
        RoadRenderer(PLAIN, 1, 100)
    with pytest.raises(ValueError, match="no lane 2"):
        replace(PLAIN, ego_lane=2)
