"""Track: where a vehicle was and how fast, by the clock of its recording."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lanes.departure import VehicleState

Floats = NDArray[np.float64]

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius (IUGG)."""

KNOT_MPS = 1852 / 3600

FASTEST_MPS = 150.0
"""No car goes faster: a position that would need more is wrong."""

CORRECTION_M = 50.0
"""By which a receiver that has just found its satellites corrects itself."""

LONGEST_GAP_S = 5.0
"""Between two points, across which positions are interpolated; receivers of cameras give one a second or more."""

HOLD_S = 1.5
"""Before the first point and after the last one, the nearest one holds for so long."""


class Fix(NamedTuple):
    """What a receiver said at one time.

    Attributes:
        time_s: on the recording's clock, seconds.
        latitude_deg, longitude_deg: WGS 84, positive to the north and to the east.
        speed_mps: over ground, m/s. course_deg: clockwise from north. altitude_m: above the sea. NaN where the receiver does not say.
    """

    time_s: float
    latitude_deg: float
    longitude_deg: float
    speed_mps: float = nan
    course_deg: float = nan
    altitude_m: float = nan


_COLUMNS = len(Fix._fields)


@dataclass(frozen=True, eq=False)
class Track:
    """Points in order of time, each a plausible place after the one before. It is a `VehicleSignals`.

    Attributes:
        points: (N, 6) float64, a `Fix` a row, N >= 1, times rising; speeds by the positions where the receiver did not say.
    """

    points: Floats

    @classmethod
    def of(cls, fixes: Iterable[Fix]) -> Track | None:
        """What a receiver said, without what cannot be; None where nothing is left, or hardly anything: then it was no track."""
        found = np.array([fix for fix in fixes if _is_place(fix)], np.float64).reshape(-1, _COLUMNS)
        found = found[np.argsort(found[:, 0], kind="stable")]
        found = found[np.diff(found[:, 0], prepend=-np.inf) > 0]
        kept = _plausible(found)
        if not len(kept) or 2 * len(kept) < len(found):
            return None
        speed = np.where((kept[:, 3] >= 0) & (kept[:, 3] <= FASTEST_MPS), kept[:, 3], np.nan)
        kept[:, 3] = np.where(np.isnan(speed), _speeds(kept), speed)
        return cls(kept)

    @classmethod
    def joined(cls, tracks: Sequence[Track | None]) -> Track | None:
        """The tracks of recordings that follow one another, each already on the clock of the whole; None where there is none."""
        found = [track.points for track in tracks if track is not None]
        if not found:
            return None
        points = np.concatenate(found)
        points = points[np.argsort(points[:, 0], kind="stable")]
        return cls(points[np.diff(points[:, 0], prepend=-np.inf) > 0])

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[Fix]:
        return (Fix(*row) for row in self.points.tolist())

    def __call__(self, time_s: float) -> VehicleState:
        """The vehicle at a time, as a departure warning asks for it; see `VehicleSignals`."""
        fix = self.at(time_s)
        return VehicleState(speed_mps=None if fix is None or np.isnan(fix.speed_mps) else fix.speed_mps)

    def at(self, time_s: float) -> Fix | None:
        """Where the vehicle is at a time, seconds; None where nothing near it is known. The course is that of the nearest point."""
        times = self.points[:, 0]
        after = int(np.searchsorted(times, time_s))
        before, after = max(after - 1, 0), min(after, len(self) - 1)
        begin, end = float(times[before]), float(times[after])
        share = (time_s - begin) / (end - begin) if end > begin else 0.0
        nearest = Fix(*self.points[after if share > 0.5 else before].tolist())
        if end - begin > LONGEST_GAP_S or not 0.0 < share < 1.0:
            return nearest._replace(time_s=time_s) if abs(time_s - nearest.time_s) <= HOLD_S else None
        one, other = self.points[before], self.points[after]
        step = other - one
        step[2] = (step[2] + 180.0) % 360.0 - 180.0  # across the 180th meridian the short way round
        _, latitude, longitude, speed, _, altitude = (one + share * step).tolist()
        return Fix(time_s, latitude, (longitude + 180.0) % 360.0 - 180.0, speed, nearest.course_deg, altitude)

    def shifted(self, seconds: float) -> Track:
        """The same on a clock that is ahead by so many seconds."""
        return Track(self.points + np.eye(1, _COLUMNS) * seconds)

    @property
    def length_m(self) -> float:
        """The way from point to point, metres; across gaps, where it is not known, none."""
        return float(_steps(self.points)[np.diff(self.points[:, 0]) <= LONGEST_GAP_S].sum())


def distance_m(latitude: ArrayLike, longitude: ArrayLike, other_latitude: ArrayLike, other_longitude: ArrayLike) -> Floats:
    """Metres between places, any shape, in degrees, on a sphere (haversine): wrong by 0.5 % at most."""
    one, other = np.radians(latitude), np.radians(other_latitude)
    east = np.radians(np.subtract(other_longitude, longitude))
    half = np.sin((other - one) / 2) ** 2 + np.cos(one) * np.cos(other) * np.sin(east / 2) ** 2
    distance: Floats = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))
    return distance


def _steps(points: Floats) -> Floats:
    """(N - 1,) metres from point to point."""
    return distance_m(points[:-1, 1], points[:-1, 2], points[1:, 1], points[1:, 2])


def _is_place(fix: Fix) -> bool:
    """Whether there is such a place. A receiver without a fix says 0, 0, and one whose data are garbage a 0 in one of them."""
    finite = bool(np.isfinite(fix[:3]).all())
    return finite and abs(fix.latitude_deg) <= 90 and abs(fix.longitude_deg) <= 180 and 0.0 not in (fix.latitude_deg, fix.longitude_deg)


def _plausible(found: Floats) -> Floats:
    """The points of the longest run without a leap, and of those runs before and after it that a car can have come from and gone to."""
    if len(found) < 2:
        return found
    leaps = np.flatnonzero(_steps(found) > FASTEST_MPS * np.diff(found[:, 0]) + CORRECTION_M) + 1
    runs = np.split(found, leaps)
    longest = max(range(len(runs)), key=lambda index: len(runs[index]))
    kept = [runs[longest]]
    for run in runs[longest + 1 :]:
        if _reaches(kept[-1][-1], run[0]):
            kept.append(run)
    for run in reversed(runs[:longest]):
        if _reaches(run[-1], kept[0][0]):
            kept.insert(0, run)
    return np.concatenate(kept)


def _reaches(one: Floats, other: Floats) -> bool:
    return bool(distance_m(one[1], one[2], other[1], other[2]) <= FASTEST_MPS * (other[0] - one[0]) + CORRECTION_M)


def _speeds(points: Floats) -> Floats:
    """(N,) m/s from each point to the next; NaN where that is too far off in time, and for a single point."""
    if len(points) < 2:
        return np.full(len(points), np.nan)
    seconds = np.diff(points[:, 0])
    speeds = _steps(points) / seconds
    speeds[(seconds > LONGEST_GAP_S) | (speeds > FASTEST_MPS)] = np.nan
    return np.append(speeds, speeds[-1])
