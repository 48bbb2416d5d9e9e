"""FrameTransform: a frame of any size, or a band of its rows -> the model's input, and back for masks and points.

All points, here and in the rest of the project, are in pixels with whole numbers at pixel *centres*: (0, 0) is the centre of the
top left pixel, whose area reaches from -0.5 to 0.5. That is the convention of cv2.warpAffine, and cv2.resize (which aligns the
outer edges of the two images) is exactly an affine map in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lanes.arrays import BGRImage, ProbabilityMap
from lanes.results import Band

PADDING = 114
"""Grey level, 0 to 255, of what the frame does not cover: the mean of natural images, so that it looks like nothing in particular."""

CACHED_PLACEMENTS = 32
"""Placements that are kept: a folder of images may hold many sizes, and a placement may hold a buffer."""


@dataclass(frozen=True)
class FrameTransform:
    """How frames are fitted to a model: scaled to fill its input, their aspect ratio changed a little, the rest padded evenly.

    It is stored with the model, so that training, calibration and running cannot disagree. An instance keeps buffers and
    serves one thread at a time.

    Attributes:
        width, height: the model's input, pixels.
        max_stretch: the most by which the frame's aspect ratio is changed to cover more of the input, 1 for not at all.
    """

    width: int
    height: int
    max_stretch: float = 1.35
    _placements: dict[tuple[int, int, Band | None], Placement] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a model input must be at least 1x1, not {self.width}x{self.height}")
        if not self.max_stretch >= 1:
            raise ValueError(f"max_stretch must be 1 or more, not {self.max_stretch}")

    def to_dict(self) -> dict[str, Any]:
        """What `from_dict` takes, of JSON's types."""
        return {"width": self.width, "height": self.height, "max_stretch": self.max_stretch}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FrameTransform:
        """Raises KeyError, TypeError or ValueError when a value is missing or unusable."""
        return cls(int(values["width"]), int(values["height"]), float(values["max_stretch"]))

    def fit(self, frame_width: int, frame_height: int, band: Band | None = None) -> Placement:
        """Where a frame of this size, or a band of its rows, comes to lie in the model's input; remembered.

        Args:
            frame_width, frame_height: the frame, pixels.
            band: the rows that the model sees, the first and the one after the last; None for all.

        Raises:
            ValueError: the frame or the band is empty, or the band reaches out of the frame.
        """
        key = (frame_width, frame_height, band)
        placement = self._placements.get(key)
        if placement is None:
            if len(self._placements) >= CACHED_PLACEMENTS:
                self._placements.clear()
            placement = self._placements[key] = self._place(frame_width, frame_height, band)
        return placement

    def _place(self, frame_width: int, frame_height: int, band: Band | None) -> Placement:
        if frame_width < 1 or frame_height < 1:
            raise ValueError(f"a frame must be at least 1x1, not {frame_width}x{frame_height}")
        top, bottom = band or (0, frame_height)
        if not 0 <= top < bottom <= frame_height:
            raise ValueError(f"a band must be rows within the frame's {frame_height}, not {top} to {bottom}")
        scale_x, scale_y = self.width / frame_width, self.height / (bottom - top)
        fitting = min(scale_x, scale_y)
        # A very flat or narrow frame still gets one row or column.
        width = max(1, round(frame_width * min(scale_x, fitting * self.max_stretch)))
        height = max(1, round((bottom - top) * min(scale_y, fitting * self.max_stretch)))
        corner = ((self.width - width) // 2, (self.height - height) // 2)
        return Placement((frame_width, frame_height), (top, bottom), (self.width, self.height), corner, (width, height))


class Placement:
    """A frame of one size, or a band of its rows, in the input of one model.

    Attributes:
        frame_width, frame_height: the frame, pixels.
        band: the rows of the frame that the model sees, the first and the one after the last.
        model_width, model_height: the model's input, pixels.
        x, y, width, height: the part of the model's input that those rows cover; around it is padding.
        matrix: (2, 3) float64, frame point (x, y, 1) to model point, both with whole numbers at pixel centres; fit for cv2.warpAffine.
    """

    def __init__(self, frame: tuple[int, int], band: Band, model: tuple[int, int], corner: tuple[int, int], size: tuple[int, int]) -> None:
        self.frame_width, self.frame_height = frame
        self.band = band
        self.model_width, self.model_height = model
        self.x, self.y = corner
        self.width, self.height = size
        top, bottom = band
        self._scale = np.array(size) / np.array((self.frame_width, bottom - top))
        # Edges, at -0.5, fall on edges: model + 0.5 - corner = scale * (frame + 0.5 - top).
        self._shift = np.array(corner) + (0.5 - np.array((0, top))) * self._scale - 0.5
        self.matrix = np.column_stack([np.diag(self._scale), self._shift])
        self._halves: list[NDArray[np.uint8]] | None = None

    def to_model(self, pixels: BGRImage, out: BGRImage) -> None:
        """Writes the band of a frame, (frame_height, frame_width, 3) uint8, into `out`, (model_height, model_width, 3); colours stay.

        `out` may be a part of a larger array; every pixel of it is written.
        """
        if pixels.shape != (self.frame_height, self.frame_width, 3):
            raise ValueError(f"expected a frame of shape {(self.frame_height, self.frame_width, 3)}, got {pixels.shape}")
        if pixels.dtype != np.uint8:
            raise ValueError(f"expected a frame of uint8, 0 to 255, got {pixels.dtype}")
        if out.shape != (self.model_height, self.model_width, 3):
            raise ValueError(f"expected an output of shape {(self.model_height, self.model_width, 3)}, got {out.shape}")
        out[: self.y] = PADDING
        out[self.y + self.height :] = PADDING
        out[:, : self.x] = PADDING
        out[:, self.x + self.width :] = PADDING
        pixels = pixels[slice(*self.band)]
        if self._halves is None:
            self._halves = self._make_halves()
        for half in self._halves:
            pixels = cv2.resize(pixels, half.shape[1::-1], dst=half, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        _resize(pixels, out[self.y : self.y + self.height, self.x : self.x + self.width])

    def to_frame(self, probability: ProbabilityMap, out: ProbabilityMap | None = None) -> ProbabilityMap:
        """Brings the model's map, (model_height, model_width) uint8, to the frame's size, into `out` if it is given.

        Returns (frame_height, frame_width) uint8, 0 outside the band: what the model has not seen is no paint.
        """
        if probability.shape != (self.model_height, self.model_width):
            raise ValueError(f"expected a map of shape {(self.model_height, self.model_width)}, got {probability.shape}")
        if out is None:
            out = np.empty((self.frame_height, self.frame_width), np.uint8)
        elif out.shape != (self.frame_height, self.frame_width):
            raise ValueError(f"expected an output of shape {(self.frame_height, self.frame_width)}, got {out.shape}")
        top, bottom = self.band
        out[:top] = 0
        out[bottom:] = 0
        _resize(probability[self.y : self.y + self.height, self.x : self.x + self.width], out[top:bottom])
        return out

    def points_to_model(self, points: ArrayLike) -> NDArray[np.float64]:
        """Frame points (..., 2), x then y, as model points of the same shape."""
        moved: NDArray[np.float64] = np.asarray(points, np.float64) * self._scale + self._shift
        return moved

    def points_to_frame(self, points: ArrayLike) -> NDArray[np.float64]:
        """Model points (..., 2), x then y, as frame points of the same shape: the inverse of `points_to_model`."""
        moved: NDArray[np.float64] = (np.asarray(points, np.float64) - self._shift) / self._scale
        return moved

    def shift_from(self, other: Placement) -> float:
        """Pixels of the model's input by which rows that both placements show lie elsewhere in this one; infinite where they share none."""
        top, bottom = max(self.band[0], other.band[0]), min(self.band[1], other.band[1])
        if (self.frame_width, self.frame_height) != (other.frame_width, other.frame_height) or top >= bottom:
            return math.inf
        corners = np.array([(x, y) for x in (0, self.frame_width) for y in (top, bottom)]) - 0.5
        return float(np.abs(self.points_to_model(corners) - other.points_to_model(corners)).max())

    def take_over(self, values: NDArray[np.uint8], other: Placement) -> NDArray[np.uint8] | None:
        """A map in another placement's pixels, (model_height, model_width) uint8, brought to this one's; 0 in rows that the other has not.

        None where the other is of a frame of another size.
        """
        if (self.frame_width, self.frame_height) != (other.frame_width, other.frame_height):
            return None
        scale = self._scale / other._scale
        matrix = np.column_stack([np.diag(scale), self._shift - scale * other._shift])
        return cv2.warpAffine(values, matrix, (self.model_width, self.model_height)).astype(np.uint8, copy=False)

    def _make_halves(self) -> list[NDArray[np.uint8]]:
        """Buffers for the band halved, halved again, and so on, while four or more of its pixels fall on one of the model's.

        Averaging 2x2 pixels has a path of its own in OpenCV: 1920x1080 to 640x384 takes 1.8 ms by it and bilinear for the rest, 9.3 ms
        with INTER_AREA alone, 0.9 ms with bilinear alone, which skips most pixels and so breaks thin lines (one core of a Xeon at 2.5 GHz).
        """
        width, height = self.frame_width, self.band[1] - self.band[0]
        halves = []
        while width % 2 == 0 and height % 2 == 0 and _much_larger(width, height, self.width, self.height):
            width, height = width // 2, height // 2
            halves.append(np.empty((height, width, 3), np.uint8))
        return halves


@dataclass(frozen=True, slots=True)
class PlacedMap:
    """What is kept of a frame for the next one.

    Attributes:
        values: (model_height, model_width) uint8, any map in the model's pixels. placement: of the frame that it was of.
    """

    values: NDArray[np.uint8]
    placement: Placement

    def at(self, placement: Placement) -> NDArray[np.uint8] | None:
        """The values where their rows lie in another frame's placement; see `Placement.take_over`."""
        return self.values if placement is self.placement else placement.take_over(self.values, self.placement)


def _resize(pixels: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Resizes into `out`, outer edges on outer edges. Both may be parts of larger arrays."""
    height, width = pixels.shape[:2]
    to_height, to_width = out.shape[:2]
    # Where one side does not shrink, INTER_AREA is another filter, with another idea of where pixels lie.
    area = _much_larger(width, height, to_width, to_height) and width > to_width and height > to_height
    cv2.resize(pixels, (to_width, to_height), dst=out, interpolation=cv2.INTER_AREA if area else cv2.INTER_LINEAR)


def _much_larger(width: int, height: int, than_width: int, than_height: int) -> bool:
    """Whether four pixels or more fall on one: more than bilinear interpolation looks at."""
    return width * height >= 4 * than_width * than_height
