"""The road as the filter knows it: one state for all of its boundaries, how it changes with time, and what a camera sees of it.

Shared by all boundaries, in the vehicle frame (x forward, y left, z up; metres, radians):

    PITCH      of the camera against what is given of its mount, positive with the nose down; slow: a mount not yet known, a hill's slope
    BOUNCE     the same, fast: the springs
    CREST      curvature of the road's height, 1/m, negative over a crest
    HEADING    direction of the road against the vehicle's axis, positive to the left; TURN its rate, rad/s
    SLIP       speed of the boundaries to the left besides SPEED * HEADING, m/s: a car moves where it points, but for this
    CURVATURE  1/m, positive to the left; RATE its change with x, 1/m^2
    SPEED      of the vehicle, m/s

and for each boundary its OFFSET to the left, metres, and its SKEW: its own heading besides the road's, for forks and merges.
A ray that falls by `down` for each metre ahead meets the road at x with 1 / x = q,

    q = (down + PITCH + BOUNCE) / height + CREST / (2 q height)

and there a boundary is seen at the slope to the side

    side = OFFSET q + HEADING + SKEW + CURVATURE / (2 q) + RATE / (6 q^2)

which is nearly linear in all of the state: what is measured is what a picture shows, so that its noise is the same near and far.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lanes.geometry.camera import Camera

Floats = NDArray[np.float64]

PITCH, BOUNCE, CREST, HEADING, TURN, SLIP, CURVATURE, RATE, SPEED = range(9)
SHARED = 9
OFFSET, SKEW = 0, 1
OWN = 2

FARTHEST_M = 120.0
"""Paint that seems to lie beyond says nothing of the road: there a pixel is many metres."""

FIRST_STD = np.array([0.05, 0.003, 0.0007, 0.06, 0.04, 0.4, 0.003, 4e-5, 10.0])
"""Of the shared state when nothing has been seen."""

STEADY_STD = np.array([0.02, 0.0025, 0.0007, 0.0, 0.03, 0.0, 0.004, 4e-5, 10.0])
"""Of the shared state when nothing is seen for long; the heading's grows for ever (`HEADING_NOISE`), the slip's is `slip_variance`."""

FORGETS_S = np.array([20.0, 0.15, 2.0, np.inf, 0.8, 3.0, 20.0, 3.0, 200.0])
"""Time constants with which the shared state returns then, seconds: the speed to `FIRST_SPEED`, all else to 0."""

HEADING_NOISE = 0.002
"""rad in a second, by what no rate foresees: a camera that shakes."""

FIRST_SPEED = 20.0
"""m/s, where nothing says how fast the vehicle is."""

SLIP_RAD, SLIP_M, SLIP_MPS = 0.002, 1.0, 0.02
"""By how much a car does not move where it points: the mount's yaw is not known better; a camera ahead of the rear axle moves sideways in a
bend, by its curvature times so many metres; and the least."""

OFFSET_NOISE_M = 0.03
"""Metres in a second: paint is not laid by a ruler, and lanes grow wider and narrower."""

SKEW_STD, SKEW_FORGETS_S = 0.006, 1.5
FIRST_OFFSET_STD_M = 3.0


@lru_cache(maxsize=64)
def transition(boundaries: int, dt: float) -> tuple[Floats, Floats]:
    """(n, n) by which a state goes on, and (n,) the variance that it takes on, in dt seconds; n = SHARED + OWN * boundaries.

    Both are shared between calls: not to be written to.
    """
    size = SHARED + OWN * boundaries
    keep = np.exp(-dt / FORGETS_S)
    matrix = np.zeros((size, size))
    noise = np.zeros(size)
    diagonal = matrix.reshape(-1)[:: size + 1]
    diagonal[:SHARED] = keep
    noise[:SHARED] = STEADY_STD**2 * (1.0 - keep**2)
    noise[HEADING] = HEADING_NOISE**2 * dt
    matrix[HEADING, TURN] = dt
    own_keep = float(np.exp(-dt / SKEW_FORGETS_S))
    diagonal[SHARED + OFFSET :: OWN], diagonal[SHARED + SKEW :: OWN] = 1.0, own_keep
    noise[SHARED + OFFSET :: OWN], noise[SHARED + SKEW :: OWN] = OFFSET_NOISE_M**2 * dt, SKEW_STD**2 * (1.0 - own_keep**2)
    matrix[SHARED + OFFSET :: OWN, SLIP] = dt
    return matrix, noise


def drift(state: Floats) -> tuple[float, Floats]:
    """Speed of the boundaries to the left, m/s, and (n,) how it changes with the state."""
    slope = np.zeros(len(state))
    slope[HEADING], slope[SPEED], slope[SLIP] = state[SPEED], state[HEADING], 1.0
    return float(state[SPEED] * state[HEADING] + state[SLIP]), slope


def slip_variance(state: Floats, covariance: Floats) -> float:
    """What SLIP is when nothing is seen for long, (m/s)^2; with it what SPEED * HEADING has beyond its slopes."""
    known = (SLIP_RAD * state[SPEED]) ** 2 + (SLIP_M * state[SPEED] * state[CURVATURE]) ** 2 + SLIP_MPS**2
    return float(known + covariance[SPEED, SPEED] * covariance[HEADING, HEADING])


def nearness(state: Floats, down: Floats, height: float) -> Floats:
    """1 / x of where rays meet the road, for their slopes downward; at least that of twice `FARTHEST_M`."""
    least = 0.5 / FARTHEST_M
    flat = np.maximum((down + (state[PITCH] + state[BOUNCE])) / height, least)
    near: Floats = np.maximum(flat + state[CREST] / (2.0 * height * flat), least)
    return near


def fall(state: Floats, near: Floats, height: float) -> Floats:
    """Slopes downward of the rays that meet the road at x = 1 / near: the inverse of `nearness`, exact where the road is flat."""
    down: Floats = near * height - state[CREST] / (2.0 * near) - (state[PITCH] + state[BOUNCE])
    return down


def bend(state: Floats, near: Floats) -> Floats:
    """Slope to the side that all boundaries share at x = 1 / near."""
    far = 1.0 / near
    slope: Floats = state[HEADING] + far * (state[CURVATURE] / 2.0 + far * (state[RATE] / 6.0))
    return slope


def jacobian(state: Floats, near: Floats, index: NDArray[np.intp], height: float) -> Floats:
    """(L, P, n): how the slope to the side changes with the state, at (L, P) places of boundaries `index` (L,)."""
    far = 1.0 / near
    result = np.zeros((*near.shape, len(state)))
    own = SHARED + OWN * index
    by_near = state[own + OFFSET][:, None] - far * far * (state[CURVATURE] / 2.0 + far * (state[RATE] / 3.0))
    result[..., PITCH] = result[..., BOUNCE] = by_near / height
    result[..., CREST] = by_near * far / (2.0 * height)
    result[..., HEADING] = 1.0
    result[..., CURVATURE] = far / 2.0
    result[..., RATE] = far * far / 6.0
    lines = np.arange(len(index))
    result[lines, :, own + OFFSET] = near
    result[lines, :, own + SKEW] = 1.0
    return result


def carry_over(state: Floats, covariance: Floats, before: Camera, now: Camera) -> tuple[Floats, Floats]:
    """The same picture of the road, explained by another estimate of the mount."""
    scale = now.mount_height / before.mount_height
    factor = np.ones(len(state))
    factor[[CREST, CURVATURE]], factor[RATE], factor[[SLIP, SPEED]] = 1.0 / scale, 1.0 / scale**2, scale
    factor[SHARED + OFFSET :: OWN] = scale
    moved = state * factor
    moved[PITCH] -= now.pitch - before.pitch
    moved[HEADING] += now.yaw - before.yaw
    return moved, covariance * factor * factor[:, None]


def project(camera: Camera, side: Floats, down: Floats) -> Floats:
    """(..., 2) pixels of rays with these slopes; NaN for what the lens does not show."""
    points = np.empty((*np.broadcast(side, down).shape, 3))
    points[..., 0], points[..., 1], points[..., 2] = 1.0, camera.lateral + side, camera.mount_height - down
    return camera.project(points)
