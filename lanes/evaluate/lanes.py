"""Scores of lanes as lines, by the official definitions of TuSimple and CULane.

Both definitions count pixels of frames of one size; lines of frames of another size are scaled to it, so that a score means the same
everywhere.

TuSimple, 1280x720 (https://github.com/TuSimple/tusimple-benchmark, evaluate/lane.py): a lane is x at fixed rows. A row is correct where
prediction and ground truth differ by less than 20 px across the lane, or neither has the lane; a lane is matched when 85 % of its rows are
correct.

CULane, 1640x590 (https://github.com/XingangPan/SCNN, tools/lane_evaluation; Pan et al. 2018): lanes are drawn 30 px wide along a cubic
spline, matched one to one so that the sum of their IoU is greatest, which counts where the IoU is above 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

LanePoints = NDArray[np.floating]
"""(N, 2) x and y in pixels of the frame, pixel centres at whole numbers, in order along the lane."""

Floats = NDArray[np.float64]

TUSIMPLE_SIZE = (1280, 720)
TUSIMPLE_ROWS = range(160, 711, 10)
"""Rows at which most of TuSimple's labels give x (`h_samples`)."""

TUSIMPLE_PX = 20.0
TUSIMPLE_MATCH = 0.85
ABSENT = -100.0
"""x of a lane in a row that it does not pass through, in TuSimple's evaluation."""

CULANE_SIZE = (1640, 590)
CULANE_WIDTH = 30
CULANE_IOU = 0.5
SPLINE_STEPS = 50
"""Points of the spline between two points of the lane."""


def scaled(lanes: Sequence[LanePoints], size: tuple[int, int], wanted: tuple[int, int]) -> list[LanePoints]:
    """The lanes of a frame of `size` (width, height) in pixels of a frame of the `wanted` size."""
    factor = np.array(wanted) / np.array(size)
    return [(np.asarray(lane) + 0.5) * factor - 0.5 for lane in lanes]


# --- TuSimple --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class TuSimpleScore:
    """TuSimple's scores summed over frames; two of them add up. The scores are means over frames, as in the benchmark.

    Attributes:
        frames: how many frames were counted.
        accuracy_sum: sum of each frame's accuracy, the share of its rows that are correct.
        fp_sum, fn_sum: sums of each frame's share of false positives among its predictions, and of false negatives among its ground truth.
    """

    frames: int = 0
    accuracy_sum: float = 0.0
    fp_sum: float = 0.0
    fn_sum: float = 0.0

    def __add__(self, other: TuSimpleScore) -> TuSimpleScore:
        return TuSimpleScore(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    @property
    def accuracy(self) -> float:
        """Share of the ground truth's rows that are correct."""
        return _ratio(self.accuracy_sum, self.frames)

    @property
    def fp(self) -> float:
        """False positives: share of predicted lanes that match none."""
        return _ratio(self.fp_sum, self.frames)

    @property
    def fn(self) -> float:
        """False negatives: share of lanes of the ground truth that none matches."""
        return _ratio(self.fn_sum, self.frames)


def score_tusimple(
    predicted: Sequence[LanePoints],
    ground_truth: Sequence[LanePoints],
    size: tuple[int, int] = TUSIMPLE_SIZE,
    rows: Sequence[int] = TUSIMPLE_ROWS,
) -> TuSimpleScore:
    """TuSimple's scores of one frame.

    The benchmark's own rules are kept (`evaluate/lane.py` of github.com/TuSimple/tusimple-benchmark): a row that neither has is correct; of
    five lanes or more, one false negative is forgiven and the worst left out, though the rest is divided by 4, as the false negatives
    are, so that six lanes can give more than 1; FP counts lanes of the ground truth that were matched rather than the predictions that
    matched them, so that it can fall below 0; and three predictions too many make the whole frame wrong, with an FP of 0 and an FN of 1.
    One rule is not: a lane of the ground truth is one line from its first point to its last, where the benchmark would count rows that
    a label leaves out in between as without lane.

    Args:
        predicted, ground_truth: the lanes.
        size: (width, height) of the frame.
        rows: where lanes are compared, in rows of a frame 720 high.
    """
    predicted_x, ground_truth_x = (
        np.array([at_rows(lane, rows) for lane in scaled(lanes, size, TUSIMPLE_SIZE)]).reshape(len(lanes), len(rows))
        for lanes in (predicted, ground_truth)
    )
    if len(predicted_x) > len(ground_truth_x) + 2:
        return TuSimpleScore(1, 0.0, 0.0, 1.0)
    counted = max(min(4, len(ground_truth_x)), 1)
    shares = np.array([_row_accuracy(predicted_x, lane, rows) for lane in ground_truth_x])
    false_negatives = int(np.count_nonzero(shares < TUSIMPLE_MATCH))
    matched = len(ground_truth_x) - false_negatives
    accuracy = float(shares.sum())
    if len(ground_truth_x) > 4:
        false_negatives = max(0, false_negatives - 1)
        accuracy -= float(shares.min())
    return TuSimpleScore(1, accuracy / counted, _ratio(len(predicted_x) - matched, len(predicted_x)), false_negatives / counted)


def at_rows(lane: LanePoints, rows: Sequence[int]) -> Floats:
    """x of a lane at each row, (len(rows),): on the straight line between its points; `ABSENT` where it does not pass."""
    crossings = np.full(len(rows), ABSENT)
    wanted = np.asarray(rows, np.float64)
    if len(lane) == 1:
        lane = np.repeat(lane, 2, axis=0)
    # The lane's own order decides where it passes a row twice: the first time counts, hence backwards.
    for (x0, y0), (x1, y1) in reversed(list(zip(lane[:-1].tolist(), lane[1:].tolist(), strict=True))):
        passes = (wanted >= min(y0, y1)) & (wanted <= max(y0, y1))
        part = (wanted[passes] - y0) / (y1 - y0) if y1 != y0 else 0.0
        crossings[passes] = x0 + part * (x1 - x0)
    return np.where(crossings >= 0, crossings, ABSENT)


def _row_accuracy(prediction: Floats, lane: Floats, rows: Sequence[int]) -> float:
    """The greatest accuracy of one of the predictions (N, R) about a lane of the ground truth (R,)."""
    if not prediction.size:
        return 0.0
    x, y = lane[lane >= 0], np.asarray(rows, np.float64)[lane >= 0]
    slope = float(np.polyfit(y, x, 1)[0]) if len(x) > 1 else 0.0
    allowed = TUSIMPLE_PX * np.hypot(1.0, slope)  # 20 px across the lane, along the row
    return float((np.abs(prediction - lane) < allowed).mean(axis=1).max())


# --- CULane ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class CULaneScore:
    """CULane's counts pooled over frames; two of them add up.

    Attributes:
        frames: how many frames were counted.
        tp: true positives, predicted lanes that match one of the ground truth.
        fp: false positives, predicted lanes that match none.
        fn: false negatives, lanes of the ground truth that none matches.
    """

    frames: int = 0
    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: CULaneScore) -> CULaneScore:
        return CULaneScore(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    @property
    def precision(self) -> float:
        """Share of predicted lanes that match."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Share of the ground truth's lanes that are matched."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """Harmonic mean of the two."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)


def score_culane(predicted: Sequence[LanePoints], ground_truth: Sequence[LanePoints], size: tuple[int, int] = CULANE_SIZE) -> CULaneScore:
    """CULane's counts of one frame of `size` (width, height)."""
    from scipy.optimize import linear_sum_assignment

    predicted_masks, ground_truth_masks = (
        [_drawn(lane) for lane in scaled(lanes, size, CULANE_SIZE)] for lanes in (predicted, ground_truth)
    )
    overlap = np.array([[_iou(one, other) for other in ground_truth_masks] for one in predicted_masks])
    overlap = overlap.reshape(len(predicted_masks), len(ground_truth_masks))
    tp = int(np.count_nonzero(overlap[linear_sum_assignment(overlap, maximize=True)] > CULANE_IOU))
    return CULaneScore(1, tp, len(predicted_masks) - tp, len(ground_truth_masks) - tp)


def spline(lane: LanePoints) -> Floats:
    """Points along the natural cubic spline through (N, 2) points, its parameter the length of the chords, 50 to a chord.

    Two points give the straight line between them, fewer themselves; a point that repeats the one before it is dropped.
    """
    from scipy.interpolate import CubicSpline

    moved = np.any(np.diff(lane, axis=0, prepend=np.nan) != 0, axis=1)
    points = np.asarray(lane, np.float64)[moved]
    if len(points) < 3:
        return points
    along = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1)))
    steps = np.interp(np.arange((len(points) - 1) * SPLINE_STEPS + 1) / SPLINE_STEPS, np.arange(len(points)), along)
    curve: Floats = CubicSpline(along, points, bc_type="natural")(steps)
    return curve


def _drawn(lane: LanePoints) -> NDArray[np.bool_]:
    """A lane drawn as wide as CULane draws it, (590, 1640) bool; one of fewer than two points is nowhere."""
    canvas = np.zeros(CULANE_SIZE[::-1], np.uint8)
    if len(lane) > 1:
        cv2.polylines(canvas, [np.rint(spline(lane)).astype(np.int32)], False, 1, CULANE_WIDTH)
    return canvas > 0


def _iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return _ratio(int(np.count_nonzero(one & other)), int(np.count_nonzero(one | other)))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
