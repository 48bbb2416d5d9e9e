"""GPS in files of cameras with Novatek chips (Viofo and many others).

The box `gps ` in `moov` lists blocks that lie among the video's data, one a second: `free` boxes whose content begins with `GPS `. In a
block there is a record, little-endian: hour, minute, second, year, month, day (uint32 each), `A` for a valid fix or `V`, `N` or `S`,
`E` or `W`, a zero, then latitude and longitude as DDDMM.MMMM, the speed in knots and the course (float32 each). Where it begins differs by
firmware, so it is looked for. The layout is as S. Franco described it ("Extracting GPS data from Viofo A119 and other Novatek powered
cameras", sergei.nz) and as ExifTool documents it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import BinaryIO, NamedTuple

import numpy as np

from lanes.dashcam.boxes import find_box, read_box
from lanes.dashcam.nmea import from_minutes
from lanes.dashcam.track import KNOT_MPS, Fix

MOST_BLOCKS, LARGEST_BLOCK = 100_000, 65_536

_MARK = re.compile(rb"[AV][NS][EW]")
_RECORD = struct.Struct("<6I3sx4f")
_BEFORE_MARK = 24


class Block(NamedTuple):
    """A block in the list: its offset in the file and its length, bytes."""

    offset: int
    length: int


def novatek_fixes(file: BinaryIO, samples: Sequence[tuple[int, float]], seconds: float | None) -> list[Fix]:
    """What the blocks of a file say; none where it has none.

    A block's time is that of the video's sample before it in the file. Where all blocks lie together, one a second is supposed, or as many
    as they are spread evenly.

    Args:
        file: the recording.
        samples: offset in the file and time in seconds of the video's samples, by offset; may be empty.
        seconds: how long the video is; None where that is not known.
    """
    blocks = list(_blocks(file))
    times = _times([block.offset for block in blocks], samples, seconds)
    return [fix for block, time in zip(blocks, times, strict=True) if (fix := _read(file, block, time))]


def _blocks(file: BinaryIO) -> Iterator[Block]:
    box = find_box(file, (b"moov", b"gps "))
    if box is None:
        return
    # Eight bytes of version and encoding stand before the list.
    listed = read_box(file, box, 8 + 8 * MOST_BLOCKS)[8:]
    for offset, length in struct.iter_unpack(">II", listed[: len(listed) // 8 * 8]):
        if length:
            yield Block(offset, min(length, LARGEST_BLOCK))


def _times(offsets: Sequence[int], samples: Sequence[tuple[int, float]], seconds: float | None) -> list[float]:
    count = len(offsets)
    if len(samples) > 1 and count:
        places, times = np.array(samples, np.float64).T
        found = times[np.maximum(np.searchsorted(places, offsets) - 1, 0)]
        if len(np.unique(found)) > 0.9 * count:
            return [float(time) for time in found]
    spacing = seconds / count if seconds is not None and count and abs(seconds - count) > max(2.0, 0.1 * count) else 1.0
    return [index * spacing for index in range(count)]


def _read(file: BinaryIO, block: Block, time_s: float) -> Fix | None:
    file.seek(block.offset)
    data = file.read(block.length)
    if data[4:12] != b"freeGPS ":
        return None
    for mark in _MARK.finditer(data, 12 + _BEFORE_MARK):
        start = mark.start() - _BEFORE_MARK
        if start + _RECORD.size > len(data):
            return None
        hour, minute, second, year, month, day, letters, latitude, longitude, speed, course = _RECORD.unpack_from(data, start)
        if hour > 23 or minute > 59 or second > 60 or not 1 <= month <= 12 or not 1 <= day <= 31 or not (year < 100 or 2000 <= year < 2100):
            continue
        if letters[:1] != b"A" or not all(map(isfinite, (latitude, longitude, speed))) or min(latitude, longitude) < 0:
            return None
        north, east = from_minutes(latitude, chr(letters[1])), from_minutes(longitude, chr(letters[2]))
        return None if north is None or east is None else Fix(time_s, north, east, speed * KNOT_MPS, course)
    return None
