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

from lanes.data.lanedata import list_frames
from lanes.evaluate import as_table
from lanes.metrics import PixelCounts, count_pixels


def column(*columns: int, size: tuple[int, int] = (1280, 72)) -> np.ndarray:
    """A mask with one-pixel upright lines."""
    mask = np.zeros(size[::-1], np.uint8)
    mask[:, list(columns)] = 255
    return mask


def test_a_line_within_the_tolerance_is_right_and_one_beyond_is_not() -> None:
    near, beyond = count_pixels(column(105), column(100)), count_pixels(column(106), column(100))
    assert (near.iou, near.relaxed_precision, near.relaxed_recall, near.relaxed_f1) == (0, 1, 1, 1)
    assert (beyond.relaxed_precision, beyond.relaxed_recall, beyond.relaxed_f1) == (0, 0, 0)


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


def test_agrees_with_the_yardstick_to_four_digits(shared: Path, tmp_path: Path) -> None:
    """Truth shifted and thinned, as a prediction that is partly wrong."""
    frames = list_frames(shared / "lanedata", "val")
    counts: dict[str, PixelCounts] = {}
    for frame in frames:
        _, truth, ignore = frame.read_as_labelled()
        predicted = np.roll(truth, 4, axis=1)
        predicted[::3] = 0
        folder = tmp_path / frame.source
        folder.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / f"{frame.stem}.png"), predicted)
        counts[frame.source] = counts.get(frame.source, PixelCounts()) + count_pixels(predicted, truth, ignore)
    report = tmp_path / "scores.json"
    command = [sys.executable, shared / "score.py", "--masks", tmp_path, "--json", report]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    names = {"iou": "iou", "rel_p": "relaxed_precision", "rel_r": "relaxed_recall", "rel_f1": "relaxed_f1", "false_area": "false_area"}
    ours = as_table(counts)
    for source, row in json.loads(report.read_text()).items():
        for name, score in names.items():
            assert ours[source][score] == pytest.approx(row[name], abs=1e-4), (source, name)
