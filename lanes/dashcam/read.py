"""From a recording to its track, whatever way its camera has of writing it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.stream import Discard

from lanes.capture.container import FORMATS
from lanes.dashcam.boxes import find_box, read_box
from lanes.dashcam.gpmf import gpmf_fixes
from lanes.dashcam.names import parse_name
from lanes.dashcam.nmea import parse_rmc, sentences
from lanes.dashcam.novatek import novatek_fixes
from lanes.dashcam.track import Fix, Track

_log = logging.getLogger(__name__)

LARGEST_TEXT = 8_000_000
"""Bytes of sentences that are read: 24 hours at one a second."""

LARGEST_LOG = 64_000_000
"""Bytes of the log of a whole card."""

MOST_PACKETS = 500_000

# [1629874404069]$GNRMC,... - milliseconds since 1970, as BlackVue writes them
_STAMPED = re.compile(r"\[(\d{10,14})\]\s*(\$[^\r\n\[]*)")

_DAY_S = 86_400


def read_track(path: Path, name: str | None = None) -> Track | None:
    """Where a recording's vehicle was and how fast, on the recording's clock; None where the file does not say.

    Looked for, in this order: GoPro's telemetry track, Novatek's blocks, BlackVue's sentences, a track of text with NMEA sentences, and
    files beside it: of the same name with `.nmea` or `.gps`, and 70mai's `GPSData*.txt` there or up to two folders above. Data that is
    damaged is left out, and never raises.

    Args:
        path: of the recording.
        name: what it is called on its card, where `path` is a copy under another name.
    """
    for reader in (_from_tracks, _from_boxes, _from_sidecar, partial(_from_card, name=name or path.name)):
        try:
            track = Track.of(reader(path))
        except (OSError, ValueError, av.FFmpegError, UnicodeError) as error:
            _log.info("%s: its GPS data cannot be read (%s)", path.name, error)
            continue
        if track is not None:
            return track
    return None


def _from_tracks(path: Path) -> Iterator[Fix]:
    """GPMF, or NMEA in text, with the container's times."""
    with av.open(f"file:{path}", container_options={"format_whitelist": FORMATS}, metadata_errors="replace") as container:
        for kind, read in (("data", _gpmf), ("subtitle", _text), ("data", _text)):
            found = False
            for stream in [stream for stream in container.streams if stream.type == kind]:
                for other in container.streams:  # of these, nothing is read from the disk
                    other.discard = Discard.default if other is stream else Discard.all
                container.seek(0, backward=True, any_frame=True)
                for fix in _packets(container, stream, read):
                    found = True
                    yield fix
            if found:
                return


def _packets(container: Any, stream: Any, read: Callable[[bytes, float, float], list[Fix]]) -> Iterator[Fix]:
    for number, packet in enumerate(container.demux(stream)):
        if number >= MOST_PACKETS:
            return
        if packet.pts is not None and packet.size:
            yield from read(bytes(packet), float(packet.pts * packet.time_base), float((packet.duration or 0) * packet.time_base) or 1.0)


def _gpmf(payload: bytes, begin_s: float, length_s: float) -> list[Fix]:
    return gpmf_fixes(payload, begin_s, length_s)


def _text(payload: bytes, begin_s: float, _: float) -> list[Fix]:
    fix = parse_rmc(payload.decode("ascii", "replace"), begin_s)
    return [] if fix is None else [fix]


def _from_boxes(path: Path) -> list[Fix]:
    with path.open("rb") as file:
        if sentences := find_box(file, (b"free", b"gps ")):
            return stamped_fixes(read_box(file, sentences, LARGEST_TEXT).decode("ascii", "replace"))
        return _novatek(file, path) if find_box(file, (b"moov", b"gps ")) else []


def _novatek(file: BinaryIO, path: Path) -> list[Fix]:
    samples: list[tuple[int, float]] = []
    seconds = None
    with av.open(f"file:{path}", container_options={"format_whitelist": FORMATS}, metadata_errors="replace") as container:
        seconds = None if container.duration is None else container.duration / av.time_base
        if container.streams.video:
            stream = container.streams.video[0]
            samples = sorted((entry.pos, float(entry.timestamp * (stream.time_base or 0))) for entry in stream.index_entries)
    return novatek_fixes(file, samples, seconds)


def stamped_fixes(text: str) -> list[Fix]:
    """Sentences that each have their time before them in brackets, milliseconds since 1970; the first one begins the recording."""
    found = [(int(stamp) / 1000, fix) for stamp, sentence in _STAMPED.findall(text) if (fix := parse_rmc(sentence, 0.0))]
    first = min((int(stamp) / 1000 for stamp, _ in _STAMPED.findall(text)), default=0.0)
    return [fix._replace(time_s=time - first) for time, fix in found]


def _from_sidecar(path: Path) -> list[Fix]:
    """A file of sentences beside the recording: with their times in brackets, or by the seconds of the day that they name."""
    for suffix in (".nmea", ".NMEA", ".gps", ".GPS"):
        beside = path.with_suffix(suffix)
        if beside.is_file():
            with beside.open("rb") as file:
                text = file.read(LARGEST_TEXT).decode("ascii", "replace")
            return stamped_fixes(text) or _by_second_of_day(text)
    return []


def _by_second_of_day(text: str) -> list[Fix]:
    found: list[Fix] = []
    first: float | None = None
    for second, fix in sentences(text):
        if second is not None:
            first = second if first is None else first
            found.append(fix._replace(time_s=(second - first) % _DAY_S))
    return found


def _from_card(path: Path, name: str) -> list[Fix]:
    """70mai's log of a whole card: a line a second with time, status, place and, in its tenth field, the recording's name."""
    parsed = parse_name(name)
    if parsed is None or parsed.maker != "70mai":
        return []
    for folder in path.absolute().parents[:3]:
        found: list[Fix] = []
        first: float | None = None
        for log in sorted(folder.glob("GPSData*.txt")):
            for time, status, latitude, longitude in _card_log(log, log.stat().st_mtime_ns).get(name, ()):
                first = time if first is None and time else first
                if status == "A" and first is not None:
                    found.append(Fix(time - first, _number(latitude), _number(longitude)))
        if found:
            return found
    return []


@lru_cache(maxsize=2)
def _card_log(log: Path, _: int) -> dict[str, list[tuple[float, str, str, str]]]:
    """The lines of a card's log by recording: time, status, latitude, longitude. It is read once for all recordings of a card."""
    with log.open("rb") as file:
        lines = file.read(LARGEST_LOG).decode("ascii", "replace").splitlines()
    found: dict[str, list[tuple[float, str, str, str]]] = {}
    for fields in (line.split(",") for line in lines):
        if len(fields) >= 10 and fields[0].isdigit():
            found.setdefault(fields[9], []).append((_number(fields[0]), fields[1], fields[2], fields[3]))
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
