"""RoadTracker: the boundaries of the road over time, and the vehicle between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, inf, isfinite, sqrt
from typing import SupportsFloat

import numpy as np
from numpy.typing import NDArray

from lanes.geometry.camera import Camera
from lanes.geometry.paint import PaintLine
from lanes.results import Ego, Estimate, LaneType, RoadCurve
from lanes.tracking.association import associate, beside
from lanes.tracking.filter import RoadFilter
from lanes.tracking.life import HELD_S, Life
from lanes.tracking.paint import MOST_LINES, Places, sum_up
from lanes.tracking.road import (
    CURVATURE,
    FARTHEST_M,
    FIRST_STD,
    HEADING,
    OFFSET,
    OWN,
    PITCH,
    RATE,
    SHARED,
    SKEW,
    SLIP,
    SPEED,
    TURN,
    Floats,
    bend,
    drift,
)

LONGEST_GAP_S = 1.0
"""Between two frames: after more, nothing is where it was."""

SHORTEST_STEP_S = 1e-3
"""What a clock that stands still or goes back is taken for."""

LEAST_CONFIDENCE = 0.2
"""Of a line that a new boundary may begin with."""

MERGED_M = 0.6
"""Boundaries that come so near each other are one."""

CLOSEST, NARROWEST, WIDEST = 0.4, 0.6, 1.6
"""In usual lanes. Of two boundaries nearer to each other than the first the likelier is shown, for between them is no lane. None narrower
than the second is split off from one that is known, and boundaries further apart than the last have one between them that nobody sees."""

USUAL_LANE_M = 3.6
USUAL_RANGE_M = 1.6, 4.8
USUAL_S = 15.0
SURE = 2.0
"""What is taken for a usual lane where the first frame shows none, what may be one, the time constant with which it is learnt, and
the log-odds of the boundaries that show it first. The camera's height and its focal length, and with them all that is measured, may be
wrong by much."""

LOYALTY = 1.5
"""Log-odds by which a boundary that was shown is preferred to one that was not, so that the two do not take turns."""

MOST_BOUNDARIES = 8
LOWEST_S = 5.0
"""Time constant with which the lowest row with paint is forgotten: a dash comes by every second, even in a town."""

LEAST_PITCH_STD = 0.006
"""rad: roads slope, and cars nod, whatever is known of the mount."""

LOST_S = 0.12
"""After so long in which there was paint but none of a boundary shown, everything begins anew."""

SIDE_M = 0.05
"""By how much a boundary must have passed beneath the camera until it is one of the other side."""

WIDTH_RANGE_M = 0.05, 0.7


@dataclass(frozen=True, slots=True)
class Track:
    """One boundary of a lane.

    Attributes:
        id: never given twice. position: as in `Lane`. curve: on the road. type: how it is painted. held_s: since paint of it was seen.
        confidence: probability that there is such a boundary. paint_width_m: from outer edge to outer edge.
        index: of the boundary in the filter's state.
    """

    id: int
    position: int
    curve: RoadCurve
    type: LaneType
    held_s: float
    confidence: float
    paint_width_m: float
    index: int


class RoadTracker:
    """Follows the road's boundaries through the lines of paint of one frame after the other.

    Attributes:
        height_known: whether the camera's height is; else the first frame shows how wide a usual lane is in what is taken for metres.
        road: the filter; its state holds at the time of the last frame.
        lowest_row: of the boundaries' paint, in the frames of the last seconds, pixels. What shows no paint below it may be no road.
    """

    def __init__(self) -> None:
        self._numbers = 0
        self.height_known = False
        self._forget()

    def _forget(self) -> None:
        self.road = RoadFilter()
        self._lives: list[Life] = []
        self._camera: Camera | None = None
        self._time_s: float | None = None
        self._lost_s = 0.0
        self.lowest_row = 0.0
        self._lane_m, self._lanes_s = USUAL_LANE_M, 1.0
        self._tracks: tuple[Track, ...] = ()

    def reset(self, cause: str) -> None:  # noqa: ARG002 - the seam's; what the cause was changes nothing
        """Forget everything but the numbers given: what was means nothing for the next frame."""
        self._forget()

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The boundaries that are believed in, from left to right."""
        return self._tracks

    def update(self, lines: Sequence[PaintLine], camera: Camera, time_s: float, pitch_std: float = float(FIRST_STD[PITCH])) -> None:
        """Take in the next frame.

        Args:
            lines: of its mask. camera: that took it, by the present estimate of its mount.
            time_s: of the frame, seconds on the source's own clock.
            pitch_std: of the camera's pitch, radians; it counts where nothing else is known yet.
        """
        dt = self._step(camera, time_s)
        self.road.look_through(camera)
        if self._lives:
            self.road.predict(dt)
        else:
            self.road.covariance[PITCH, PITCH] = min(self.road.covariance[PITCH, PITCH], max(pitch_std, LEAST_PITCH_STD) ** 2)
        usable = [line for line in lines if len(line.points) >= 2 and np.isfinite(line.points).all() and line.std_px > 0]
        usable = sorted(usable, key=lambda line: -line.confidence)[:MOST_LINES]
        if usable:
            self._look(usable, camera, dt)
        else:
            for life in self._lives:
                life.unseen(dt)
        self._bury()
        self._choose(dt)

    def _step(self, camera: Camera, time_s: float) -> float:
        """Seconds since the frame before; everything is forgotten where that was another one's."""
        before, size = self._time_s, (camera.width, camera.height)
        dt = 0.0 if before is None else time_s - before
        if not isfinite(dt):
            dt = 0.0
        if self._camera is not None and ((self._camera.width, self._camera.height) != size or dt > LONGEST_GAP_S):
            self._forget()
        elif self._camera is not None:
            self._lane_m *= camera.mount_height / self._camera.mount_height
        self._camera, self._time_s = camera, time_s if isfinite(time_s) else before
        return max(dt, SHORTEST_STEP_S)

    def _look(self, lines: list[PaintLine], camera: Camera, dt: float) -> None:
        road, height = self.road, camera.mount_height
        places = sum_up(lines, camera)
        fresh = not self._lives
        if fresh:
            road.begin(places, height)
        residuals, near = road.residuals(places, height)
        offsets, std = beside(places, near, residuals)
        index = associate(road, offsets, std, places)
        follows = any(self._lives[number].is_shown for number in index[index >= 0].tolist())
        self._lost_s = 0.0 if follows else self._lost_s + dt
        if not fresh and self._lost_s > LOST_S and bool((places.confidence > 0.5).any()):
            self.road.forget_road()
            self._lives, self._lost_s = [], 0.0
            self._look(lines, camera, dt)
            return
        self._give_birth(places, near, std, index, fresh)
        used = np.flatnonzero(index >= 0)
        if len(used):
            part = places if len(used) == len(index) else _part(places, used)
            road.correct(part, index[used], height, dt, 6 if fresh else 2)
        if fresh and self._lives and not self.height_known:
            sure = np.array([life.belief > SURE for life in self._lives], np.bool_)
            gaps = np.diff(np.sort(road.offsets[sure]))
            gaps = gaps[(gaps > USUAL_RANGE_M[0]) & (gaps < USUAL_RANGE_M[1])]
            self._lane_m = float(np.median(gaps)) if len(gaps) else self._lane_m
        self._live(lines, places, index, near, dt)
        lowest = max((float(lines[line].points[0, 1]) for line in used.tolist()), default=self.lowest_row)
        self.lowest_row = max(lowest, self.lowest_row + (1.0 - exp(-dt / LOWEST_S)) * (lowest - self.lowest_row))

    def _give_birth(self, places: Places, near: Floats, std: Floats, index: NDArray[np.intp], fresh: bool) -> None:
        """A boundary for each line that has none, and lies a way off from those that have; sets its index."""
        free = np.flatnonzero(index < 0)
        if not len(free):
            return
        own = self._offsets_of(places, near)
        for line in free.tolist():
            apart = float(np.abs(self.road.offsets - own[line]).min(initial=np.inf))
            confidence = float(places.confidence[line])
            if len(self._lives) < MOST_BOUNDARIES and confidence >= LEAST_CONFIDENCE and apart > 2.0 * MERGED_M and std[line] < 0.8:
                index[line] = len(self._lives)
                self._numbers += 1
                self._lives.append(Life.born(self._numbers, confidence, float(own[line]), among_others=not fresh))
                self.road.add(float(own[line]))

    def _offsets_of(self, places: Places, near: Floats) -> Floats:
        """(L,) offsets of lines that run as the road does."""
        residual = places.side - bend(self.road.state, near)
        return beside(places, near, residual[..., None])[0][:, 0]

    def _live(self, lines: list[PaintLine], places: Places, index: NDArray[np.intp], near: Floats, dt: float) -> None:
        for number, life in enumerate(self._lives):
            mine = np.flatnonzero(index == number)
            if not len(mine):
                life.unseen(dt)
                continue
            best = int(mine[0])  # the surest comes first
            seen = places.weight[mine] > 0
            nearest, farthest = float(near[mine][seen].max()), float(near[mine][seen].min())
            close = places.width[best, 0] / near[best, 0]
            wide = float(close) if WIDTH_RANGE_M[0] < close < WIDTH_RANGE_M[1] and near[best, 0] > 0.05 else None
            far_m = min(1.0 / farthest, FARTHEST_M)
            life.seen(float(places.confidence[best]), lines[best].type, 1.0 / nearest, far_m, wide, dt)

    def _bury(self) -> None:
        """Let go of what has not been seen for long, what nobody believes in, and of two that have become one the unlikelier."""
        offsets = self.road.offsets
        gone: set[int] = set()
        for number, life in enumerate(self._lives):
            if life.held_s > HELD_S or life.belief < -3.0 or not abs(offsets[number]) < 40.0:
                gone.add(number)
        order = np.argsort(offsets).tolist()
        for one, other in pairwise(order):
            if {one, other} & gone or offsets[other] - offsets[one] > MERGED_M:
                continue
            gone.add(min((one, other), key=lambda number: self._lives[number].belief))
        if gone:
            kept = [number for number in range(len(self._lives)) if number not in gone]
            self._lives = [self._lives[number] for number in kept]
            self.road.keep(np.array(kept, np.intp))

    def _choose(self, dt: float) -> None:
        """Which boundaries are shown, and their positions."""
        offsets = self.road.offsets.tolist()
        shown: list[int] = []
        order = sorted(range(len(self._lives)), key=lambda n: -self._lives[n].belief - LOYALTY * self._lives[n].is_shown)
        for number in order:
            life = self._lives[number]
            life.is_shown = life.belief > 0.0 and self._has_space(offsets[number], [offsets[other] for other in shown])
            if life.is_shown:
                shown.append(number)
            life.is_left = offsets[number] > (-SIDE_M if life.is_left else SIDE_M)
        left = sorted((n for n in shown if self._lives[n].is_left), key=lambda n: offsets[n])
        right = sorted((n for n in shown if not self._lives[n].is_left), key=lambda n: -offsets[n])
        # Between boundaries too far apart for one lane there is another one that nobody sees: the farther one lies beyond it.
        to_left, to_right = (abs(offsets[side[0]]) if side else 0.0 for side in (left, right))
        widest = WIDEST * self._lane_m
        skip_left = to_left > 0.75 * widest or (to_left + to_right > widest and to_left > to_right > 0.0)
        skip_right = to_right > 0.75 * widest or (to_left + to_right > widest and to_right >= to_left > 0.0)
        places = [(-rank, n) for rank, n in enumerate(left, 1 + skip_left)][::-1]
        places += [(rank, n) for rank, n in enumerate(right, 1 + skip_right)]
        self._tracks = tuple(self._track(position, number) for position, number in places)
        if left and right and not skip_left and not skip_right:
            width = float(np.clip(to_left + to_right, *USUAL_RANGE_M))
            self._lanes_s = min(self._lanes_s + dt, USUAL_S)
            self._lane_m += (1.0 - exp(-dt / self._lanes_s)) * (width - self._lane_m)

    def _has_space(self, offset: float, others: list[float]) -> bool:
        """Whether a boundary may lie there: not at another one, and not in the middle of a lane."""
        left = min((other - offset for other in others if other >= offset), default=inf)
        right = min((offset - other for other in others if other < offset), default=inf)
        splits = left + right < WIDEST * self._lane_m and min(left, right) < NARROWEST * self._lane_m
        return min(left, right) > CLOSEST * self._lane_m and not splits

    def _track(self, position: int, number: int) -> Track:
        life, own = self._lives[number], SHARED + OWN * number
        # One number of an array at a time would cost several times as much.
        state, variance = self.road.state.tolist(), self.road.covariance.diagonal().tolist()
        heading = variance[HEADING] + variance[own + SKEW] + 2.0 * float(self.road.covariance[HEADING, own + SKEW])
        curve = RoadCurve(
            _estimate(state[own + OFFSET], variance[own + OFFSET]),
            _estimate(state[HEADING] + state[own + SKEW], heading),
            _estimate(state[CURVATURE], variance[CURVATURE]),
            _estimate(state[RATE], variance[RATE]),
            life.near_m,
            life.far_m,
        )
        return Track(life.id, position, curve, life.kind, life.held_s, life.probability, life.width_m, number)

    def drift(self) -> Estimate:
        """Speed of the boundaries to the left, which is the vehicle's to the right, m/s."""
        value, slope = drift(self.road.state)
        return _estimate(value, slope @ self.road.covariance @ slope)

    def drift_rate(self) -> Estimate:
        """Its rate, m/s^2: the vehicle turns against the road, and moves where it points."""
        state, covariance = self.road.state, self.road.covariance
        return _estimate(state[SPEED] * state[TURN], state[SPEED] ** 2 * covariance[TURN, TURN])

    def ego(self) -> Ego | None:
        """The vehicle in its lane at the time of the last frame; None where no boundary of that lane is known."""
        return self.at(0.0)

    def at(self, age_s: float, speed_mps: float | None = None) -> Ego | None:
        """The vehicle in its lane `age_s` seconds after the last frame, if it goes on as it did.

        Args:
            age_s: seconds. speed_mps: of the vehicle, where it is known: with its heading it says how fast the offset changes.
        """
        sides = {track.position: track for track in self._tracks if abs(track.position) == 1}
        if not sides:
            return None
        state, covariance, size = self.road.state, self.road.covariance, len(self.road.state)
        shares = {track.index: 1.0 / len(sides) for track in sides.values()}

        def estimate(weights: Floats, beyond: float = 0.0) -> Estimate:
            return _estimate(weights @ state + beyond, weights @ covariance @ weights)

        heading, offset, width, curvature = (np.zeros(size) for _ in range(4))
        heading[HEADING], heading[TURN] = -1.0, -age_s
        curvature[CURVATURE] = 1.0
        for index, share in shares.items():
            heading[SHARED + OWN * index + SKEW] = -share
            offset[SHARED + OWN * index + OFFSET] = share
        moves, slope = drift(state)
        if speed_mps is not None:
            moves = float(speed_mps * state[HEADING] + state[SLIP])
            slope[HEADING], slope[SPEED] = speed_mps, 0.0
        beyond = age_s * float(moves - slope @ state)  # the product's slopes give it twice
        offset += age_s * slope
        known = Ego(None, None, estimate(curvature), estimate(heading))
        if len(sides) < 2:
            return known
        width[SHARED + OWN * sides[-1].index + OFFSET] = 1.0
        width[SHARED + OWN * sides[1].index + OFFSET] = -1.0
        reach = min(track.curve.far_m for track in sides.values())
        return Ego(estimate(offset, beyond), estimate(width), known.curvature_per_m, known.heading_rad, Estimate(reach, 0.1 * reach))


def _estimate(value: SupportsFloat, variance: SupportsFloat) -> Estimate:
    return Estimate(float(value), sqrt(max(float(variance), 0.0)))


def _part(places: Places, lines: NDArray[np.intp]) -> Places:
    """Some of the lines."""
    return Places(*(values[lines] for values in (places.side, places.down, places.std, places.weight, places.width, places.confidence)))
