"""Readouts in the top left corner of the frame: engine and times, the place in the lane, and why there is no departure warning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import BGRImage
from lanes.draw.shapes import SHIFT, Veil, fixed_point
from lanes.draw.theme import PILL, PILL_OPACITY, RULE, TEXT, TEXT_MUTED, Colour
from lanes.results import Ego, Estimate, RoadState

STRAIGHT_M = 2000.0
"""Radius from which on a bend is called straight: nobody sees it, and cameras cannot tell it from a straight road."""


@dataclass(frozen=True, slots=True)
class Readout:
    """The figures shown in the corner of the frame.

    Attributes:
        engine: the engine's name (`openvino`).
        precision: the precision it runs at (`bf16`).
        fps: frames per second, or None while it is not known yet.
        latency_ms: milliseconds from frame to drawn frame, or None while it is not known yet.
    """

    engine: str
    precision: str
    fps: float | None = None
    latency_ms: float | None = None


class Figure(NamedTuple):
    """A bright value before its muted unit; the usual ones keep their width free, so that a pill's size stays."""

    value: str
    unit: str
    usual_value: str = ""
    usual_unit: str = ""


def performance_figures(readout: Readout) -> list[Figure]:
    """What the first pill shows."""
    return [
        Figure(readout.engine, readout.precision),
        Figure(_number(readout.fps), "fps", "00.0"),
        Figure(_number(readout.latency_ms), "ms", "00.0"),
    ]


def road_figures(road: RoadState) -> list[Figure]:
    """What the second pill shows: the place in the lane, as far as it is known in metres."""
    ego = road.ego or Ego(None, None, None, None)
    figures = []
    if ego.offset_m is not None:
        offset = ego.offset_m.value
        figures.append(Figure(f"{abs(offset):.1f}", "m right of centre" if offset >= 0 else "m left of centre", "0.0", "m right of centre"))
    if ego.width_m is not None:
        figures.append(Figure(f"{ego.width_m.value:.1f}", "m lane", "0.0"))
    if ego.curvature_per_m is not None:
        figures.append(_bend(ego.curvature_per_m))
    return figures


def warning_figures(road: RoadState) -> list[Figure]:
    """What the third pill may show, the first of these that it is wide enough for: that nobody is warned now, and why.

    Nothing where the heading is not known, as without a camera file: then no warning is expected.
    """
    if road.departure != "inactive" or road.ego is None or road.ego.heading_rad is None:
        return []
    why = [f"no warning: {road.departure_why}"] if road.departure_why else []
    return [Figure("", text) for text in (*why, "no warning")]


class Pill:
    """Figures on a dark translucent pill whose blending is prepared once for its size."""

    def __init__(self) -> None:
        self._veil: Veil | None = None

    def draw(self, pixels: BGRImage, figures: Sequence[Figure], top: int = 0, most: float = 0.8, least: int = 1) -> tuple[int, int]:
        """Draw into the frame in place, as many figures as it is wide enough for.

        Args:
            pixels: the frame.
            figures: from left to right.
            top: the row below which the pill comes: where the one above it ends, 0 for the first.
            most: how wide it may be, as a share of the frame's width.
            least: of the figures that must find a place for it to be drawn.

        Returns:
            The column and the row where the pill ends; 0 and `top` where nothing was drawn.
        """
        height, width = pixels.shape[:2]
        capital = capital_height(width, height)
        scale = capital / 21.0
        space, pad, h = round(0.55 * capital), round(1.5 * capital), round(3.0 * capital)
        margin = round(0.45 * h)
        y = top + round(0.3 * h) if top else margin
        columns = [_column(each, scale, space) for each in figures]
        widths = [value + gap + unit + 2 * pad for value, gap, unit in columns]
        while widths and sum(widths) + 2 * margin > most * width:
            widths.pop()
        if len(widths) < least or y + h + margin > (0.4 if top else 0.25) * height:
            return 0, top
        w = sum(widths)
        if self._veil is None or self._veil.shape != (h, w):
            self._veil = _capsule(h, w)
        seen = pixels[y : y + h, margin : margin + w]
        self._veil.lay(seen)
        x, baseline = pad, round((h + capital) / 2)
        for figure, (value, gap, _), wide in zip(figures, columns, widths, strict=False):
            if x > pad:
                cv2.line(seen, (x - pad, round(0.3 * h)), (x - pad, round(0.7 * h)), RULE, max(1, round(capital / 12)))
            write(seen, figure.value, (x + value - text_width(figure.value, scale), baseline), scale, TEXT)
            write(seen, figure.unit, (x + value + gap, baseline), scale, TEXT_MUTED)
            x += wide
        return margin + w, y + h


def _column(figure: Figure, scale: float, space: int) -> tuple[int, int, int]:
    """Widths of a figure's value, of the gap after it, and of its unit, pixels."""
    value = max(text_width(figure.value, scale), text_width(figure.usual_value, scale))
    unit = max(text_width(figure.unit, scale), text_width(figure.usual_unit, scale))
    return value, space if figure.value and figure.unit else 0, unit


def capital_height(width: int, height: int) -> float:
    """Height of a capital letter in a frame of this size, pixels: legible where it is small, quiet where it is large."""
    return max(8.5, min(0.0160 * height, 0.0140 * width))


def write(pixels: NDArray[np.uint8], text: str, at: tuple[int, int], scale: float, colour: Colour) -> None:
    """Write text from a point (x, baseline) on; capitals are 21 pixels high at a scale of 1."""
    if text:
        cv2.putText(pixels, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, _thickness(scale), cv2.LINE_AA)


def _capsule(h: int, w: int) -> Veil:
    """A pill of `h` by `w` pixels."""
    shape = np.zeros((h, w), np.uint8)
    middle = (h - 1) / 2
    turn = np.linspace(0.5, 1.5, 24)[:, None] * np.pi
    end = middle * np.concatenate([np.cos(turn), np.sin(turn)], axis=1)
    outline = np.concatenate([middle + end, (w - 1 - middle, middle) - end])
    cv2.fillPoly(shape, [fixed_point(outline)], 255, cv2.LINE_AA, SHIFT)
    return Veil(shape / 255.0 * PILL_OPACITY, PILL)


def _bend(curvature_per_m: Estimate) -> Figure:
    """A radius to two digits, with the side to which the road turns."""
    radius = 1.0 / max(abs(curvature_per_m.value), 1e-9)
    if radius >= STRAIGHT_M:
        return Figure("straight", "", "0000", "m bend right")
    step = 10.0 if radius < 1000.0 else 100.0
    return Figure(
        f"{step * round(radius / step):.0f}", "m bend left" if curvature_per_m.value > 0 else "m bend right", "0000", "m bend right"
    )


def _number(value: float | None) -> str:
    """Three digits or so: more cannot be read at a glance."""
    if value is None:
        return "-"
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def _thickness(scale: float) -> int:
    return max(1, round(scale))


@lru_cache(4096)
def text_width(text: str, scale: float) -> int:
    """Pixels that `write` takes."""
    return int(cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, _thickness(scale))[0][0])
