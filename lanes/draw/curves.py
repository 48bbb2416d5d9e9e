"""The ego lane's fill, and lane boundaries as ribbons on a soft shadow, narrowing with distance as paint does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import BGRImage
from lanes.draw.shapes import SHIFT, Scratch, blend, bounding_window, fixed_point
from lanes.draw.theme import (
    FAINT,
    FILL_FAR,
    FILL_NEAR,
    FILL_OPACITY,
    GLOW_OPACITY,
    SHADOW_OPACITY,
    WARNING,
    Colour,
    colour_of,
    mixed,
)
from lanes.results import DepartureState, Lane

Outlines = list[NDArray[np.int32]]
"""(M, 2) each, in fixed point."""

ROUND = np.array([(np.cos(angle), np.sin(angle)) for angle in np.linspace(0.0, np.pi, 9)[1:-1]], np.float32)
"""Half a circle, for the ends of curves."""

LEAST_SURE, SURE = 0.3, 0.8
"""Confidences at which a curve is palest and thinnest, and at which it is whole."""

LEAVING = {"left": -1, "right": 1}
"""The position of the boundary that a departure crosses."""

DASH, GAP = 14.0, 9.0
"""Of a held boundary, in halves of its width."""


def fill_lane(
    pixels: BGRImage, left: NDArray[np.float32], right: NDArray[np.float32], scratch: Scratch, road_ends: int | None = None
) -> None:
    """Fill the ego lane between its boundaries, fading with distance and softly at the near edge.

    Args:
        pixels: drawn into in place.
        left, right: the points of both boundaries, as in `Lane`.
        scratch: working memory of the frame's size.
        road_ends: the row from which on there is no road, as at the bonnet; None where that is not known.
    """
    height, width = scratch.stencil.shape
    # A boundary that leaves the frame at its side goes on beside it, and so does the lane.
    lowest = height - 1.0 if road_ends is None else min(road_ends, height) - 1.0
    side = max(1.0, 0.01 * width)
    feet = [y if side < x < width - 1.0 - side else max(y, lowest) for x, y in (left[0].tolist(), right[0].tolist())]
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

    # One band a step of opacity: finer than the eye can see on a road, and as many for a large frame as for a small one.
    rows = np.arange(seen.shape[0])
    nearness = np.clip((rows + at - top) / (bottom - top), 0.0, 1.0)
    opacity = FILL_OPACITY * nearness**0.7 * np.clip((bottom - rows - at) / (0.1 * height), 0.0, 1.0)
    opacity = np.round(opacity * 64) / 64
    starts = np.concatenate([[0], np.flatnonzero(np.diff(opacity)) + 1])
    edges = np.array([np.interp(rows + at, y[::-1], side[::-1]) for side in sides]) - x
    margin = int(np.abs(np.diff(edges, axis=1)).max(initial=0.0)) + 3  # columns that an edge crosses within a row
    firsts = np.maximum(np.minimum.reduceat(edges.min(axis=0), starts).astype(int) - margin, 0)
    lasts = np.maximum.reduceat(edges.max(axis=0), starts).astype(int) + margin
    ends = np.append(starts[1:], len(rows))
    near, share = nearness[(starts + ends) // 2], opacity[(starts + ends) // 2]
    colours = np.round(np.multiply.outer(near, FILL_NEAR) + np.multiply.outer(1.0 - near, FILL_FAR))
    added = np.zeros((len(share), 4))  # OpenCV's scalars have four parts, and are added several times as fast where they are whole
    np.round(colours * share[:, None], out=added[:, :3])
    bands = zip(starts.tolist(), ends.tolist(), firsts.tolist(), np.maximum(lasts, firsts + 1).tolist(), strict=True)
    for (begin, end, first, last), kept, add in zip(bands, (1.0 - share).tolist(), added, strict=True):
        out = blended[begin:end, first:last]
        cv2.convertScaleAbs(seen[begin:end, first:last], out, alpha=kept)
        cv2.add(out, add, out)
    cv2.copyTo(blended, stencil, seen)


@dataclass(frozen=True, slots=True)
class Stroke:
    """How one boundary is drawn: as one piece, or as dashes.

    Attributes:
        points, across: of each piece, and unit vectors across it, (pieces, N, 2).
        half: half the width at each point, pixels, (pieces, N).
        colour: of the ribbon. core: of the bright line along its middle; None for none.
        glow: whether it is the one that a departure crosses.
    """

    points: NDArray[np.float32]
    across: NDArray[np.float32]
    half: NDArray[np.float32]
    colour: Colour
    core: Colour | None
    glow: bool

    def outlines(self, *widths: tuple[float, float]) -> list[Outlines]:
        """For each (scale, rim) the outlines of the pieces, `scale` times as wide and `rim` pixels wider to either side."""
        half = np.stack([scale * self.half + rim for scale, rim in widths])
        return [list(pieces) for pieces in fixed_point(_ribbon(self.points, self.across, half))]


def draw_curves(pixels: BGRImage, lanes: Sequence[Lane], scratch: Scratch, departure: DepartureState = "none") -> None:
    """Draw the curves, outer ones first: in the colour of their ids, paler and thinner where they are unsure, in dashes where held.

    Args:
        pixels: drawn into in place.
        lanes: what to draw, at least one.
        scratch: working memory of the frame's size.
        departure: the boundary on that side is drawn as a warning.
    """
    height = scratch.stencil.shape[0]
    outermost_first = sorted(lanes, key=lambda lane: -abs(lane.position))
    strokes = [_stroke(lane, height, lane.position == LEAVING.get(departure)) for lane in outermost_first]
    rim = max(1.0, height / 360)
    shadows, ribbons, cores = zip(*(stroke.outlines((1.0, rim), (1.0, 0.0), (0.35, 0.0)) for stroke in strokes), strict=True)
    _veil(pixels, shadows, (0, 0, 0), SHADOW_OPACITY, scratch)
    glows = [stroke.outlines((4.0, 0.0))[0] for stroke in strokes if stroke.glow]
    if glows:
        _veil(pixels, glows, WARNING, GLOW_OPACITY, scratch)
    for stroke, ribbon, core in zip(strokes, ribbons, cores, strict=True):
        cv2.fillPoly(pixels, ribbon, stroke.colour, cv2.LINE_AA, SHIFT)
        if stroke.core is not None:
            cv2.fillPoly(pixels, core, stroke.core, cv2.LINE_AA, SHIFT)


def _veil(pixels: BGRImage, strokes: Sequence[Outlines], colour: Colour, opacity: float, scratch: Scratch) -> None:
    """Blend a colour over the outlines of strokes; where they overlap, once."""
    height, width = scratch.stencil.shape
    every = np.concatenate([outline for outlines in strokes for outline in outlines])
    window = bounding_window(every / (1 << SHIFT), width, height)
    seen, blended, stencil = pixels[window], scratch.blended[window], scratch.stencil[window]
    corner = (-window[1].start, -window[0].start)
    stencil.fill(0)
    for outlines in strokes:
        shifted = [outline + np.array(corner, np.int32) * (1 << SHIFT) for outline in outlines]
        cv2.fillPoly(stencil, shifted, 255, cv2.LINE_8, SHIFT)
    blend(seen, colour, opacity, blended)
    cv2.copyTo(blended, stencil, seen)


def _stroke(lane: Lane, height: int, leaving: bool) -> Stroke:
    """How a boundary is drawn in a frame of this height."""
    ego, held = abs(lane.position) == 1, lane.held_s > 0
    sure = min(max((lane.confidence - LEAST_SURE) / (SURE - LEAST_SURE), 0.0), 1.0)
    strength = (0.35 if held else 1.0) * (0.4 + 0.6 * sure) * (1.0 if ego else 0.7)
    colour = WARNING if leaving else mixed(colour_of(lane.id), FAINT, strength)
    core = mixed((255, 255, 255), colour, 0.5) if ego and not held else None
    half = _half_widths(lane, height) * np.float32((0.6 + 0.4 * sure) * (1.5 if leaving else 1.0))
    across = _across(lane.points)
    if not held:
        return Stroke(lane.points[None], across[None], half[None], colour, core, leaving)
    # A dash is as long in the picture as perspective makes it: in proportion to the width of the curve there.
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(lane.points, axis=0).T) / half[1:])])
    begin = np.arange(0.0, along[-1], DASH + GAP)[:, None]
    at = np.minimum(begin + np.linspace(0.0, DASH, 4), along[-1])
    columns = np.concatenate([lane.points, across, half[:, None]], axis=1)
    x, y, across_x, across_y, halves = (np.interp(at, along, column).astype(np.float32) for column in columns.T)
    return Stroke(np.stack([x, y], -1), np.stack([across_x, across_y], -1), halves, colour, core, leaving)


def _half_widths(lane: Lane, height: int) -> NDArray[np.float32]:
    """Half a curve's width at each point, pixels: a third as wide at mid-height and above as at the frame's bottom."""
    nearest = 0.0040 if abs(lane.position) == 1 else 0.0026
    nearness = np.minimum(np.maximum((lane.points[:, 1] / height - 0.5) * 2.0, 0.0), 1.0)
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
    """(..., pieces, M, 2): the outlines of curves (pieces, N, 2) that are `half` wide to either side, (..., pieces, N), with round ends."""
    offset = half[..., None] * across
    turned = np.stack([-offset[..., 1], offset[..., 0]], axis=-1)
    far = points[:, -1:] - ROUND @ np.stack([offset[..., -1, :], turned[..., -1, :]], axis=-2)
    near = points[:, :1] + ROUND @ np.stack([offset[..., 0, :], turned[..., 0, :]], axis=-2)
    return np.concatenate([points - offset, far, (points + offset)[..., ::-1, :], near], axis=-2)
