"""What a camera and a recorder do to the view. Each takes an image, (H, W, 3) uint8 BGR, and gives a new one of the same form."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import av
import cv2
import numpy as np
from numpy.random import Generator

from lanes.arrays import BGRImage


def auto_contrast(pixels: BGRImage, rng: Generator) -> BGRImage:
    """Brightness equalised over the whole image, as some archives were, or tile by tile, as cameras do against a bright sky."""
    luma = cv2.cvtColor(pixels, cv2.COLOR_BGR2YCrCb)
    share = rng.uniform(0.3, 1.0)
    if rng.random() < 0.5:
        equalised = cv2.equalizeHist(luma[..., 0])
    else:
        equalised = cv2.createCLAHE(float(rng.uniform(1.5, 5)), (int(rng.integers(3, 9)), int(rng.integers(2, 6)))).apply(luma[..., 0])
    luma[..., 0] = cv2.addWeighted(luma[..., 0], 1 - share, equalised, share, 0)
    return cv2.cvtColor(luma, cv2.COLOR_YCrCb2BGR).astype(np.uint8, copy=False)


def low_resolution(pixels: BGRImage, rng: Generator) -> BGRImage:
    """Resolution lost and found: a small recording shown large, smooth, or in steps as a cheap scaler makes them."""
    height, width = pixels.shape[:2]
    scale = rng.uniform(1.3, 3.0)
    small = cv2.resize(pixels, (max(1, round(width / scale)), max(1, round(height / scale))), interpolation=cv2.INTER_AREA)
    back = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)[int(rng.choice(3, p=(0.5, 0.4, 0.1)))]
    return cv2.resize(small, (width, height), interpolation=back).astype(np.uint8, copy=False)


def blur(pixels: BGRImage, rng: Generator) -> BGRImage:
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


def noise(pixels: BGRImage, rng: Generator) -> BGRImage:
    """Sensor noise, grainy or smooth."""
    height, width = pixels.shape[:2]
    grain = int(rng.integers(1, 3))
    noise = rng.standard_normal((height // grain + 1, width // grain + 1, 3), np.float32) * rng.uniform(2, 14)
    if grain > 1:
        noise = cv2.resize(noise, (width, height)).astype(np.float32, copy=False)
    return np.clip(pixels + noise[:height, :width], 0, 255).astype(np.uint8)


def compression(pixels: BGRImage, rng: Generator) -> BGRImage:
    """JPEG of a cheap recorder."""
    _, code = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 75))])
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR)).astype(np.uint8, copy=False)


def video(pixels: BGRImage, rng: Generator) -> BGRImage:
    """A frame of a dashcam's video at a bitrate that is too low: coarse where the road has little contrast, and partly a moved copy of
    the frame before.

    An odd last row or column is lost to the coding and filled from its neighbour.
    """
    height, width = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2
    if not height or not width:
        return np.array(pixels, np.uint8)
    image = np.ascontiguousarray(pixels[:height, :width])
    # The road nears: the frame before was a little smaller about the middle.
    zoom = rng.uniform(1.0, 1.03)
    matrix = np.array([[1 / zoom, 0, (1 - 1 / zoom) * width / 2], [0, 1 / zoom, (1 - 1 / zoom) * height / 2]])
    before = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)
    coded = _code([before, image], int(rng.integers(28, 43)))
    padded: BGRImage = np.pad(coded, ((0, pixels.shape[0] - height), (0, pixels.shape[1] - width), (0, 0)), mode="edge")
    return padded


def _code(images: Sequence[BGRImage], quantiser: int) -> BGRImage:
    """The last of some images, of even sides, as it comes out of H.264 at a constant quantiser, or of MPEG-4 where there is no encoder."""
    h264 = "libx264" in av.codecs_available
    encoder = av.VideoCodecContext.create("libx264" if h264 else "mpeg4", "w")
    encoder.height, encoder.width = images[0].shape[:2]
    encoder.pix_fmt, encoder.time_base, encoder.thread_count = "yuv420p", Fraction(1, 30), 1
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "qp": str(quantiser)} if h264 else {"qmin": "12", "qmax": "31"}
    packets = [packet for image in images for packet in encoder.encode(av.VideoFrame.from_ndarray(image, format="bgr24"))]
    packets += encoder.encode(None)
    decoder = av.VideoCodecContext.create("h264" if h264 else "mpeg4", "r")
    decoder.thread_count, decoder.extradata = 1, encoder.extradata
    frames = [frame for packet in (*packets, None) for frame in decoder.decode(packet)]
    return frames[-1].to_ndarray(format="bgr24").astype(np.uint8, copy=False)
