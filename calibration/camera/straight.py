"""What a picture of a straight road says of a calibrated camera: how it is mounted, and whether the lane's lines come out parallel."""

from __future__ import annotations

from dataclasses import replace
from math import atan, cos

import numpy as np
from numpy.typing import NDArray

from lanes.geometry.camera import Camera

STEPS = 50
"""Distances at which the lane's width is taken."""


def mount_on_straight(camera: Camera, left: NDArray[np.floating], right: NDArray[np.floating]) -> Camera:
    """The camera, turned so that two parallel lines of a straight road meet at its horizon. Roll stays as it is given: 0 by default.

    Args:
        camera: intrinsics for the picture's size, and the height above the road.
        left, right: (N, 2) pixels on either line, in any order.
    """
    level = replace(camera, pitch=0.0, yaw=0.0)
    # On the plane one focal length ahead, to the left and up, either line is left = a + b up.
    lines = []
    for points in (left, right):
        rays = level.rays(points)
        slope, foot = np.polyfit(rays[:, 2] / rays[:, 0], rays[:, 1] / rays[:, 0], 1)
        lines.append((foot, slope))
    (a, b), (c, d) = lines
    up = (c - a) / (b - d)
    pitch = atan(up)
    return replace(camera, pitch=pitch, yaw=atan(-(a + b * up) * cos(pitch)))


def lane_widths(
    camera: Camera, left: NDArray[np.floating], right: NDArray[np.floating], farthest: float = 30.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances ahead, metres, over which both lines are seen, and the lane's width at each, metres, both (STEPS,).

    Metres are true as far as the camera's height is; the ratio of widths does not depend on it.

    Args:
        camera: how it is mounted, too.
        left, right: (N, 2) pixels on either line.
        farthest: metres ahead; beyond it a pixel is too long on the road.
    """
    sides = []
    for points in (left, right):
        ground = camera.unproject(points)
        sides.append(ground[np.argsort(ground[:, 0])])
    nearest = max(side[0, 0] for side in sides)
    distances = np.linspace(nearest, min(farthest, *(side[-1, 0] for side in sides)), STEPS)
    ours, other = (np.interp(distances, side[:, 0], side[:, 1]) for side in sides)
    return distances, ours - other


def parallelism(camera: Camera, left: NDArray[np.floating], right: NDArray[np.floating], farthest: float = 30.0) -> float:
    """How much the lane's width changes from its nearest to its farthest place, as a share of it: 0 for parallel lines.

    The change is of a straight line through the widths, so that the paint's own raggedness does not count for an angle.
    """
    distances, widths = lane_widths(camera, left, right, farthest)
    slope, _ = np.polyfit(distances, widths, 1)
    return float(abs(slope) * (distances[-1] - distances[0]) / widths.mean())
