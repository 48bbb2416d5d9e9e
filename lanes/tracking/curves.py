"""Lanes in the picture: tracks seen through the camera, from where the road comes into sight to where the paint ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lanes.geometry.camera import Camera
from lanes.results import Lane
from lanes.tracking.road import Floats, bend, fall, nearness, project
from lanes.tracking.tracker import RoadTracker, Track

SAMPLES = 48
"""Of each curve before it is cut to the frame."""


def lanes_of(tracker: RoadTracker, camera: Camera) -> list[Lane]:
    """The tracks as lanes in pixels; what is not in the frame has none."""
    tracks = tracker.tracks
    if not tracks:
        return []
    state, height = tracker.road.state, camera.mount_height
    foot = camera.rays(np.array([[0.0, camera.height - 1.0], [camera.width - 1.0, camera.height - 1.0]]))
    steepest = float(np.nanmax(-foot[:, 2] / foot[:, 0], initial=0.0))
    nearest = 1.05 * float(nearness(state, np.array(steepest), height))
    far = np.array([1.0 / max(track.curve.far_m, 2.0) for track in tracks])
    # Closer together far ahead, where a bend turns fastest in the picture.
    near = far[:, None] + np.maximum(nearest - far, 0.0)[:, None] * np.linspace(1.0, 0.0, SAMPLES) ** 1.5
    index = [track.index for track in tracks]
    side = near * tracker.road.offsets[index, None] + tracker.road.skews[index, None] + bend(state, near)
    pixels = project(camera, side, fall(state, near, height))
    lanes = [_lane(track, points, camera) for track, points in zip(tracks, pixels, strict=True)]
    return [lane for lane in lanes if lane is not None]


def _lane(track: Track, pixels: Floats, camera: Camera) -> Lane | None:
    points = clip(pixels, camera)
    if len(points) < 2:
        return None
    return Lane(track.position, points, track.confidence, track.id, track.type, track.held_s, track.curve)


def clip(pixels: Floats, camera: Camera) -> NDArray[np.float32]:
    """The part of a curve inside the frame, from where it enters it; (N, 2), bottom up."""
    limits = np.array([camera.width - 1.0, camera.height - 1.0])
    with np.errstate(invalid="ignore"):
        # How far outside, in pixels; 0 inside.
        outside = np.maximum(pixels - limits, -pixels).max(axis=1)
    inside = np.flatnonzero(outside <= 0)
    if not len(inside):
        return np.empty((0, 2), np.float32)
    first = int(inside[0])
    breaks = np.flatnonzero(np.diff(inside) > 1)
    last = int(inside[breaks[0]] if len(breaks) else inside[-1])
    part = pixels[first : last + 1]
    if first and np.isfinite(outside[first - 1]):
        share = outside[first - 1] / (outside[first - 1] - outside[first])
        part = np.concatenate([(pixels[first - 1] + share * (pixels[first] - pixels[first - 1]))[None], part])
    rising = np.r_[True, np.diff(part[:, 1]) < 0]
    return np.clip(part[np.logical_and.accumulate(rising)], 0.0, limits).astype(np.float32)


def of_position(tracks: Sequence[Track], position: int) -> Track | None:
    """The track of a position."""
    return next((track for track in tracks if track.position == position), None)
