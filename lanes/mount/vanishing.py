"""Where the lines of one frame meet: the road's direction as the camera sees it, with its covariance, and how straight the road is.

Lengths are in heights of the camera, so that none need be known. Through a camera that is turned as it is thought to be, a point of the
road `x` ahead and `y` to the left lies at z = 1 / x below the horizon and l = y / x to the left, in focal lengths. With the camera wrong
by `pitch` (down) and `yaw`, on a road that bends by `bend` and whose grade changes by `crest`, a line at `offset` to the left lies at

    l = offset (z - pitch) + yaw + (bend + offset crest) / (2 z)

to first order: a line in the picture for each line on the road, and they all meet at (yaw, pitch). A first fit gives each line's three
coefficients; a second what they have in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lanes.geometry.camera import Camera
from lanes.geometry.paint import PaintLine

Floats = NDArray[np.float64]

POINTS = 32
"""Of a line, at most, evenly among those it has."""

CORRELATION = 2.0
"""Points lie beside their line together: so many are worth one."""

NEAREST_Z = 0.035
"""Points less far below the horizon are left out: beyond 29 camera heights, 40 m from a car, it is another stretch of road."""

BEND_STD, CREST_STD = 0.003, 0.001
"""How roads bend, before a frame is looked at: in camera heights, a radius of 470 m to the side and 1.4 km for hills, from a car."""

PRIOR = np.diag([1e-4, 1e-4, 1.0 / BEND_STD**2, 1.0 / CREST_STD**2])
"""Information about (pitch, yaw, bend, crest) before a frame is looked at."""

DIRECTION_STD = 0.003
"""rad: by how much a line's paint does not go where the road does."""

SHORTEST_SPAN = 1.35
"""How many times as far as its nearest point a line's farthest must be: shorter ones show no direction."""

STEPS = 4
"""Of Newton's method, at most, from where the camera is thought to look."""

SOLVED = 0.008
"""rad: a step shorter than this is the last."""

FREEDOM = 4.0
"""Degrees of freedom of Student's t, which the lines' errors are taken to follow: one that points elsewhere loses weight."""

GREATEST_ANGLE = 0.4
"""rad: no camera that looks along the road is turned more."""


@dataclass(frozen=True, slots=True)
class RoadDirection:
    """What the lines of one frame show.

    Attributes:
        pitch, yaw: of the camera against the road below it, radians, with the roll that the camera was taken to have.
        covariance: (2, 2), of both, rad^2.
        bend, crest: curvature of the road to the left, and change of its grade, positive where it rises, 1 / camera height.
        bend_std, crest_std: of both.
        offsets: (L,) of the lines that it follows from, camera heights to the left. offset_stds: of each.
    """

    pitch: float
    yaw: float
    covariance: Floats
    bend: float
    bend_std: float
    crest: float
    crest_std: float
    offsets: Floats
    offset_stds: Floats


def find_direction(lines: Sequence[PaintLine], camera: Camera, near: bool = False) -> RoadDirection | None:
    """The road's direction in one frame; None where fewer than two lines show it.

    Args:
        lines: of paint, in the picture. camera: as it is thought to be mounted; its height means nothing here.
        near: whether it is mounted like that to within a degree or two. If not, a first step finds where straight lines meet.
    """
    if len(lines) < 2:
        return None
    pixels, weights, counts = _points(lines, camera)
    bent = near
    for step in range(STEPS):
        fitted = _fit_lines(camera, pixels, weights, counts, bent)
        if fitted is None:
            return None
        solution, covariance, offsets, offset_stds = _common(*fitted)
        pitch, yaw = _turned(camera, solution[0], solution[1])
        if abs(pitch) > GREATEST_ANGLE or abs(yaw) > GREATEST_ANGLE:
            return None
        if bent and (abs(solution[:2]).max() < SOLVED or step == STEPS - 1):
            stds = np.sqrt(covariance.diagonal())
            curved = float(solution[2]), float(stds[2]), float(solution[3]), float(stds[3])
            return RoadDirection(pitch, yaw, covariance[:2, :2], *curved, offsets, offset_stds)
        camera, bent = replace(camera, pitch=pitch, yaw=yaw), True
    return None


def _points(lines: Sequence[PaintLine], camera: Camera) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Some points of each line, one line after another: pixels (N, 2), weights 1 / std^2 (N,) in focal lengths, and how many of each."""
    chosen = [line.points[:: -(-len(line.points) // POINTS)] for line in lines]
    counts = np.array([len(points) for points in chosen], np.intp)
    stds = np.array([line.std_px for line in lines]) / camera.fx
    return np.concatenate(chosen), np.repeat(1.0 / (CORRELATION * stds * stds), counts), counts


def _fit_lines(camera: Camera, pixels: Floats, weights: Floats, counts: NDArray[np.intp], bent: bool) -> tuple[Floats, Floats] | None:
    """Coefficients of l = a z + g + e / z for each line that reaches far enough, (L, 3), and their covariances, (L, 3, 3)."""
    rays = camera.rays(pixels)
    with np.errstate(invalid="ignore"):
        left, down = rays[:, 1] / rays[:, 0], -rays[:, 2] / rays[:, 0]
        inside = (down > NEAREST_Z) & np.isfinite(left)
    down = np.where(inside, down, 1.0)
    left, weights = np.where(inside, left, 0.0), np.where(inside, weights, 0.0)
    starts = np.r_[0, np.cumsum(counts)[:-1]]
    least = np.minimum.reduceat(np.where(inside, down, np.inf), starts)
    most = np.maximum.reduceat(np.where(inside, down, 0.0), starts)
    good = np.flatnonzero(most > SHORTEST_SPAN * least)
    if len(good) < 2:
        return None
    basis = np.stack([down, np.ones_like(down), 1.0 / down], axis=1)
    weighted = basis * weights[:, None]
    moments = np.concatenate([weighted[:, :, None] * basis[:, None, :], (weighted * left[:, None])[:, :, None]], axis=2)
    sums = np.add.reduceat(moments, starts, axis=0)[good]
    # What is known of the last coefficient before: half of the bend, and of the crest for lines some heights to the side.
    sums[:, 2, 2] += 4.0 / (BEND_STD**2 + 4.0 * CREST_STD**2) if bent else 1e12
    sums[:, 0, 0] += 1e-2
    covariances = np.linalg.inv(sums[:, :, :3])
    return (covariances @ sums[:, :, 3:])[:, :, 0], covariances


def _common(lines: Floats, covariances: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """(pitch, yaw, bend, crest) that the lines have in common, their covariance (4, 4), and the lines' offsets and stds."""
    offsets = lines[:, 0]
    # g = yaw - offset pitch, 2 e = bend + offset crest; the prior of e above is taken out again, as both have their own here.
    matrix = np.zeros((len(lines), 2, 4))
    matrix[:, 0, 0], matrix[:, 0, 1] = -offsets, 1.0
    matrix[:, 1, 2], matrix[:, 1, 3] = 0.5, 0.5 * offsets
    noise = covariances[:, 1:, 1:].copy()
    noise[:, 0, 0] += DIRECTION_STD**2
    information = np.linalg.inv(noise)
    seen = lines[:, 1:]
    turned = matrix.transpose(0, 2, 1) @ information
    shares, pulls = (turned @ matrix).reshape(-1, 16), (turned @ seen[:, :, None])[:, :, 0]
    weight = np.ones(len(lines))
    for _ in range(1 if len(lines) == 2 else 3):
        covariance = np.linalg.inv(PRIOR + (weight @ shares).reshape(4, 4))
        solution = covariance @ (weight @ pulls)
        errors = seen - matrix @ solution
        squares = (errors[:, None, :] @ information @ errors[:, :, None])[:, 0, 0]
        weight = (FREEDOM + 2.0) / (FREEDOM + squares)
    return solution, covariance, offsets, np.sqrt(covariances[:, 0, 0])


def _turned(camera: Camera, pitch: float, yaw: float) -> tuple[float, float]:
    """Pitch and yaw of a camera that sees the road's direction `pitch` below and `yaw` to the left of where this one would."""
    x, y, z = np.array([1.0, yaw, -pitch]) @ camera.rotation
    # The camera's own roll is taken out, so that what is left are the rotations about the other two axes.
    c, s = np.cos(camera.roll), np.sin(camera.roll)
    y, z = c * y - s * z, s * y + c * z
    return float(np.arctan2(z, x)), float(-np.arctan2(y, np.hypot(x, z)))
