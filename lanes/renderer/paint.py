"""Lane lines as soft coverage: how much of each pixel's ground is paint.

It is worked out rather than sampled, so that far dashes fade and do not flicker.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lanes.renderer.elements import LaneMarking
from lanes.renderer.road import FLOAT, GroundView
from lanes.renderer.scene import Scene

GHOST = 0.2
"""What is left where slightly worn paint has gone."""
SLIMMEST = 0.3
"""A line narrower than this share of a pixel is too thin to be labelled."""
MERGED = 0.1
"""Least share of a pixel's ground that a line's dashes cover before the pixel could be taken for part of one. From half on it is part."""
VISIBLE = 0.025
"""Least contrast between paint and road in the finished image, of the full range, at which paint is labelled."""
FAINTEST = 0.3
"""Paint less opaque than this is too worn to be labelled."""


@dataclass
class Stroke:
    """A line's pixels, for those that it touches.

    Attributes:
        index: (n,) into the flattened ground view. cover: (n,) float32, share of the pixel that is this paint.
        core: (n,) bool, the pixels that are this stroke by position. ambiguous: (n,) bool, where the paint is hardly there any more, a line
            too thin for a pixel to show it, or most of a pixel gap.
        colour: BGR. contrast: (n,) float32, by how much the paint changed what is displayed there, 0 to 1; known once it is laid and lit.
    """

    index: NDArray[np.int64]
    cover: FLOAT
    core: NDArray[np.bool_]
    ambiguous: NDArray[np.bool_]
    colour: tuple[float, float, float]
    contrast: FLOAT


def _parts(line: LaneMarking) -> list[tuple[float, float, float]]:
    """(offset to the left, dash, gap) of each of a line's strokes; gap 0 is solid."""
    solid, dashed, half = (1.0, 0.0), (line.dash, line.gap), line.spacing / 2
    return {
        "none": [],
        "solid": [(0.0, *solid)],
        "dashed": [(0.0, *dashed)],
        "double": [(half, *solid), (-half, *solid)],
        "solid_dashed": [(half, *solid), (-half, *dashed)],
        "dashed_solid": [(half, *dashed), (-half, *solid)],
        "double_dashed": [(half, *dashed), (-half, *dashed)],
        "dots": [(0.0, *dashed)],
    }[line.kind]


def _pulse_train(s: FLOAT, span: FLOAT, dash: float, gap: float) -> FLOAT:
    """Share of [s - span / 2, s + span / 2] that dashes cover, when one begins at 0."""
    period = np.float32(dash + gap)

    def painted(upto: FLOAT) -> FLOAT:
        turns = np.floor(upto / period)
        total: FLOAT = turns * np.float32(dash) + np.minimum(upto - turns * period, np.float32(dash))
        return total

    half = span * np.float32(0.5)
    share: FLOAT = (painted(s + half) - painted(s - half)) / span
    return share


def strokes(scene: Scene, view: GroundView, wear: FLOAT, travelled: float) -> list[Stroke]:
    """Every stroke of every line. `wear` is the ground's noise, 0 to 1, (rows, width)."""
    y, across, along, s = (array.reshape(-1) for array in (view.y, view.across, view.along, view.s))
    noise, half = wear.reshape(-1), across * np.float32(0.5)
    reach = np.empty_like(y)
    found = []
    for line, boundary in zip(scene.lines, scene.boundaries, strict=True):
        for offset, dash, gap in _parts(line):
            np.subtract(y, np.float32(boundary + offset), out=reach)
            np.abs(reach, out=reach)
            reach -= half
            index = np.flatnonzero(reach < line.width / 2)
            if not len(index):
                continue
            pixel, depth = across[index], along[index]
            inside = np.float32(line.width / 2) - reach[index]
            cover = np.minimum(inside / pixel, np.minimum(1, line.width / pixel))
            core = inside >= np.minimum(pixel * np.float32(0.5), np.float32(line.width / 2))
            ambiguous = line.width < SLIMMEST * pixel
            if gap:
                period = dash + gap
                share = _pulse_train(s[index] + np.float32((travelled - line.phase) % period), depth, dash, gap)
                cover *= share
                core &= share >= MERGED
                ambiguous |= share < 0.5
            # From afar the holes in worn paint blend into a paler line.
            softness = np.float32(0.3) + depth * np.float32(1.5)
            opacity = (
                np.clip((noise[index] - np.float32(line.wear * 1.1 - 0.05)) / softness + np.float32(0.5), GHOST * (1 - line.wear), 1)
                if line.wear
                else np.ones_like(cover)
            )
            ambiguous |= opacity < FAINTEST
            found.append(Stroke(index, cover * opacity, core, ambiguous, line.colour, np.zeros_like(cover)))
    return found


def lay(stroke: Stroke, albedo: FLOAT) -> None:
    """Blend a stroke into the ground, (3, rows, width) planes."""
    for plane, level in zip(albedo.reshape(3, -1), stroke.colour, strict=True):
        before = plane[stroke.index]
        change = (np.float32(level) - before) * stroke.cover
        plane[stroke.index] = before + change
        np.maximum(stroke.contrast, np.abs(change), out=stroke.contrast)


def label(stroke: Stroke, gain: float, paint: NDArray[np.uint8], ambiguous: NDArray[np.uint8]) -> None:
    """Mark a stroke's pixels in `paint` where it stands out from the ground, else in `ambiguous`; both are (n,), flattened ground views."""
    faint = stroke.ambiguous | (stroke.contrast * np.float32(gain) < VISIBLE)
    paint[stroke.index[stroke.core & ~faint]] = 255
    ambiguous[stroke.index[stroke.core & faint]] = 255


def lay_markings(albedo: FLOAT, marks: FLOAT) -> None:
    """Blend arrows, words and their like, (rows, width) cover 0 to 1, into the ground."""
    inside = np.flatnonzero(marks.reshape(-1) > 0.02)
    cover = marks.reshape(-1)[inside] * np.float32(0.9)
    for plane in albedo.reshape(3, -1):
        plane[inside] += (np.float32(0.85) - plane[inside]) * cover
