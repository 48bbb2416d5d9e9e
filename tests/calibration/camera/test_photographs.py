"""The real camera of the shared photographs, with their real faults."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from calibration.camera.board import Board, list_photographs
from calibration.camera.examine import Report, examine
from calibration.camera.straight import lane_widths, mount_on_straight, parallelism
from lanes.geometry.camera import Camera
from lanes.geometry.distortion import NO_DISTORTION

FOLDER = Path(__file__).resolve().parents[4] / "shared/camera"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the shared photographs are not here: {FOLDER}")


@pytest.fixture(scope="module")
def found() -> Report:
    return examine(list_photographs(str(FOLDER)), Board(9, 6), Console(quiet=True))


def test_the_intrinsics_are_in_the_range_of_the_readme(found: Report) -> None:
    camera = found.camera("dashcam")
    assert (camera.width, camera.height) == (1280, 720)
    assert 1155 <= camera.fx <= 1161
    assert 1150 <= camera.fy <= 1156
    assert 671 <= camera.cx <= 673
    assert 388 <= camera.cy <= 390
    assert camera.rms_px is not None
    assert 0.85 <= camera.rms_px <= 1.0


def test_the_bad_photographs_are_named(found: Report) -> None:
    causes = {each.name: each.kind for each in found.rejected}
    assert causes == {"board_01.jpg": "cut off", "board_05.jpg": "cut off", "straight_1.jpg": "no board", "straight_2.jpg": "no board"}


def test_both_sizes_are_of_one_camera(found: Report) -> None:
    assert found.solution is not None
    sizes = {view.name: view.size for view in found.solution.kept}
    assert {name for name, size in sizes.items() if size == (1281, 721)} == {"board_07.jpg", "board_15.jpg"}
    assert len(sizes) == 18


def test_the_deviations_cover_what_leaving_boards_out_does(found: Report) -> None:
    """The two boards held nearest are bent: without either, the principal point moves by 15 pixels. The fit's own deviation is 2."""
    camera = found.camera("dashcam")
    assert camera.intrinsics_std["cy"] > 10
    assert 4 < camera.intrinsics_std["fx"] < 20
    assert any("fix the paper to something flat" in warning for warning in found.warnings)


Pair = tuple[NDArray[np.float64], NDArray[np.float64]]


@pytest.fixture(scope="module")
def lines() -> list[Pair]:
    """The ego lane's two lines in either picture of a straight road, by the bundled model."""
    import lanes
    from lanes.capture.images import read_image

    found = []
    with lanes.load_segmenter("unet") as segmenter:
        for number in (1, 2):
            probability = segmenter(read_image(FOLDER / f"straight_{number}.jpg"))
            mask = np.where(probability > segmenter.threshold, 255, 0).astype(np.uint8)
            by_position = {lane.position: lane.points.astype(np.float64) for lane in lanes.find_lanes(mask)}
            found.append((by_position[-1], by_position[1]))
    return found


def test_the_lines_of_a_straight_road_are_parallel_from_above(found: Report, lines: list[Pair]) -> None:
    camera = found.camera("dashcam").camera(1280, 720)
    for left, right in lines:
        mounted = mount_on_straight(camera, left, right)
        distances, widths = lane_widths(mounted, left, right)
        assert distances[0] < 8
        assert distances[-1] > 20
        assert parallelism(mounted, left, right) < 0.01
        assert np.ptp(widths) < 0.01 * widths.mean()
        assert abs(np.degrees(mounted.pitch)) < 3
        assert abs(np.degrees(mounted.yaw)) < 3


def test_the_lens_is_what_makes_them_parallel(found: Report, lines: list[Pair]) -> None:
    """Mounted by the nearer half of the lines alone, the whole lines are more nearly parallel with the lens than without it."""
    camera = found.camera("dashcam").camera(1280, 720)
    assert np.mean([error_by_near_half(camera, pair) for pair in lines]) < np.mean(
        [error_by_near_half(replace(camera, distortion=NO_DISTORTION), pair) for pair in lines]
    )


def error_by_near_half(camera: Camera, pair: Pair) -> float:
    near = [side[np.argsort(-side[:, 1])[: len(side) // 2 + 1]] for side in pair]
    return parallelism(mount_on_straight(camera, *near), *pair)
