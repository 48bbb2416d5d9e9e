"""GPS in GoPro's files: the telemetry track `gpmd`, in GPMF (github.com/gopro/gpmf-parser documents it).

GPMF is nested keys: four letters, a type, a structure's size and a count, big-endian, each padded to four bytes. A stream `STRM` holds
`GPS5` (latitude, longitude, altitude, speed over ground, speed in space) or, since the Hero 11, `GPS9` (with days, seconds, precision
and fix after these), to be divided by `SCAL`; `GPSF` says whether there is a fix.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from lanes.dashcam.track import Fix

DEEPEST = 16
"""Levels of nesting (GPMF_NEST_LIMIT of GoPro's parser)."""

_LEAST_FIX = 2  # 0 none, 2 in two dimensions, 3 in three
_TYPES = {"b": "b", "B": "B", "s": "h", "S": "H", "l": "i", "L": "I", "f": "f", "d": "d", "j": "q", "J": "Q"}


class Item(NamedTuple):
    """A key with its value. `kind` is the type's letter, a zero byte for nested keys; `size` that of one structure, bytes."""

    key: bytes
    kind: str
    size: int
    value: bytes


def gpmf_fixes(payload: bytes, begin_s: float, length_s: float) -> list[Fix]:
    """What a packet of the telemetry track says, its points spread evenly over the time it is of.

    Args:
        payload: the packet.
        begin_s: when it begins, on the recording's clock. length_s: how long it lasts, seconds.
    """
    for stream in _streams(payload, 0):
        rows = _positions(stream)
        if rows:
            step = length_s / len(rows)
            return [fix._replace(time_s=begin_s + index * step) for index, fix in enumerate(rows) if fix is not None]
    return []


def items(data: bytes) -> Iterator[Item]:
    """The keys on one level; ends where what follows is none."""
    position = 0
    while position + 8 <= len(data):
        key, kind, size, count = struct.unpack_from(">4scBH", data, position)
        length = size * count
        if not key.strip(b"\0") or position + 8 + length > len(data):
            return
        yield Item(key, kind.decode("latin-1"), size, data[position + 8 : position + 8 + length])
        position += 8 + (length + 3) // 4 * 4


def _streams(data: bytes, depth: int) -> Iterator[list[Item]]:
    """The levels of a payload on which there is a position."""
    level = list(items(data))
    if any(item.key in (b"GPS5", b"GPS9") for item in level):
        yield level
    if depth < DEEPEST:
        for item in level:
            if item.kind == "\0" and item.key in (b"DEVC", b"STRM"):
                yield from _streams(item.value, depth + 1)


def _positions(stream: list[Item]) -> list[Fix | None]:
    """A stream's points, their times not set, None for those without a fix."""
    known = {item.key: item for item in stream}
    new = known.get(b"GPS9")
    points = new or known[b"GPS5"]
    form = _form("lllllllSS" if new else "lllll")
    if points.size != form.size or (scale := known.get(b"SCAL")) is None:
        return []
    divisors = _numbers(scale)
    if len(divisors) == 1:
        divisors *= 9
    if len(divisors) < (9 if new else 5) or 0 in divisors:
        return []
    state = known.get(b"GPSF")
    fixed = state is None or (_numbers(state) or [0])[0] >= _LEAST_FIX
    found: list[Fix | None] = []
    for values in form.iter_unpack(points.value):
        has_fix = values[8] / divisors[8] >= _LEAST_FIX if new else fixed
        latitude, longitude, altitude, speed = (value / divisor for value, divisor in zip(values[:4], divisors, strict=False))
        found.append(Fix(0.0, latitude, longitude, speed, altitude_m=altitude) if has_fix else None)
    return found


def _form(types: str) -> struct.Struct:
    return struct.Struct(">" + "".join(_TYPES[letter] for letter in types))


def _numbers(item: Item) -> list[float]:
    if (letter := _TYPES.get(item.kind)) is None:
        return []
    form = struct.Struct(">" + letter)
    return [value for (value,) in form.iter_unpack(item.value[: len(item.value) // form.size * form.size])]
