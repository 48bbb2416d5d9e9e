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

SYSTEMATIC = 0.5
"""Share of a frame's own standard deviation that does not average out: worn paint and a network's habits stay what they are."""

SYSTEMATIC_S = 20.0
"""The frames of so long a time say how large that is."""

FREEDOM = 4.0
"""Degrees of freedom of Student's t: a frame that is far off weighs little."""

STRAIGHT_BEND, STRAIGHT_CREST = 0.0018, 0.0012
"""1 / camera height: where the road turns more (a radius of 780 m to the side, 1.2 km for hills, from a car), a frame shows no mount."""

STRAIGHT_STD = 0.0012
"""The curvature must be seen to within this, or nothing says that the road is straight."""

STRAIGHT_CHANGE = 0.0012
"""Where it changes more within `AROUND_S`, the road is bent ahead even if it is straight below."""

AROUND_S = 1.0
"""Whether a frame is one of straight driving is judged from so long before it to so long after it."""

CORRELATED = 4.0
"""So many frames, a tenth of a second apart, are worth one: the same paint has the same faults."""

SIDEWAYS = 0.12
"""Camera heights a second, 0.17 m/s from a car: who moves to the side so fast does not drive along the lane."""

SAME_LINE = 0.4
"""Camera heights: a line nearer than this to one of the frame before is the same."""

LONGEST_STEP_S = 0.5
"""What one frame stands for, at most."""

SUSPECT_S, SUSPECT_FRAMES, SUSPECT = 0.35, 3, radians(0.5)
"""A mount is suspected to have moved when the median of so long a time, of at least so many frames, is off by so much."""

NOTICED_S, NOTICED_FRAMES, NOTICED = 4.0, 12, radians(0.55)
"""It is found to have moved when that of so long a time is off by so much, and each half of it by half as much."""

TURNED_S, TURNED = 0.5, radians(0.7)
"""A heading that lasts is a drift across the lane, and a car takes a second or more to turn into it. So yaw is suspected at once only
where it differs from the median of just before by so much; else from the frames of `NOTICED_S`: a drift moves the lines by then."""

SIGMAS = 2.5
"""Both by so many standard deviations besides."""

LONG_S = 7.0
"""A suspicion that lasts so long is taken for true without the deviations, which bends and lane changes keep large."""

CALM_S, CALM = 1.5, radians(0.4)
"""A suspicion is over when the median of so long a time is off by less."""

CURVE_ERROR = np.array([4.0, 4.0])
"""Standard deviation of pitch and yaw, rad, for each 1 / camera height of crest and bend: a road that curves shows less of the mount."""

HEADING, HEADING_STD = 0.07, 0.04
"""rad to the right, of a vehicle that moves to the right by a camera height a second: at 20 m/s from a car, and from 13 to 47 m/s."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one frame shows: the angles, (2,) pitch and yaw in radians, their variances, and what says whether it counts.

    `curves` are bend and crest, `curve_variances` theirs; `travelled` is how far the camera came to the right in all, camera heights.
    """

    time_s: float
    angles: Floats
    variances: Floats
    curves: Floats
    curve_variances: Floats
    travelled: float


class MountAngles:
    """The mean and its test.

    Attributes:
        mean: (2,) pitch and yaw, radians. variances: (2,) of both, as far as time makes them smaller; `stds` has the rest.
        driven_s: seconds of straight driving that the mean rests upon.
        suspected: whether the last frames are at odds with the mean. moved: whether they have been so for long, until `restart`.
    """

    def __init__(self) -> None:
        self.mean = np.zeros(2)
        self.variances = np.full(2, UNKNOWN_STD**2)
        self.driven_s = 0.0
        self.suspected = self.moved = False
        self._systematic = np.zeros(2)
        self._recent: deque[Sample] = deque()
        self._waiting: deque[Sample] = deque()
        self._used_s: float | None = None
        self._offsets = np.empty(0)
        self._travelled = self._suspected_s = 0.0

    @property
    def stds(self) -> Floats:
        """(2,) standard deviations of pitch and yaw, radians."""
        return np.sqrt(self.variances + self._systematic)

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

    def suspect(self, time_s: float) -> None:
        """The mount may have moved: the mean is held until the last frames agree with it again, or until it is found to have moved."""
        if not self.suspected:
            self.suspected, self._suspected_s = True, time_s

    def take(self, seen: RoadDirection, time_s: float) -> None:
        """Take in what one frame shows; times rise."""
        self._move_sideways(seen)
        curves = np.array([[seen.bend, seen.crest], [seen.bend_std**2, seen.crest_std**2]])
        angles = np.array([[seen.pitch, seen.yaw], seen.covariance.diagonal()])
        sample = Sample(time_s, angles[0], angles[1], curves[0], curves[1], self._travelled)
        self._recent.append(sample)
        self._waiting.append(sample)
        while self._recent[0].time_s < time_s - NOTICED_S - 2 * AROUND_S:
            self._recent.popleft()
        while self._waiting[0].time_s < self._recent[0].time_s:
            self._waiting.popleft()
        self._compare(time_s)
        while self._waiting and self._waiting[0].time_s <= time_s - AROUND_S:
            self._use(self._waiting.popleft())

    def _move_sideways(self, seen: RoadDirection) -> None:
        """Add up by how much the lines move across."""
        if len(self._offsets):
            shifts = seen.offsets[:, None] - self._offsets[None, :]
            nearest = shifts[np.arange(len(shifts)), np.abs(shifts).argmin(axis=1)]
            weights = (np.abs(nearest) < SAME_LINE) / seen.offset_stds**2
            if weights.any():
                self._travelled += float(weights @ nearest) / float(weights.sum())
        self._offsets = seen.offsets

    def _sideways(self, samples: list[Sample]) -> Floats:
        """By how much the camera moves to the right about the times of some frames, (N,) camera heights a second."""
        about = np.array([sample.time_s for sample in samples])[:, None]
        times, travelled = np.array([(sample.time_s, sample.travelled) for sample in self._recent]).T
        counts = np.abs(times - about) <= AROUND_S + 1e-6
        times = (times - about) * counts
        times -= times.sum(axis=1, keepdims=True) / counts.sum(axis=1, keepdims=True) * counts
        slopes: Floats = times @ (travelled - travelled[-1]) / np.maximum((times * times).sum(axis=1), 1e-2)
        return slopes

    def _is_straight(self, samples: list[Sample]) -> bool:
        """Whether the road is straight and level in some frames in a row, and stays so."""
        curves = np.array([sample.curves for sample in samples])
        weights = 1.0 / np.array([sample.curve_variances for sample in samples])
        totals = weights.sum(axis=0)
        curve = (weights * curves).sum(axis=0) / totals
        if (np.abs(curve) > (STRAIGHT_BEND, STRAIGHT_CREST)).any() or (totals < CORRELATED / STRAIGHT_STD**2).any():
            return False
        half = len(samples) // 2
        if not half:
            return True
        early, late = ((weights[part] * curves[part]).sum(axis=0) / weights[part].sum(axis=0) for part in (slice(half), slice(half, None)))
        return bool((np.abs(late - early) < STRAIGHT_CHANGE).all())

    def _use(self, sample: Sample) -> None:
        """Put a frame of straight driving into the mean. Who moves sideways still shows the pitch."""
        step = LONGEST_STEP_S if self._used_s is None else min(LONGEST_STEP_S, sample.time_s - self._used_s)
        self._used_s = sample.time_s
        self.variances = self.variances + DRIFT**2 * step
        around = [other for other in self._recent if abs(other.time_s - sample.time_s) <= AROUND_S + 1e-6]
        if self.suspected or not self._is_straight(around):
            return
        along = bool(abs(self._sideways([sample])[0]) < SIDEWAYS)
        self.driven_s += step * along
        share = min(1.0, step / min(max(self.driven_s, step), SYSTEMATIC_S))
        self._systematic = self._systematic + share * (SYSTEMATIC**2 * sample.variances - self._systematic)
        spread = SWING_STD**2 + sample.variances
        error = sample.angles - self.mean
        square = error * error / (self.variances + spread)
        noise = spread * np.maximum(1.0, SWING_S / max(step, 1e-3)) * (FREEDOM + square) / (FREEDOM + 1.0)
        gain = self.variances / (self.variances + noise) * (1.0, along)
        self.mean = self.mean + gain * error
        self.variances = (1.0 - gain) * self.variances

    def _compare(self, time_s: float) -> None:
        """Hold the last frames against the mean."""
        recent = [sample for sample in self._recent if sample.time_s > time_s - NOTICED_S]
        now = [sample for sample in recent if sample.time_s > time_s - SUSPECT_S]
        if not self.suspected:
            self.suspected = len(now) >= SUSPECT_FRAMES and self._is_suspect(now, recent)
            self._suspected_s = time_s
            return
        calm = [sample for sample in recent if sample.time_s > time_s - CALM_S]
        lasted_s = time_s - self._suspected_s  # before that, most of those frames are of the time before
        if lasted_s > CALM_S / 2 and len(calm) >= 2 * SUSPECT_FRAMES and bool((np.abs(self._error(calm, CALM, CALM_S)[0]) < CALM).all()):
            self.suspected = False
        elif len(recent) >= NOTICED_FRAMES and recent[-1].time_s - recent[0].time_s > 0.6 * NOTICED_S:
            half = len(recent) // 2
            error, off = self._error(recent, NOTICED, NOTICED_S)
            if lasted_s > LONG_S:
                off = np.abs(error) > NOTICED
            early, late = (self._error(part, NOTICED / 2, NOTICED_S / 2)[0] for part in (recent[:half], recent[half:]))
            self.moved = bool((off & (np.minimum(np.abs(early), np.abs(late)) > NOTICED / 2) & (early * late > 0)).any())

    def _is_suspect(self, now: list[Sample], recent: list[Sample]) -> bool:
        """Whether the frames of this moment, or those of the last seconds, are at odds with the mean."""
        if self._error(now, SUSPECT, 0.0)[1][0]:
            return True
        first = now[0].time_s
        before = [sample for sample in recent if first - TURNED_S <= sample.time_s < first]
        if len(before) >= SUSPECT_FRAMES and self._has_turned(before, now):
            return True
        lasts = len(recent) >= NOTICED_FRAMES and recent[-1].time_s - recent[0].time_s > 0.6 * NOTICED_S
        return lasts and bool(self._error(recent, NOTICED, NOTICED_S)[1][1])

    def _has_turned(self, before: list[Sample], now: list[Sample]) -> bool:
        """Whether the yaw has left the mean in one step, faster than a car turns."""
        medians, variance = [], 0.0
        for samples in (before, now):
            medians.append(float(np.median([sample.angles[1] for sample in samples])))
            correlated = CORRELATED / (CORRELATED + len(samples))
            variance += float(np.mean([sample.variances[1] for sample in samples])) * correlated
        bend = max(abs(float(sample.curves[0])) for sample in (*before, *now))
        spread = variance + float(SWING_STD[1]) ** 2 + float(CURVE_ERROR[1] * bend) ** 2
        step, error = medians[1] - medians[0], medians[1] - float(self.mean[1])
        return abs(step) > max(TURNED, SIGMAS * float(np.sqrt(spread))) and abs(error) > SUSPECT and step * error > 0

    def _error(self, samples: list[Sample], by: float, length_s: float) -> tuple[Floats, NDArray[np.bool_]]:
        """(2,) by how much the median of some frames is off the mean, rad, and whether that is more than an angle and than chance."""
        angles = np.array([sample.angles for sample in samples])
        # Within a moment the motion is one.
        sideways = self._sideways(samples if length_s else samples[-1:])
        angles[:, 1] += HEADING * sideways
        variances = np.array([sample.variances for sample in samples]).mean(axis=0) * (CORRELATED / (CORRELATED + len(samples)))
        curves = np.abs([sample.curves[::-1] for sample in samples]).max(axis=0)
        spread = self.variances + variances + SWING_STD**2 / np.maximum(1.0, length_s / SWING_S) + (CURVE_ERROR * curves) ** 2
        spread[1] += (HEADING_STD * np.abs(sideways).max()) ** 2
        error = np.sort(angles, axis=0)[len(samples) // 2] - self.mean
        return error, (np.abs(error) > by) & (np.abs(error) > SIGMAS * np.sqrt(spread))
