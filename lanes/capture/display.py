"""How a coded frame is turned and mirrored to stand upright, as its display matrix says."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type
from numpy.typing import NDArray

from lanes.arrays import BGRImage


class Orientation(NamedTuple):
    """What makes a coded frame upright: transposed first, then mirrored left to right, then flipped upside down. The eight of EXIF."""

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    @classmethod
    def of_matrix(cls, matrix: NDArray[np.int32]) -> Orientation:
        """From a display matrix, (9,) int32. Turns that are no multiple of 90 degrees are rounded to one.

        Row vectors: x' = a x + c y and y' = b x + d y (ISO/IEC 14496-12, 8.2.2), so the signs say which axes run backward.
        """
        a, b, c, d = (int(matrix[index]) for index in (0, 1, 3, 4))
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(False, a < 0, d < 0)
        return cls(True, c < 0, b < 0)

    @classmethod
    def of_frame(cls, frame: av.VideoFrame) -> Orientation:
        """Of a decoded frame: the container's matrix or the codec's, which FFmpeg attaches to each frame."""
        with suppress(ValueError):  # PyAV does not know every type of side data
            side_data: Any = frame.side_data
            data = side_data.get(Type.DISPLAYMATRIX)
            return UPRIGHT if data is None else cls.of_matrix(np.frombuffer(data, np.int32))
        turns = round(frame.rotation / 90) % 4  # counter-clockwise; a mirror does not show in it
        return (UPRIGHT, cls(True, False, True), cls(False, True, True), cls(True, True, False))[turns]

    def apply(self, pixels: BGRImage) -> BGRImage:
        """The upright frame, (H, W, 3) or (W, H, 3) uint8 BGR, contiguous; `pixels` itself where nothing is to be done."""
        image: NDArray[np.uint8] = pixels
        if self.transposed:
            image = cv2.transpose(image)  # type: ignore[assignment]
        if self.mirrored or self.flipped:
            axis = -1 if self.mirrored and self.flipped else int(self.mirrored)
            image = cv2.flip(image, axis)  # type: ignore[assignment]
        return image


UPRIGHT = Orientation()
