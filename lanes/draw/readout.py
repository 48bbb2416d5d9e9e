"""The readout in the corner of the frame: engine, precision, frames per second, latency."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lanes.arrays import BGRImage
from lanes.draw.shapes import SHIFT, fixed_point
from lanes.draw.theme import PILL, PILL_OPACITY, RULE, TEXT, TEXT_MUTED, Colour


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


class Pill:
    """The readout in the top left corner, on a dark translucent pill whose blending is prepared once for its size."""

    def __init__(self) -> None:
        self._keep: BGRImage = np.empty((0, 0, 3), np.uint8)
        self._add: BGRImage = np.empty((0, 0, 3), np.uint8)

    def draw(self, pixels: BGRImage, readout: Readout) -> None:
        """Draw into the frame in place; nothing into one too small for it."""
        height, width = pixels.shape[:2]
        capital = max(8.5, min(0.0160 * height, 0.0140 * width))  # height of a capital letter, pixels
        scale = capital / 21.0
        groups = [
            (readout.engine, readout.precision, ""),
            (_number(readout.fps), "fps", "00.0"),
            (_number(readout.latency_ms), "ms", "00.0"),
        ]
        # Numbers keep the width of usual ones, so that the pill's size does not change from frame to frame.
        reserved = [max(_text_width(value, scale), _text_width(usual, scale)) for value, _, usual in groups]
        space, pad, h = round(0.55 * capital), round(1.5 * capital), round(3.0 * capital)
        widths = [column + space + _text_width(unit, scale) for column, (_, unit, _) in zip(reserved, groups, strict=True)]
        w = sum(widths) + 2 * pad * len(groups)
        margin = round(0.45 * h)
        if w + 2 * margin > 0.8 * width or h + 2 * margin > 0.25 * height:
            return
        if self._keep.shape[:2] != (h, w):
            self._prepare(h, w)
        seen = pixels[margin : margin + h, margin : margin + w]
        cv2.multiply(seen, self._keep, dst=seen, scale=1.0 / 255.0)
        cv2.add(seen, self._add, dst=seen)
        x, baseline = pad, round((h + capital) / 2)
        for (value, unit, _), column, wide in zip(groups, reserved, widths, strict=True):
            if x > pad:
                cv2.line(seen, (x - pad, round(0.3 * h)), (x - pad, round(0.7 * h)), RULE, max(1, round(capital / 12)))
            _write(seen, value, (x + column - _text_width(value, scale), baseline), scale, TEXT)
            _write(seen, unit, (x + column + space, baseline), scale, TEXT_MUTED)
            x += wide + 2 * pad

    def _prepare(self, h: int, w: int) -> None:
        """Work out the factors and summands that blend a pill of `h` by `w` pixels."""
        shape = np.zeros((h, w), np.uint8)
        middle = (h - 1) / 2
        turn = np.linspace(0.5, 1.5, 24)[:, None] * np.pi
        end = middle * np.concatenate([np.cos(turn), np.sin(turn)], axis=1)
        outline = np.concatenate([middle + end, (w - 1 - middle, middle) - end])
        cv2.fillPoly(shape, [fixed_point(outline)], 255, cv2.LINE_AA, SHIFT)
        opacity = shape[:, :, None] * PILL_OPACITY
        self._keep = np.repeat(255 - opacity, 3, axis=2).round().astype(np.uint8)
        self._add = (opacity / 255.0 * np.array(PILL)).round().astype(np.uint8)


def _number(value: float | None) -> str:
    """Three digits or so: more cannot be read at a glance."""
    if value is None:
        return "-"
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def _thickness(scale: float) -> int:
    return max(1, round(scale))


def _text_width(text: str, scale: float) -> int:
    return int(cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, _thickness(scale))[0][0])


def _write(pixels: BGRImage, text: str, at: tuple[int, int], scale: float, colour: Colour) -> None:
    cv2.putText(pixels, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, _thickness(scale), cv2.LINE_AA)
