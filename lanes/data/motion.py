"""Short clips of single frames: the road as it comes nearer.

No labelled source has frames that follow each other as a video's do; the nearest are a second apart. But the road is nearly flat, and what
a moving camera sees of a plane changes by a homography: a point `y` rows below the horizon is in the next frame at y / (1 - a y), and its
distance from the column where the road vanishes grows in the same measure, with `a` from speed and camera height. What lies above the
horizon is far away and stays. That is exact for the paint and its label. Cars and kerbs are no part of the plane: they are bent a little,
as much as a frame or two do.

Frames go forward in time only. The later one shows less of the road than the one before, so that nothing of it has to be invented.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lanes.data.augment import Sample
from lanes.data.bands import paint_rows

STANDING = 0.15
"""Share of the clips in which the car stands."""

FASTEST = 0.28
"""Greatest distance covered from frame to frame, in distances to the road at the frame's lower edge: some 1.2 m of 4 m, as at
110 km/h and 25 frames a second."""

SHAKE = 0.0025
"""How much the camera nods and turns from frame to frame, in the frame's height: the standard deviation."""


@dataclass(frozen=True, slots=True)
class Motion:
    """How a camera moves over the road. In pixels of the frame.

    Attributes:
        vanishing: column and row where the road vanishes.
        speed: distance covered from frame to frame, in distances to the road at the frame's lower edge.
        turn: columns by which everything moves from frame to frame, to the right.
    """

    vanishing: tuple[float, float]
    speed: float
    turn: float


def random_motion(sample: Sample, frames: int, rng: Generator) -> Motion:
    """A plausible motion for a clip of `frames` that begins with a labelled frame. The farthest paint says where the road vanishes."""
    height, width = sample.target.shape
    rows = paint_rows(sample)
    if rows is None:
        row, column = rng.uniform(0.3, 0.5) * height, rng.uniform(0.4, 0.6) * width
    else:
        farthest = np.flatnonzero(sample.target[rows[0] : rows[0] + max(1, (rows[1] - rows[0]) // 10)].any(axis=0))
        row = max(-0.2 * height, rows[0] - rng.uniform(0.01, 0.05) * height)
        column = float(farthest.mean()) + rng.normal(0, 0.02) * width
    # The last frame must still be of road that lies before the first one's lower edge.
    fastest = min(FASTEST, 0.9 / max(1, frames - 1))
    speed = 0.0 if rng.random() < STANDING else float(rng.uniform(0.0, fastest))
    return Motion((column, row), speed, float(rng.normal(0, SHAKE) * height))


def advance(sample: Sample, motion: Motion, frames: int) -> Sample:
    """The labelled frame as it looks `frames` later."""
    height, width = sample.target.shape
    column, row = motion.vanishing
    top = max(0, int(np.ceil(row)))
    covered = frames * motion.speed
    if not covered or top >= height - 1:
        return sample
    to_vanishing, nearer, back = np.eye(3), np.eye(3), np.eye(3)
    to_vanishing[:2, 2] = -column, top - row
    nearer[2, 1] = -covered / (height - row)
    back[:2, 2] = column, row - top
    matrix = back @ nearer @ to_vanishing

    def moved(plane: NDArray[np.uint8], interpolation: int) -> NDArray[np.uint8]:
        result: NDArray[np.uint8] = plane.copy()
        size = (width, height - top)
        result[top:] = cv2.warpPerspective(plane[top:], matrix, size, flags=interpolation, borderMode=cv2.BORDER_REPLICATE)
        return result

    target = np.where(moved(sample.target, cv2.INTER_LINEAR) > 127, 255, 0).astype(np.uint8)
    return Sample(moved(sample.pixels, cv2.INTER_LINEAR), target, moved(sample.weight, cv2.INTER_NEAREST), sample.frame_size)


def shaken(matrix: NDArray[np.float64], height: int, motion: Motion, frames: int, rng: Generator) -> NDArray[np.float64]:
    """A view's matrix, (3, 3) from pixels of a frame `height` high, for the frame `frames` later: the camera has turned, and nods."""
    shift = np.eye(3)
    shift[:2, 2] = frames * motion.turn, rng.normal(0, SHAKE) * height
    return matrix @ shift
