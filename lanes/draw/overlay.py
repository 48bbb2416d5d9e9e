"""What the driver sees: paint tinted, lane boundaries as crisp curves, the ego lane filled, and a small readout.

Everything is drawn into the frame itself. Blending is done on the rectangle concerned and never in floating point, so a
frame of 1280x720 takes a few milliseconds of one core.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.results import Lane

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]

# The palette, BGR. Cool light for what is inferred, warm for what was seen, so that the two are told apart at a glance;
# left and right differ in hue as well as in place, and all of it stays distinct to colour-blind eyes by its brightness.
EGO_LEFT: Colour = (208, 240, 64)
EGO_RIGHT: Colour = (255, 196, 72)
OTHER: Colour = (226, 208, 196)
FILL_NEAR: Colour = (214, 206, 40)
FILL_FAR: Colour = (255, 150, 60)
PAINT: Colour = (190, 255, 150)
PILL: Colour = (30, 22, 16)
TEXT: Colour = (250, 248, 245)
TEXT_MUTED: Colour = (196, 184, 172)
RULE: Colour = (120, 108, 96)

PAINT_OPACITY = 0.55
FILL_OPACITY = 0.42
SHADOW_OPACITY = 0.5
PILL_OPACITY = 0.66

SMALLEST = 64
"""Frames with a side shorter than this many pixels get the tint of the mask alone."""


@dataclass(frozen=True, slots=True)
class Readout:
    """What the corner of the picture says.

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


class Overlay:
    """Draws results into frames. Keeps its working memory from frame to frame, and adapts when their size changes."""

    def __init__(self) -> None:
        self._blended: Pixels = np.empty((0, 0, 3), np.uint8)
        self._stencil: Pixels = np.empty((0, 0), np.uint8)
        self._pill = _Pill()

    def draw(self, pixels: Pixels, mask: Pixels, lanes: Sequence[Lane], readout: Readout | None = None) -> None:
        """Draw one frame's results into it.

        Args:
            pixels: (H, W, 3) uint8, BGR, C-contiguous; drawn into in place. Any size from one pixel up.
            mask: (H, W) uint8, 0 or 255, lane paint.
            lanes: the curves found, in pixels of this frame.
            readout: what the corner says; None for no readout.
        """
        height, width = mask.shape
        if self._stencil.shape != mask.shape:
            self._blended = np.empty((height, width, 3), np.uint8)
            self._stencil = np.empty((height, width), np.uint8)
        if min(height, width) < SMALLEST:
            self._tint(pixels, mask)
            return
        ego = {lane.position: lane.points for lane in lanes if abs(lane.position) == 1}
        if len(ego) == 2:
            self._fill(pixels, ego[-1], ego[1])
        self._tint(pixels, mask)
        self._curves(pixels, lanes)
        if readout is not None:
            self._pill.draw(pixels, readout)

    def _tint(self, pixels: Pixels, mask: Pixels) -> None:
        """Blend the paint's colour over the mask."""
        x, y, w, h = cv2.boundingRect(mask)
        if w == 0:
            return
        window = np.s_[y : y + h, x : x + w]
        _blend(pixels[window], PAINT, PAINT_OPACITY, self._blended[window])
        cv2.copyTo(self._blended[window], mask[window], pixels[window])

    def _fill(self, pixels: Pixels, left: NDArray[np.float32], right: NDArray[np.float32]) -> None:
        """Fill the ego lane between its boundaries, where there are both, fading with distance and softly at the near edge."""
        height, width = self._stencil.shape
        # A boundary that leaves the frame at its side goes on beside it, and so does the lane.
        feet = [y if 1.0 < x < width - 2.0 else height - 1.0 for x, y in (left[0].tolist(), right[0].tolist())]
        top, bottom = max(float(left[-1, 1]), float(right[-1, 1])), min(feet)
        if bottom - top < 0.05 * height:
            return
        y = np.linspace(bottom, top, 32)
        sides = [np.interp(-y, -side[:, 1], side[:, 0]) for side in (left, right)]
        outline = np.concatenate([np.stack([sides[0], y], 1), np.stack([sides[1], y], 1)[::-1]])
        window = _window(outline, width, height)
        at, x = window[0].start, window[1].start
        seen, blended, stencil = pixels[window], self._blended[window], self._stencil[window]
        stencil.fill(0)
        cv2.fillPoly(stencil, [_fixed(outline - (x, at))], 255, shift=SHIFT)

        # One band a step of opacity: finer than the eye can tell, and as many for a large frame as for a small one.
        rows = np.arange(seen.shape[0])
        nearness = np.clip((rows + at - top) / (bottom - top), 0.0, 1.0)
        opacity = FILL_OPACITY * nearness**0.7 * np.clip((bottom - rows - at) / (0.1 * height), 0.0, 1.0)
        edges = np.flatnonzero(np.diff(np.round(opacity * 100))) + 1
        for begin, end in zip([0, *edges.tolist()], [*edges.tolist(), len(rows)], strict=True):
            near = float(nearness[(begin + end) // 2])
            colour = tuple(round(near * a + (1.0 - near) * b) for a, b in zip(FILL_NEAR, FILL_FAR, strict=True))
            _blend(seen[begin:end], (colour[0], colour[1], colour[2]), float(opacity[(begin + end) // 2]), blended[begin:end])
        cv2.copyTo(blended, stencil, seen)

    def _curves(self, pixels: Pixels, lanes: Sequence[Lane]) -> None:
        """Draw the curves, outer ones first, each a ribbon on a soft shadow, narrowing with distance as paint does."""
        if not lanes:
            return
        height, width = self._stencil.shape
        rim = max(1.0, height / 360)
        outermost_first = sorted(lanes, key=lambda lane: -abs(lane.position))
        strokes = [(lane, _across(lane.points), _half_widths(lane, height)) for lane in outermost_first]

        shadows = [_fixed(_ribbon(lane.points, across, half + rim)) for lane, across, half in strokes]
        window = _window(np.concatenate(shadows) / (1 << SHIFT), width, height)
        seen, blended, stencil = pixels[window], self._blended[window], self._stencil[window]
        corner = np.array([window[1].start, window[0].start]) << SHIFT
        stencil.fill(0)
        for shadow in shadows:
            cv2.fillPoly(stencil, [shadow - corner], 255, cv2.LINE_8, SHIFT)
        cv2.convertScaleAbs(seen, blended, alpha=1.0 - SHADOW_OPACITY)
        cv2.copyTo(blended, stencil, seen)

        for lane, across, half in strokes:
            colour = OTHER if abs(lane.position) > 1 else EGO_LEFT if lane.position < 0 else EGO_RIGHT
            cv2.fillPoly(pixels, [_fixed(_ribbon(lane.points, across, half))], colour, cv2.LINE_AA, SHIFT)
            if abs(lane.position) == 1:
                core = (128 + colour[0] // 2, 128 + colour[1] // 2, 128 + colour[2] // 2)
                cv2.fillPoly(pixels, [_fixed(_ribbon(lane.points, across, 0.35 * half))], core, cv2.LINE_AA, SHIFT)


SHIFT = 4
"""Binary digits after the point in the coordinates that OpenCV draws with."""

ROUND = np.array([(np.cos(angle), np.sin(angle)) for angle in np.linspace(0.0, np.pi, 9)[1:-1]], np.float32)
"""Half a circle, for the ends of curves."""


def _fixed(points: NDArray[np.floating]) -> NDArray[np.int32]:
    return np.round(points * (1 << SHIFT)).astype(np.int32)


def _blend(pixels: Pixels, colour: Colour, opacity: float, out: Pixels) -> None:
    """out = pixels (1 - opacity) + colour opacity."""
    cv2.convertScaleAbs(pixels, out, alpha=1.0 - opacity)
    cv2.add(out, np.array([*colour, 0]) * opacity, out)


def _window(points: NDArray[np.floating], width: int, height: int) -> tuple[slice, slice]:
    """The rows and columns of the frame that hold the points."""
    left, top = np.maximum(np.floor(points.min(axis=0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(points.max(axis=0)).astype(int) + 1, (width, height))
    return slice(int(top), int(bottom)), slice(int(left), int(right))


def _half_widths(lane: Lane, height: int) -> NDArray[np.float32]:
    """Half a curve's width at each point, pixels: a third as wide at mid-height and above as at the frame's bottom."""
    nearest = 0.0040 if abs(lane.position) == 1 else 0.0026
    nearness = np.clip((lane.points[:, 1] / height - 0.5) * 2.0, 0.0, 1.0)
    widths: NDArray[np.float32] = np.maximum(height * nearest * (0.33 + 0.67 * nearness), 0.6).astype(np.float32)
    return widths


def _across(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit vectors across the curve, at each of its points."""
    along = np.empty_like(points)
    along[1:-1] = points[2:] - points[:-2]
    along[0], along[-1] = points[1] - points[0], points[-1] - points[-2]
    along /= np.maximum(np.hypot(along[:, :1], along[:, 1:]), 1e-6)
    return np.stack([-along[:, 1], along[:, 0]], axis=1)


def _ribbon(points: NDArray[np.float32], across: NDArray[np.float32], half: NDArray[np.float32]) -> NDArray[np.float32]:
    """The outline of a curve `half` wide to either side, with round ends."""
    offset = half[:, None] * across
    far = points[-1] - ROUND @ np.stack([offset[-1], [-offset[-1, 1], offset[-1, 0]]])
    near = points[0] + ROUND @ np.stack([offset[0], [-offset[0, 1], offset[0, 0]]])
    return np.concatenate([points - offset, far, (points + offset)[::-1], near])


class _Pill:
    """The readout in the top left corner, on a dark translucent pill whose blending is prepared once for its size."""

    def __init__(self) -> None:
        self._keep: Pixels = np.empty((0, 0, 3), np.uint8)
        self._add: Pixels = np.empty((0, 0, 3), np.uint8)

    def draw(self, pixels: Pixels, readout: Readout) -> None:
        height, width = pixels.shape[:2]
        capital = max(8.5, min(0.0160 * height, 0.0140 * width))  # height of a capital letter, pixels
        scale = capital / 21.0
        groups = [
            (readout.engine, readout.precision, ""),
            (_number(readout.fps), "fps", "00.0"),
            (_number(readout.latency_ms), "ms", "00.0"),
        ]
        # Numbers keep the room of usual ones, so that the pill does not breathe from frame to frame.
        rooms = [max(_text_width(value, scale), _text_width(usual, scale)) for value, _, usual in groups]
        space, pad, h = round(0.55 * capital), round(1.5 * capital), round(3.0 * capital)
        widths = [room + space + _text_width(unit, scale) for room, (_, unit, _) in zip(rooms, groups, strict=True)]
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
        for (value, unit, _), room, wide in zip(groups, rooms, widths, strict=True):
            if x > pad:
                cv2.line(seen, (x - pad, round(0.3 * h)), (x - pad, round(0.7 * h)), RULE, max(1, round(capital / 12)))
            _write(seen, value, (x + room - _text_width(value, scale), baseline), scale, TEXT)
            _write(seen, unit, (x + room + space, baseline), scale, TEXT_MUTED)
            x += wide + 2 * pad

    def _prepare(self, h: int, w: int) -> None:
        shape = np.zeros((h, w), np.uint8)
        middle = (h - 1) / 2
        turn = np.linspace(0.5, 1.5, 24)[:, None] * np.pi
        end = middle * np.concatenate([np.cos(turn), np.sin(turn)], axis=1)
        outline = np.concatenate([middle + end, (w - 1 - middle, middle) - end])
        cv2.fillPoly(shape, [_fixed(outline)], 255, cv2.LINE_AA, SHIFT)
        opacity = shape[:, :, None] * PILL_OPACITY
        self._keep = np.repeat(255 - opacity, 3, axis=2).round().astype(np.uint8)
        self._add = (opacity / 255.0 * np.array(PILL)).round().astype(np.uint8)


def _number(value: float | None) -> str:
    """Three digits or so: more says nothing at a glance."""
    if value is None:
        return "-"
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def _thickness(scale: float) -> int:
    return max(1, round(scale))


def _text_width(text: str, scale: float) -> int:
    return int(cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, _thickness(scale))[0][0])


def _write(pixels: Pixels, text: str, at: tuple[int, int], scale: float, colour: Colour) -> None:
    cv2.putText(pixels, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, _thickness(scale), cv2.LINE_AA)
