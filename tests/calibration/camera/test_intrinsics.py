"""Intrinsics: those of the lens that took the photographs, within the deviations that are stated; bad views are dropped, good ones kept."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from calibration.camera.board import Board, View
from calibration.camera.examine import Report
from calibration.camera.intrinsics import FEWEST, coverage, solve
from lanes.errors import InputError
from lanes.geometry.camera_file import COEFFICIENTS, INTRINSICS, CameraFile
from lanes.geometry.distortion import Distortion
from tests.calibration.camera.boards import LENS, SQUARE, poses

BOARD = Board(9, 6)
NOTHING = np.zeros((1, 1, 3), np.uint8)


def values(camera: CameraFile) -> NDArray[np.float64]:
    return np.array([camera.fx, camera.fy, camera.cx, camera.cy, *(getattr(camera.distortion, name) for name in COEFFICIENTS)])


def views(camera: CameraFile, count: int, noise: float, seed: int = 0) -> list[View]:
    """Corners of boards through a lens, by the project's own camera model, with an error of `noise` pixels."""
    rng = np.random.default_rng(seed)
    seen = camera.camera(camera.width, camera.height, mount_height=0.0)
    points = BOARD.points(SQUARE) - (4 * SQUARE, 2.5 * SQUARE, 0)
    found = []
    for index, (rotation, place) in enumerate(poses(count, seed)):
        x, y, z = (points @ cv2.Rodrigues(np.array(rotation))[0].T + np.array(place)).T
        corners = seen.project(np.stack([z, -x, -y], axis=1)) + rng.normal(0, noise, (len(points), 2))
        found.append(View(f"{index:02d}", (camera.width, camera.height), corners.astype(np.float32), 2.0, 25.0, NOTHING))
    return found


lenses = st.builds(
    Distortion,
    k1=st.floats(-0.35, 0.1),
    k2=st.floats(-0.02, 0.12),
    p1=st.floats(-0.003, 0.003),
    p2=st.floats(-0.003, 0.003),
    k3=st.floats(-0.01, 0.01),
)


@settings(deadline=None, max_examples=8)
@given(lenses, st.floats(470, 600), st.floats(0.98, 1.02), st.floats(-15, 15), st.floats(-15, 15), st.floats(0.02, 0.3), st.integers(0, 99))
def test_the_lens_is_found_within_the_deviations(
    lens: Distortion, focal: float, aspect: float, right: float, down: float, noise: float, seed: int
) -> None:
    try:
        camera = CameraFile("known", 640, 480, focal, focal * aspect, 320 + right, 240 + down, lens)
    except InputError:  # a lens that does not fill the picture
        reject()
    fit = solve(views(camera, 16, noise, seed), BOARD, (640, 480)).fit
    found, std = np.array(list(fit.parameters.values())), np.array(list(fit.std.values()))
    # Nine parameters in 8 lenses, of a deviation that is itself an estimate.
    assert (np.abs(found - values(camera)) < 5 * std + 1e-3).all(), dict(zip(INTRINSICS, (found - values(camera)) / std, strict=True))
    assert abs(fit.parameters["fx"] / focal - 1) < 0.06 * max(noise, 0.05)
    assert fit.std["fx"] < 0.02 * focal
    assert fit.rms == pytest.approx(noise * np.sqrt(2), rel=0.2)


def test_the_deviations_say_how_far_estimates_scatter() -> None:
    """Over many sets of photographs, estimates are as far from the lens as the deviations say: neither boastful nor timid."""
    scaled = []
    for seed in range(8):
        fit = solve(views(LENS, 16, 0.1, seed), BOARD, (640, 480)).fit
        scaled.append((np.array(list(fit.parameters.values())) - values(LENS)) / list(fit.std.values()))
    spread = np.sqrt(np.mean(np.square(scaled), axis=0))
    assert (spread > 0.3).all()
    assert (spread < 1.6).all()


def test_a_bent_view_is_dropped_and_no_other(report: Report) -> None:
    assert report.solution is not None
    assert [view.name for view, _ in report.solution.dropped] == ["bent.png"]
    assert report.solution.fit.rms < 0.1 < report.solution.fit_all.rms
    assert "without the worst view, " in report.summary


def test_the_lens_of_rendered_photographs_is_found(report: Report) -> None:
    camera = report.camera("found")
    assert (camera.width, camera.height) == (640, 480)
    error = values(camera) - values(LENS)
    assert (np.abs(error) < 4 * np.array([camera.intrinsics_std[name] for name in INTRINSICS])).all()
    assert np.abs(error[:2]).max() < 0.002 * 512
    assert np.abs(error[2:4]).max() < 1.0
    # What matters in the end: where a pixel looks, anywhere in the picture.
    pixels = np.stack(np.meshgrid(np.linspace(20, 619, 9), np.linspace(20, 459, 7)), axis=-1)
    directions = [each.camera(640, 480).rays(pixels) for each in (camera, LENS)]
    assert np.abs(directions[0] - directions[1]).max() < 1 / 512
    assert report.solution is not None
    assert camera.rms_px == pytest.approx(report.solution.fit.rms, rel=1e-3)


def test_good_views_are_kept_however_exact_they_are() -> None:
    solution = solve(views(LENS, 12, 0.01), BOARD, (640, 480))
    assert solution.dropped == []
    assert solution.fit is solution.fit_all


def test_no_more_views_are_dropped_than_a_fifth_and_never_too_many() -> None:
    for count, most in ((FEWEST, 0), (15, 3)):
        found = views(LENS, count, 0.05)
        rng = np.random.default_rng(1)
        bad = [
            View(view.name, view.size, view.corners + rng.normal(0, 3, view.corners.shape).astype(np.float32), 2.0, 25.0, NOTHING)
            for view in found[:6]
        ]
        assert len(solve([*bad, *found[6:]], BOARD, (640, 480)).dropped) <= most


def test_views_of_another_size_are_of_the_same_camera() -> None:
    half = views(LENS.for_size(320, 240), 12, 0.0)
    fit = solve([*views(LENS, 12, 0.0)[:6], *half[6:]], BOARD, (640, 480)).fit
    np.testing.assert_allclose(list(fit.parameters.values())[:4], values(LENS)[:4], atol=0.05)


def test_how_much_of_the_picture_is_covered() -> None:
    corner = View("one", (640, 480), np.array([[0, 0], [5, 5], [639, 479]], np.float32), 2.0, 25.0, NOTHING)
    cells = coverage([corner])
    assert cells.shape == (4, 6)
    assert cells[0, 0] == 2
    assert cells[-1, -1] == 1
    assert cells.sum() == 3


def test_views_that_determine_no_camera() -> None:
    point = View("point", (640, 480), np.full((54, 2), 100, np.float32), 2.0, 25.0, NOTHING)
    with pytest.raises(InputError, match="determine no camera"):
        solve([point] * FEWEST, BOARD, (640, 480))


def test_what_is_found_is_what_is_read(report: Report, tmp_path: Path) -> None:
    camera = report.camera("found")
    camera.write(tmp_path / "camera.yaml")
    assert CameraFile.read(tmp_path / "camera.yaml") == camera
