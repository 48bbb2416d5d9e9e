"""Pitch and yaw of the mount over time: a robust recursive mean of what single frames show, and a test for a mount that was moved.

The camera swings about its mount on the car's springs, and the car swings about the lane's direction; the mean of both is what is looked
for. Their standard deviations and how long they last are constants here, so that the mean's own standard deviation is honest: a hundred
frames of one swing are one measurement.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import radians

import numpy as np
from numpy.typing import NDArray

from lanes.mount.vanishing import RoadDirection

Floats = NDArray[np.float64]

SWING_STD = np.array([radians(0.2), radians(0.25)])
"""Of pitch and yaw about the mount: springs and slopes, and the driver's wander in the lane."""

SWING_S = np.array([1.5, 3.0])
"""For how long they remain what they are."""

DRIFT = radians(0.006)
"""rad per square root of a second: by how much a mount, its load and the tyres change; it sets the mean's memory to a minute or two."""

UNKNOWN_STD = radians(6.0)
"""Of the angles of a camera of which nothing is known but that it looks along the road."""

FREEDOM = 4.0
"""Degrees of freedom of Student's t: a frame that is far off weighs little."""

STRAIGHT_BEND, STRAIGHT_CREST = 0.0018, 0.0012
"""1 / camera height: where the road turns more (a radius of 780 m to the side, 1.2 km for hills, from a car), a frame shows no mount."""

STRAIGHT_STD = 0.0012
"""A frame must show the curvature to within this, or nothing says that it is straight."""

SIDEWAYS = 0.12
"""Camera heights a second, 0.17 m/s from a car: who moves to the side so fast does not drive along the lane."""

DELAY_S = 0.5
"""Whether a frame was one of straight driving is judged from as long before it to as long after it."""

LONGEST_STEP_S = 0.5
"""What one frame stands for, at most."""

SUSPECT_S, SUSPECT_FRAMES, SUSPECT = 0.5, 3, radians(0.5)
"""A mount is suspected to have moved when the median of so long a time, of at least so many frames, is off by so much, and ..."""

NOTICED_S, NOTICED_FRAMES, NOTICED = 4.0, 12, radians(0.6)
"""... is found to have moved when it is so for so long. Both by four standard deviations besides."""

SIGMAS = 4.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame's angles, (2,) pitch and yaw in radians, with their variances; `travelled`: sideways in all, camera heights."""

    time_s: float
    angles: Floats
    variances: Floats
    straight: bool
    travelled: float


class MountAngles:
    """The mean and its test.

    Attributes:
        mean: (2,) pitch and yaw, radians. variances: (2,) of both.
        driven_s: seconds of straight driving that the mean rests upon.
        suspected: whether the last frames are at odds with the mean. moved: whether they have been so for long, until `restart`.
    """

    def __init__(self) -> None:
        self.mean = np.zeros(2)
        self.variances = np.full(2, UNKNOWN_STD**2)
        self.driven_s = 0.0
        self.suspected = self.moved = False
        self._recent: deque[Sample] = deque()
        self._waiting: deque[Sample] = deque()
        self._used_s: float | None = None
        self._offsets = np.empty(0)
        self._travelled = 0.0

    def start(self, mean: Floats, stds: Floats) -> None:
        """Begin from what is known already."""
        self.mean, self.variances = np.array(mean, np.float64), np.square(stds)

    def restart(self) -> None:
        """Begin anew from the last frames alone: the mount was moved."""
        recent = list(self._recent)
        self.__init__()  # type: ignore[misc]
        if recent:
            self.mean = np.median([sample.angles for sample in recent], axis=0)

    def forget_motion(self) -> None:
        """The next frame does not follow on the last one."""
        self._recent.clear()
        self._waiting.clear()
        self._used_s, self._offsets, self.suspected = None, np.empty(0), False

    def take(self, seen: RoadDirection, time_s: float) -> None:
        """Take in what one frame shows; times rise."""
        self._move_sideways(seen)
        straight = (
            abs(seen.bend) < STRAIGHT_BEND
            and abs(seen.crest) < STRAIGHT_CREST
            and seen.bend_std < STRAIGHT_STD
            and seen.crest_std < STRAIGHT_STD
        )
        sample = Sample(time_s, np.array([seen.pitch, seen.yaw]), seen.covariance.diagonal().copy(), straight, self._travelled)
        self._waiting.append(sample)
        self._recent.append(sample)
        while self._recent[0].time_s < time_s - NOTICED_S - DELAY_S:
            self._recent.popleft()
        self._compare(time_s)
        while self._waiting and self._waiting[0].time_s <= time_s - DELAY_S:
            self._use(self._waiting.popleft())

    def _move_sideways(self, seen: RoadDirection) -> None:
        """Add up by how much the lines move across."""
        if len(self._offsets):
            shifts = seen.offsets[:, None] - self._offsets[None, :]
            nearest = shifts[np.arange(len(shifts)), np.abs(shifts).argmin(axis=1)]
            same = np.abs(nearest) < 0.4
            if same.any():
                self._travelled += float(np.median(nearest[same]))
        self._offsets = seen.offsets

    def _sideways(self, time_s: float) -> float:
        """Camera heights a second about a time."""
        around = [sample for sample in self._recent if abs(sample.time_s - time_s) <= DELAY_S + 1e-6]
        first, last = around[0], around[-1]
        return abs(last.travelled - first.travelled) / max(last.time_s - first.time_s, 2 * DELAY_S * 0.6)

    def _use(self, sample: Sample) -> None:
        """Put a frame of straight driving into the mean."""
        step = LONGEST_STEP_S if self._used_s is None else min(LONGEST_STEP_S, sample.time_s - self._used_s)
        self._used_s = sample.time_s
        self.variances = self.variances + DRIFT**2 * step
        if not sample.straight or self.suspected or self._sideways(sample.time_s) > SIDEWAYS:
            return
        self.driven_s += step
        spread = SWING_STD**2 + sample.variances
        error = sample.angles - self.mean
        square = error * error / (self.variances + spread)
        noise = spread * np.maximum(1.0, SWING_S / max(step, 1e-3)) * (FREEDOM + square) / (FREEDOM + 1.0)
        gain = self.variances / (self.variances + noise)
        self.mean = self.mean + gain * error
        self.variances = (1.0 - gain) * self.variances

    def _compare(self, time_s: float) -> None:
        """Hold the last frames against the mean."""
        straight = [sample for sample in self._recent if sample.straight and self._sideways(sample.time_s) <= SIDEWAYS]
        now = [sample for sample in straight if sample.time_s > time_s - SUSPECT_S]
        if len(now) >= SUSPECT_FRAMES:
            self.suspected = self._is_off(now, SUSPECT, 0.0)
        long = [sample for sample in straight if sample.time_s > time_s - NOTICED_S]
        if self.suspected and len(long) >= NOTICED_FRAMES and long[-1].time_s - long[0].time_s > 0.6 * NOTICED_S:
            early, late = long[: len(long) // 2], long[len(long) // 2 :]
            self.moved = all(self._is_off(part, NOTICED, NOTICED_S / 2) for part in (early, late))

    def _is_off(self, samples: list[Sample], by: float, length_s: float) -> bool:
        """Whether the median of some frames is off the mean by an angle, and by more than chance."""
        angles = np.array([sample.angles for sample in samples])
        variances = np.array([sample.variances for sample in samples]).mean(axis=0) / len(samples)
        spread = self.variances + variances + SWING_STD**2 / np.maximum(1.0, length_s / SWING_S)
        error = np.abs(np.median(angles, axis=0) - self.mean)
        return bool(((error > by) & (error > SIGMAS * np.sqrt(spread) * 0.6)).any())
