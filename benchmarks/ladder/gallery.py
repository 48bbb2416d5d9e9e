"""What each rung sees on the six frames: a sheet of tiles a rung, and the figures of each tile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.ladder.accuracy import threshold
from benchmarks.ladder.candidates import Candidate
from benchmarks.ladder.scenes import Shot
from lanes import load_segmenter
from lanes.arrays import BGRImage, Mask, ProbabilityMap
from lanes.errors import InputError, ProcessingError
from lanes.evaluate.pixels import PixelCounts, count_pixels
from lanes.files import write_atomically
from lanes.segment.segmenter import Segmenter

COLUMNS = 3
"""Tiles beside each other on a sheet."""

TILE_WIDTH = 352

QUALITY = 60
"""Of WebP, 1 to 100."""

PAINT = (0, 140, 255)
"""What is marked where there is no label to compare with, BGR."""

SHOTS_SHEET = "frames.webp"


def show_frames(candidates: Sequence[Candidate], shots: Sequence[Shot], folder: Path, say: Callable[[str], object]) -> dict[str, Any]:
    """The part `frames` of the result; writes `frames.webp` and a sheet NAME.webp a rung into `folder`.

    A tile of a rung's sheet is the frame with what is right and wrong, the heatmap, and the mask after the threshold, one below the other.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_sheet(folder / SHOTS_SHEET, [_shrunk(shot.pixels) for shot in shots])
    by_rung = {}
    for candidate in candidates:
        say(f"{candidate.rung.name}: {len(shots)} frames")
        figures, tiles = {}, []
        with load_segmenter(candidate.model) as segmenter:
            for shot in shots:
                probability = _look(segmenter, shot)
                mask = threshold(probability, segmenter.threshold)
                figures[shot.name] = _figures(mask, shot)
                tiles.append(draw_tile(shot, probability, mask))
        write_sheet(folder / f"{candidate.rung.name}.webp", tiles)
        by_rung[candidate.rung.name] = figures
    height = round(TILE_WIDTH * shots[0].pixels.shape[0] / shots[0].pixels.shape[1])
    return {"shots": [shot.name for shot in shots], "tile": [TILE_WIDTH, height], "by_rung": by_rung}


def _look(segmenter: Segmenter, shot: Shot) -> ProbabilityMap:
    """The probability of a frame, after the frames before it where the rung remembers them."""
    segmenter.reset()
    if segmenter.engine.model.metadata.state:
        for pixels in shot.before:
            segmenter(pixels)
    return segmenter(shot.pixels)


def _figures(mask: Mask, shot: Shot) -> dict[str, Any]:
    """Scores of one frame; None where it has no label."""
    if shot.ground_truth is None:
        return {"relaxed_f1": None, "relaxed_precision": None, "relaxed_recall": None, "false_area": None, "paint": None}
    counts: PixelCounts = count_pixels(mask, shot.ground_truth, shot.ignore)
    names = ("relaxed_f1", "relaxed_precision", "relaxed_recall", "false_area")
    return {name: getattr(counts, name) for name in names} | {"paint": counts.ground_truth > 0}


def draw_tile(shot: Shot, probability: ProbabilityMap, mask: Mask) -> BGRImage:
    """(3 h, w, 3) uint8 BGR: what is right and wrong, the heatmap, the mask."""
    # Imported here because a page of results that were measured before is wanted without Matplotlib's classes, too.
    from lanes.evaluate.page import draw_errors

    if shot.ground_truth is None:
        marked = shot.pixels.copy()
        marked[mask > 0] = PAINT
    else:
        marked = draw_errors(shot.pixels, mask, shot.ground_truth, None)
    heat = cv2.applyColorMap(probability, cv2.COLORMAP_INFERNO).astype(np.uint8, copy=False)
    return np.vstack([_shrunk(image) for image in (marked, heat, cv2.cvtColor(mask, cv2.COLOR_GRAY2BGR).astype(np.uint8, copy=False))])


def _shrunk(pixels: BGRImage) -> BGRImage:
    height = round(TILE_WIDTH * pixels.shape[0] / pixels.shape[1])
    return cv2.resize(pixels, (TILE_WIDTH, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def write_sheet(path: Path, tiles: Sequence[BGRImage]) -> None:
    """Writes tiles of one size, row by row, as one WebP. Raises ProcessingError where OpenCV cannot."""
    height, width = tiles[0].shape[:2]
    if any(tile.shape != tiles[0].shape for tile in tiles):
        raise InputError("the frames of a page must have one shape: give frames of one camera")
    rows = -(-len(tiles) // COLUMNS)
    sheet: NDArray[np.uint8] = np.zeros((rows * height, min(COLUMNS, len(tiles)) * width, 3), np.uint8)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, COLUMNS)
        sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = tile
    write_image(path, sheet)


def write_image(path: Path, pixels: BGRImage, quality: int = QUALITY) -> None:
    """Writes one WebP. Raises ProcessingError where OpenCV cannot."""
    done, code = cv2.imencode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not done:
        raise ProcessingError(f"{path}: this OpenCV writes no WebP")
    write_atomically(path, code.tobytes())
