"""The state of the calibration, with hysteresis: it does not flicker at a limit."""

from __future__ import annotations

from math import radians

import numpy as np

from lanes.mount.angles import Floats, MountAngles
from lanes.results import CalibrationState

PITCH_LIMITS = radians(-5.2), radians(9.7)
"""Outside of them the camera does not look along a road: it is mounted wrongly, or the estimate is wrong."""

YAW_LIMITS = radians(-4.0), radians(4.0)

BACK_INSIDE = 0.9
"""Share of the limits within which angles must be again after they were outside."""

VALID_STD, LOST_STD = radians(0.2), radians(0.28)
"""Both angles' standard deviations to become valid, and at which they are no more."""

VALID_S, TAKEN_UP_S = 8.0, 3.0
"""Seconds of straight driving before angles are valid, from nothing and where they were saved."""

CALM_S = 1.0
"""A suspicion must be over for so long, and a bumped camera is invalid for so long before it is calibrated anew."""


class StateKeeper:
    """Keeps the state.

    Attributes:
        state: of the calibration. bumped: whether the mount was found to have moved, until it is valid again.
        was_known: whether the angles were valid, now or when they were saved: one that never was known cannot be bumped.
    """

    def __init__(self) -> None:
        self.state: CalibrationState = "uncalibrated"
        self.bumped = self.was_known = False
        self._needed_s = VALID_S
        self._pause_s = 0.0
        self._outside = False

    def take_up(self) -> None:
        """The angles are known from before."""
        self.state, self._needed_s, self.was_known = "calibrating", TAKEN_UP_S, True

    def take(self, angles: MountAngles, stds: Floats, bumped: bool, step_s: float, jolted: bool = False) -> None:
        """Decide after a frame.

        Args:
            angles: after it. stds: of its mean, the lens's share included. bumped: the mount was found to have moved just now.
            step_s: seconds since the frame before. jolted: the camera turned just now, and nothing says yet whether it stays so.
        """
        self._pause_s = max(0.0, self._pause_s - step_s)
        if bumped:
            self.state, self.bumped, self._needed_s, self._pause_s = "invalid", True, VALID_S, CALM_S
            self._outside = self.was_known = False
            return
        if angles.suspected:
            self._pause_s = CALM_S
        if self.state == "uncalibrated" and angles.driven_s > 0:
            self.state = "calibrating"
        if self.state == "uncalibrated" or (self.state == "invalid" and self._pause_s > 0 and not self._outside):
            return
        self._outside = self._is_outside(angles.mean, stds)
        if self._outside:
            self.state = "invalid"
        elif self.state == "valid":
            if angles.suspected or jolted or stds.max() > LOST_STD:
                self.state = "calibrating"
        elif angles.driven_s >= self._needed_s and stds.max() < VALID_STD and self._pause_s == 0 and not jolted:
            self.state, self.bumped, self._needed_s = "valid", False, 0.0
            self.was_known = True
        else:
            self.state = "calibrating"

    def _is_outside(self, mean: Floats, stds: Floats) -> bool:
        """Whether an angle is beyond its limits, with a narrower gate back in, and certain enough to say so."""
        share = BACK_INSIDE if self._outside else 1.0
        limits = np.array([PITCH_LIMITS, YAW_LIMITS]) * share
        beyond = (mean < limits[:, 0]) | (mean > limits[:, 1])
        return bool((beyond & (stds < LOST_STD)).any())
