"""Pictures of a drive: a strip of thumbnails, its departures, and the road where its lanes were not seen for longest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lanes.archive.small import SmallCopies
from lanes.arrays import BGRImage
from lanes.results import FrameResult

STRIP, UNSEEN = "strip.jpg", "unseen.jpg"

THUMBNAILS = 6
"""In a strip."""

THUMBNAIL, STILL = (160, 90), (640, 360)
"""(width, height) at most, pixels."""

MOST_STILLS = 20
"""Departures of a drive that a picture is kept of."""

SHORTEST_UNSEEN_S = 0.5
"""A stretch without lanes that is worth a picture: less is a gap between dashes."""


def still_name(departure: int) -> str:
    """The picture of a departure, by its number in the drive."""
    return f"departure-{departure:03d}.jpg"


class DrivePictures:
    """Keeps pictures of one drive in a folder; see `Observer`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._small, self._large = SmallCopies(THUMBNAIL), SmallCopies(STILL)
        self._strip = Spread(2 * THUMBNAILS)
        self._departures = Departures()
        self._unseen = LongestStretch()

    def see(self, result: FrameResult) -> None:
        """Looks at a frame; most are not kept."""
        if self._strip.wants_next():
            self._strip.keep(self._small.draw(result))
        number = self._departures.begins(result)
        if number is not None and number < MOST_STILLS:
            self._write(still_name(number), self._large.draw(result))
        if self._unseen.wants(result):
            self._unseen.keep(self._large.draw(result))

    def finish(self, row: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Writes the strip, and the longest stretch without lanes if it was long."""
        if thumbnails := self._strip.chosen(THUMBNAILS):
            height, width = thumbnails[0].shape[:2]
            same = [each if each.shape[:2] == (height, width) else cv2.resize(each, (width, height)) for each in thumbnails]
            self._write(STRIP, np.hstack(same).astype(np.uint8, copy=False))
        if self._unseen.picture is not None:
            self._write(UNSEEN, self._unseen.picture)

    def close(self) -> None:
        """Holds nothing open."""

    def _write(self, name: str, pixels: BGRImage) -> None:
        _, code = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 80])
        (self._folder / name).write_bytes(code.tobytes())


class Departures:
    """Numbers departures as the table does: frames in a row whose departure is the same side, ended by a cut."""

    def __init__(self) -> None:
        self._side, self._count = "", 0

    def begins(self, result: FrameResult) -> int | None:
        """The number of the departure that begins with this frame; None where none does."""
        before, self._side = self._side, result.departure if result.departure in ("left", "right") else ""
        if not self._side or (self._side == before and not result.frame.cut):
            return None
        self._count += 1
        return self._count - 1


class Spread:
    """Keeps some of a row of pictures whose number nobody knows, spread evenly: when there are too many, every other one goes.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most, self._stride, self._seen = most, 1, 0
        self._kept: list[BGRImage] = []

    def wants_next(self) -> bool:
        """Whether the next picture is one to keep."""
        self._seen += 1
        return (self._seen - 1) % self._stride == 0

    def keep(self, picture: BGRImage) -> None:
        """Takes it."""
        self._kept.append(picture)
        if len(self._kept) == self._most:
            self._kept, self._stride = self._kept[::2], 2 * self._stride

    def chosen(self, count: int) -> list[BGRImage]:
        """So many of the pictures, in order, or all where there are fewer."""
        if len(self._kept) <= count:
            return self._kept
        return [self._kept[round(place)] for place in np.linspace(0, len(self._kept) - 1, count)]


class LongestStretch:
    """A picture out of the longest time in which no boundary of the ego lane was seen.

    Nobody knows while it lasts how long it will be, so a picture is taken each time it has doubled: the last one lies in its second half.
    """

    def __init__(self) -> None:
        self.picture: BGRImage | None = None
        self._begin: float | None = None
        self._next_s = SHORTEST_UNSEEN_S

    def wants(self, result: FrameResult) -> bool:
        """Whether a picture is to be kept of this frame."""
        seen = any(abs(lane.position) == 1 and lane.held_s == 0 for lane in result.lanes)
        if seen or result.frame.cut:
            self._begin = None
        if seen:
            return False
        if self._begin is None:
            self._begin = result.frame.time_s
        return result.frame.time_s - self._begin >= self._next_s

    def keep(self, picture: BGRImage) -> None:
        """Takes it; only a stretch twice as long gives another one."""
        self.picture, self._next_s = picture, 2 * self._next_s
