"""One clip through all rungs, side by side in one video."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.ladder.candidates import Candidate
from benchmarks.ladder.gallery import PAINT, write_image
from lanes import load_segmenter
from lanes.arrays import BGRImage
from lanes.capture.open import open_source
from lanes.geometry.estimator import PerFrameEstimator
from lanes.pipeline import Pipeline
from lanes.telemetry.telemetry import Telemetry

TILE_WIDTH = 480
BAR = 26
"""Height of the strip with a rung's name."""

STILL = "grid.webp"
STILL_WIDTH = 1440


def make_grid(
    candidates: Sequence[Candidate], clip: Path, limit: int | None, video: Path, folder: Path, say: Callable[[str], object]
) -> dict[str, Any]:
    """The part `video` of the result; writes the grid and, of its middle, the still `grid.webp` into `folder`.

    Args:
        candidates: a tile each, after one with the clip itself.
        clip: a video file. limit: frames of it, None for all.
        video: the `.mp4` to write.
        folder: of the still.
        say: for progress.

    Raises InputError or ProcessingError where the clip cannot be read.
    """
    masks = {}
    for candidate in candidates:
        say(f"{candidate.rung.name}: {clip.name}")
        masks[candidate.rung.name] = _masks(candidate, clip, limit)
    columns = _columns(len(candidates) + 1)
    folder.mkdir(parents=True, exist_ok=True)
    video.parent.mkdir(parents=True, exist_ok=True)
    count = min((len(each) for each in masks.values()), default=0)
    with open_source(str(clip)) as source, av.open(str(video), "w", options={"movflags": "+faststart"}) as container:
        rate = source.info.frame_rate or Fraction(30)
        stream = None
        for frame in source:
            if frame.index >= count:
                break
            drawn = _draw(frame.pixels, {name: each[frame.index] for name, each in masks.items()}, columns)
            if stream is None:
                stream = container.add_stream("libx264", rate=rate, options={"crf": "23", "preset": "fast"})
                stream.height, stream.width, stream.pix_fmt = drawn.shape[0], drawn.shape[1], "yuv420p"
            image = av.VideoFrame.from_ndarray(drawn, "bgr24")
            image.pts, image.time_base = frame.index, 1 / Fraction(rate)
            container.mux(stream.encode(image))
            if frame.index == count // 2:
                height = round(STILL_WIDTH * drawn.shape[0] / drawn.shape[1])
                write_image(
                    folder / STILL, cv2.resize(drawn, (STILL_WIDTH, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
                )
        if stream is not None:
            container.mux(stream.encode(None))
    return {"clip": clip.stem, "frames": count, "file": video.name, "rungs": list(masks)}


def _columns(tiles: int) -> int:
    """So many that the grid is about as wide as a screen."""
    return min(tiles, 4 if tiles > 6 else 3)


def _masks(candidate: Candidate, clip: Path, limit: int | None) -> list[NDArray[np.uint8]]:
    """The masks that a run over the clip makes, (h, w) uint8 at the tile's size."""
    found: list[NDArray[np.uint8]] = []
    with load_segmenter(candidate.model) as segmenter, open_source(str(clip)) as source:
        pipeline = Pipeline(source, segmenter, PerFrameEstimator(), Telemetry(), overlay=None, threshold=segmenter.threshold)
        with closing(pipeline.results()) as results:
            for result in results:
                found.append(cv2.resize(result.mask, _size(result.mask), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False))
                if len(found) == limit:
                    break
    return found


def _size(image: NDArray[np.uint8]) -> tuple[int, int]:
    return TILE_WIDTH, 2 * round(TILE_WIDTH * image.shape[0] / image.shape[1] / 2)


def _draw(pixels: BGRImage, masks: dict[str, NDArray[np.uint8]], columns: int) -> BGRImage:
    small: BGRImage = cv2.resize(pixels, _size(pixels), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    tiles = [_named(small, "the clip")]
    for name, mask in masks.items():
        share = mask[..., None].astype(np.float32) / 255
        tiles.append(_named((small * (1 - share) * 0.8 + share * np.array(PAINT, np.float32)).astype(np.uint8), name))
    height, width = tiles[0].shape[:2]
    grid = np.zeros((ceil(len(tiles) / columns) * height, columns * width, 3), np.uint8)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        grid[row * height : (row + 1) * height, column * width : (column + 1) * width] = tile
    return grid


def _named(tile: BGRImage, name: str) -> BGRImage:
    bar = np.full((BAR, tile.shape[1], 3), 24, np.uint8)
    cv2.putText(bar, name, (8, BAR - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (235, 235, 235), 1, cv2.LINE_AA)
    return np.vstack([bar, tile])
