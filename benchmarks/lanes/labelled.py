"""Labelled stills of `lanedata`: the ego lane's boundaries at the labelled rows, and lanes as TuSimple counts them.

Two kinds of labels hold the ego lane's boundaries. In `roboflow_ego` every stroke has a class that says whose side it is on; in
`udacity_ego` a boundary is a polygon, which is on the side on which it meets the frame's bottom. At every 72nd part of the height x is the
middle of the label, where it does not touch the frame's edge; a boundary is right there when the lane of position -1 or 1 is within 20 px,
at a width of 1280. A row at which there is no lane is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import Mask
from lanes.data.frames import LabelledFrame, read_image, read_json
from lanes.data.open import list_frames
from lanes.data.polylines import visible_lines
from lanes.errors import InputError
from lanes.evaluate.lanes import TUSIMPLE_ROWS, TuSimpleScore, score_tusimple
from lanes.geometry.lanes import find_lanes
from lanes.results import Lane
from lanes.segment.segmenter import Segmenter

Floats = NDArray[np.float64]

BY_CLASS, BY_POLYGON = "roboflow_ego", "udacity_ego"
LEFT_CLASSES, RIGHT_CLASSES = (1, 2), (3, 4)
WITHIN_PX = 20.0
ROWS = 72
"""Rows that a frame is looked at in."""


def measure_labels(data: Path, split: str, segmenter: Segmenter, every: int = 1) -> dict[str, Any]:
    """Scores every source that has labels for one of the two.

    Args:
        data: folder in the layout of `lanedata`. split: of it, for the ego lane. segmenter: runs the model.
        every: only each so many-th frame.

    Returns:
        `ego`: by source `right` and `absent` (shares of labelled rows), `rows` and `frames`. `tusimple`: by source `accuracy`, `fp`, `fn`
        and `frames`; of any split, which `split` says.

    Raises:
        InputError: there is no such data, or a file of it is broken.
    """
    ego: dict[str, Any] = {}
    worst: list[dict[str, Any]] = []
    frames = list_frames(data)
    for source in (BY_CLASS, BY_POLYGON):
        chosen = [frame for frame in frames if frame.source == source and frame.split == split][::every]
        if chosen:
            counts = [(frame, *_count(_ego_rows(data, frame), _lanes(frame, segmenter))) for frame in chosen]
            rows = sum(n for *_, n in counts)
            ego[source] = {
                "right": sum(right for _, right, _, _ in counts) / max(1, rows),
                "absent": sum(absent for _, _, absent, _ in counts) / max(1, rows),
                "rows": rows,
                "frames": len(chosen),
            }
            known = [(right / n, frame) for frame, right, _, n in counts if n]
            worst += [{"source": source, "stem": f.stem, "right": share} for share, f in sorted(known, key=lambda each: each[0])[:4]]
    return {"ego": ego, "tusimple": _tusimple(frames, segmenter, every), "worst": worst}


def _lanes(frame: LabelledFrame, segmenter: Segmenter) -> tuple[list[Lane], tuple[int, int]]:
    pixels = frame.read_as_labelled()[0]
    segmenter.reset()
    mask: Mask = np.where(segmenter(pixels) > segmenter.threshold, np.uint8(255), np.uint8(0))
    return find_lanes(mask), (mask.shape[1], mask.shape[0])


def _count(labels: Mapping[int, Floats], found: tuple[list[Lane], tuple[int, int]]) -> tuple[int, int, int]:
    """Rows that are right, rows without a lane, and all rows."""
    lanes, (width, _) = found
    right = absent = rows = 0
    for side, points in labels.items():
        lane = next((lane for lane in lanes if lane.position == side), None)
        rows += len(points)
        if lane is None:
            absent += len(points)
            continue
        curve = lane.points[lane.points[:, 1].argsort()].astype(np.float64)
        x = np.interp(points[:, 1], curve[:, 1], curve[:, 0], left=np.nan, right=np.nan)
        absent += int(np.isnan(x).sum())
        right += int((np.abs(x - points[:, 0]) < WITHIN_PX * width / 1280).sum())
    return right, absent, rows


def _ego_rows(data: Path, frame: LabelledFrame) -> dict[int, Floats]:
    """By side, -1 or 1, the (N, 2) middles of the label at the rows where it is, in pixels of the frame."""
    folder = data / frame.source
    if frame.source == BY_CLASS:
        ids = read_image(folder / "ids" / f"{frame.stem}.png", cv2.IMREAD_GRAYSCALE)
        sides = {-1: np.isin(ids, LEFT_CLASSES), 1: np.isin(ids, RIGHT_CLASSES)}
    else:
        sides = _polygon_sides(frame, read_json(folder / "polygons.json").get(frame.stem, []))
    return {side: rows for side, mask in sides.items() if len(rows := np.array(list(_middles(mask)), np.float64).reshape(-1, 2))}


def _polygon_sides(frame: LabelledFrame, polygons: Sequence[Mapping[str, Any]]) -> dict[int, NDArray[np.bool_]]:
    shape = frame.read_as_labelled()[0].shape[:2]
    sides: dict[int, NDArray[np.bool_]] = {}
    for polygon in polygons:
        mask = np.zeros(shape, np.uint8)
        for ring in polygon["seg"]:
            points = np.array(ring, np.float64).reshape(-1, 2) * shape[1] / 1280
            cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 1)
        y, x = np.nonzero(mask)
        if len(y) and y.max() > y.min():
            foot = float(np.polyval(np.polyfit(y, x, 1), shape[0] - 1))
            side = -1 if foot < shape[1] / 2 else 1
            sides[side] = sides.get(side, np.zeros(shape, bool)) | (mask > 0)
    return sides


def _middles(mask: NDArray[np.bool_]) -> Iterator[tuple[float, float]]:
    for row in range(0, mask.shape[0], max(1, round(mask.shape[0] / ROWS))):
        x = np.flatnonzero(mask[row])
        if len(x) and x[0] > 0 and x[-1] < mask.shape[1] - 1:
            yield (x[0] + x[-1]) / 2, row


def _tusimple(frames: Sequence[LabelledFrame], segmenter: Segmenter, every: int) -> dict[str, Any]:
    """By source and split, of frames whose lanes are labelled as lines."""
    scores: dict[str, TuSimpleScore] = {}
    for frame in frames[::every]:
        lines = frame.polylines()
        if lines is not None:
            lanes, size = _lanes(frame, segmenter)
            name = f"{frame.source}, {frame.split}"
            ground_truth = visible_lines(lines, *size)
            scores[name] = scores.get(name, TuSimpleScore()) + score_tusimple(
                [lane.points for lane in lanes], ground_truth, size, TUSIMPLE_ROWS
            )
    return {name: {"accuracy": score.accuracy, "fp": score.fp, "fn": score.fn, "frames": score.frames} for name, score in scores.items()}


def check_data(data: Path) -> None:
    """Raises InputError where neither source is there."""
    if not any((data / source).is_dir() for source in (BY_CLASS, BY_POLYGON)):
        raise InputError(f"{data} holds neither {BY_CLASS} nor {BY_POLYGON}")
