"""Maps of tracks, drawn from the points alone: one of each region that drives are in, north up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import cos, floor, log10, radians
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.dashcam.track import EARTH_RADIUS_M

Points = NDArray[np.float64]
"""(N, 2) latitude and longitude, degrees, in order of time."""

CELL_DEG = 0.25
"""Side of the cells by which regions are told apart: drives in one and the next are of one region."""

WIDTH, HIGHEST, MARGIN = 1000, 520, 28
"""Of a map, in its own units."""

SMALLEST_M = 400.0
"""Of a map's sides, on the ground."""

TOLERANCE = 0.6
"""By which a line may miss the points, in the map's units: no eye sees it."""

LONGEST_STEP_M = 2000.0
"""Between two points that are joined by a line."""

_DEGREE_M = radians(1) * EARTH_RADIUS_M


class Line(NamedTuple):
    """A drive on a map: which one, and its path in SVG."""

    drive: str
    path: str


class Dot(NamedTuple):
    """A departure on a map."""

    drive: str
    x: int
    y: int


@dataclass(frozen=True)
class RegionMap:
    """A map.

    Attributes:
        width, height: in its own units.
        lines, dots: what is on it.
        middle: latitude and longitude, degrees.
        across_m: what its width is on the ground.
        bar, bar_m: length of a scale bar in its units, and on the ground.
    """

    width: int
    height: int
    lines: Sequence[Line]
    dots: Sequence[Dot]
    middle: tuple[float, float]
    across_m: float
    bar: float
    bar_m: float


def make_maps(tracks: Mapping[str, Points], departures: Sequence[tuple[str, float, float]], most: int) -> list[RegionMap]:
    """The maps of the regions with the most drives.

    Args:
        tracks: of drives, by id, each of one point at least.
        departures: drive, latitude and longitude of each.
        most: maps that are wanted.
    """
    regions = sorted(_regions(tracks), key=len, reverse=True)[:most]
    return [_draw({drive: tracks[drive] for drive in region}, departures) for region in regions]


def _regions(tracks: Mapping[str, Points]) -> list[list[str]]:
    """Drives that lie in the same cells, or in neighbouring ones."""
    cells: dict[tuple[int, int], list[str]] = {}
    for drive, points in tracks.items():
        for row, column in np.unique(np.floor(points / CELL_DEG).astype(np.int64), axis=0).tolist():
            cells.setdefault((row, column), []).append(drive)
    parents = {drive: drive for drive in tracks}

    def root(drive: str) -> str:
        while parents[drive] != drive:
            parents[drive] = parents[parents[drive]]
            drive = parents[drive]
        return drive

    for (row, column), drives in cells.items():
        for near in ((row, column), (row, column + 1), (row + 1, column - 1), (row + 1, column), (row + 1, column + 1)):
            if others := cells.get(near):
                parents[root(others[0])] = root(drives[0])
        for drive in drives[1:]:
            parents[root(drive)] = root(drives[0])
    found: dict[str, list[str]] = {}
    for drive in tracks:
        found.setdefault(root(drive), []).append(drive)
    return list(found.values())


def _draw(tracks: Mapping[str, Points], departures: Sequence[tuple[str, float, float]]) -> RegionMap:
    every = np.concatenate(list(tracks.values()))
    low, high = every.min(axis=0), every.max(axis=0)
    middle = (low + high) / 2
    east = cos(radians(float(middle[0])))
    extent = np.maximum((high - low) * (_DEGREE_M, _DEGREE_M * east), SMALLEST_M)
    units = min((WIDTH - 2 * MARGIN) / extent[1], (HIGHEST - 2 * MARGIN) / extent[0])  # a metre
    height = round(2 * MARGIN + float(extent[0]) * units)

    def place(points: Points) -> NDArray[np.float64]:
        north = (points[:, 0] - middle[0]) * _DEGREE_M * units
        return np.stack([WIDTH / 2 + (points[:, 1] - middle[1]) * _DEGREE_M * east * units, height / 2 - north], axis=1)

    lines = [Line(drive, _path(place(points), LONGEST_STEP_M * units)) for drive, points in tracks.items()]
    own = [each for each in departures if each[0] in tracks]
    places = place(np.array([each[1:] for each in own], np.float64).reshape(-1, 2)).round().astype(int).tolist()
    # Of departures at the same spot one dot is seen.
    dots = [Dot(drive, x, y) for (x, y), drive in {(x, y): drive for (drive, _, _), (x, y) in zip(own, places, strict=True)}.items()]
    bar_m = _round_length(0.22 * WIDTH / units)
    return RegionMap(WIDTH, height, lines, dots, (float(middle[0]), float(middle[1])), WIDTH / units, bar_m * units, bar_m)


def _path(places: NDArray[np.float64], longest: float) -> str:
    """A line through places, with as few corners as the eye allows; broken where the next one is too far away."""
    steps = np.hypot(*np.diff(places, axis=0).T) if len(places) > 1 else np.zeros(0)
    parts = []
    for run in np.split(places, np.flatnonzero(steps > longest) + 1):
        corners = cv2.approxPolyDP(run.astype(np.float32)[:, None], TOLERANCE, closed=False)[:, 0].tolist()
        if len(corners) == 1:  # a car that stands: a line without length has round ends
            corners *= 2
        parts.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in corners))
    return "".join(parts)


def _round_length(metres: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not above."""
    power = 10.0 ** floor(log10(metres))
    return max(step * power for step in (1, 2, 5) if step * power <= metres)
