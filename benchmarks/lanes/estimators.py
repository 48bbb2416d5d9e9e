"""What the estimator is told of a rendered drive's camera, as a user would tell it; and estimators around it that serve a measurement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import radians
from time import perf_counter_ns
from zlib import crc32

import numpy as np

from benchmarks.lanes.drives import SIZE, Drive, focal_px
from benchmarks.lanes.replay import perfect_paint, unrendered
from benchmarks.lanes.roads import pitch_of
from lanes.arrays import Mask
from lanes.geometry.camera_file import CameraFile
from lanes.geometry.estimator import LaneEstimator
from lanes.results import Calibration, DepartureState, Estimate, Frame, RoadState
from lanes.tracking import TrackingEstimator

SETTLE_S, SETTLE_RATE = 20, 10

MOUNT_STD = radians(0.1)
"""Of each angle of a mount that is known from the run before."""

HEIGHT_STD_M = 0.02
"""Of a height that was measured with a tape, which is what the estimator takes it for."""


def camera_of(drive: Drive, size: tuple[int, int] = SIZE) -> CameraFile:
    """The `camera.yaml` of a drive: intrinsics, and the height as a tape gives it; the mount too, where the drive says that it is known.

    Height and angles are off by errors of the deviations that are stated for them: intervals that allow for these would else seem wide.
    """
    width, height = size
    scene = drive.scene
    rng = np.random.default_rng(crc32(drive.name.encode()))
    real = (pitch_of(scene), scene.yaw, scene.roll)
    pitch, yaw, roll = (Estimate(angle + rng.normal(0, MOUNT_STD), MOUNT_STD) for angle in real)
    focal = focal_px(scene, width, height)
    return CameraFile(
        drive.name,
        width,
        height,
        focal,
        focal,
        (width - 1) / 2,
        (height - 1) / 2,
        height_m=scene.camera_height + rng.normal(0, HEIGHT_STD_M),
        extrinsics=Calibration("valid", pitch, yaw, roll) if drive.mount_known else None,
    )


def settled(estimator: TrackingEstimator, drive: Drive, size: tuple[int, int] = SIZE) -> TrackingEstimator:
    """The estimator after the `SETTLE_S` before the drive, along the same road with its paint seen as it lies: so the mount is valid."""
    before = replace(drive, start_s=drive.start_s - SETTLE_S, seconds=SETTLE_S, rate=SETTLE_RATE)
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    for index, truth in enumerate(unrendered(before, size)):
        time = Fraction(index, SETTLE_RATE) - Fraction(SETTLE_S)
        estimator.update_lines(perfect_paint(truth), Frame(pixels, index, time, drive.name, f"{index:06d}"))
    return estimator


def mount_of(drive: Drive, time_s: float) -> tuple[float, float]:
    """Pitch and yaw of the camera against the car, radians, as it is mounted at a time of the scene's."""
    scene = drive.scene_at(time_s)
    return pitch_of(scene), scene.yaw


def make_estimator(drive: Drive, size: tuple[int, int] = SIZE) -> TrackingEstimator:
    """The product's estimator for a drive. It is told no speed: few who run it have one."""
    return TrackingEstimator(camera_of(drive, size))


class Aged:
    """The same estimator several times, each behind a source whose frames are older by so much when they are decided on.

    Attributes:
        states: by added age in seconds, the departure frame by frame.
    """

    def __init__(self, estimators: Sequence[LaneEstimator], ages_s: Sequence[float]) -> None:
        self._estimators = dict(zip(ages_s, estimators, strict=True))
        self.states: dict[float, list[DepartureState]] = {age: [] for age in ages_s}

    def update(self, mask: Mask, frame: Frame) -> RoadState:
        """The road as the first of them sees it; see `LaneEstimator.update`."""
        found = []
        for age, estimator in self._estimators.items():
            frame.arrived_ns = perf_counter_ns() - round(age * 1e9)
            found.append(estimator.update(mask, frame))
            self.states[age].append(found[-1].departure)
        return found[0]

    def reset(self, cause: str) -> None:
        """Resets all of them."""
        for estimator in self._estimators.values():
            estimator.reset(cause)
