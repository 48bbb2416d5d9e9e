"""Guard rails, concrete barriers, walls, hedges and fences: bands that run along the road."""

from __future__ import annotations

import cv2
import numpy as np

from lanes.arrays import BGRImage, Mask
from lanes.renderer.canvas import Canvas
from lanes.renderer.elements import Side, dim
from lanes.renderer.textures import FINE, cloud_part

BANDS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "guardrail": ((0.45, 0.55, 0.75), (0.55, 0.65, 1.15), (0.65, 0.75, 0.85)),
    "barrier": ((0.0, 0.3, 0.8), (0.3, 0.8, 1.05), (0.8, 0.85, 1.3)),
    "wall": ((0.0, 0.5, 0.7), (0.5, 2.2, 0.9), (2.2, 2.4, 1.1)),
    "hedge": ((0.0, 1.3, 1.0),),
    "fence": ((0.3, 0.36, 0.9), (0.9, 0.98, 1.0)),
}
"""Bottom, top and brightness of the bands that each is made of."""
SPACING = {"guardrail": 4.0, "fence": 2.5, "barrier": 6.0, "wall": 5.0}
"""Metres between posts, or between joints."""
STATIONS = np.geomspace(1.2, 260, 43)
STRETCH = 6
"""Stations that are drawn in one piece, in one light."""
POSTS = 16


def draw_rail(canvas: Canvas, side: Side, y: float, travelled: float) -> None:
    """Draw a side's rail with its foot at `y`, from far to near."""
    # It ends behind a crest, and where the road turns so far that its inner side has no length left.
    ends = canvas.road.hidden(STATIONS, canvas.camera) | (np.abs(np.interp(STATIONS, canvas.road.s, canvas.road.heading)) > 0.9)
    reach = int(np.argmax(ends)) if ends.any() else len(STATIONS)
    colour = (0.15, 0.28, 0.2) if side.rail == "hedge" else side.rail_colour
    bands = BANDS[side.rail]
    edges = canvas.project(STATIONS[:, None, None], y, np.array([band[:2] for band in bands]))
    before = canvas.covered.copy() if side.rail == "hedge" else None
    for start in reversed(range(0, reach - 1, STRETCH)):
        part = edges[start : min(reach, start + STRETCH + 1)]
        for index, (_, _, shade) in enumerate(bands):
            outline = np.concatenate([part[:, index, 0], part[::-1, index, 1]])
            canvas.fill([outline], canvas.seen(dim(colour, shade), float(STATIONS[start])))
    if before is not None:
        _leaves(canvas.image, canvas.covered ^ before)
        return
    spacing = SPACING[side.rail]
    s = spacing - travelled % spacing + spacing * np.arange(POSTS)
    s = s[s > 1.5]
    posted = side.rail in ("guardrail", "fence")
    half, top = (0.07, 0.7 if side.rail == "guardrail" else 1.1) if posted else (0.02, bands[-1][1])
    posts = canvas.project(s[:, None] + np.array([-half, half, half, -half]), y, np.array([0, 0, top, top]))
    post_colour = (0.4, 0.4, 0.4) if posted else dim(colour, 0.6)
    for group in (slice(4, None), slice(0, 4)):
        if len(s[group]):
            canvas.fill(posts[group], canvas.seen(post_colour, float(s[group][0])))


def _leaves(image: BGRImage, mask: Mask) -> None:
    """Roughen what has just been drawn."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return
    top, left, bottom, right = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    part = image[top:bottom, left:right]
    leaves = cloud_part(FINE, top, left, bottom - top, right - left)
    cv2.copyTo(cv2.multiply(part, cv2.merge([leaves] * 3), scale=1 / 110), mask[top:bottom, left:right], part)
