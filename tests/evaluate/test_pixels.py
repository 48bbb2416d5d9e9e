"""Scores: exact on hand-made masks, and equal to the independent yardstick on real labels."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanes.data.open import list_frames
from lanes.evaluate.pixels import PixelCounts, count_pixels
from lanes.evaluate.probability import BINS, LEVELS, LevelCounts, average_precision, count_levels, precision_recall, reliability
from lanes.evaluate.scores import as_table


def column(*columns: int, size: tuple[int, int] = (1280, 72)) -> np.ndarray:
    """A mask with one-pixel upright lines."""
    mask = np.zeros(size[::-1], np.uint8)
    mask[:, list(columns)] = 255
    return mask


def test_a_line_within_the_tolerance_is_right_and_one_beyond_is_not() -> None:
    near, beyond = count_pixels(column(105), column(100)), count_pixels(column(106), column(100))
    assert (near.iou, near.relaxed_precision, near.relaxed_recall, near.relaxed_f1) == (0, 1, 1, 1)
    assert (beyond.relaxed_precision, beyond.relaxed_recall, beyond.relaxed_f1) == (0, 0, 0)


def test_precision_recall_and_dice_to_the_pixel() -> None:
    """Of four predicted columns three are true, of five true ones three are predicted."""
    counts = count_pixels(column(1, 2, 3, 9), column(1, 2, 3, 4, 5))
    assert (counts.precision, counts.recall, counts.iou) == (3 / 4, 3 / 5, 3 / 6)
    assert counts.dice == 2 * 3 / (4 + 5)


def test_the_tolerance_shrinks_with_the_frame() -> None:
    assert count_pixels(column(52, size=(640, 36)), column(50, size=(640, 36))).relaxed_f1 == 1
    assert count_pixels(column(53, size=(640, 36)), column(50, size=(640, 36))).relaxed_f1 == 0


def test_false_area_counts_only_paint_far_from_any() -> None:
    assert count_pixels(column(115), column(100)).false_area == 0
    assert count_pixels(column(116), column(100)).false_area == pytest.approx(1 / 1280)


def test_ignored_pixels_count_neither_for_nor_against() -> None:
    ignore = column(*range(600, 700))
    assert count_pixels(column(100, 650), column(100), ignore) == count_pixels(column(100), column(100), ignore)


def test_nothing_at_all_scores_zero_without_dividing_by_it() -> None:
    empty = count_pixels(column(), column())
    assert (empty.iou, empty.relaxed_f1, empty.false_area, PixelCounts().iou) == (0, 0, 0, 0)


def test_masks_of_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        count_pixels(column(), column(size=(640, 36)))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.001, 0.2))
def test_swapping_prediction_and_truth_swaps_precision_and_recall(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    one, other = (np.uint8(rng.random((40, 64)) < share) * 255 for _ in range(2))
    forward, backward = count_pixels(one, other), count_pixels(other, one)
    assert forward.relaxed_precision == backward.relaxed_recall
    assert forward.iou == backward.iou


# --- every threshold at once -----------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.001, 0.2), st.booleans())
def test_the_histograms_give_what_counting_the_mask_gives(seed: int, share: float, with_ignore: bool) -> None:
    rng = np.random.default_rng(seed)
    size = (40, int(rng.integers(60, 400)))
    probability = cv2.GaussianBlur(rng.integers(0, 256, size).astype(np.uint8), (5, 5), 0)
    probability[rng.random(size) < 0.3] = 0
    ground_truth, ignore = (np.uint8(rng.random(size) < part) * 255 for part in (share, 0.2))
    ignore = ignore if with_ignore else None
    levels = count_levels(probability, ground_truth, ignore)
    for threshold in (0, *rng.integers(1, 254, 3).tolist(), 254, 255):
        assert levels.at(threshold) == count_pixels((probability > threshold).astype(np.uint8), ground_truth, ignore), threshold


def test_histograms_of_two_frames_add_up() -> None:
    one, other = (count_levels(column(*columns), column(100), None) for columns in ((100,), (101, 500)))
    together = one + other
    assert together.at(127) == one.at(127) + other.at(127)
    assert together.sweep()[127].relaxed_precision == pytest.approx(2 / 3)
    assert len(together.sweep()) == LEVELS


def test_maps_of_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        count_levels(column(), column(size=(640, 36)))


def pixels(levels: list[int], ground_truth: list[int]) -> LevelCounts:
    """Counts of a few pixels, given by level and ground truth."""
    return count_levels(np.array([levels], np.uint8), np.array([ground_truth], np.uint8))


def test_average_precision_by_hand() -> None:
    """Four pixels in order of probability: lane, road, lane, road. Half the recall at precision 1, half at 2/3."""
    counts = pixels([240, 180, 120, 60], [1, 0, 1, 0])
    precision, recall = precision_recall(counts)
    # A level of which there is no pixel repeats the point before it.
    points = list(dict.fromkeys(zip(recall.tolist(), precision.tolist(), strict=True)))
    assert points == [(0.5, 1.0), (0.5, 0.5), (1.0, 2 / 3), (1.0, 0.5)]
    assert average_precision(counts) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert average_precision(pixels([255, 0], [1, 0])) == 1
    assert average_precision(pixels([0, 0, 0, 0], [1, 0, 0, 0])) == 0.25
    assert average_precision(pixels([255, 3], [0, 0])) == average_precision(LevelCounts()) == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_average_precision_agrees_with_the_definition_written_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    levels, ground_truth = rng.integers(0, 256, 60), rng.integers(0, 2, 60)
    ground_truth[0] = 1
    expected, before = 0.0, 0.0
    for level in sorted(set(levels.tolist()), reverse=True):
        predicted = levels >= level
        recall = (ground_truth[predicted]).sum() / ground_truth.sum()
        expected += (recall - before) * ground_truth[predicted].mean()
        before = recall
    assert average_precision(pixels(levels.tolist(), ground_truth.tolist())) == pytest.approx(expected)


def test_calibration_by_hand() -> None:
    """A probability of 0.8 is right when four pixels of five are lane."""
    calibrated = reliability(pixels([204] * 5 + [0] * 5, [1, 1, 1, 1, 0] + [0] * 5))
    assert (calibrated.error, calibrated.error_lane) == pytest.approx((0, 0))
    assert calibrated.brier == pytest.approx((4 * 0.2**2 + 0.8**2) / 10)
    assert calibrated.brier_skill == pytest.approx(1 - calibrated.brier / (0.4 * 0.6))
    assert calibrated.pixels[[0, 12]].tolist() == [5, 5]
    overconfident = reliability(pixels([255] * 4 + [0] * 6, [1, 0, 0, 0] + [0] * 6))
    assert overconfident.lane[-1] == 0.25
    assert overconfident.probability[-1] == 1
    assert (overconfident.error, overconfident.error_lane) == pytest.approx((0.3, 0.75))


def test_bins_are_of_equal_width_and_what_is_empty_is_marked_so() -> None:
    every = reliability(pixels(list(range(LEVELS)), [0] * LEVELS))
    assert every.pixels.tolist() == [17] * (BINS - 1) + [18]
    assert every.brier_skill == 0
    nothing = reliability(LevelCounts())
    assert np.isnan(nothing.probability).all()
    assert (nothing.error, nothing.error_lane, nothing.brier, nothing.brier_skill) == (0, 0, 0, 0)


def test_agrees_with_the_yardstick_to_four_digits(shared: Path, tmp_path: Path) -> None:
    """Ground truth shifted and thinned, as a prediction that is partly wrong, on every sixth frame."""
    data, masks = tmp_path / "data", tmp_path / "masks"
    data.mkdir()
    head, *rows = (shared / "lanedata" / "index.csv").read_text().splitlines()
    (data / "index.csv").write_text("\n".join([head, *[row for row in rows if row.split(",")[1] == "val"][::6]]))
    (data / "sources.json").symlink_to(shared / "lanedata" / "sources.json")
    for source in {row.split(",")[0] for row in rows}:
        (data / source).symlink_to(shared / "lanedata" / source)
    counts: dict[str, PixelCounts] = {}
    for frame in list_frames(data, "val"):
        _, ground_truth, ignore = frame.read_as_labelled()
        predicted = np.roll(ground_truth, 4, axis=1)
        predicted[::3] = 0
        folder = masks / frame.source
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{frame.stem}.png"), predicted)
        counts[frame.source] = counts.get(frame.source, PixelCounts()) + count_levels(predicted, ground_truth, ignore).at(127)
    report = tmp_path / "scores.json"
    command = [sys.executable, shared / "score.py", "--data", data, "--masks", masks, "--json", report]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    names = {"iou": "iou", "rel_p": "relaxed_precision", "rel_r": "relaxed_recall", "rel_f1": "relaxed_f1", "false_area": "false_area"}
    ours = as_table(counts)
    assert len(ours) == 6
    for source, row in json.loads(report.read_text()).items():
        for name, score in names.items():
            assert ours[source][score] == pytest.approx(row[name], abs=1e-4), (source, name)
