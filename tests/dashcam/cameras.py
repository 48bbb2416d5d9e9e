"""Recordings as cameras write them, with their ways of saying where they were. Each writer takes a clip that is there, or makes one."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import cos, radians
from pathlib import Path

import av

from lanes.dashcam.track import EARTH_RADIUS_M, KNOT_MPS, Fix

DAY = (2026, 3, 14)


def drive_north_east(seconds: float, speed: float = 25.0, latitude: float = 48.1, longitude: float = 11.5, rate: float = 1.0) -> list[Fix]:
    """A fix every 1/rate seconds of a car that goes north-east at a steady speed, m/s."""
    degree = radians(1) * EARTH_RADIUS_M
    found = []
    for index in range(int(seconds * rate)):
        way = speed * index / rate / 2**0.5
        found.append(Fix(index / rate, latitude + way / degree, longitude + way / degree / cos(radians(latitude)), speed, 45.0))
    return found


def clock(second: float) -> tuple[int, int, int]:
    """Hour, minute and second so many seconds after 10:20:30."""
    whole = 10 * 3600 + 20 * 60 + 30 + int(second)
    return whole // 3600 % 24, whole // 60 % 60, whole % 60


def minutes(degrees: float) -> float:
    """DDDMM.MMMM, without the sign."""
    whole, rest = divmod(abs(degrees), 1.0)
    return 100 * whole + 60 * rest


def rmc(fix: Fix, *, valid: bool = True, talker: str = "GN") -> str:
    """The sentence RMC, with its checksum."""
    hour, minute, second = clock(fix.time_s)
    place = (
        f"{minutes(fix.latitude_deg):09.4f},{'NS'[fix.latitude_deg < 0]},{minutes(fix.longitude_deg):010.4f},{'EW'[fix.longitude_deg < 0]}"
    )
    moves = f"{fix.speed_mps / KNOT_MPS:.3f},{fix.course_deg:.1f}"
    body = f"{talker}RMC,{hour:02}{minute:02}{second:02}.00,{'AV'[not valid]},{place},{moves},140326,,,A"
    checksum = 0
    for letter in body.encode():
        checksum ^= letter
    return f"${body}*{checksum:02X}"


# ISO base media -----------------------------------------------------------------------------------------------------------------


def box(kind: bytes, content: bytes) -> bytes:
    """A box."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def split(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes of a level, types and contents."""
    while len(data) >= 8:
        size, kind = struct.unpack_from(">I4s", data)
        head = 8
        if size == 1:
            head, size = 16, struct.unpack_from(">Q", data, 8)[0]
        yield kind, data[head:size]
        data = data[size:]


def rebuilt(data: bytes, change: Callable[[bytes, bytes], bytes]) -> bytes:
    """The same boxes with changed contents; those that hold boxes are gone into."""
    return b"".join(
        box(kind, rebuilt(content, change) if kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl") else change(kind, content))
        for kind, content in split(data)
    )


def viofo(clip: Path, path: Path, fixes: Sequence[Fix | None], *, at: int = 0x30) -> Path:
    """A copy of an MP4 of one video track with Novatek's blocks among its samples, one a second; None for one without a fix."""
    top = dict(split(clip.read_bytes()))
    moov, media = top[b"moov"], top[b"mdat"]
    sizes: list[int] = []

    def note(kind: bytes, content: bytes) -> bytes:
        if kind == b"stsz":
            sizes.extend(struct.unpack(f">{(len(content) - 12) // 4}I", content[12:]))
        return content

    rebuilt(moov, note)
    every = len(sizes) / len(fixes)
    start = 8 + len(top[b"ftyp"]) + 8
    written, offsets, blocks, taken = b"", [], [], 0
    for index, size in enumerate(sizes):
        offsets.append(start + len(written))
        written += media[taken : taken + size]
        taken += size
        while len(blocks) < len(fixes) and index + 1 > len(blocks) * every:
            block = novatek_block(fixes[len(blocks)], at)
            blocks.append((start + len(written), len(block)))
            written += block

    def one_sample_a_chunk(kind: bytes, content: bytes) -> bytes:
        if kind == b"stsc":
            return struct.pack(">5I", 0, 1, 1, 1, 1)
        if kind == b"stco":
            return struct.pack(f">{2 + len(offsets)}I", 0, len(offsets), *offsets)
        return content

    listed = box(b"gps ", struct.pack(">II", 0x101, len(blocks)) + b"".join(struct.pack(">II", *block) for block in blocks))
    path.write_bytes(box(b"ftyp", top[b"ftyp"]) + box(b"mdat", written) + box(b"moov", rebuilt(moov, one_sample_a_chunk) + listed))
    return path


def novatek_block(fix: Fix | None, at: int = 0x30) -> bytes:
    """`free` box with the mark `GPS ` and a record that begins at byte `at`."""
    year, month, day = DAY
    if fix is None:
        record = struct.pack("<6I3sx4f", 0, 0, 0, year - 2000, month, day, b"V\0\0", 0.0, 0.0, 0.0, 0.0)
    else:
        letters = b"A" + (b"S" if fix.latitude_deg < 0 else b"N") + (b"W" if fix.longitude_deg < 0 else b"E")
        place = minutes(fix.latitude_deg), minutes(fix.longitude_deg)
        record = struct.pack(
            "<6I3sx4f", *clock(fix.time_s), year - 2000, month, day, letters, *place, fix.speed_mps / KNOT_MPS, fix.course_deg
        )
    return box(b"free", (b"GPS " + struct.pack("<I", 0x4C)).ljust(at - 8, b"\0") + record + bytes(64))


def blackvue(clip: Path, path: Path, fixes: Sequence[Fix], begin: int = 1_773_483_630_000) -> Path:
    """A copy of an MP4 with BlackVue's box of sentences, each with its time in milliseconds before it."""
    lines = [f"[{begin}]$GPRMC,,V,,,,,,,,,,N*53"]
    for fix in fixes:
        stamp = begin + round(1000 * fix.time_s)
        lines += [f"[{stamp}]{rmc(fix)}", f"[{stamp}]$GPVTG,,T,,M,0.078,N,0.144,K,D*28"]
    path.write_bytes(
        clip.read_bytes() + box(b"free", box(b"cprt", b" Pittasoft Co., Ltd.;DR900S-1CH;1.008") + box(b"gps ", "\r\n".join(lines).encode()))
    )
    return path


# Tracks in the container --------------------------------------------------------------------------------------------------------


def klv(key: bytes, kind: str, size: int, values: bytes) -> bytes:
    """A key of GPMF with its value, padded."""
    return struct.pack(">4scBH", key, kind.encode("latin-1"), size, len(values) // size) + values + bytes(-len(values) % 4)


def gpmf(fixes: Sequence[Fix], *, fixed: bool = True, new: bool = False) -> bytes:
    """A payload of GoPro's telemetry, as a Hero 9 (GPS5) or a Hero 11 (GPS9) writes it."""
    places = [(fix.latitude_deg * 1e7, fix.longitude_deg * 1e7, 500_000.0, fix.speed_mps * 1000, fix.speed_mps * 100) for fix in fixes]
    rows = [tuple(map(round, place)) for place in places]
    if new:
        values = b"".join(
            struct.pack(">7i2H", *row, 9570, 37_230_000 + 100 * index, 150, 3 if fixed else 0) for index, row in enumerate(rows)
        )
        scale = struct.pack(">9i", 10_000_000, 10_000_000, 1000, 1000, 100, 1, 1000, 100, 1)
        stream = klv(b"TYPE", "c", 1, b"lllllllSS") + klv(b"SCAL", "l", 4, scale) + klv(b"GPS9", "?", 32, values)
    else:
        values = b"".join(struct.pack(">5i", *row) for row in rows)
        scale = struct.pack(">5i", 10_000_000, 10_000_000, 1000, 1000, 100)
        stream = klv(b"GPSF", "L", 4, struct.pack(">I", 3 if fixed else 0)) + klv(b"SCAL", "l", 4, scale) + klv(b"GPS5", "l", 20, values)
    accelerometer = klv(
        b"STRM", "\0", 1, klv(b"STNM", "c", 1, b"Accelerometer") + klv(b"SCAL", "s", 2, b"\x01\xa2") + klv(b"ACCL", "s", 6, bytes(60))
    )
    device = klv(b"DVID", "L", 4, b"\0\0\0\1") + klv(b"DVNM", "c", 1, b"HERO9 Black") + accelerometer + klv(b"STRM", "\0", 1, stream)
    return klv(b"DEVC", "\0", 1, device)


@dataclass
class Packet:
    """What lies in a track beside the video: bytes, and when, seconds."""

    time_s: float
    length_s: float
    data: bytes


def beside(clip: Path, path: Path, packets: Sequence[Packet], kind: str) -> Path:
    """A copy of a recording with one more track: `data` (GoPro's), or `text`."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        video = source.streams.video[0]
        copy = target.add_stream_from_template(video)
        unit = Fraction(1, 1000)
        track = target.add_data_stream("bin_data") if kind == "data" else target.add_mux_stream("mov_text")
        track.time_base = unit
        for packet in source.demux(video):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
        for each in packets:
            packet = av.Packet(each.data)
            packet.stream, packet.time_base = track, unit
            packet.pts = packet.dts = round(1000 * each.time_s)
            packet.duration = round(1000 * each.length_s)
            target.mux(packet)
    return path


def gopro(clip: Path, path: Path, fixes: Sequence[Fix], *, new: bool = False, fixed: bool = True) -> Path:
    """A recording with telemetry: one payload a second."""
    last = int(fixes[-1].time_s)
    payloads = [[fix for fix in fixes if int(fix.time_s) == second] for second in range(last + 1)]
    packets = [Packet(second, 1.0, gpmf(each, new=new, fixed=fixed)) for second, each in enumerate(payloads)]
    return beside(clip, path, packets, "data")


def subtitled(clip: Path, path: Path, fixes: Sequence[Fix]) -> Path:
    """A recording with a track of text, a sentence each."""
    texts = [(fix.time_s, rmc(fix).encode()) for fix in fixes]
    return beside(clip, path, [Packet(time, 1.0, struct.pack(">H", len(text)) + text) for time, text in texts], "text")


def seventymai_log(recordings: Sequence[tuple[str, Sequence[Fix | None]]], begin: int = 1_779_158_456) -> str:
    """The log of a card: a line a second, a block a drive."""
    lines = ["$V02"]
    for name, fixes in recordings:
        for index, fix in enumerate(fixes):
            state, place = ("V", "0.000000,0.000000") if fix is None else ("A", f"{fix.latitude_deg:.6f},{fix.longitude_deg:.6f}")
            lines.append(f"{begin + index},{state},{place},4500,0,-85,1,44,{name},0,0,0")
    return "\n".join([*lines, ""])
