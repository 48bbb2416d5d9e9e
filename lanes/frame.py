"""Frame: one picture on its way through the pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True)
class Frame:
    """One picture of a source, upright as a viewer sees it.

    Attributes:
        pixels: (H, W, 3) uint8, BGR, writable. The consumer that holds the frame owns them; a source never touches them again.
        index: position in the source, from 0; a dropped frame's number is skipped.
        time: presentation time in seconds on the source's own clock, exact. Strictly increasing within a source.
        source: name of the file the frame came from (`clip.mp4`, `0001.jpg`) or the address of a live one, without credentials.
        stem: what files written for this frame are called: the image's stem, or the index in six digits for video.
        dropped_before: frames that a live source dropped between the previous frame and this one.
        captured_ns: when a live source had the frame, by `perf_counter_ns`; None for a file, whose frames do not age.
    """

    pixels: NDArray[np.uint8]
    index: int
    time: Fraction
    source: str
    stem: str
    dropped_before: int = 0
    captured_ns: int | None = None

    @property
    def time_s(self) -> float:
        """Presentation time, seconds."""
        return float(self.time)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]
