"""Whether the camera turned at once, between two frames: a mount that is bumped does, and nothing that a driver does with the wheel.

Where the lines of one frame meet says where the camera looks to half a degree. Where they lie is known to a pixel: lines that are at
another place than in the frame before show a turn to a tenth of a degree. With a point of the road z below the horizon and l to the left,
in focal lengths (`lanes.mount.vanishing`), between two frames a line at `offset` heights to the left moves by

    dl = shift z + yaw - offset pitch

where `shift` is the vehicle's own way across the lane, which goes on as it did, as does the turn of its heading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import radians

import numpy as np
from numpy.typing import NDArray

from lanes.geometry.camera import Camera
from lanes.geometry.paint import PaintLine
from lanes.mount.vanishing import NEAREST_Z

Floats = NDArray[np.float64]

POINTS, PLACES = 32, 6
"""Of a line at most, and at how many of them two lines are compared; `CORRELATED` of these are worth one."""

CORRELATED = 2.0

LEAST_STD = 0.0012
"""Of a line's place, focal lengths: a pixel."""

LEAST_OVERLAP = 1.15
"""How many times as far as the nearest place that both frames show the farthest must be."""

SAME_LINE = 0.06
"""Focal lengths: lines nearer together than this are one. A degree moves them by 0.02 to 0.04; a lane is 0.2 wide and more."""

SIDEWAYS = 0.15
"""Camera heights a second, standard deviation: by how much the speed across the lane changes from frame to frame."""

TURN_STD = 0.05
"""rad: of a turn, before a frame is looked at."""

REMEMBERED = 0.25
"""Share of a new frame in what is known of the speed across the lane, and of the heading's rate."""

FASTEST_YAW = radians(4.0)
"""rad/s: a lane change in three and a half seconds turns a car at so much, at most."""

JOLT, JOLT_RATE = radians(0.4), radians(1.0)
"""A turn by more than this, rad, and by so much more for each second between the frames, is a jolt. Springs turn a camera by 0.2 degrees
in a tenth of a second."""

SIGMAS = 4.0
"""And by so many standard deviations."""

MOVED = radians(0.35)
"""That much two lines at least must have moved: if one alone has, it is the paint that is seen at another place."""

FREEDOM = 4.0
"""Degrees of freedom of Student's t, which the lines' errors are taken to follow."""

LONGEST_GAP_S = 0.6
"""Frames further apart are not compared."""

STANDS_S = 0.4
"""A turn that is not undone within so long is no wave of the road and no fault of the paint's."""

UNDONE = 0.5
"""Share of a jolt: when less than it is left, the jolt was undone; when that much has come to it, the vehicle is steered."""

SETTLED = 4
"""Frames until the speed across the lane and the heading's rate are known: before that, nothing is a jolt."""


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line of paint as it lies before the camera: `down` (P,), rising, and `left` (P,), focal lengths; `std` of its place."""

    down: Floats
    left: Floats
    std: float


class JoltDetector:
    """Looks for jolts, frame by frame.

    Attributes:
        is_open: the camera turned just now, and nothing says yet whether it stays so.
        stands: it has stayed so, as of the frame just taken in.
    """

    def __init__(self) -> None:
        self.is_open = self.stands = False
        self._before: list[PlacedLine] = []
        self._before_s = 0.0
        self._turned, self._since_s = np.zeros(2), 0.0
        self._sideways = self._yaw_rate = 0.0
        self._followed = 0
        self._by = np.zeros(2)

    def take(self, lines: Sequence[PaintLine], camera: Camera, time_s: float) -> None:
        """Take in the next frame's lines, through the camera as it is thought to be mounted."""
        self.stands = False
        now = [placed for placed in (_place(line, camera) for line in lines) if placed is not None]
        step = time_s - self._before_s
        if not self._before or step > LONGEST_GAP_S:
            self.is_open, self._followed, self._sideways, self._yaw_rate = False, 0, 0.0, 0.0
            self._before, self._before_s = now, time_s
            return
        turn = find_turn(self._before, now, self._sideways * step, SIDEWAYS * step)
        if turn is not None:
            self._before, self._before_s = now, time_s
            self._follow(turn, step, time_s)
        if self.is_open and time_s - self._since_s > STANDS_S:
            stays = np.abs(self._turned - self._by) < UNDONE * np.maximum(np.abs(self._by), 2.0 * JOLT)
            self.is_open, self.stands = False, bool(stays.all())

    def _follow(self, turn: Turn, step: float, time_s: float) -> None:
        by = turn.angles - (self._yaw_rate * step, 0.0)
        if self.is_open:
            self._turned = self._turned + by
            if (np.abs(self._turned) < UNDONE * np.maximum(np.abs(self._by), JOLT)).all():
                self.is_open = False
        elif self._followed >= SETTLED and turn.has_moved and (np.abs(by) > np.maximum(JOLT + JOLT_RATE * step, SIGMAS * turn.stds)).any():
            self.is_open, self._turned, self._by, self._since_s = True, by, by, time_s
            return
        self._followed += 1
        self._sideways += REMEMBERED * (turn.shift / step - self._sideways)
        rate = float(np.clip(turn.angles[0] / step, -FASTEST_YAW, FASTEST_YAW))
        self._yaw_rate += REMEMBERED * (rate - self._yaw_rate)


@dataclass(frozen=True, slots=True)
class Turn:
    """What happened between two frames: `shift`, camera heights; `angles` (2,), yaw and pitch, rad, with `stds`; two lines `has_moved`."""

    shift: float
    angles: Floats
    stds: Floats
    has_moved: bool


def _place(line: PaintLine, camera: Camera) -> PlacedLine | None:
    rays = camera.rays(line.points[:: -(-len(line.points) // POINTS)])
    with np.errstate(invalid="ignore"):
        left, down = rays[:, 1] / rays[:, 0], -rays[:, 2] / rays[:, 0]
        inside = (down > NEAREST_Z) & np.isfinite(left)
    if inside.sum() < 3:
        return None
    order = np.argsort(down[inside])
    return PlacedLine(down[inside][order], left[inside][order], max(line.std_px / camera.fx, LEAST_STD))


def find_turn(before: Sequence[PlacedLine], now: Sequence[PlacedLine], shift: float, shift_std: float) -> Turn | None:
    """How the camera turned between two frames; None where fewer than two lines are in both.

    Args:
        before, now: the lines. shift, shift_std: of the vehicle, as it is expected, camera heights to the right.
    """
    pairs = _pairs(before, now)
    if len(pairs) < 2:
        return None
    down, moved = (np.stack(values) for values in zip(*((pair[0], pair[1]) for pair in pairs), strict=True))
    trust = 1.0 / (CORRELATED * np.array([pair[3] for pair in pairs]) ** 2)
    basis = np.stack([down, np.ones_like(down), np.broadcast_to(-np.array([pair[2] for pair in pairs])[:, None], down.shape)], axis=2)
    prior = np.diag([1.0 / shift_std**2, 1.0 / TURN_STD**2, 1.0 / TURN_STD**2])
    expected = prior @ np.array([shift, 0.0, 0.0])
    squares = basis.transpose(0, 2, 1) @ basis * trust[:, None, None]
    pulls = (basis * moved[:, :, None]).sum(axis=1) * trust[:, None]
    weight = np.ones(len(pairs))
    for _ in range(3):
        information = prior + (weight[:, None, None] * squares).sum(axis=0)
        solution = np.linalg.solve(information, expected + weight @ pulls)
        errors = trust * ((moved - basis @ solution) ** 2).sum(axis=1)
        weight = (FREEDOM + 1.0) / (FREEDOM + errors)
    turned = np.sort(np.abs((moved - solution[0] * down).mean(axis=1)))
    stds = np.sqrt(np.linalg.inv(information).diagonal()[1:])
    return Turn(float(solution[0]), solution[1:], stds, bool(turned[-2] > MOVED))


def _pairs(before: Sequence[PlacedLine], now: Sequence[PlacedLine]) -> list[tuple[Floats, Floats, float, float]]:
    """Lines that are in both frames: where they are compared, by how much they moved there, offset in camera heights, std."""
    found = []
    free = list(before)
    for line in now:
        best: tuple[float, PlacedLine, Floats, Floats] | None = None
        for other in free:
            nearest, farthest = min(line.down[-1], other.down[-1]), max(line.down[0], other.down[0])
            if nearest < LEAST_OVERLAP * farthest:
                continue
            down = np.linspace(farthest, nearest, PLACES)
            moved = np.interp(down, line.down, line.left) - np.interp(down, other.down, other.left)
            apart = abs(float(moved.mean()))
            if apart < SAME_LINE and (best is None or apart < best[0]):
                best = apart, other, down, moved
        if best is not None:
            _, other, down, moved = best
            free = [each for each in free if each is not other]
            offset = float((np.interp(down, line.down, line.left) / down).mean())
            found.append((down, moved, offset, float(np.hypot(line.std, other.std))))
    return found
