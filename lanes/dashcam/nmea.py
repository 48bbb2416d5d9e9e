"""NMEA 0183: position and speed in the sentence RMC, as receivers write it and cameras copy it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import reduce
from math import nan
from operator import xor

from lanes.dashcam.track import KNOT_MPS, Fix

# $GPRMC,161229.487,A,3723.2475,N,12158.3416,W,0.13,309.62,120598, ,*10 - any talker; the checksum is optional
_RMC = re.compile(
    r"\$(?P<body>[A-Z]{2}RMC,(?P<time>\d{6}(?:\.\d+)?)?,(?P<status>[AV]),"
    r"(?P<latitude>\d{4}\.?\d*)?,(?P<north>[NS])?,(?P<longitude>\d{5}\.?\d*)?,(?P<east>[EW])?,(?P<speed>\d{1,4}\.?\d*)?,"
    r"(?P<course>\d{1,3}\.?\d*)?,[^*$\r\n]{0,60})(?:\*(?P<sum>[0-9A-Fa-f]{2}))?"
)


def parse_rmc(text: str, time_s: float) -> Fix | None:
    """The first valid RMC sentence in a text, as said at `time_s`; None where there is none."""
    return next((fix for _, fix in sentences(text, time_s)), None)


def sentences(text: str, time_s: float = 0.0) -> Iterator[tuple[float | None, Fix]]:
    """Valid RMC sentences in a text: the second of the day (UTC) that each names, None where it names none, and what it says."""
    for found in _RMC.finditer(text):
        latitude = degrees(found["latitude"], found["north"])
        longitude = degrees(found["longitude"], found["east"])
        if found["status"] != "A" or latitude is None or longitude is None or not _sums_up(found["body"], found["sum"]):
            continue
        speed = float(found["speed"]) * KNOT_MPS if found["speed"] else nan
        course = float(found["course"]) if found["course"] else nan
        yield _second_of_day(found["time"]), Fix(time_s, latitude, longitude, speed, course)


def degrees(digits: str | None, hemisphere: str | None) -> float | None:
    """DDMM.MMMM or DDDMM.MMMM with its hemisphere in degrees; None where either is missing, or the minutes are none."""
    if not digits or not hemisphere:
        return None
    return from_minutes(float(digits), hemisphere)


def from_minutes(value: float, hemisphere: str) -> float | None:
    """The number DDDMM.MMMM with its hemisphere in degrees; None where the minutes are none."""
    whole, minutes = divmod(value, 100.0)
    if minutes >= 60.0:
        return None
    return (whole + minutes / 60.0) * (-1 if hemisphere in "SW" else 1)


def _sums_up(body: str, checksum: str | None) -> bool:
    return checksum is None or reduce(xor, body.encode("ascii", "replace"), 0) == int(checksum, 16)


def _second_of_day(time: str | None) -> float | None:
    if not time:
        return None
    return int(time[:2]) * 3600 + int(time[2:4]) * 60 + float(time[4:])
