"""Lanes in the picture: tracks seen through the camera, from where the road comes into sight to where the paint ends.

The ego lane's boundaries begin where the road does: between the camera and their first paint lies the road that the car stands on. Those
of other lanes begin at their paint: before it there may be a car or a wall. Where that is beside the frame's side they begin at it.
"""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from lanes.geometry.camera import Camera
from lanes.mount import VisibleRoad
from lanes.results import Lane
from lanes.tracking.road import CREST, Floats, bend, fall, nearness, project
from lanes.tracking.tracker import RoadTracker

SPREAD = np.linspace(1.0, 0.0, 48) ** 1.5
"""Where a curve is sampled before it is cut to the frame: 1 near, 0 far."""

MARGIN = 0.01
"""In heights of the frame: paint shows the road a little further down than the middles of its cells."""

SIDE = 0.06
"""In widths of the frame: paint that the side cuts off is no measurement of its middle, so that what was measured ends so far from it."""

SHORTEST_PART = 0.3
"""Of the longest part of a curve in sight: shorter ones are no more than a corner."""


def lanes_of(tracker: RoadTracker, camera: Camera, visible: VisibleRoad) -> list[Lane]:
    """The tracks as lanes in pixels of the camera's frame; what is not on visible road has none."""
    tracks = tracker.tracks
    if not tracks:
        return []
    state, height = tracker.road.state, camera.mount_height
    foot = camera.rays(np.array([[0.0, camera.height - 1.0], [camera.width - 1.0, camera.height - 1.0]]))
    steepest = float(np.fmax.reduce(-foot[:, 2] / foot[:, 0], initial=0.0))
    nearest = 1.05 * float(nearness(state, np.array(steepest), height))
    # Over a crest the road is hidden from where it falls as fast as the ray does.
    hidden = 1.02 * sqrt(max(-float(state[CREST]), 0.0) / (2.0 * height))
    far = np.maximum([1.0 / max(track.curve.far_m, 2.0) for track in tracks], hidden)
    index = [track.index for track in tracks]
    offsets, skews = tracker.road.offsets[index], tracker.road.skews[index]
    paint = np.array([1.0 / max(track.curve.near_m, 2.0) for track in tracks])
    # About where that is: angles of the mount and of the lens are small beside `SIDE`.
    column = camera.cx - camera.fx * (paint * offsets + skews + bend(state, paint) - camera.yaw)
    leads_on = np.abs(column - (camera.width - 1) / 2) > (0.5 - SIDE) * camera.width
    leads_on |= np.array([abs(track.position) == 1 for track in tracks])
    begin = np.where(leads_on, nearest, np.minimum(nearest, paint))
    # Closer together far ahead, where a bend turns fastest in the picture.
    near = far[:, None] + np.maximum(begin - far, 0.0)[:, None] * SPREAD
    pixels = project(camera, near * offsets[:, None] + skews[:, None] + bend(state, near), fall(state, near, height))
    lanes = []
    for track, points in zip(tracks, uncross(clip(pixels, visible, tracker.lowest_row), [track.position for track in tracks]), strict=True):
        if len(points) >= 2:
            lanes.append(Lane(track.position, points, track.confidence, track.id, track.type, track.held_s, track.curve))
    return lanes


def uncross(curves: list[NDArray[np.float32]], positions: list[int]) -> list[NDArray[np.float32]]:
    """The curves, each cut where it meets its neighbour's: lanes never cross. Of the two the outer one, or both of the ego lane.

    Args:
        curves: (N, 2) each, from left to right, from the bottom up; may be empty. positions: of them, as in `Lane`.
    """
    kept = list(curves)
    shown = [index for index, curve in enumerate(curves) if len(curve)]
    for left, right in sorted(pairwise(shown), key=lambda pair: abs(positions[pair[0]] + positions[pair[1]])):
        one, other = kept[left], kept[right]
        if not len(one) or not len(other):
            continue
        rows = np.concatenate([one[:, 1], other[:, 1]])
        rows = rows[(rows <= min(one[0, 1], other[0, 1])) & (rows >= max(one[-1, 1], other[-1, 1]))]
        apart = np.interp(-rows, -other[:, 1], other[:, 0]) - np.interp(-rows, -one[:, 1], one[:, 0])
        met = rows[apart <= 0.0]
        if not len(met):
            continue
        row = met.max()
        for index in (left, right):
            if abs(positions[index]) > 1 or positions[left] * positions[right] == -1:
                kept[index] = kept[index][kept[index][:, 1] > row]
    return kept


def clip(pixels: Floats, visible: VisibleRoad, lowest_row: float) -> list[NDArray[np.float32]]:
    """The part of each curve on visible road that leads to its paint, from where it enters it up to where it leaves it or turns downward.

    Args:
        pixels: (K, N, 2), from the bottom up; NaN for what the lens does not show.
        visible: of the frame; what hides the road at its bottom is outside.
        lowest_row: at which the road is known to be visible, pixels.
    """
    limits = np.array([visible.width - 1.0, visible.height - 1.0])
    outside = np.maximum(pixels - limits, -pixels).max(axis=-1)  # by how many pixels; negative inside
    outside = np.maximum(outside, pixels[..., 1] - (lowest_row + MARGIN * visible.height))
    if visible.known:
        outside = np.maximum(outside, pixels[..., 1] - visible.bottom_at(pixels[..., 0]))
    inside = outside <= 0.0
    goes_on = inside.copy()
    goes_on[:, 1:] &= pixels[:, 1:, 1] < pixels[:, :-1, 1]
    first = _begins(inside, goes_on, pixels[..., 1])
    parts = []
    for curve, begin, is_in, rises, out in zip(pixels, first.tolist(), inside, goes_on, outside, strict=True):
        ends = np.flatnonzero(~rises[begin + 1 :])
        part = curve[begin : begin + 1 + (int(ends[0]) if len(ends) else len(curve))] if is_in[begin] else curve[:0]
        if begin and len(part) and np.isfinite(out[begin - 1]):
            share = out[begin - 1] / (out[begin - 1] - out[begin])
            part = np.concatenate([curve[begin - 1 : begin] * (1.0 - share) + curve[begin : begin + 1] * share, part])
        parts.append(np.minimum(np.maximum(part, 0.0), limits).astype(np.float32))
    return parts


def _begins(inside: NDArray[np.bool_], goes_on: NDArray[np.bool_], rows: Floats) -> NDArray[np.intp]:
    """(K,) where the part of each curve begins that leads to its paint: at a bonnet's corner a curve may come into sight twice."""
    first: NDArray[np.intp] = inside.argmax(axis=1)
    joins = goes_on[:, 1:] & inside[:, :-1]
    twice = np.flatnonzero((inside[:, 1:] & ~joins).sum(axis=1) + inside[:, 0] > 1)
    for curve in twice.tolist():
        begins = np.flatnonzero(inside[curve] & ~np.append(False, joins[curve]))
        ends = [int(begin + np.argmin(np.append(joins[curve, begin:], False))) for begin in begins]
        covered = rows[curve, begins] - rows[curve, ends]
        first[curve] = begins[np.flatnonzero(covered >= SHORTEST_PART * covered.max())[-1]]
    return first
