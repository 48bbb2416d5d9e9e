"""MountEstimator: how the camera is mounted and where it sees road, from the lines of paint, frame by frame. The one truth about both."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from math import cos, degrees, sin
from pathlib import Path
from threading import Thread
from time import time

import numpy as np

from lanes.geometry.camera import Camera
from lanes.geometry.camera_file import CameraFile
from lanes.geometry.paint import PaintLine
from lanes.mount.angles import Floats, MountAngles
from lanes.mount.band import BandKeeper
from lanes.mount.height import HeightKeeper
from lanes.mount.jolt import JoltDetector
from lanes.mount.states import StateKeeper
from lanes.mount.store import SavedMount, file_of, load, save
from lanes.mount.vanishing import RoadDirection, find_direction
from lanes.mount.visible import VisibleLearner, VisibleRoad
from lanes.results import Band, Calibration, Estimate, HeightOrigin

log = logging.getLogger(__name__)

INTERVAL_S = 0.09
"""Frames that follow one another faster show the same once more, and are left out."""

LOOK_S = 0.18
"""The same for learning where road is visible, which takes longer anyway."""

GAP_S = 2.0
"""After so long without a frame, the next one does not follow on the last."""

TAKEN_UP_STD = np.array([0.006, 0.001])
"""rad: by how much pitch and yaw of a mount may have changed since it was saved or measured. Passengers and luggage tilt a car by a third
of a degree; nothing that it carries turns it to the side, and a camera that was touched is noticed as one that was bumped."""

SAVE_S = 120.0
"""Seconds of the source's time between two savings."""

ASSUMED_ROLL_STD = 0.0175
"""rad, one degree: of the roll, which lines do not show, where `camera.yaml` does not give it."""


class MountEstimator:
    """Estimates the mount of one source's camera. What it gives holds for the frame last taken in.

    Args:
        camera: what is known of the camera; None for an assumed field of view, which is part of the angles' spread.
        height_m: of the camera above the road, metres, as the user says; it goes before the one of `camera`.
        store: folder where the mount is kept from run to run (`default_store()` is the user's own); None for nowhere. Without `camera`
            nothing is kept: frames of one size may come from any camera.
        lane_width_m: of the lane that is driven in, metres, where that is known and the height is not.
    """

    def __init__(self, camera: CameraFile | None, height_m: float | None, store: Path | None, lane_width_m: float | None = None) -> None:
        self._file = camera
        self._jolts = JoltDetector()
        self._last_s: float | None = None
        self._saved_s: float | None = None
        self._looked_s: float | None = None
        self._store = None if store is None or camera is None else file_of(camera, store)
        self._height = HeightKeeper(camera, height_m, lane_width_m)
        size = (1280, 720) if camera is None else (camera.width, camera.height)
        self._begin(size)

    @property
    def camera(self) -> Camera:
        """Intrinsics, height and the mean pitch, yaw and roll; springs move the real one about it."""
        return self._camera

    @property
    def calibration(self) -> Calibration:
        """State and angles with their standard deviations; the angles are None until a frame has shown them."""
        height = self._height.estimate
        if self._states.state == "uncalibrated":
            return Calibration("uncalibrated", height_m=height, height_from=self._height.origin)
        angles, stds = self._angles.mean, self._stds()
        pitch, yaw = (Estimate(float(angle), float(std)) for angle, std in zip(angles, stds, strict=True))
        return Calibration(self._states.state, pitch, yaw, Estimate(self._camera.roll, self._roll_std), height, self._height.origin)

    @property
    def metric(self) -> bool:
        """Whether metres are allowed: the height is given or follows from a given width. See `focal_known` for what else they need."""
        return self._height.origin != "assumed"

    @property
    def focal_known(self) -> bool:
        """Whether the field of view is given. Where it is assumed, lengths across are right, and headings and lengths ahead are not."""
        return self._file is not None

    @property
    def height_origin(self) -> HeightOrigin:
        """Where the height is from."""
        return self._height.origin

    @property
    def visible(self) -> VisibleRoad:
        """Where the frame shows road."""
        return self._visible

    @property
    def band(self) -> Band | None:
        """The rows for the network; None for the whole frame."""
        return self._band.band

    @property
    def bumped(self) -> bool:
        """Whether the mount was found to have moved, from then on until it is valid again."""
        return self._states.bumped

    def update(self, lines: Sequence[PaintLine], size: tuple[int, int], time_s: float) -> None:
        """Take in a frame.

        Args:
            lines: of paint, in pixels of the frame. size: (width, height) of the frame. time_s: rises until a `reset`.

        Raises:
            InputError: the frame has another shape than the camera's pictures.
        """
        if size != (self._camera.width, self._camera.height):
            self._begin(size)
        if self._last_s is not None:
            if not 0 <= time_s - self._last_s <= GAP_S:
                self._angles.forget_motion()
            elif time_s - self._last_s < INTERVAL_S:
                return
        step = 0.0 if self._last_s is None else min(max(time_s - self._last_s, 0.0), GAP_S)
        self._last_s = time_s
        self._jolts.take(lines, self._camera, time_s)
        if self._jolts.stands and self._states.was_known:
            self._angles.suspect(time_s)
        seen = find_direction(lines, self._camera, near=self._states.state == "valid")
        if seen is not None:
            self._angles.take(seen, time_s)
            self._height.take(seen, self._states.state == "valid")
        moved = self._angles.moved
        bumped = moved and self._states.was_known
        if bumped:
            self._say_bumped()
            self._learner = VisibleLearner(*size)
            self._band.restart()
        if moved:
            self._angles.restart()
            self._jolts = JoltDetector()
        self._states.take(self._angles, self._stds(), bumped, step, self._jolts.is_open)
        self._point_camera()
        self._look(lines, seen, time_s)
        self._save_now_and_then(time_s)

    def reset(self, cause: str) -> None:
        """The next frame does not follow on the last one, but the same camera goes on: what is known of it stays, the band starts anew.

        Args:
            cause: why, in words for a log.
        """
        log.debug("the mount's estimate goes on after a cut: %s", cause)
        self._angles.forget_motion()
        self._jolts = JoltDetector()
        self._band.restart()
        self._last_s = None

    def _begin(self, size: tuple[int, int]) -> None:
        """Start with a picture size of which nothing was seen yet."""
        known = self._file
        self._camera = Camera.assumed(*size) if known is None else known.camera(*size)
        self._camera = replace(self._camera, mount_height=self._height.estimate.value)
        self._roll_std = ASSUMED_ROLL_STD
        self._angles, self._states, self._band = MountAngles(), StateKeeper(), BandKeeper()
        self._learner = VisibleLearner(*size)
        self._jolts = JoltDetector()
        self._last_s = self._saved_s = self._looked_s = None
        self._take_up()
        self._point_camera()
        self._visible = VisibleRoad.whole(*size, self._vanishing()[1])

    def _take_up(self) -> None:
        """Begin from what was saved, or else from what `camera.yaml` says."""
        known = None if self._file is None else self._file.extrinsics
        if known is not None and known.roll_rad is not None:
            self._camera, self._roll_std = replace(self._camera, roll=known.roll_rad.value), known.roll_rad.std
        saved = None if self._store is None else load(self._store)
        if saved is not None:
            mean, stds = [saved.pitch, saved.yaw], [saved.pitch_std, saved.yaw_std]
        elif known is not None and known.pitch_rad is not None and known.yaw_rad is not None:
            mean, stds = [known.pitch_rad.value, known.yaw_rad.value], [known.pitch_rad.std, known.yaw_rad.std]
        else:
            return
        self._angles.start(np.array(mean), np.hypot(stds, TAKEN_UP_STD))
        self._states.take_up()

    def _stds(self) -> Floats:
        """Of pitch and yaw, radians: an angle in pixels is no more certain than the focal length."""
        stds = self._angles.stds
        if self._file is None:
            stds = np.hypot(stds, Camera.ASSUMED_FOCAL_STD * np.abs(np.tan(self._angles.mean)))
        return stds

    def _point_camera(self) -> None:
        pitch, yaw = (float(angle) for angle in self._angles.mean)
        height = self._height.estimate.value
        if abs(pitch - self._camera.pitch) + abs(yaw - self._camera.yaw) > 1e-6 or height != self._camera.mount_height:
            self._camera = replace(self._camera, pitch=pitch, yaw=yaw, mount_height=height)

    def _vanishing(self) -> tuple[float, float]:
        """Where a straight road would end, (x, y) pixels."""
        return self._pixel(self._camera.pitch, self._camera.yaw)

    def _pixel(self, pitch: float, yaw: float) -> tuple[float, float]:
        """Where a camera mounted like this sees the road's direction, (x, y) pixels."""
        roll = self._camera.roll
        forward, aside, above = cos(yaw) * cos(pitch), sin(yaw), cos(yaw) * sin(pitch)
        left, up = above * sin(roll) - aside * cos(roll), above * cos(roll) + aside * sin(roll)
        x, y = -left / forward, -up / forward
        if not self._camera.distortion.is_zero:
            x, y = (float(value) for value in self._camera.distortion.distort((x, y)))
        return self._camera.cx + self._camera.fx * x, self._camera.cy + self._camera.fy * y

    def _look(self, lines: Sequence[PaintLine], seen: RoadDirection | None, time_s: float) -> None:
        """Learn where road is visible, and place the band."""
        known = self._states.state == "valid"
        vanishing = self._vanishing() if known or seen is None else self._pixel(seen.pitch, seen.yaw)
        if self._looked_s is None or not 0 <= time_s - self._looked_s < LOOK_S:
            self._looked_s = time_s
            if seen is not None or known:
                self._learner.take(lines, vanishing)
            self._visible = self._learner.visible(self._vanishing()[1])
        paint = None
        if lines:
            paint = float(min(line.points[-1, 1] for line in lines)), float(max(line.points[0, 1] for line in lines))
        horizon = None if seen is None else self._pixel(seen.pitch, seen.yaw)[1]
        self._band.take(time_s, horizon, paint, self._visible, known)

    def _say_bumped(self) -> None:
        log.warning(
            "the camera was moved: it looked %.1f degrees down and %.1f to the left; its mount is estimated anew",
            *(degrees(angle) for angle in self._angles.mean),
        )

    def _save_now_and_then(self, time_s: float) -> None:
        if self._store is None or self._states.state != "valid":
            return
        if self._saved_s is None or not 0 <= time_s - self._saved_s < SAVE_S:
            self._saved_s = time_s
            (pitch, yaw), (pitch_std, yaw_std) = self._angles.mean, self._stds()
            mount = SavedMount(float(pitch), float(pitch_std), float(yaw), float(yaw_std), time())
            # A slow disk holds up no frame. The interpreter waits for the thread when it ends.
            Thread(target=save, args=(self._store, mount), name="mount-save").start()
