"""Lanes of real masks, hand-labelled: well formed, few, and where the labels are."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from lanes.arrays import Mask
from lanes.geometry.lanes import find_lanes
from tests.geometry.test_lanes import by_position, check_invariants


def real_masks(shared: Path, source: str, split: str) -> list[Mask]:
    folder = shared / "lanedata"
    with (folder / "index.csv").open() as file:
        stems = [row["stem"] for row in csv.DictReader(file) if row["source"] == source and row["split"] == split]
    masks = [
        cv2.imread(str(folder / source / "masks" / f"{stem}.png"), cv2.IMREAD_GRAYSCALE) for stem in stems[:: max(1, len(stems) // 40)]
    ]
    return [mask.astype(np.uint8) for mask in masks if mask is not None]


@pytest.mark.parametrize("source", ["camvid", "ceymo_lines", "roboflow_ego", "udacity_ego"])
@pytest.mark.parametrize("split", ["train", "val"])
def test_real_masks_give_well_formed_lanes_and_few_of_them(shared: Path, source: str, split: str) -> None:
    masks = real_masks(shared, source, split)
    assert masks
    counts = []
    for mask in masks:
        lanes = find_lanes(mask)
        check_invariants(lanes, (mask.shape[1], mask.shape[0]))
        counts.append(len(lanes))
    assert max(counts) <= 10
    assert np.mean(counts) <= 5.0


@pytest.mark.parametrize("split", ["train", "val"])
def test_labelled_ego_lanes_are_found_where_they_are(shared: Path, split: str) -> None:
    found, distances = 0, []
    masks = real_masks(shared, "udacity_ego", split)
    for mask in masks:
        lanes = by_position(find_lanes(mask))
        found += {-1, 1} <= lanes.keys()
        drawn = np.full_like(mask, 255)
        for points in lanes.values():
            cv2.polylines(drawn, [np.round(points).astype(np.int32)], False, 0)
        distances.append(float(np.quantile(cv2.distanceTransform(drawn, cv2.DIST_L2, 3)[mask > 0], 0.95)) / mask.shape[1])
    assert found >= 0.95 * len(masks)
    # 95 % of all paint lies within 1.2 % of the frame's width of a curve: half the width that the labels are drawn with nearby.
    assert np.median(distances) < 0.012
