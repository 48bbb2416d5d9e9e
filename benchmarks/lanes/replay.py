"""Lane records for hours of driving: the paint that the model saw on rendered drives, errors and all, laid along other drives.

Of every line of paint that was found in a mask it is kept where it lay beside the boundary nearest to it, in shares of the lane's width
at that row, and where along the road; with its type, its spread and its confidence. Lines that are no boundary, joints between slabs say,
are kept as the same: far beside one. Stretches of some seconds of such frames are then drawn at random, and their lines laid beside the
boundaries of a drive that nothing was rendered of. Whatever the model's errors are like, biased, correlated from frame to frame, of
long tails, missing for a while, they stay so: no distribution is fitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.lanes.drives import SIZE, Drive
from benchmarks.lanes.ground_truth import FrameTruth
from lanes.geometry.paint import PaintLine
from lanes.renderer import GroundTruth
from lanes.renderer.ego import EgoMotion
from lanes.renderer.road import RoadAhead
from lanes.results import Frame
from lanes.tracking import TrackingEstimator

Floats = NDArray[np.float64]
Seen = list[dict[str, Any]]
"""The lines of one frame, as JSON holds them."""

STRETCH_S = 3.0
"""Of frames that follow each other as they were."""

LEAST_POINTS = 2

PERFECT_M, PERFECT_WIDTH_M, PERFECT_STD_PX = (5.0, 50.0), 0.15, 0.5
"""Of paint without the model's errors."""


def seen_paint(lines: Sequence[PaintLine], truth: FrameTruth) -> Seen:
    """The lines of paint of one frame, each against the boundary nearest to it."""
    found = []
    for line in lines:
        rows = line.points[:, 1]
        boundaries = truth.at_row(rows)
        left, right = boundaries[truth.ego_lane], boundaries[truth.ego_lane + 1]
        beside = (line.points[:, 0] - boundaries) / (right - left)
        known = ~np.isnan(beside)
        mean = np.array([np.abs(each[k]).mean() if k.sum() >= LEAST_POINTS else np.inf for each, k in zip(beside, known, strict=True)])
        nearest = int(np.argmin(mean))
        if not np.isfinite(mean[nearest]):
            continue
        use = known[nearest]
        found.append(
            {
                "boundary": nearest - truth.ego_lane,
                "ahead": _ahead(truth, nearest, rows[use]).round(3).tolist(),
                "beside": beside[nearest][use].round(5).tolist(),
                "width": (line.widths[use] / (right - left)[use]).round(5).tolist(),
                "std": round(line.std_px, 4),
                "type": line.type,
                "confidence": round(line.confidence, 4),
            }
        )
    return found


def laid(seen: Seen, truth: FrameTruth, start: int) -> list[PaintLine]:
    """The same lines beside the boundaries of another drive.

    Args:
        seen: of `seen_paint`. truth: where the other drive's boundaries are. start: its lane in which the lines are laid, from the left.
    """
    lines = []
    for line in seen:
        boundary = start + line["boundary"]
        if not 0 <= boundary < len(truth.pixels):
            continue
        ahead = np.array(line["ahead"])
        column, row = _pixels(truth, boundary, ahead)
        across = truth.at_row(row)
        lane = across[start + 1] - across[start]
        points = np.stack([column + np.array(line["beside"]) * lane, row], axis=1)
        width = np.array(line["width"]) * lane
        inside = np.isfinite(points).all(axis=1) & (points >= 0).all(axis=1)
        inside &= (points <= np.array((truth.camera.width, truth.camera.height)) - 1).all(axis=1)
        if inside.sum() >= LEAST_POINTS:
            lines.append(PaintLine(points[inside], width[inside], line["std"], line["type"], line["confidence"]))
    return lines


def perfect_paint(truth: FrameTruth) -> list[PaintLine]:
    """The road's lines as they lie, unbroken from `PERFECT_M` on."""
    lines = []
    for points, pixels, visible, painted in zip(truth.points, truth.pixels, truth.visible, truth.painted, strict=True):
        use = visible & (points[:, 0] > PERFECT_M[0]) & (points[:, 0] < PERFECT_M[1])
        if painted and use.sum() >= LEAST_POINTS:
            widths = PERFECT_WIDTH_M * truth.camera.fx / points[use, 0]
            lines.append(PaintLine(pixels[use], widths, PERFECT_STD_PX, "solid", 0.95))
    return lines


def unrendered(drive: Drive, size: tuple[int, int] = SIZE) -> Iterator[FrameTruth]:
    """The ground truth of a drive's frames without their pictures: nothing hides anything but crests and the picture's edge."""
    motion = EgoMotion(drive.scene)
    empty = np.zeros(size[::-1], np.uint8)
    for index in range(drive.frames):
        time_s = drive.start_s + index / drive.rate
        ego, camera = motion.state(time_s), motion.camera(*size, time_s)
        yield FrameTruth.of(GroundTruth.of(drive.scene, ego, camera, RoadAhead(drive.scene.course, ego.s), empty, time_s))


def replay(
    drive: Drive, stretches: Sequence[Sequence[Seen]], estimator: TrackingEstimator, rng: np.random.Generator, size: tuple[int, int] = SIZE
) -> Iterator[tuple[FrameTruth, str]]:
    """Drives along a drive with the paint of others.

    Args:
        drive: whose boundaries are followed. stretches: frames as they followed each other, of at least one frame each.
        estimator: fresh. rng: chooses among them. size: of the frames, pixels.

    Yields:
        The ground truth of each frame, and the departure that is given for it.
    """
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    waiting: list[Seen] = []
    for index, truth in enumerate(unrendered(drive, size)):
        if not waiting:
            waiting = list(reversed(stretches[int(rng.integers(len(stretches)))]))
        lines = laid(waiting.pop(), truth, truth.ego_lane)
        frame = Frame(pixels, index, Fraction(index, drive.rate), drive.name, f"{index:06d}")
        yield truth, estimator.update_lines(lines, frame).departure


def stretches_of(frames: Sequence[Seen], rate: int) -> list[list[Seen]]:
    """A drive's frames cut into stretches of `STRETCH_S`."""
    length = max(1, round(STRETCH_S * rate))
    return [list(frames[first : first + length]) for first in range(0, len(frames) - length + 1, length)] or [list(frames)]


def _ahead(truth: FrameTruth, boundary: int, rows: Floats) -> Floats:
    """Metres ahead at which a boundary is seen in these rows."""
    visible = truth.visible[boundary]
    order = np.argsort(truth.pixels[boundary, visible, 1])
    ahead: Floats = np.interp(rows, truth.pixels[boundary, visible, 1][order], truth.points[boundary, visible, 0][order])
    return ahead


def _pixels(truth: FrameTruth, boundary: int, ahead: Floats) -> tuple[Floats, Floats]:
    """Column and row at which a boundary is seen so many metres ahead; NaN where it is not in sight."""
    visible = truth.visible[boundary]
    if visible.sum() < LEAST_POINTS:
        return np.full(len(ahead), np.nan), np.full(len(ahead), np.nan)
    x = truth.points[boundary, visible, 0]
    column, row = (np.interp(ahead, x, truth.pixels[boundary, visible, axis], left=np.nan, right=np.nan) for axis in (0, 1))
    return column, row
