"""What is in a data set, counted over all of its frames.

Frames are read once, a few at a time, on all cores; what is kept of each is some hundred bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from engines.cores import usable_cores
from lanes.arrays import BGRImage
from lanes.data.explore.duplicates import HASH_SIDE, difference_hash, near_duplicates
from lanes.data.frames import LabelledFrame
from lanes.errors import InputError

Values = NDArray[np.float64]

MAP_SIZE = (192, 108)
"""Width and height of the maps of where the paint is; images of any shape are squeezed into it."""

BATCH = 256
"""Frames read ahead: what bounds the memory."""


@dataclass(slots=True)
class FrameFacts:
    """What is kept of one frame while it is counted.

    Attributes:
        size: (width, height), pixels.
        share: part of the known pixels that are lane, 0 to 1.
        ignored: part of the pixels that are not known, 0 to 1.
        sky: part of the lane pixels that lie in the image's upper third, 0 to 1.
        brightness: mean grey value, 0 to 255.
        lane: (108, 192) float32, share of lane in each cell.
        pixels: (108, 192, 3) uint8 BGR, the image small.
        bits: (HASH_SIDE squared) bool, `difference_hash` of the image.
    """

    size: tuple[int, int]
    share: float
    ignored: float
    sky: float
    brightness: float
    lane: NDArray[np.float32]
    pixels: BGRImage
    bits: NDArray[np.bool_]


@dataclass(slots=True)
class Source:
    """What is counted of one source."""

    frames: Counter[tuple[str, str]] = field(default_factory=Counter)  # by split and drive
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    read: int = 0
    lane: Values = field(default_factory=lambda: np.zeros(MAP_SIZE[::-1]))
    pixels: Values = field(default_factory=lambda: np.zeros((*MAP_SIZE[::-1], 3)))


@dataclass(slots=True)
class Survey:
    """What is counted of a data set.

    Attributes:
        frames: all frames, in order.
        sources: counts by source.
        share, ignored, sky, brightness: a value a frame, as in `FrameFacts`; NaN for frames that could not be read.
        bits: (frames, HASH_SIDE squared / 8) uint8, packed hashes.
        broken: what could not be read, in words.
        pairs: frames that are near-duplicates of one of another split, as `near_duplicates` gives them.
    """

    frames: Sequence[LabelledFrame]
    sources: dict[str, Source]
    share: Values
    ignored: Values
    sky: Values
    brightness: Values
    bits: NDArray[np.uint8]
    broken: list[str] = field(default_factory=list)
    pairs: list[tuple[int, int, int]] = field(default_factory=list)

    def where(self, chosen: NDArray[np.bool_]) -> list[int]:
        """Indices of frames."""
        return [int(index) for index in np.flatnonzero(chosen)]


def survey(frames: Sequence[LabelledFrame], console: Console) -> Survey:
    """Reads every frame once. Those that cannot be read are named in `broken` and counted nowhere else but among the drives."""
    count = len(frames)
    nothing = np.full((4, count), np.nan)
    sources = {name: Source() for name in dict.fromkeys(frame.source for frame in frames)}
    found = Survey(frames, sources, nothing[0], nothing[1], nothing[2], nothing[3], np.zeros((count, HASH_SIDE**2 // 8), np.uint8))
    for index, facts in enumerate(
        track(_facts(frames), "reading frames", total=count, console=console, transient=True, disable=not console.is_terminal)
    ):
        source = found.sources[frames[index].source]
        source.frames[frames[index].split, frames[index].drive] += 1
        if isinstance(facts, InputError):
            found.broken.append(str(facts))
            continue
        source.read += 1
        source.sizes[facts.size] += 1
        source.lane += facts.lane
        source.pixels += facts.pixels
        found.share[index], found.ignored[index], found.sky[index] = facts.share, facts.ignored, facts.sky
        found.brightness[index] = facts.brightness
        found.bits[index] = np.packbits(facts.bits)
    found.pairs = near_duplicates(frames, found.bits, ~np.isnan(found.share))
    return found


def _facts(frames: Sequence[LabelledFrame]) -> Iterator[FrameFacts | InputError]:
    with ThreadPoolExecutor(usable_cores()) as pool:
        for start in range(0, len(frames), BATCH):
            yield from pool.map(_facts_of, frames[start : start + BATCH])


def _facts_of(frame: LabelledFrame) -> FrameFacts | InputError:
    try:
        pixels, mask, ignore = frame.read()
    except InputError as error:
        return error
    height, width = mask.shape
    known = ignore == 0 if ignore is not None else np.ones(mask.shape, bool)
    lane = (mask > 0) & known
    count = int(np.count_nonzero(lane))
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)
    return FrameFacts(
        size=(width, height),
        share=count / max(1, int(np.count_nonzero(known))),
        ignored=1 - float(known.mean()),
        sky=int(np.count_nonzero(lane[: height // 3])) / max(1, count),
        brightness=float(cv2.mean(grey)[0]),
        lane=cv2.resize(lane.astype(np.float32), MAP_SIZE, interpolation=cv2.INTER_AREA).astype(np.float32, copy=False),
        pixels=cv2.resize(pixels, MAP_SIZE, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False),
        bits=difference_hash(grey),
    )
