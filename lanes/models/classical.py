"""Lane paint without learning, as it was found before: thresholds on colour and gradient, a region of interest, morphology, Hough.

Every step is a guess about roads that somebody wrote down: paint is brighter than the asphalt to its left and to its right, white or
yellow, no wider than a line, and it lies on straight lines that lead away from the camera. Where a guess is wrong - wet asphalt, a kerb in
the sun, worn paint, a bend - so is the mask, and no further example of it helps.

NumPy and OpenCV alone; `engines.programs` runs it where a network would run.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.arrays import BGRImage, Mask, ProbabilityMap


@dataclass(frozen=True)
class Thresholds:
    """What is guessed. Lengths are shares of the image's width, levels are 0 to 255.

    Attributes:
        widths: of the lines of paint that are looked for, from far away to near.
        contrast: least difference in lightness between paint and the road on both sides of it.
        gradient: least slope of the lightness across an edge of paint, a pixel.
        white: least lightness above the image's median of white paint.
        yellow: least b* of L*a*b* above neutral of yellow paint.
        top: of the region of interest, as a share of the height; its sides lean in by `lean` of the width.
        lean: see `top`.
        specks: area below which a blob of paint is dirt, pixels of an image 512 wide.
        length: of the shortest line, of the width.
        gap: between two dashes of one line, of the width.
        steepest: angle from the horizontal below which a line leads across the road, degrees.
        distance: how far paint may lie from a line that it belongs to, of the width.
    """

    widths: tuple[float, ...] = (0.006, 0.014, 0.03)
    contrast: int = 14
    gradient: int = 5
    white: int = 12
    yellow: int = 12
    top: float = 0.2
    lean: float = 0.3
    specks: int = 12
    length: float = 0.05
    gap: float = 0.03
    steepest: float = 14.0
    distance: float = 0.008


THRESHOLDS = Thresholds()


def find_paint(image: BGRImage, thresholds: Thresholds = THRESHOLDS) -> ProbabilityMap:
    """Lane paint of an image (H, W, 3) uint8 BGR: (H, W) uint8, 0 where there is none, else 200 to 255 by its contrast."""
    lightness, _, yellowness = cv2.split(cv2.cvtColor(image, cv2.COLOR_BGR2LAB))
    contrast = ridge_contrast(lightness, thresholds)
    paint = np.where(contrast >= thresholds.contrast, 255, 0).astype(np.uint8)
    paint &= colour_mask(lightness, yellowness, thresholds) & gradient_mask(lightness, thresholds) & region(paint.shape, thresholds)
    paint = without_specks(paint, thresholds)
    paint &= near_lines(paint, thresholds)
    strength = np.clip(200 + contrast - float(thresholds.contrast), 200, 255)
    return np.where(paint > 0, strength, 0).astype(np.uint8)


def ridge_contrast(lightness: NDArray[np.uint8], thresholds: Thresholds) -> NDArray[np.float32]:
    """How much lighter each pixel is than the road a line's width to its left and to its right, whichever is lighter; the best width."""
    smooth = cv2.GaussianBlur(lightness, (3, 3), 0).astype(np.float32)
    best = np.zeros_like(smooth)
    for width in thresholds.widths:
        distance = max(2, round(width * smooth.shape[1]))
        padded = cv2.copyMakeBorder(smooth, 0, 0, distance, distance, cv2.BORDER_REPLICATE)
        beside = np.maximum(padded[:, : -2 * distance], padded[:, 2 * distance :])
        best = np.maximum(best, smooth - beside)
    return best.astype(np.float32, copy=False)


def colour_mask(lightness: NDArray[np.uint8], yellowness: NDArray[np.uint8], thresholds: Thresholds) -> Mask:
    """White, which is lighter than most of the image, or yellow. (H, W) uint8, 0 or 255."""
    road = float(np.median(lightness[lightness.shape[0] // 2 :]))
    white = lightness >= min(250.0, road + thresholds.white)
    return np.where(white | (yellowness >= 128 + thresholds.yellow), 255, 0).astype(np.uint8)


def gradient_mask(lightness: NDArray[np.uint8], thresholds: Thresholds) -> Mask:
    """Pixels between an edge up to their left and an edge down to their right, by Sobel. (H, W) uint8, 0 or 255."""
    slope = cv2.Sobel(lightness, cv2.CV_32F, 1, 0, ksize=3) / 8
    reach = max(2, round(max(thresholds.widths) * lightness.shape[1]))
    kernel = np.ones((1, 2 * reach + 1), np.uint8)
    to_left, to_right = kernel.copy(), kernel.copy()
    to_left[0, reach + 1 :], to_right[0, :reach] = 0, 0
    up = cv2.dilate((slope >= thresholds.gradient).astype(np.uint8), to_left)
    down = cv2.dilate((slope <= -thresholds.gradient).astype(np.uint8), to_right)
    return np.where((up & down) > 0, 255, 0).astype(np.uint8)


def region(shape: tuple[int, ...], thresholds: Thresholds) -> Mask:
    """The trapezoid in which a road lies. (H, W) uint8, 0 or 255."""
    height, width = shape[:2]
    top, lean = thresholds.top * height, thresholds.lean * width
    corners = np.array([(0, height), (0, 0.6 * height), (lean, top), (width - lean, top), (width, 0.6 * height), (width, height)])
    return cv2.fillPoly(np.zeros((height, width), np.uint8), [corners.round().astype(np.int32)], (255,)).astype(np.uint8, copy=False)


def without_specks(paint: Mask, thresholds: Thresholds) -> Mask:
    """A mask whose small holes are closed and whose small blobs are gone. (H, W) uint8, 0 or 255."""
    closed = cv2.morphologyEx(paint, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= thresholds.specks * (paint.shape[1] / 512) ** 2
    large[0] = False
    return np.where(large[labels], 255, 0).astype(np.uint8)


def near_lines(paint: Mask, thresholds: Thresholds) -> Mask:
    """What lies near one of the straight lines that a probabilistic Hough transform finds in a mask. (H, W) uint8, 0 or 255."""
    width = paint.shape[1]
    least = max(4, round(thresholds.length * width))
    lines = cv2.HoughLinesP(paint, 1, np.pi / 180, 2 * least // 3, minLineLength=least, maxLineGap=thresholds.gap * width)
    near = np.zeros_like(paint)
    for x0, y0, x1, y1 in [] if lines is None else lines.reshape(-1, 4).tolist():
        if np.degrees(np.arctan2(abs(y1 - y0), abs(x1 - x0))) >= thresholds.steepest:
            cv2.line(near, (x0, y0), (x1, y1), (255,), 1 + 2 * max(1, round(thresholds.distance * width)))
    return near
