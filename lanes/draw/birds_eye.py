"""The road from above: an inset with the lane boundaries in metres, a grid each 10 m, and the vehicle.

Along the road and across it the scales differ, as on a strip map, so that a bend can be seen in an inset that is small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import BGRImage
from lanes.draw.readout import capital_height, text_width, write
from lanes.draw.shapes import SHIFT, Veil, fixed_point
from lanes.draw.theme import FAINT, FILL_FAR, FILL_NEAR, PILL, RULE, TEXT, TEXT_MUTED, WARNING, Colour, colour_of, mixed
from lanes.results import Lane, RoadState

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

PATIENCE = 60
"""Frames after which the inset returns to its first place."""

FILL_STEPS = 8

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
    def of(cls, width: int, height: int, size: float) -> Layout:
        """For frames of this width and height; `size` is one of `SIZES`."""
        capital = capital_height(width, height)
        h = round(0.42 * size * min(height, 0.75 * width))
        label, pad = round(4.3 * capital), round(0.8 * capital)
        strip_height = h - pad - round(2.6 * capital)
        strip_width = round(0.62 * (h - pad))
        return cls(label + strip_width + pad, h, capital, (label, pad), strip_width, strip_height)

    def at(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Metres ahead and to the left -> (N, 2) pixels of the strip map."""
        across = (self.strip_width - 1) * (0.5 - y / (2 * ASIDE_M))
        return np.stack([across, (self.strip_height - 1) * (AHEAD_M - x) / (AHEAD_M + BEHIND_M)], axis=1)


class BirdsEye:
    """Draws the inset into a corner that the lanes leave free: the right one, else the left, smaller where need be, or not at all."""

    def __init__(self) -> None:
        self._cards: dict[Layout, Veil] = {}
        self._known = False
        self._place: tuple[str, float] | None = ("right", SIZES[0])
        self._since = 0

    def draw(self, pixels: BGRImage, road: RoadState, top: int = 0) -> None:
        """Draw into the frame in place; nothing before a lane is known in metres.

        Args:
            pixels: the frame.
            road: what was found.
            top: the row below which the left corner is free of readouts.
        """
        self._known |= any(lane.curve is not None for lane in road.lanes)
        if not self._known:
            return
        placed = self._find_place(pixels, road.lanes, top)
        if placed is None:
            return
        layout, x, y = placed
        seen = pixels[y : y + layout.height, x : x + layout.width]
        if layout not in self._cards:
            self._cards[layout] = _card(layout)
        self._cards[layout].lay(seen)
        left, upper = layout.strip
        strip = seen[upper : upper + layout.strip_height, left : left + layout.strip_width]
        _draw_road(strip, layout, road)
        _draw_scale(seen, layout, road)

    def _find_place(self, pixels: BGRImage, lanes: Sequence[Lane], top: int) -> tuple[Layout, int, int] | None:
        """The inset's layout and the frame's pixel of its corner. It stays where it is while that is free."""
        height, width = pixels.shape[:2]
        points = np.concatenate([lane.points for lane in lanes]) if lanes else np.empty((0, 2), np.float32)
        margin = round(1.35 * capital_height(width, height))

        def fits(place: tuple[str, float] | None) -> tuple[Layout, int, int] | None:
            if place is None:
                return None
            layout = Layout.of(width, height, place[1])
            x = width - margin - layout.width if place[0] == "right" else margin
            y = margin if place[0] == "right" else margin + top
            if x < 0 or y + layout.height > 0.6 * height or layout.strip_height < 6 * layout.capital:
                return None
            inside = (np.abs(points - (x + layout.width / 2, y + layout.height / 2)) < (layout.width / 2, layout.height / 2)).all(axis=1)
            return None if inside.any() else (layout, x, y)

        every = [(side, size) for size in SIZES for side in ("right", "left")]
        self._since += 1
        if (found := fits(self._place)) is not None and (self._since < PATIENCE or self._place == every[0]):
            return found
        if self._place is None and self._since < PATIENCE:
            return None
        place = next((each for each in every if fits(each) is not None), None)
        if place != self._place:
            self._place = place
        self._since = 0
        return fits(place)


def _draw_road(strip: BGRImage, layout: Layout, road: RoadState) -> None:
    """The ego lane, the grid, the boundaries and the vehicle, clipped to the strip."""
    known = [lane for lane in road.lanes if lane.curve is not None]
    _fill(strip, layout, known)
    thin = max(1, round(layout.capital / 12))
    for x in range(0, round(AHEAD_M) + 1, GRID_M):
        row = round(float(layout.at(np.array([float(x)]), np.zeros(1))[0, 1]))
        cv2.line(strip, (0, row), (layout.strip_width - 1, row), RULE if x % LABELLED_M == 0 else FAINT_RULE, thin)
    for lane in sorted(known, key=lambda lane: -abs(lane.position)):
        leaving = lane.position == {"left": -1, "right": 1}.get(road.departure)
        colour = WARNING if leaving else colour_of(lane.id)
        shown = mixed(colour, FAINT if not lane.held_s else STRIP, 0.4 + 0.6 * lane.confidence if not lane.held_s else 0.45)
        thickness = max(1, round(layout.capital * (0.24 if abs(lane.position) == 1 else 0.14) * (1.6 if leaving else 1.0)))
        lines = [fixed_point(layout.at(x, lane.curve.y_at(x))) for x in _stretches(lane)] if lane.curve else []
        cv2.polylines(strip, lines, False, shown, thickness, cv2.LINE_AA, SHIFT)
    size = 0.75 * layout.capital
    arrow = layout.at(np.zeros(1), np.zeros(1)) + size * np.array([(0.0, -1.3), (0.85, 0.9), (0.0, 0.45), (-0.85, 0.9)])
    cv2.fillPoly(strip, [fixed_point(arrow)], TEXT, cv2.LINE_AA, SHIFT)


def _fill(strip: BGRImage, layout: Layout, lanes: Sequence[Lane]) -> None:
    """The ego lane as far as both of its boundaries are seen, darker with distance."""
    ego = {lane.position: lane.curve for lane in lanes if abs(lane.position) == 1 and lane.curve is not None}
    if len(ego) < 2:
        return
    edges = np.linspace(0.0, max(0.0, min(AHEAD_M, ego[-1].far_m, ego[1].far_m)), FILL_STEPS + 1)
    for step, (begin, end) in enumerate(pairwise(edges.tolist())):
        x = np.linspace(begin, end, 4)
        outline = np.concatenate([layout.at(x, ego[-1].y_at(x)), layout.at(x, ego[1].y_at(x))[::-1]])
        far = (step + 0.5) / FILL_STEPS
        shade = mixed(mixed(FILL_FAR, FILL_NEAR, far), STRIP, 0.45 - 0.3 * far)
        cv2.fillPoly(strip, [fixed_point(outline)], shade, cv2.LINE_8, SHIFT)


def _stretches(lane: Lane) -> list[NDArray[np.float64]]:
    """Metres ahead of each unbroken stretch of a boundary: all of it, or dash by dash."""
    far = min(AHEAD_M, lane.curve.far_m) if lane.curve else 0.0
    if far <= 0.0:
        return []
    if lane.type != "dashed":
        return [np.linspace(-BEHIND_M, far, 32)]
    return [np.linspace(begin, min(begin + DASH_M, far), 4) for begin in np.arange(-BEHIND_M, far, 2 * DASH_M)]


def _draw_scale(seen: BGRImage, layout: Layout, road: RoadState) -> None:
    """How wide the lane is, between its boundaries beside the vehicle."""
    beside = [float(lane.curve.offset_m.value) for lane in road.lanes if abs(lane.position) == 1 and lane.curve is not None]
    if len(beside) < 2 or road.ego is None or road.ego.width_m is None:
        return
    capital, (left, upper) = layout.capital, layout.strip
    columns = [left + round(float(x)) for x in layout.at(np.zeros(2), np.array(sorted(beside, reverse=True)))[:, 0]]
    row = upper + layout.strip_height + round(0.5 * capital)
    thin, tick = max(1, round(capital / 12)), max(1, round(0.22 * capital))
    cv2.line(seen, (columns[0], row), (columns[1], row), TEXT_MUTED, thin)
    for column in columns:
        cv2.line(seen, (column, row - tick), (column, row + tick), TEXT_MUTED, thin)
    text = f"{road.ego.width_m.value:.1f} m"
    scale = 0.9 * capital / 21.0
    wide = text_width(text, scale)
    write(seen, text, (min(max((sum(columns) - wide) // 2, 0), layout.width - wide), row + round(1.55 * capital)), scale, TEXT)


def _card(layout: Layout) -> Veil:
    """The inset's ground: a rounded card, the strip on it, and the metres beside it."""
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
        row = upper + float(layout.at(np.array([float(x)]), np.zeros(1))[0, 1])
        text = f"{x} m"
        write(
            ink, text, (left - round(0.5 * layout.capital) - text_width(text, scale), round(row + 0.45 * layout.capital)), scale, (255,) * 3
        )
    inked = ink[:, :, None] / 255.0
    image = np.round(image * (1.0 - inked) + np.array(TEXT_MUTED) * inked).astype(np.uint8)
    return Veil(np.maximum(shape / 255.0 * CARD_OPACITY, ink / 255.0), image)
