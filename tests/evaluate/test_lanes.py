"""Lanes as lines: by hand, and against the benchmarks' definitions written out as plainly as they can be."""

from __future__ import annotations

import itertools
import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanes.evaluate.lanes import (
    ABSENT,
    CULANE_SIZE,
    TUSIMPLE_ROWS,
    CULaneScore,
    TuSimpleScore,
    at_rows,
    scaled,
    score_culane,
    score_tusimple,
    spline,
)

Lane = np.ndarray


def upright(x: float, low: float = 715, high: float = 155) -> Lane:
    """A straight upright lane, from the bottom upward."""
    return np.array([[x, low], [x, high]], float)


def moved(lane: Lane, right: float) -> Lane:
    """The lane, so many pixels further to the right."""
    return lane + np.array([right, 0.0])


# --- TuSimple --------------------------------------------------------------------------------------------------------


def tusimple_by_the_book(predicted: list[list[float]], ground_truth: list[list[float]], rows: list[int]) -> tuple[float, float, float]:
    """Accuracy, FP and FN of one frame whose lanes are x at each row, negative where they are not."""
    if len(predicted) > len(ground_truth) + 2:
        return 0.0, 0.0, 1.0
    shares, found = [], 0
    for lane in ground_truth:
        x, y = [x for x in lane if x >= 0], [y for x, y in zip(lane, rows, strict=True) if x >= 0]
        slope = 0.0
        if len(x) > 1:
            mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
            slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / sum((b - mean_y) ** 2 for b in y)
        allowed = 20 / math.cos(math.atan(slope))
        best = 0.0
        for other in predicted:
            right = 0
            for a, b in zip(other, lane, strict=True):
                a, b = (a if a >= 0 else -100), (b if b >= 0 else -100)
                right += abs(a - b) < allowed
            best = max(best, right / len(lane))
        shares.append(best)
        found += best >= 0.85
    missed = len(ground_truth) - found
    accuracy = sum(shares)
    if len(ground_truth) > 4:
        missed -= missed > 0
        accuracy -= min(shares)
    counted = max(min(4, len(ground_truth)), 1)
    return accuracy / counted, (len(predicted) - found) / len(predicted) if predicted else 0.0, missed / counted


def test_a_lane_within_20_pixels_is_right_and_one_beyond_is_not() -> None:
    assert score_tusimple([upright(619)], [upright(600)]) == TuSimpleScore(1, 1.0, 0.0, 0.0)
    assert score_tusimple([upright(620)], [upright(600)]) == TuSimpleScore(1, 0.0, 1.0, 1.0)


def test_a_slanted_lane_may_be_further_off_along_the_row() -> None:
    """At 45 degrees 20 px across the lane are 28.3 px along the row."""
    slanted = np.array([[700.0, 710.0], [150.0, 160.0]])
    assert score_tusimple([moved(slanted, 28)], [slanted]).accuracy == 1
    assert score_tusimple([moved(slanted, 29)], [slanted]).accuracy == 0


def test_a_lane_is_found_when_85_percent_of_its_rows_are_right() -> None:
    """Of 56 rows 48 are 85.7 % and 47 are 83.9 %. Rows that neither has are right too."""
    whole, ground_truth = upright(600), len(TUSIMPLE_ROWS)
    assert ground_truth == 56
    enough, too_few = (upright(600, high=TUSIMPLE_ROWS[missing]) for missing in (8, 9))
    assert score_tusimple([enough], [whole]) == TuSimpleScore(1, 48 / 56, 0.0, 0.0)
    assert score_tusimple([too_few], [whole]) == TuSimpleScore(1, 47 / 56, 1.0, 1.0)
    assert score_tusimple([enough], [enough]).accuracy == 1


def test_of_five_lanes_one_is_forgiven() -> None:
    five = [upright(x) for x in (100, 300, 500, 700, 900)]
    assert score_tusimple(five[1:], five) == TuSimpleScore(1, 1.0, 0.0, 0.0)
    assert score_tusimple(five[2:], five) == TuSimpleScore(1, 0.75, 0.0, 0.25)
    assert score_tusimple(five[1:4], five[:4]) == TuSimpleScore(1, 0.75, 0.0, 0.25)


def test_three_lanes_too_many_make_a_frame_wrong() -> None:
    five = [upright(x) for x in (100, 300, 500, 700, 900)]
    assert score_tusimple(five[:4], five[:2]) == TuSimpleScore(1, 1.0, 0.5, 0.0)
    assert score_tusimple(five, five[:2]) == TuSimpleScore(1, 0.0, 0.0, 1.0)


def test_tusimple_scores_are_means_over_frames() -> None:
    lane = upright(600)
    total = score_tusimple([lane], [lane]) + score_tusimple([], [lane]) + score_tusimple([lane, upright(100)], [lane])
    assert (total.accuracy, total.fp, total.fn) == pytest.approx((2 / 3, 0.5 / 3, 1 / 3))
    assert (TuSimpleScore().accuracy, score_tusimple([], []).accuracy) == (0, 0)
    assert score_tusimple([lane], [lane], rows=[]) == TuSimpleScore(1, 0.0, 1.0, 1.0)


def test_a_frame_of_another_size_is_scaled_to_the_benchmarks() -> None:
    half = scaled([upright(619)], (1280, 720), (640, 360))
    assert score_tusimple(half, scaled([upright(600)], (1280, 720), (640, 360)), (640, 360)).accuracy == 1
    (there_and_back,) = scaled(half, (640, 360), (1280, 720))
    assert there_and_back == pytest.approx(upright(619))


def test_x_in_a_row_is_read_off_the_line_and_nowhere_beside_it() -> None:
    bend = np.array([[10, 100], [30, 80], [20, 60]], float)
    assert at_rows(bend, [50, 60, 70, 80, 90, 100, 110]).tolist() == [ABSENT, 20, 25, 30, 20, 10, ABSENT]
    assert at_rows(bend[:1], [100, 90]).tolist() == [10, ABSENT]
    assert at_rows(bend[:0], [100]).tolist() == [ABSENT]
    assert at_rows(np.array([[-40.0, 100.0], [40.0, 60.0]]), [90, 70]).tolist() == [ABSENT, 20]


def tusimple_lanes(rng: np.random.Generator) -> list[list[float]]:
    """Up to six lanes as a label file has them: x at every row of one stretch, -2 elsewhere."""
    lanes = []
    for _ in range(rng.integers(0, 7)):
        first, last = sorted(rng.integers(0, 56, 2).tolist())
        start, slope = rng.integers(700, 1000), rng.integers(-12, 13)
        # Not in whole pixels: a difference that is just as great as allowed would be decided by rounding.
        bumps = rng.choice([0, 0, 0, 15, 40], 56) + rng.random(56)
        lanes.append([float(start + slope * (i - first) + bumps[i]) if first <= i <= last else -2 for i in range(56)])
    return lanes


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_tusimple_agrees_with_the_definition_written_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = list(TUSIMPLE_ROWS)
    predicted, ground_truth = tusimple_lanes(rng), tusimple_lanes(rng)
    predicted += [[x + rng.integers(0, 30) if x >= 0 else x for x in lane] for lane in ground_truth[:3]]
    lines = [
        [np.array([(x, y) for x, y in zip(lane, rows, strict=True) if x >= 0]) for lane in lanes] for lanes in (predicted, ground_truth)
    ]
    score = score_tusimple(*lines)
    assert (score.accuracy, score.fp, score.fn) == pytest.approx(tusimple_by_the_book(predicted, ground_truth, rows))


# --- CULane ----------------------------------------------------------------------------------------------------------


def drawn_by_the_book(lane: Lane) -> np.ndarray:
    """A lane of two points or along the spline, drawn stretch by stretch."""
    canvas = np.zeros((590, 1640), np.uint8)
    points = spline(lane)
    for start, end in itertools.pairwise(points):
        cv2.line(canvas, [round(v) for v in start.tolist()], [round(v) for v in end.tolist()], 1, 30)
    return canvas > 0


def culane_by_the_book(predicted: list[Lane], ground_truth: list[Lane]) -> tuple[int, int, int]:
    """TP, FP, FN: of all ways to match, the one whose IoU sum to the most."""
    one, other = ([drawn_by_the_book(lane) for lane in lanes] for lanes in (predicted, ground_truth))
    overlap = [[(a & b).sum() / (a | b).sum() for b in other] for a in one]
    _, tp = max(
        (sum(overlap[i][j] for i, j in pairs), sum(overlap[i][j] > 0.5 for i, j in pairs))
        for pairs in matchings(len(predicted), len(ground_truth))
    )
    return tp, len(predicted) - tp, len(ground_truth) - tp


def matchings(rows: int, columns: int) -> list[list[tuple[int, int]]]:
    """Every way to pair as many as can be."""
    if rows > columns:
        return [[(i, j) for j, i in pairs] for pairs in matchings(columns, rows)]
    return [list(enumerate(chosen)) for chosen in itertools.permutations(range(columns), rows)]


def test_lanes_30_wide_match_up_to_a_third_of_it() -> None:
    """Two upright lanes of width w, d apart, have IoU (w - d) / (w + d): above a half up to a third of the width, drawn 31 px."""
    lane = upright(800, 700, -100)
    assert score_culane([moved(lane, 9)], [lane]) == CULaneScore(1, 1, 0, 0)
    assert score_culane([moved(lane, 12)], [lane]) == CULaneScore(1, 0, 1, 1)


def test_culane_counts_are_pooled_over_frames() -> None:
    lane, other = upright(800, 580, 300), upright(200, 580, 300)
    total = score_culane([lane], [lane, other]) + score_culane([lane, other], [other]) + score_culane([], [lane])
    assert total == CULaneScore(3, 2, 1, 2)
    assert (total.precision, total.recall, total.f1) == pytest.approx((2 / 3, 2 / 4, 4 / 7))
    assert (CULaneScore().f1, score_culane([], [])) == (0, CULaneScore(1))


def test_one_prediction_finds_one_lane_only() -> None:
    lane = upright(800, 580, 300)
    assert score_culane([lane], [lane, moved(lane, 5)]) == CULaneScore(1, 1, 0, 1)
    assert score_culane([lane, moved(lane, 5)], [lane]) == CULaneScore(1, 1, 1, 0)


def test_a_lane_of_one_point_matches_nothing() -> None:
    assert score_culane([np.array([[800.0, 300.0]])], [upright(800, 310, 290)]) == CULaneScore(1, 0, 1, 1)


def test_the_spline_runs_through_its_points_smoothly_and_keeps_straight_lines() -> None:
    points = np.array([[0, 300], [30, 200], [100, 120], [240, 80]], float)
    curve = spline(points)
    assert len(curve) == 3 * 50 + 1
    assert curve[::50] == pytest.approx(points)
    chords = np.linalg.norm(np.diff(points, axis=0), axis=1)
    velocity = np.diff(curve, axis=0) / np.repeat(chords / 50, 50)[:, None]
    assert np.abs(np.diff(velocity, axis=0)).max() < 0.05, "the direction jumps"
    x, y = spline(np.array([[100, 500], [300, 400], [800, 150], [900, 100]], float)).T
    assert y == pytest.approx(550 - x / 2)
    assert spline(np.repeat(points, 2, axis=0)) == pytest.approx(curve)
    assert (spline(points[:2]) == points[:2]).all()


def test_the_spline_is_the_natural_one() -> None:
    """By hand: through (0, 0), (1, 1), (2, 0) in steps of root 2 the one inner second derivative of y is -1.5."""
    curve = spline(np.array([[0, 0], [1, 1], [2, 0]], float))
    root = math.sqrt(2)
    slope, third = 1 / root + 1.5 * root / 6, -1.5 / (6 * root)
    t = root * 25 / 50
    assert curve[25].tolist() == pytest.approx([0.5, slope * t + third * t**3])


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 4), st.integers(1, 4))
def test_culane_agrees_with_the_definition_written_out(seed: int, predicted: int, ground_truth: int) -> None:
    rng = np.random.default_rng(seed)
    lanes = [np.stack([300 * k + 200 + np.cumsum(rng.normal(0, 25, 6)), np.linspace(589, 250, 6)], axis=1) for k in range(ground_truth)]
    predicted = [lanes[rng.integers(ground_truth)] + rng.normal(0, 8, 2) for _ in range(predicted)]
    score = score_culane(predicted, lanes)
    assert (score.tp, score.fp, score.fn) == culane_by_the_book(predicted, lanes)


def test_a_lane_partly_outside_is_cut_at_the_edge() -> None:
    lane = np.array([[-400.0, 700.0], [300.0, 400.0], [600.0, 250.0]])
    assert score_culane([lane], [lane], CULANE_SIZE) == CULaneScore(1, 1, 0, 0)
