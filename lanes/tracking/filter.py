"""RoadFilter: a Kalman filter over one state for the whole road (`lanes.tracking.road`), corrected by what is seen in the picture."""

from __future__ import annotations

from math import exp

import numpy as np
from numpy.typing import NDArray

from lanes.geometry.camera import Camera
from lanes.tracking.paint import Places
from lanes.tracking.road import (
    FARTHEST_M,
    FIRST_OFFSET_STD_M,
    FIRST_SPEED,
    FIRST_STD,
    HEADING,
    OFFSET,
    OWN,
    PITCH,
    SHARED,
    SKEW,
    SKEW_STD,
    SLIP,
    SPEED,
    Floats,
    bend,
    carry_over,
    drift,
    jacobian,
    nearness,
    slip_variance,
    transition,
)

FREEDOM = 4.0
"""Degrees of freedom of Student's t, which the errors are taken to follow: paint that lies off the line loses weight."""

PAINT_STD_M = 0.015
DIRECTION_STD = 0.001
"""By how much a whole line's paint lies beside its boundary, and points beside where that goes, rad: at once in all of its places, so that
many places are not many measurements. Both times the root of the boundary's `scatter`."""

LEAST_SCATTER, MOST_SCATTER, SCATTER_S = 0.15, 30.0, 2.0
"""Paint may lie so much better or worse than that, in variance, and the time constant with which it is learnt how it does."""

LINE_STD_M = 0.12
"""By how much a whole line may lie beside where its boundary is expected before it loses weight."""

AGREED = 0.5
"""Of the square of the shift that some lines have in common: so much they may differ in."""

RESTART_PITCH_STD = 0.01
"""rad: by how much the camera's pitch may have been wrong when the road was lost."""

CORRELATED_S = 0.2
"""For how long the errors of the paint remain what they are: frames that come faster are that much less than measurements of their own."""


class RoadFilter:
    """State and covariance, and the steps of the filter.

    Attributes:
        state: (n,), covariance: (n, n), as `lanes.tracking.road` lays them out. boundaries: how many there are.
        scatter: (boundaries,) variance of how each one's paint lies beside it, in those that are taken for granted of paint.
    """

    def __init__(self) -> None:
        self.state: Floats = np.zeros(SHARED)
        self.state[SPEED] = FIRST_SPEED
        self.covariance: Floats = np.diag(FIRST_STD**2)
        self.scatter: Floats = np.empty(0)
        self._camera: Camera | None = None

    @property
    def boundaries(self) -> int:
        """How many boundaries are in the state."""
        return (len(self.state) - SHARED) // OWN

    @property
    def offsets(self) -> Floats:
        """(boundaries,) metres to the left."""
        return self.state[SHARED + OFFSET :: OWN]

    @property
    def skews(self) -> Floats:
        """(boundaries,) headings besides the road's, radians."""
        return self.state[SHARED + SKEW :: OWN]

    def add(self, offset_m: float) -> None:
        """One more boundary, of which nothing but about its offset is known yet."""
        size = len(self.state)
        self.state = np.append(self.state, (offset_m, 0.0))
        covariance = np.zeros((size + OWN, size + OWN))
        covariance[:size, :size] = self.covariance
        covariance[size, size], covariance[size + 1, size + 1] = FIRST_OFFSET_STD_M**2, SKEW_STD**2
        self.covariance = covariance
        self.scatter = np.append(self.scatter, 1.0)

    def keep(self, kept: NDArray[np.intp]) -> None:
        """Let all boundaries go but these."""
        own = SHARED + OWN * kept[:, None] + np.arange(OWN)
        index = np.concatenate([np.arange(SHARED), own.reshape(-1)])
        self.state, self.covariance, self.scatter = self.state[index], self.covariance[np.ix_(index, index)], self.scatter[kept]

    def forget_road(self) -> None:
        """Forget everything but how the camera seems to be mounted, and how fast the vehicle is."""
        pitch, variance = self.state[PITCH], self.covariance[PITCH, PITCH] + RESTART_PITCH_STD**2
        speed, speed_variance = self.state[SPEED], self.covariance[SPEED, SPEED]
        self.state, self.covariance, self.scatter = np.zeros(SHARED), np.diag(FIRST_STD**2), np.empty(0)
        self.state[SPEED], self.covariance[SPEED, SPEED] = speed, speed_variance
        self.state[PITCH], self.covariance[PITCH, PITCH] = pitch, min(variance, FIRST_STD[PITCH] ** 2)

    def predict(self, dt: float) -> None:
        """Go on by dt seconds."""
        matrix, noise = transition(self.boundaries, round(dt, 6))
        speed, slope = drift(self.state)
        change = matrix.copy()
        change[SHARED + OFFSET :: OWN] += dt * np.where(np.arange(len(slope)) == SLIP, 0.0, slope)
        noise = noise.copy()
        noise[SLIP] = slip_variance(self.state, self.covariance) * (1.0 - matrix[SLIP, SLIP] ** 2)
        offsets = self.offsets + dt * speed
        self.state = matrix @ self.state
        self.state[SHARED + OFFSET :: OWN] = offsets
        self.state[SPEED] += FIRST_SPEED * (1.0 - matrix[SPEED, SPEED])
        covariance = change @ self.covariance @ change.T
        covariance.reshape(-1)[:: len(self.state) + 1] += noise
        self.covariance = covariance

    def look_through(self, camera: Camera) -> None:
        """Take another estimate of the camera's mount: the picture of the road stays where it is."""
        if self._camera is not None and self._camera is not camera:
            self.state, self.covariance = carry_over(self.state, self.covariance, self._camera, camera)
        self._camera = camera

    def begin(self, places: Places, height: float) -> None:
        """Guess pitch and heading from where the lines of a first frame meet. Without two of them that fall apart nothing is known."""
        state, weight = self.state, places.weight
        number = np.maximum(weight.sum(axis=1), 1.0)[:, None]
        down, side = ((values * weight).sum(axis=1, keepdims=True) / number for values in (places.down, places.side))
        square = (weight * (places.down - down) ** 2).sum(axis=1)
        slope = (weight * (places.down - down) * (places.side - side)).sum(axis=1) / np.maximum(square, 1e-12)
        level = side[:, 0] - slope * down[:, 0]
        # Each line's level at the horizon is slope * pitch + heading; longer lines and those of a flat slope know it better.
        trust = places.confidence * square / (1.0 + slope**2)
        design = np.stack([slope, np.ones_like(slope)], axis=1)
        known = np.array([state[PITCH], 0.0])
        prior = np.array([1.0 / self.covariance[PITCH, PITCH], 1.0 / FIRST_STD[HEADING] ** 2])
        normal = design.T @ (design * trust[:, None]) / 1e-6 + np.diag(prior)
        pitch, heading = np.linalg.solve(normal, design.T @ (level * trust) / 1e-6 + prior * known)
        # All paint lies below the horizon.
        highest = float(np.min(places.down, where=weight > 0, initial=1.0))
        state[PITCH], state[HEADING] = max(float(pitch), height / FARTHEST_M - highest), heading

    def residuals(self, places: Places, height: float) -> tuple[Floats, Floats]:
        """(L, P, boundaries): slope to the side of each place minus that of each boundary there; and (L, P), 1 / x there."""
        near = nearness(self.state, places.down, height)
        shared = places.side - bend(self.state, near)
        return shared[..., None] - near[..., None] * self.offsets - self.skews, near

    def correct(self, places: Places, index: NDArray[np.intp], height: float, dt: float, iterations: int) -> None:
        """Take in lines of paint.

        Args:
            places: of L lines. index: (L,), the boundary of each. height: of the camera, metres.
            dt: seconds since the lines before. iterations: of the linearisation and of the weights.
        """
        before, own = self.state, SHARED + OWN * index
        near = nearness(before, places.down, height)
        variance = places.std**2
        inverse = _precision(variance, near, self.scatter[index], places.confidence, dt)
        expected = variance + (PAINT_STD_M * near) ** 2 + DIRECTION_STD**2
        state, slope, error = before, jacobian(before, near, index, height), self._errors(before, places, near, own)
        trust = places.weight * (near * FARTHEST_M > 1.0) / variance
        spread = np.sqrt(self.covariance.diagonal())
        information = np.linalg.inv(self.covariance / (spread * spread[:, None]))
        # What the state itself is uncertain by is no fault of the paint's.
        doubtful = expected + ((slope @ self.covariance) * slope).sum(axis=-1)
        for step in range(iterations):
            if step:
                near = nearness(state, places.down, height)
                slope, error = jacobian(state, near, index, height), self._errors(state, places, near, own)
                trust, doubtful = places.weight * (near * FARTHEST_M > 1.0) / variance, expected
            weights, aside = _weights(error, doubtful, near, trust)
            root = np.sqrt(weights * places.weight)
            scaled = slope * (spread * root[..., None])
            gain = (inverse @ scaled).reshape(-1, len(spread))
            posterior = information + scaled.reshape(-1, len(spread)).T @ gain
            innovation = (error + slope @ (state - before)) * root
            state = before + spread * np.linalg.solve(posterior, innovation.ravel() @ gain)
        covariance = np.linalg.inv(posterior) * (spread * spread[:, None])
        if np.isfinite(state).all() and np.isfinite(covariance).all():
            self.state, self.covariance = state, (covariance + covariance.T) / 2.0
            self._learn_scatter(aside, slope, near, trust, index, dt)

    @staticmethod
    def _errors(state: Floats, places: Places, near: Floats, own: NDArray[np.intp]) -> Floats:
        """(L, P) by how much the slope to the side of each place is more than that of its boundary."""
        errors: Floats = places.side - near * state[own + OFFSET][:, None] - state[own + SKEW][:, None] - bend(state, near)
        return errors

    def _learn_scatter(self, aside: Floats, slope: Floats, near: Floats, trust: Floats, index: NDArray[np.intp], dt: float) -> None:
        """Hold what is left of each line's error, and what the boundaries are uncertain by, against what is taken for granted of paint.

        See S. Akhlaghi, N. Zhou, Z. Huang, Adaptive adjustment of noise covariance in Kalman filter, 2017.
        """
        _, design, granted = _whole_lines(aside[:, None] * near, slope, near, trust)
        shares = 1.0 / (granted * self.scatter[index])
        shares /= shares.sum()
        shift = float(shares @ aside)
        if _agree(aside, shift, shares):  # what they have in common is the vehicle's
            aside = (aside - shift) / np.sqrt(np.maximum(1.0 - shares, 0.1))
        uncertain = ((design @ self.covariance) * design).sum(axis=1)
        seen = np.clip((aside**2 + uncertain) / granted, LEAST_SCATTER, MOST_SCATTER)
        self.scatter[index] += (1.0 - exp(-dt / SCATTER_S)) * (seen - self.scatter[index])


def _precision(variance: Floats, near: Floats, scatter: Floats, confidence: Floats, dt: float) -> Floats:
    """(L, P, P) inverse covariances of the errors along each line."""
    places = variance.shape[1]
    common = scatter[:, None, None] * (PAINT_STD_M**2 * near[:, :, None] * near[:, None, :] + DIRECTION_STD**2)
    common[:, np.arange(places), np.arange(places)] += variance
    slower = max(1.0, CORRELATED_S / dt) / np.maximum(confidence, 0.1)
    inverse: Floats = np.linalg.inv(common) / slower[:, None, None]
    return inverse


def _whole_lines(error: Floats, slope: Floats, near: Floats, trust: Floats) -> tuple[Floats, Floats, Floats]:
    """Of lines as wholes: (L,) by how many metres each lies to the left, (L, n) how that changes with the state, (L,) its variance."""
    share, square = trust * near, (trust * near * near).sum(axis=1) + 1e-9
    share = share / square[:, None]
    variance = PAINT_STD_M**2 + (DIRECTION_STD * share.sum(axis=1)) ** 2 + 1.0 / square
    return (share * error).sum(axis=1), (share[:, None, :] @ slope)[:, 0], variance


def _agree(aside: Floats, shift: float, shares: Floats) -> bool:
    """Whether several lines lie to one side, by about as much."""
    return len(aside) > 1 and float(shares @ (aside - shift) ** 2) < AGREED * shift**2


def _weights(error: Floats, expected: Floats, near: Floats, trust: Floats) -> tuple[Floats, Floats]:
    """(L, P) weights of places by Student's t: of what lies off its own line, and of lines that lie off as a whole; (L,) how many metres.

    Where a line as a whole has moved, all of its places say so; were each of them an outlier for it, nothing would ever follow.

    Args:
        error: of each place; expected: its variance. near: 1 / x. trust: 1 / variance along the line; 0 for what does not count.
    """
    weighted, twice = trust * near, trust * near * near
    zero, one, two = trust.sum(axis=1) + 1e-9, weighted.sum(axis=1), twice.sum(axis=1) + 1e-9
    level, turn = (trust * error).sum(axis=1), (weighted * error).sum(axis=1)
    determinant = zero * two - one * one + 1e-3 * zero * two
    offset, heading = (zero * turn - one * level) / determinant, (two * level - one * turn) / determinant
    own = error - offset[:, None] * near - heading[:, None]
    aside = turn / two
    whole = (FREEDOM + 1.0) / (FREEDOM + (aside / LINE_STD_M) ** 2)
    weights: Floats = (trust > 0) * whole[:, None] * (FREEDOM + 1.0) / (FREEDOM + own**2 / expected)
    return weights, aside
