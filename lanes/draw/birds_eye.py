"""The road from above: an inset with the lane boundaries in metres, a grid each 10 m, and the vehicle.

Along the road and across it the scales differ, as on a strip map, so that a bend can be seen in an inset that is small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import BGRImage
from lanes.draw.curves import LEAVING
from lanes.draw.readout import capital_height, text_width, write
from lanes.draw.shapes import SHIFT, Veil, fixed_point
from lanes.draw.theme import FAINT, FILL_FAR, FILL_NEAR, PILL, RULE, TEXT, TEXT_MUTED, WARNING, Colour, colour_of, mixed
from lanes.results import Lane, RoadCurve, RoadState

AHEAD_M, BEHIND_M = 60.0, 3.0
"""What is shown along the road, metres."""

ASIDE_M = 7.0
"""What is shown to either side, metres."""

GRID_M = 10
LABELLED_M = 20

DASH_M = 4.0
"""Length of a dash, and of a gap, of a dashed boundary: far longer than on the road, to be seen at this scale."""

SIZES = (1.0, 0.8, 0.6)
"""Of the inset, where lanes leave no place for a larger one."""

LOWEST = 0.6
"""Share of the frame's height above which the inset ends."""

PATIENCE = 60
"""Frames after which the inset returns to its first place."""

FILL_STEPS = 8

ARROW = np.array([(0.0, -1.3), (0.85, 0.9), (0.0, 0.45), (-0.85, 0.9)])
"""The vehicle, in heights of three quarters of a capital letter: its scale is not the road's."""

CARD_OPACITY = 0.8
STRIP: Colour = (52, 44, 38)
FAINT_RULE: Colour = (84, 74, 66)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are in an inset of one size, in pixels of the inset.

    Attributes:
        width, height: of the inset.
        capital: height of a capital letter.
        strip: x and y of the strip map's first pixel; strip_width, strip_height: its size.
    """

    width: int
    height: int
    capital: float
    strip: tuple[int, int]
    strip_width: int
    strip_height: int

    @classmethod
    @cache
    def of(cls, width: int, height: int, size: float) -> Layout:
        """For frames of this width and height; `size` is one of `SIZES`."""
        capital = capital_height(width, height)
        h = round(0.42 * size * min(height, 0.75 * width))
        label, pad = round(4.3 * capital), round(0.8 * capital)
        strip_height = h - pad - round(2.6 * capital)
        strip_width = round(0.62 * (h - pad))
        return cls(label + strip_width + pad, h, capital, (label, pad), strip_width, strip_height)

    def column(self, y: float) -> float:
        """Of the strip map, at so many metres to the left."""
        return (self.strip_width - 1) * (0.5 - y / (2 * ASIDE_M))

    def row(self, x: float) -> float:
        """Of the strip map, so many metres ahead."""
        return (self.strip_height - 1) * (AHEAD_M - x) / (AHEAD_M + BEHIND_M)

    def at(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Metres ahead and to the left, (...) -> pixels of the strip map, (..., 2)."""
        across = (self.strip_width - 1) * (0.5 - y / (2 * ASIDE_M))
        return np.stack([across, (self.strip_height - 1) * (AHEAD_M - x) / (AHEAD_M + BEHIND_M)], axis=-1)


class BirdsEye:
    """Draws the inset into a corner that the lanes leave free: the right one, else the left, smaller where need be, or not at all."""

    def __init__(self) -> None:
        self._cards: dict[tuple[Layout, bool], Veil] = {}
        self._known = False
        self._place: tuple[str, float] | None = ("right", SIZES[0])
        self._since = 0  # frames

    def draw(self, pixels: BGRImage, road: RoadState, readouts: tuple[int, int] = (0, 0)) -> None:
        """Draw into the frame in place; nothing before a lane has a curve on the road.

        Args:
            pixels: the frame.
            road: what was found.
            readouts: the column and the row where those in the left corner end.
        """
        self._known |= any(lane.curve is not None for lane in road.lanes)
        if not self._known:
            return
        placed = self._find_place(pixels, road.lanes, readouts)
        if placed is None:
            return
        layout, x, y = placed
        seen = pixels[y : y + layout.height, x : x + layout.width]
        card = (layout, road.calibration is not None and road.calibration.is_metric)
        if card not in self._cards:
            self._cards[card] = _card(*card)
        self._cards[card].lay(seen)
        left, upper = layout.strip
        strip = seen[upper : upper + layout.strip_height, left : left + layout.strip_width]
        _draw_road(strip, layout, road)
        _draw_scale(seen, layout, road)

    def _find_place(self, pixels: BGRImage, lanes: Sequence[Lane], readouts: tuple[int, int]) -> tuple[Layout, int, int] | None:
        """The inset's layout and the frame's pixel of its corner. It stays where it is while that is free."""
        height, width = pixels.shape[:2]
        points = np.concatenate([lane.points for lane in lanes]) if lanes else np.empty((0, 2), np.float32)
        margin = round(1.35 * capital_height(width, height))

        def fits(side: str, size: float) -> tuple[Layout, int, int] | None:
            layout = Layout.of(width, height, size)
            x = width - margin - layout.width if side == "right" else margin
            y = margin if side == "right" and x > readouts[0] else margin + readouts[1]
            if x < 0 or y + layout.height > LOWEST * height or layout.strip_height < 6 * layout.capital:
                return None
            half = np.array((layout.width, layout.height)) / 2
            covered = (np.abs(points - (x, y) - half) < half + layout.capital).all(axis=1).any()
            return None if covered else (layout, x, y)

        every = [(side, size) for size in SIZES for side in ("right", "left")]
        self._since += 1
        if self._since < PATIENCE or self._place == every[0]:
            if self._place is None:
                return None
            if (found := fits(*self._place)) is not None:
                return found
        self._since = 0
        for self._place in every:
            if (found := fits(*self._place)) is not None:
                return found
        self._place = None
        return None


def _draw_road(strip: BGRImage, layout: Layout, road: RoadState) -> None:
    """The ego lane, the grid, the boundaries and the vehicle, clipped to the strip."""
    known = [(lane, lane.curve) for lane in sorted(road.lanes, key=lambda lane: -abs(lane.position)) if lane.curve is not None]
    ego = {lane.position: curve for lane, curve in known if abs(lane.position) == 1}
    if len(ego) == 2:
        _fill(strip, layout, ego[-1], ego[1])
    thin = max(1, round(layout.capital / 12))
    for x in range(0, round(AHEAD_M) + 1, GRID_M):
        row = round(layout.row(x))
        cv2.line(strip, (0, row), (layout.strip_width - 1, row), RULE if x % LABELLED_M == 0 else FAINT_RULE, thin)
    for lane, curve in known:
        leaving = lane.position == LEAVING.get(road.departure)
        colour = WARNING if leaving else colour_of(lane.id)
        shown = mixed(colour, STRIP, 0.4) if lane.held_s > 0 else mixed(colour, FAINT, 0.4 + 0.6 * lane.confidence)
        thickness = max(1, round(layout.capital * (0.24 if abs(lane.position) == 1 else 0.14) * (1.6 if leaving else 1.0)))
        cv2.polylines(strip, _pieces(layout, curve, lane.type == "dashed"), False, shown, thickness, cv2.LINE_AA, SHIFT)
    arrow = (layout.column(0.0), layout.row(0.0)) + 0.75 * layout.capital * ARROW
    cv2.fillPoly(strip, [fixed_point(arrow)], TEXT, cv2.LINE_AA, SHIFT)


def _fill(strip: BGRImage, layout: Layout, left: RoadCurve, right: RoadCurve) -> None:
    """The ego lane as far as both of its boundaries are seen, darker with distance."""
    steps = max(FILL_STEPS, layout.strip_height // 20)
    x = np.linspace(0.0, max(0.0, min(AHEAD_M, left.far_m, right.far_m)), steps + 1)
    sides = [fixed_point(layout.at(x, curve.y_at(x))) for curve in (left, right)]
    quads = np.stack([sides[0][:-1], sides[0][1:], sides[1][1:], sides[1][:-1]], axis=1)
    for quad, shade in zip(quads, _shades(steps), strict=True):
        cv2.fillConvexPoly(strip, quad, shade, cv2.LINE_8, SHIFT)


@cache
def _shades(steps: int) -> list[Colour]:
    """Of the ego lane, from the vehicle ahead."""
    far = [(step + 0.5) / steps for step in range(steps)]
    return [mixed(mixed(FILL_FAR, FILL_NEAR, each), STRIP, 0.45 - 0.3 * each) for each in far]


def _pieces(layout: Layout, curve: RoadCurve, dashed: bool) -> list[NDArray[np.int32]]:
    """The stretches of a boundary in fixed point: all of it, or dash by dash."""
    far = min(AHEAD_M, curve.far_m)
    if not dashed:
        x = np.linspace(-BEHIND_M, far, 24)
        return [fixed_point(layout.at(x, curve.y_at(x)))]
    x = np.minimum(np.arange(-BEHIND_M, far, 2 * DASH_M)[:, None] + (0.0, DASH_M), far)
    return list(fixed_point(layout.at(x, curve.y_at(x))))


def _draw_scale(seen: BGRImage, layout: Layout, road: RoadState) -> None:
    """How wide the lane is, between its boundaries beside the vehicle."""
    beside = [lane.curve.offset_m.value for lane in road.lanes if abs(lane.position) == 1 and lane.curve is not None]
    if len(beside) < 2 or road.ego is None or road.ego.width_m is None:
        return
    capital, (left, upper) = layout.capital, layout.strip
    columns = [left + round(layout.column(y)) for y in sorted(beside, reverse=True)]
    row = upper + layout.strip_height + round(0.5 * capital)
    thin, tick = max(1, round(capital / 12)), max(1, round(0.22 * capital))
    cv2.line(seen, (columns[0], row), (columns[1], row), TEXT_MUTED, thin)
    for column in columns:
        cv2.line(seen, (column, row - tick), (column, row + tick), TEXT_MUTED, thin)
    text = f"{road.ego.width_m.value:.1f} m"
    scale = 0.9 * capital / 21.0
    wide = text_width(text, scale)
    write(seen, text, (min(max((sum(columns) - wide) // 2, 0), layout.width - wide), row + round(1.55 * capital)), scale, TEXT)


def _card(layout: Layout, is_metric: bool) -> Veil:
    """The inset's ground: a rounded card, the strip on it, and the metres beside it, about so many where the height is assumed."""
    shape, ink = (np.zeros((layout.height, layout.width), np.uint8) for _ in range(2))
    radius = round(0.9 * layout.capital)
    for top, side in ((radius, 0), (0, radius)):
        cv2.rectangle(shape, (side, top), (layout.width - 1 - side, layout.height - 1 - top), 255, -1)
    for x in (radius, layout.width - 1 - radius):
        for y in (radius, layout.height - 1 - radius):
            cv2.circle(shape, (x, y), radius, 255, -1, cv2.LINE_AA)
    image: BGRImage = np.full((layout.height, layout.width, 3), PILL, np.uint8)
    left, upper = layout.strip
    image[upper : upper + layout.strip_height, left : left + layout.strip_width] = STRIP
    scale = 0.9 * layout.capital / 21.0
    for x in range(LABELLED_M, round(AHEAD_M) + 1, LABELLED_M):
        row = upper + layout.row(x)
        text = f"{x} m" if is_metric else f"~{x} m"
        write(
            ink, text, (left - round(0.5 * layout.capital) - text_width(text, scale), round(row + 0.45 * layout.capital)), scale, (255,) * 3
        )
    inked = ink[:, :, None] / 255.0
    image = np.round(image * (1.0 - inked) + np.array(TEXT_MUTED) * inked).astype(np.uint8)
    return Veil(np.maximum(shape / 255.0 * CARD_OPACITY, ink / 255.0), image)
