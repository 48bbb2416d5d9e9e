"""Augmentation: the same road from another camera, in another light.

Geometry is one warp of an image that was averaged as `FrameTransform` averages it, so that training sees edges as sharp as running
does; colour is one look-up table a channel, so that it costs next to nothing. What is drawn on top (shadow, glare, drops, headlights) is
what the training drives have too little of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lanes.arrays import BGRImage, Mask
from lanes.data.light import dusk, glare, night, shadow, tone, veil
from lanes.data.recording import auto_contrast, blur, compression, low_resolution, noise, video
from lanes.data.windscreen import drops, rain, reflection
from lanes.segment.transform import PADDING, FrameTransform

KEPT_SHARP = 1.15
"""How much larger a frame is left than an average over whole pixels would leave it. An average over fractions of pixels blurs more, and
what is shown larger has less detail than another camera would see: with this, crops of all zooms have together the edges that the running
model sees, to 2 % at 1280x720 (tests/data/test_sharpness.py)."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One training example.

    Attributes:
        pixels: (H, W, 3) uint8 BGR.
        target: (H, W) uint8, 255 = lane paint.
        weight: (H, W) uint8, 0 = not known, 255 = known for sure.
        frame_size: width and height of the frame that it was, where it is kept smaller; None = its own.
    """

    pixels: BGRImage
    target: Mask
    weight: NDArray[np.uint8]
    frame_size: tuple[int, int] | None = None


def random_view(sample: Sample, transform: FrameTransform, width: int, height: int, rng: Generator) -> Sample:
    """A `width` x `height` crop of the sample as the model would see it from a camera a little different, see `random_camera`."""
    matrix, zoom = random_camera(sample, transform, width, height, rng)
    return warped(sample, matrix, zoom, transform, (width, height))


def random_camera(
    sample: Sample, transform: FrameTransform, width: int, height: int, rng: Generator
) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Another camera and a `width` x `height` crop of what it sees, as `warped` takes them: (3, 3) float64, and the zoom.

    The frame is placed as `transform` places it, then scaled by 0.75 to 1.6, stretched, turned by a few degrees, sheared into a
    mild perspective and mirrored half the time. Two crops of three are centred near paint.
    """
    frame_height, frame_width = sample.target.shape
    to_model = np.vstack([transform.fit(frame_width, frame_height).matrix, (0, 0, 1)])
    scale = float(np.exp(rng.uniform(np.log(0.75), np.log(1.6))))
    stretch = float(np.exp(rng.normal(0, 0.10)))
    angle = np.deg2rad(rng.normal(0, 2.0))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag([mirror * scale * stretch, scale / stretch])
    zoom = np.eye(3)
    zoom[:2, :2] = linear
    tilt = np.eye(3)
    tilt[2, 1] = rng.normal(0, 0.08) / transform.height
    tilt[2, 0] = rng.normal(0, 0.04) / transform.width
    centred = np.array([[1, 0, -transform.width / 2], [0, 1, -transform.height / 2], [0, 0, 1.0]])
    matrix = zoom @ tilt @ centred @ to_model

    corners = np.array([(0, 0, 1), (frame_width, 0, 1), (0, frame_height, 1), (frame_width, frame_height, 1)]).T
    points = matrix @ np.column_stack([corners, (*_focus(sample, rng), 1.0)])
    points = points[:2] / points[2]
    wanted = points[:, -1] - rng.uniform(0.15, 0.85, 2) * (width, height)
    shift = np.eye(3)
    shift[:2, 2] = [
        -_inside(wanted[axis], points[axis, :-1].min(), points[axis, :-1].max(), side) for axis, side in enumerate((width, height))
    ]
    return shift @ matrix, (scale * stretch, scale / stretch)


def warped(
    sample: Sample, matrix: NDArray[np.float64], zoom: tuple[float, float], transform: FrameTransform, size: tuple[int, int]
) -> Sample:
    """The sample as the model would see it from another camera of the same resolution.

    Before it interpolates, `FrameTransform` averages a frame that is much larger than the model's input. A camera that shows the road
    `zoom` times as large averages over as many pixels of its own, which are 1 / `zoom` of the sample's: so the sample of such a frame
    is first reduced to what that average leaves. Frames that are not averaged are warped as they are.

    Args:
        sample: a frame.
        matrix: (3, 3) float64, from pixels of the sample to pixels of the view.
        zoom: across and down, how much larger the view shows things than `transform` does.
        transform: how the model sees a whole frame.
        size: width and height of the view.
    """
    height, width = sample.target.shape
    frame_size = sample.frame_size or (width, height)
    averaged = averaged_size(frame_size, transform)
    reduced = (width, height)
    if averaged != frame_size:
        keep = 1.0 if zoom == (1.0, 1.0) else KEPT_SHARP
        reduced = min(width, round(averaged[0] * zoom[0] * keep)), min(height, round(averaged[1] * zoom[1] * keep))
    scale = np.array(reduced) / (width, height)
    to_sample = np.diag([*(1 / scale), 1.0])
    to_sample[:2, 2] = 0.5 / scale - 0.5  # outer edges on outer edges
    pixels = sample.pixels if reduced == (width, height) else cv2.resize(sample.pixels, reduced, interpolation=cv2.INTER_AREA)
    pixels = cv2.warpPerspective(
        pixels, matrix @ to_sample, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(PADDING, PADDING, PADDING)
    )
    target = cv2.warpPerspective(sample.target, matrix, size, flags=cv2.INTER_LINEAR)
    weight = cv2.warpPerspective(sample.weight, matrix, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=255)
    return Sample(pixels.astype(np.uint8, copy=False), np.where(target > 127, 255, 0).astype(np.uint8), weight.astype(np.uint8, copy=False))


def averaged_size(size: tuple[int, int], transform: FrameTransform) -> tuple[int, int]:
    """Width and height to which `transform` brings a frame of `size` by averaging, before it interpolates.

    They are the frame's own, if it is not much larger than the model's input. A test holds this against what `transform` does.
    """
    width, height = size
    placement = transform.fit(width, height)
    much_larger = 4 * placement.width * placement.height
    while width % 2 == 0 and height % 2 == 0 and width * height >= much_larger:
        width, height = width // 2, height // 2
    return (placement.width, placement.height) if width * height >= much_larger else (width, height)


def _inside(start: float, low: float, high: float, length: int) -> float:
    """The start nearest to the wanted one of a stretch that lies within [low, high], or is centred on it where it is too long."""
    return (low + high - length) / 2 if high - low < length else float(np.clip(start, low, high - length))


def _focus(sample: Sample, rng: Generator) -> tuple[float, float]:
    """A point of the frame, in its pixels, to centre a crop on: near paint two times of three, else anywhere in the lower part."""
    height, width = sample.target.shape
    if rng.random() < 0.67:
        rows, columns = np.nonzero(sample.target)
        if len(rows):
            pick = int(rng.integers(len(rows)))
            return float(columns[pick]), float(rows[pick])
    return float(rng.uniform(0.2, 0.8) * width), float(rng.uniform(0.35, 0.8) * height)


Palette = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Mean and spread, (3,) each, of an image's L*a*b* channels as OpenCV's 8-bit conversion scales them."""


def palette(pixels: BGRImage) -> Palette:
    """The colours of an image (H, W, 3, uint8 BGR), summed up."""
    mean, spread = cv2.meanStdDev(cv2.cvtColor(cv2.resize(pixels, (96, 54), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2LAB))
    return mean[:, 0].astype(np.float32), spread[:, 0].astype(np.float32)


def recolour(pixels: BGRImage, wanted: Palette, share: float) -> BGRImage:
    """An image (H, W, 3, uint8 BGR) moved by `share` (0 to 1) towards the colours of another one.

    The colour transfer of Reinhard et al. 2001 ("Color transfer between images"): one road in the light and the camera of another.
    """
    mean, spread = palette(pixels)
    target_mean, target_spread = (own + share * (other - own) for own, other in zip((mean, spread), wanted, strict=True))
    # A flat channel (a grey night) must not have its noise blown up to somebody else's colours.
    gain = np.clip(target_spread / np.maximum(spread, 1.0), 0.4, 2.0)
    levels = np.arange(256, dtype=np.float32)[:, None]
    table = np.clip((levels - mean) * gain + target_mean, 0, 255).astype(np.uint8)[None]
    return cv2.cvtColor(cv2.LUT(cv2.cvtColor(pixels, cv2.COLOR_BGR2LAB), table), cv2.COLOR_LAB2BGR).astype(np.uint8, copy=False)


def random_light(pixels: BGRImage, rng: Generator) -> BGRImage:
    """The same view (H, W, 3, uint8 BGR) in another light, through another windscreen, camera and recorder. Returns a new array."""
    pixels = tone(pixels, rng)
    for chance, effect in EFFECTS:
        if rng.random() < chance:
            pixels = effect(pixels, rng)
    return pixels


EFFECTS: tuple[tuple[float, Callable[[BGRImage, Generator], BGRImage]], ...] = (
    (0.30, shadow),
    (0.12, dusk),
    (0.12, night),
    (0.12, veil),
    (0.08, glare),
    (0.06, drops),
    (0.06, rain),
    (0.08, reflection),
    (0.08, auto_contrast),
    (0.15, low_resolution),
    (0.20, blur),
    (0.30, noise),
    (0.12, compression),
    (0.12, video),
)
"""How often each change of the view is made, in the order in which light comes: road, windscreen, lens, sensor, recorder."""
