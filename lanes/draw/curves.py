"""The ego lane's fill, and lane boundaries as ribbons on a soft shadow, narrowing with distance as paint does."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import BGRImage
from lanes.draw.shapes import SHIFT, Scratch, blend, bounding_window, fixed_point
from lanes.draw.theme import EGO_LEFT, EGO_RIGHT, FILL_FAR, FILL_NEAR, FILL_OPACITY, OTHER, SHADOW_OPACITY
from lanes.results import Lane

ROUND = np.array([(np.cos(angle), np.sin(angle)) for angle in np.linspace(0.0, np.pi, 9)[1:-1]], np.float32)
"""Half a circle, for the ends of curves."""


def fill_lane(pixels: BGRImage, left: NDArray[np.float32], right: NDArray[np.float32], scratch: Scratch) -> None:
    """Fill the ego lane between its boundaries, fading with distance and softly at the near edge.

    Args:
        pixels: drawn into in place.
        left, right: the points of both boundaries, as in `Lane`.
        scratch: working memory of the frame's size.
    """
    height, width = scratch.stencil.shape
    # A boundary that leaves the frame at its side goes on beside it, and so does the lane.
    feet = [y if 1.0 < x < width - 2.0 else height - 1.0 for x, y in (left[0].tolist(), right[0].tolist())]
    top, bottom = max(float(left[-1, 1]), float(right[-1, 1])), min(feet)
    if bottom - top < 0.05 * height:
        return
    y = np.linspace(bottom, top, 32)
    sides = [np.interp(-y, -side[:, 1], side[:, 0]) for side in (left, right)]
    outline = np.concatenate([np.stack([sides[0], y], 1), np.stack([sides[1], y], 1)[::-1]])
    window = bounding_window(outline, width, height)
    at, x = window[0].start, window[1].start
    seen, blended, stencil = pixels[window], scratch.blended[window], scratch.stencil[window]
    stencil.fill(0)
    cv2.fillPoly(stencil, [fixed_point(outline - (x, at))], 255, shift=SHIFT)

    # One band a step of opacity: finer than the eye can see, and as many for a large frame as for a small one.
    rows = np.arange(seen.shape[0])
    nearness = np.clip((rows + at - top) / (bottom - top), 0.0, 1.0)
    opacity = FILL_OPACITY * nearness**0.7 * np.clip((bottom - rows - at) / (0.1 * height), 0.0, 1.0)
    edges = np.flatnonzero(np.diff(np.round(opacity * 100))) + 1
    for begin, end in zip([0, *edges.tolist()], [*edges.tolist(), len(rows)], strict=True):
        near = float(nearness[(begin + end) // 2])
        colour = tuple(round(near * a + (1.0 - near) * b) for a, b in zip(FILL_NEAR, FILL_FAR, strict=True))
        blend(seen[begin:end], (colour[0], colour[1], colour[2]), float(opacity[(begin + end) // 2]), blended[begin:end])
    cv2.copyTo(blended, stencil, seen)


def draw_curves(pixels: BGRImage, lanes: Sequence[Lane], scratch: Scratch) -> None:
    """Draw the curves, outer ones first.

    Args:
        pixels: drawn into in place.
        lanes: what to draw, at least one.
        scratch: working memory of the frame's size.
    """
    height, width = scratch.stencil.shape
    rim = max(1.0, height / 360)
    outermost_first = sorted(lanes, key=lambda lane: -abs(lane.position))
    strokes = [(lane, _across(lane.points), _half_widths(lane, height)) for lane in outermost_first]

    shadows = [fixed_point(_ribbon(lane.points, across, half + rim)) for lane, across, half in strokes]
    window = bounding_window(np.concatenate(shadows) / (1 << SHIFT), width, height)
    seen, blended, stencil = pixels[window], scratch.blended[window], scratch.stencil[window]
    corner = np.array([window[1].start, window[0].start]) << SHIFT
    stencil.fill(0)
    for shadow in shadows:
        cv2.fillPoly(stencil, [shadow - corner], 255, cv2.LINE_8, SHIFT)
    cv2.convertScaleAbs(seen, blended, alpha=1.0 - SHADOW_OPACITY)
    cv2.copyTo(blended, stencil, seen)

    for lane, across, half in strokes:
        colour = OTHER if abs(lane.position) > 1 else EGO_LEFT if lane.position < 0 else EGO_RIGHT
        cv2.fillPoly(pixels, [fixed_point(_ribbon(lane.points, across, half))], colour, cv2.LINE_AA, SHIFT)
        if abs(lane.position) == 1:
            core = (128 + colour[0] // 2, 128 + colour[1] // 2, 128 + colour[2] // 2)
            cv2.fillPoly(pixels, [fixed_point(_ribbon(lane.points, across, 0.35 * half))], core, cv2.LINE_AA, SHIFT)


def _half_widths(lane: Lane, height: int) -> NDArray[np.float32]:
    """Half a curve's width at each point, pixels: a third as wide at mid-height and above as at the frame's bottom."""
    nearest = 0.0040 if abs(lane.position) == 1 else 0.0026
    nearness = np.clip((lane.points[:, 1] / height - 0.5) * 2.0, 0.0, 1.0)
    widths: NDArray[np.float32] = np.maximum(height * nearest * (0.33 + 0.67 * nearness), 0.6).astype(np.float32)
    return widths


def _across(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit vectors across the curve, at each of its points."""
    along = np.empty_like(points)
    along[1:-1] = points[2:] - points[:-2]
    along[0], along[-1] = points[1] - points[0], points[-1] - points[-2]
    along /= np.maximum(np.hypot(along[:, :1], along[:, 1:]), 1e-6)
    return np.stack([-along[:, 1], along[:, 0]], axis=1)


def _ribbon(points: NDArray[np.float32], across: NDArray[np.float32], half: NDArray[np.float32]) -> NDArray[np.float32]:
    """The outline of a curve `half` wide to either side, with round ends."""
    offset = half[:, None] * across
    far = points[-1] - ROUND @ np.stack([offset[-1], [-offset[-1, 1], offset[-1, 0]]])
    near = points[0] + ROUND @ np.stack([offset[0], [-offset[0, 1], offset[0, 0]]])
    return np.concatenate([points - offset, far, (points + offset)[::-1], near])
