"""Labels that are lines rather than masks: how they are drawn, and what they ignore."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import Mask
from lanes.data.frames import LabelledFrame, Polyline
from lanes.data.labels import LabelDefinition

PAINT_PER_ROW = 0.08
"""Guessed width of a line in a row, as a part of the rows below the horizon: 10 cm of paint seen from a height of 1.25 m."""

LEAST_WIDTH = 2.0
"""Width below which no line is drawn, pixels."""


@dataclass(frozen=True, slots=True)
class PolylineFrame(LabelledFrame):
    """A frame whose label is at most two lines to either side of the car, each one continuous through gaps and behind vehicles."""

    @property
    def definition(self) -> LabelDefinition:
        return LabelDefinition.ALL_CONTINUOUS

    @abstractmethod
    def polylines(self) -> list[Polyline] | None:
        """The lines, in the order of the label; None where `stored_mask` has them. Raises InputError when they are missing or broken."""

    def stored_mask(self) -> Mask:
        """The mask of a frame whose lines are stored only as drawn by others. Raises InputError like `read`."""
        raise NotImplementedError

    def label(self, width: int, height: int) -> tuple[Mask, Mask | None]:
        lines = self.polylines()
        if lines is None:
            return self.stored_mask(), None
        lines = visible_lines(lines, width, height)
        return draw_lines(lines, width, height), beyond_outermost(lines, width, height)


def visible_lines(lines: Sequence[Polyline], width: int, height: int) -> list[Polyline]:
    """The lines that are lanes of an image: two different points at least, and some part inside the image.

    Labels hold others: TuSimple's pad their lists with lanes of nothing but -2, splines end up beside the image, and a click without
    a second one leaves a point. They are in no image, so no model can find them.
    """
    return [line for line in lines if _crosses(line, width, height)]


def _crosses(line: Polyline, width: int, height: int) -> bool:
    points = np.clip(np.rint(line), -1e6, 1e6).astype(int).tolist()
    segments = [(start, end) for start, end in pairwise(points) if start != end]
    return any(cv2.clipLine((0, 0, width, height), start, end)[0] for start, end in segments)


def draw_lines(lines: Sequence[Polyline], width: int, height: int) -> Mask:
    """Lines as a mask (H, W) uint8, 255 = line, as wide as paint would be; the highest point of them stands for the horizon.

    Lines of fewer than two points have no direction and are left out. What lies outside the image is cut off.
    """
    mask = np.zeros((height, width), np.uint8)
    for line in lines:
        if len(line) >= 2:
            half = np.stack([_width(line[:, 1], _horizon(lines)) / 2, np.zeros(len(line))], axis=1)
            outline = np.concatenate([line - half, (line + half)[::-1]])
            # Far enough outside to keep the direction, and near enough for OpenCV's fixed-point coordinates.
            outline = np.clip(outline, -4 * max(width, height), 5 * max(width, height))
            cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, shift=4)
    return mask


def beyond_outermost(lines: Sequence[Polyline], width: int, height: int) -> Mask | None:
    """Where there may be lines that the label leaves out: (H, W) uint8, 255 = not known; None where it leaves out none.

    Labels of two lines a side at most say nothing of a third. On a side with two lines, what lies outside both is ignored.
    """
    ignore = np.zeros((height, width), np.uint8)
    rows, columns = np.arange(height), np.arange(width)
    margin = _width(rows, _horizon(lines))
    drawn = [line[np.argsort(line[:, 1])] for line in lines if len(line) >= 2]
    for outward in (-1, 1):
        own = [line for line in drawn if (line[-1, 0] - width / 2) * outward > 0]
        if len(own) >= 2:
            x = np.stack([np.interp(rows, line[:, 1], line[:, 0]) for line in own])
            edge = outward * (x * outward).max(axis=0) + outward * margin
            beyond = (columns - edge[:, None]) * outward > 0
            ignore[beyond & (rows >= min(line[0, 1] for line in own))[:, None]] = 255
    return ignore if ignore.any() else None


def _horizon(lines: Sequence[Polyline]) -> float:
    return max(0.0, min((float(line[:, 1].min()) for line in lines if len(line)), default=0.0))


def _width(rows: NDArray[np.floating] | NDArray[np.integer], horizon: float) -> NDArray[np.float64]:
    width: NDArray[np.float64] = np.maximum(LEAST_WIDTH, PAINT_PER_ROW * (rows - horizon))
    return width
