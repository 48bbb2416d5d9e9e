"""Recording: a drive's files opened as one source, with what they carry beside the pictures."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lanes.capture.joined import JoinedFiles, Part
from lanes.capture.source import Source
from lanes.capture.video import VideoFile
from lanes.dashcam import Fix, Piece, Track, find_gaps, parse_name, read_track
from lanes.departure import VehicleSignals
from lanes.errors import InputError

_log = logging.getLogger(__name__)

EARLIEST_YEAR = 1990
"""A clock that was never set says 1904, 1970 or 1980."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where the vehicle was, as a receiver of satellites recorded it.

    Attributes:
        time_s: on the drive's clock, that of the frames.
        latitude, longitude: degrees, WGS 84.
        speed_mps: over ground. course_deg: clockwise from north. altitude_m: above the sea. None where it was not recorded.
    """

    time_s: float
    latitude: float
    longitude: float
    speed_mps: float | None = None
    course_deg: float | None = None
    altitude_m: float | None = None

    @classmethod
    def of(cls, fix: Fix) -> Position:
        """The same with None for what is not known."""
        time_s, *place = fix
        latitude, longitude, *rest = place
        return cls(time_s, latitude, longitude, *(None if math.isnan(value) else value for value in rest))


@dataclass(frozen=True, slots=True)
class Recording:
    """What a drive's files hold.

    Attributes:
        source: the pictures of all files in order, not open yet.
        positions: in order of time; empty where the files carry none.
        vehicle: speed by the source's clock, where it is known.
        started_at: by the camera's own clock, without a zone; None where nothing says so.
        track: the positions, to ask for one at any time; None where there are none.
        unusable: files that are left out, and why: those of a drive whose other files can be used.
        missing_s: how much is missing between the files, as far as their names and lengths say.
    """

    source: Source
    positions: Sequence[Position] = ()
    vehicle: VehicleSignals | None = None
    started_at: datetime | None = None
    track: Track | None = None
    unusable: Sequence[str] = ()
    missing_s: float = 0.0


def open_recording(paths: Sequence[Path], names: Sequence[str], threads: int | None = None) -> Recording:
    """The recording in these files of this machine, in the order of time.

    Of several files, those that cannot be used are left out: a camera whose power is cut leaves its last file without an index.

    Args:
        paths: where they lie here. Those of an object store are copies under other names.
        names: what each is called where it came from.
        threads: of the decoder, see `VideoFile`.

    Raises:
        InputError: none of them can be used.
    """
    found: list[tuple[Part, str]] = []
    unusable: list[InputError] = []
    before: int | None = None
    for path, name in zip(paths, names, strict=True):
        chapter = _chapter(name)
        # Chapters of one recording lack no frame between them.
        follows = chapter is not None and before is not None and chapter in (before, before + 1)
        try:
            found.append((Part.look(path, follows, threads), name))
            before = chapter
        except InputError as error:
            unusable.append(error)
            before = None
    if not found:
        raise unusable[0]
    for reason in unusable:
        _log.warning("%s; the drive's other files are used", reason)
    first, name = found[0]
    source: Source = VideoFile(first.path, threads)
    shifts = [0.0]
    if len(found) > 1:
        source = joined = JoinedFiles(name, [part for part, _ in found], threads)
        shifts = [float(shift) for shift in joined.shifts]
    tracks = [read_track(part.path, name) for part, name in found]
    track = Track.joined([None if track is None else track.shifted(shift) for track, shift in zip(tracks, shifts, strict=True)])
    positions = () if track is None else tuple(map(Position.of, track))
    gaps = find_gaps([Piece(name, float(part.length)) for part, name in found])
    missing_s = sum(gap.seconds or 0.0 for gap in gaps)
    return Recording(source, positions, track, _started_at(first, name), track, [str(reason) for reason in unusable], missing_s)


def _chapter(name: str) -> int | None:
    """Which part of one recording a file is by its name, as GoPro cuts them; None where it is none."""
    parsed = parse_name(name)
    return parsed.number if parsed is not None and parsed.series else None


def _started_at(part: Part, name: str) -> datetime | None:
    """By the file's name, else by what its container says: that is UTC by the standard, and local time in many cameras."""
    parsed = parse_name(name)
    if parsed is not None and parsed.start is not None:
        return parsed.start
    try:
        created = datetime.fromisoformat(part.info.file.metadata.get("creation_time", "").replace("Z", "")) if part.info.file else None
    except ValueError:
        return None
    return None if created is None or created.year < EARLIEST_YEAR else created.replace(tzinfo=None)
