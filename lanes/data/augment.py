"""Augmentation: the same road from another camera, in another light.

Geometry is one warp of an image that was averaged as `FrameTransform` averages it, so that training sees edges as sharp as running
does; colour is one look-up table a channel, so that it costs next to nothing. What is drawn on top (shadow, glare, drops, headlights) is
what the training drives have too little of.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lanes.arrays import BGRImage, Mask
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
    """A `width` x `height` crop of the sample as the model would see it from a camera a little different.

    The frame is placed as `transform` places it, then scaled by 0.65 to 1.6, stretched, turned by a few degrees, sheared into a
    mild perspective and mirrored half the time. Two crops of three are centred near paint.
    """
    frame_height, frame_width = sample.target.shape
    to_model = np.vstack([transform.fit(frame_width, frame_height).matrix, (0, 0, 1)])
    scale = float(np.exp(rng.uniform(np.log(0.65), np.log(1.6))))
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
    matrix = shift @ matrix

    return warped(sample, matrix, (scale * stretch, scale / stretch), transform, (width, height))


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


def with_bonnet(sample: Sample, rng: Generator) -> Sample:
    """The sample behind the bonnet of another car: a body at the frame's bottom, or in a corner of it, that mirrors the sky.

    Where the sky is far brighter than the road, as at dusk, the bonnet is the brightest thing beside the lane. No paint is under it.
    """
    height, width = sample.target.shape
    columns = np.linspace(-1, 1, 33)
    share, bow, middle = rng.uniform(0.03, 0.18), rng.uniform(0.1, 0.9), rng.normal(0, 0.6)
    edge = height * (1 - share * (1 - bow * (columns - middle) ** 2))
    top = int(np.clip(edge.min(), 0, height - 1))
    outline = np.stack([np.linspace(-1, width, 33), edge - top], axis=-1)
    corners = np.concatenate([outline, [(width, 2 * height), (-1, 2 * height)]])
    mask = np.zeros((height - top, width), np.uint8)
    cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 255.0)

    sky = sample.pixels[: max(1, height // 3)].mean(axis=(0, 1))
    across = np.exp(-(((np.linspace(-1, 1, width) - rng.uniform(-1, 1)) / rng.uniform(0.1, 1.0)) ** 2))[None]
    down = (1 - np.linspace(0, 1, height - top)[:, None]) ** rng.uniform(0, 2)
    sheen = rng.uniform(0, 1.2) * across * down + rng.uniform(0, 0.3)
    body = np.clip(sheen[..., None] * sky + rng.uniform(0, 50, 3), 0, 255).astype(np.uint8)

    pixels, target, weight = sample.pixels.copy(), sample.target.copy(), sample.weight.copy()
    cv2.copyTo(body, mask, pixels[top:])
    target[top:][mask > 0] = 0
    weight[top:][mask > 0] = 255
    return replace(sample, pixels=pixels, target=target, weight=weight)


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
    """The same view (H, W, 3, uint8 BGR) in another light, through another lens and camera. Returns a new array."""
    pixels = _tone(pixels, rng)
    for chance, effect in (
        (0.30, _shadow),
        (0.12, _dusk),
        (0.12, _night),
        (0.12, _veil),
        (0.08, _glare),
        (0.08, _drops),
        (0.08, _reflection),
        (0.06, _auto_contrast),
        (0.20, _blur),
        (0.30, _noise),
        (0.20, _compression),
    ):
        if rng.random() < chance:
            pixels = effect(pixels, rng)
    return pixels


def _tone(pixels: BGRImage, rng: Generator) -> BGRImage:
    """Exposure, contrast, gamma, white balance and saturation."""
    levels = np.arange(256, dtype=np.float32) / 255
    gamma = np.exp(rng.normal(0, 0.25))
    contrast = np.exp(rng.normal(0, 0.2))
    brightness = rng.normal(0, 0.08)
    cast = np.exp(rng.normal(0, 0.06, 3))
    curves = ((levels[:, None] ** gamma - 0.5) * contrast + 0.5 + brightness) * cast
    table = np.clip(curves * 255, 0, 255).astype(np.uint8)[None]
    toned = cv2.LUT(pixels, table)
    saturation = float(np.clip(rng.normal(1, 0.3), 0, 1.8))
    grey = cv2.cvtColor(cv2.cvtColor(toned, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return cv2.addWeighted(toned, saturation, grey, 1 - saturation, 0).astype(np.uint8, copy=False)


def _shadow(pixels: BGRImage, rng: Generator) -> BGRImage:
    """Hard or soft shadows: a few quadrilaterals, as of a bridge, a tree or a lorry."""
    height, width = pixels.shape[:2]
    shade = np.zeros((height // 4 + 1, width // 4 + 1), np.uint8)
    for _ in range(int(rng.integers(1, 9))):
        centre = rng.uniform((0, 0), (shade.shape[1], shade.shape[0]))
        size = rng.uniform(0.03, 0.5, 2) * shade.shape[1]
        corners = centre + rng.uniform(-1, 1, (4, 2)) * size
        cv2.fillConvexPoly(shade, cv2.convexHull(corners.astype(np.int32)), 255)
    if rng.random() < 0.7:
        shade = cv2.GaussianBlur(shade, (0, 0), rng.uniform(0.5, 4)).astype(np.uint8, copy=False)
    depth = rng.uniform(0.25, 0.75)
    return _scale_by(pixels, 1 - depth * cv2.resize(shade, (width, height)).astype(np.float32) / 255)


def _dusk(pixels: BGRImage, rng: Generator) -> BGRImage:
    """The last light, or an exposure set by a bright sky: the road dark and bluish, the paint a little less dark."""
    gain = np.exp(rng.uniform(np.log(0.15), np.log(0.6))) * np.array([1 + rng.uniform(-0.05, 0.25), 1.0, 1 - rng.uniform(-0.05, 0.15)])
    levels = np.arange(256, dtype=np.float32)[:, None]
    return cv2.LUT(pixels, np.clip(levels * gain, 0, 255).astype(np.uint8)[None]).astype(np.uint8, copy=False)


def _night(pixels: BGRImage, rng: Generator) -> BGRImage:
    """Darkness with the light of our own lamps on the road, and a camera that amplifies."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    pool = np.exp(
        -(((x / width - rng.uniform(0.4, 0.6)) / rng.uniform(0.2, 0.5)) ** 2)
        - ((y / height - rng.uniform(0.6, 0.95)) / rng.uniform(0.2, 0.4)) ** 2
    )
    light = rng.uniform(0.08, 0.35) + rng.uniform(0.15, 0.6) * pool
    return _noise(_scale_by(pixels, light), rng)


def _veil(pixels: BGRImage, rng: Generator) -> BGRImage:
    """Fog, spray or a dirty windscreen: contrast lost to a grey veil, more so far away."""
    height = pixels.shape[0]
    density = np.linspace(rng.uniform(0.3, 0.8), rng.uniform(0.0, 0.4), height, dtype=np.float32)[:, None, None]
    veil = rng.uniform(90, 235)
    return np.clip(pixels * (1 - density) + veil * density, 0, 255).astype(np.uint8)


def _glare(pixels: BGRImage, rng: Generator) -> BGRImage:
    """A low sun or an oncoming lamp: light added around one point."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    distance = np.hypot(x - rng.uniform(0, width), y - rng.uniform(0, 0.8 * height))
    light = rng.uniform(60, 220) * np.exp(-distance / (width * rng.uniform(0.05, 0.4)))
    return np.asarray(np.clip(pixels + light[..., None], 0, 255), np.uint8)


def _drops(pixels: BGRImage, rng: Generator) -> BGRImage:
    """Drops on the windscreen: discs through which the road is blurred."""
    height, width = pixels.shape[:2]
    where = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(10, 80))):
        cv2.circle(where, (int(rng.integers(width)), int(rng.integers(height))), int(rng.integers(2, 10)), 255, -1)
    blurred = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(3, 8))
    return np.where(where[..., None] > 0, blurred, pixels).astype(np.uint8)


def _reflection(pixels: BGRImage, rng: Generator) -> BGRImage:
    """The edges of the dashboard mirrored in the windscreen: thin bright lines across the image, wherever the road goes."""
    height, width = pixels.shape[:2]
    light = np.zeros((height, width), np.uint8)
    row, slope = rng.uniform(0.2, 1) * height, rng.normal(0, 0.05)
    for _ in range(int(rng.integers(1, 4))):
        row += rng.normal(0, 0.06) * height
        start, end = np.sort(rng.uniform(-0.3, 1.3, 2)) * width
        points = (round(start), round(row + slope * start)), (round(end), round(row + slope * end))
        cv2.line(light, *points, float(rng.uniform(15, 90)), int(rng.integers(1, 3)), cv2.LINE_AA)
    light = cv2.GaussianBlur(light, (0, 0), rng.uniform(0.3, 1.2)).astype(np.uint8, copy=False)
    return cv2.add(pixels, cv2.merge([light] * 3)).astype(np.uint8, copy=False)


def _auto_contrast(pixels: BGRImage, rng: Generator) -> BGRImage:
    """Histogram equalisation of the brightness, as some archives were given."""
    luma = cv2.cvtColor(pixels, cv2.COLOR_BGR2YCrCb)
    share = rng.uniform(0.3, 1.0)
    luma[..., 0] = cv2.addWeighted(luma[..., 0], 1 - share, cv2.equalizeHist(luma[..., 0]), share, 0)
    return cv2.cvtColor(luma, cv2.COLOR_YCrCb2BGR).astype(np.uint8, copy=False)


def _blur(pixels: BGRImage, rng: Generator) -> BGRImage:
    """A soft lens, or motion along one direction."""
    if rng.random() < 0.5:
        return cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 1.6)).astype(np.uint8, copy=False)
    length = int(rng.integers(3, 8))
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    middle = (length - 1) / 2
    reach = middle * np.array([np.cos(angle), np.sin(angle)])
    start, end = np.round(middle - reach).astype(int), np.round(middle + reach).astype(int)
    cv2.line(kernel, start.tolist(), end.tolist(), 1.0)
    return cv2.filter2D(pixels, -1, kernel / kernel.sum()).astype(np.uint8, copy=False)


def _noise(pixels: BGRImage, rng: Generator) -> BGRImage:
    """Sensor noise, grainy or smooth."""
    height, width = pixels.shape[:2]
    grain = int(rng.integers(1, 3))
    noise = rng.standard_normal((height // grain + 1, width // grain + 1, 3), np.float32) * rng.uniform(2, 14)
    if grain > 1:
        noise = cv2.resize(noise, (width, height)).astype(np.float32, copy=False)
    return np.clip(pixels + noise[:height, :width], 0, 255).astype(np.uint8)


def _compression(pixels: BGRImage, rng: Generator) -> BGRImage:
    """The blocks of a cheap recorder."""
    _, code = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 75))])
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR)).astype(np.uint8, copy=False)


def _scale_by(pixels: BGRImage, factor: NDArray[np.floating[Any]]) -> BGRImage:
    """Every channel times an (H, W) factor of 0 to 1."""
    return np.asarray(pixels * factor[..., None]).astype(np.uint8)
