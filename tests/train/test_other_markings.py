"""Zebra crossings, arrows and words are told from lane lines by their shape alone; what is a lane's stays."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lanes.arrays import Mask
from lanes.renderer import RoadRenderer, Scene
from lanes.train.other_markings import other_markings

WIDTH, HEIGHT = 640, 360


def drawn(*polygons: list[tuple[int, int]]) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for polygon in polygons:
        cv2.fillPoly(mask, [np.array(polygon, np.int32)], 255)
    return mask


LINES = drawn(
    [(300, 190), (303, 190), (90, 350), (60, 350)],
    [(338, 190), (340, 190), (420, 250), (410, 250)],
    [(470, 290), (482, 290), (560, 350), (540, 350)],
)
"""A solid line, and two dashes of another."""

ARROW = drawn([(300, 340), (312, 340), (310, 290), (324, 290), (308, 262), (292, 290), (304, 290)])
TURN = drawn([(300, 330), (312, 330), (310, 300), (345, 287), (347, 296), (365, 278), (340, 271), (342, 279), (302, 292)])
ZEBRA = drawn(*[[(x, 300), (x + 22, 300), (x + 26, 330), (x - 2, 330)] for x in range(200, 420, 50)])


def word(letters: str) -> Mask:
    mask = drawn()
    cv2.putText(mask, letters, (250, 320), cv2.FONT_HERSHEY_SIMPLEX, 1.8, 255, 5)
    return mask


@pytest.mark.parametrize("marking", [ARROW, TURN, word("BUS"), word("SLOW")], ids=["arrow", "turn", "bus", "slow"])
def test_what_is_no_stroke_is_found_and_the_lines_beside_it_are_left(marking: Mask) -> None:
    found = np.maximum(*other_markings(np.maximum(LINES, marking)))
    assert np.count_nonzero(found[marking > 0]) > 0.5 * np.count_nonzero(marking)
    assert not found[LINES > 0].any()


def test_a_zebras_bars_are_told_from_lines_beside_them() -> None:
    crossing, strange = other_markings(np.maximum(LINES, ZEBRA))
    np.testing.assert_array_equal(crossing, ZEBRA)
    assert not strange.any()


def test_a_stop_line_that_meets_a_line_is_no_stroke() -> None:
    joined = np.maximum(drawn([(250, 250), (256, 250), (240, 330), (230, 330)]), drawn([(200, 246), (310, 246), (310, 253), (200, 253)]))
    crossing, strange = other_markings(joined)
    assert not crossing.any()
    np.testing.assert_array_equal(strange, joined)


def test_a_bend_is_a_line() -> None:
    angles = np.linspace(0, np.pi / 2, 40)
    curve = np.stack([400 - 120 * np.cos(angles), 340 - 130 * np.sin(angles)], axis=1).astype(np.int32)
    mask = cv2.polylines(drawn(), [curve], False, 255, 5).astype(np.uint8)
    assert not any(found.any() for found in other_markings(mask))


def test_lanes_of_rendered_roads_are_left() -> None:
    """Broken and double lines, bends, hills, cameras and traffic of all kinds; but paint so worn that its strokes are ragged."""
    taken, every = np.zeros(2), 0
    for seed in range(40):
        renderer = RoadRenderer(Scene.random(np.random.default_rng(seed)), WIDTH, HEIGHT)
        paint = np.where(renderer.render(1.0).paint > 0, 255, 0).astype(np.uint8)
        taken += [np.count_nonzero(found) for found in other_markings(paint)]
        every += np.count_nonzero(paint)
    crossing, strange = taken / every
    assert crossing < 0.001
    assert strange < 0.02


def test_a_mask_without_paint_has_none() -> None:
    assert not any(found.any() for found in other_markings(drawn()))
