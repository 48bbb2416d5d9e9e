"""GPS out of real files, of every kind of camera, and out of broken and hostile ones."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanes.dashcam import boxes
from lanes.dashcam.gpmf import gpmf_fixes
from lanes.dashcam.nmea import parse_rmc
from lanes.dashcam.novatek import novatek_fixes
from lanes.dashcam.read import read_track, stamped_fixes
from lanes.dashcam.track import Fix, Track
from tests.dashcam import cameras
from tests.media import Clip, contents

SECONDS = 5

Writer = Callable[[Path, Path], Path]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Clip(frames=25 * SECONDS).write(tmp_path_factory.mktemp("clip") / "clip.mp4")


def with_sidecar(text: str, suffix: str) -> Writer:
    def write(clip: Path, path: Path) -> Path:
        path.write_bytes(clip.read_bytes())
        path.with_suffix(suffix).write_text(text)
        return path

    return write


def on_card(clip: Path, path: Path, depth: int = 2) -> Path:
    """A recording in folders of a card at whose top the log lies."""
    folder = path.parent / "Normal/Front"
    folder.mkdir(parents=True)
    recording = folder / "NO20260314-102030-000002F.MP4"
    recording.write_bytes(clip.read_bytes())
    others = [("NO20260314-102025-000001F.MP4", cameras.drive_north_east(SECONDS, latitude=-30.0)), (recording.name, FIXES)]
    (folder.parents[depth - 1] / "GPSData000001.txt").write_text(cameras.seventymai_log(others))
    return recording


FIXES = cameras.drive_north_east(SECONDS)
SENTENCES = "\n".join(map(cameras.rmc, FIXES))
STAMPED = "\n".join(f"[{1_773_483_630_000 + round(1000 * fix.time_s)}]{cameras.rmc(fix)}" for fix in FIXES)

WRITERS: dict[str, Writer] = {
    "Novatek": lambda clip, path: cameras.viofo(clip, path, FIXES),
    "Novatek, another firmware": lambda clip, path: cameras.viofo(clip, path, FIXES, at=0x10),
    "BlackVue": lambda clip, path: cameras.blackvue(clip, path, FIXES),
    "GoPro, GPS5": lambda clip, path: cameras.gopro(clip, path, cameras.drive_north_east(SECONDS, rate=18)),
    "GoPro, GPS9": lambda clip, path: cameras.gopro(clip, path, cameras.drive_north_east(SECONDS, rate=10), new=True),
    "text": lambda clip, path: cameras.subtitled(clip, path, FIXES),
    "NMEA beside it": with_sidecar(SENTENCES, ".nmea"),
    "stamped NMEA beside it": with_sidecar(STAMPED, ".gps"),
    "70mai": on_card,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_camera_says_where_it_was(kind: str, clip: Path, tmp_path: Path) -> None:
    recording = WRITERS[kind](clip, tmp_path / "recording.mp4")
    assert contents(recording).numbers == contents(clip).numbers  # it is a video still
    found = read_track(recording)
    assert found is not None
    for fix in FIXES:
        place = found.at(fix.time_s)
        assert place is not None
        assert (place.latitude_deg, place.longitude_deg) == pytest.approx((fix.latitude_deg, fix.longitude_deg), abs=1e-5)
        assert place.speed_mps == pytest.approx(25.0, rel=0.005)


@pytest.mark.parametrize("latitude", [-33.9, 64.1])
@pytest.mark.parametrize("longitude", [-151.2, 18.4])
def test_every_quarter_of_the_earth(latitude: float, longitude: float, clip: Path, tmp_path: Path) -> None:
    fixes = cameras.drive_north_east(SECONDS, latitude=latitude, longitude=longitude)
    for writer in (cameras.viofo, cameras.blackvue, cameras.subtitled, cameras.gopro):
        found = read_track(writer(clip, tmp_path / f"{writer.__name__}.mp4", fixes))
        assert found is not None
        first = next(iter(found))
        assert (first.latitude_deg, first.longitude_deg) == pytest.approx((latitude, longitude), abs=2e-5)


def test_blocks_have_the_time_of_the_picture_beside_them(clip: Path, tmp_path: Path) -> None:
    # Two of them have no fix, and one a second is not what this camera does: the samples say when.
    found = read_track(
        cameras.viofo(clip, tmp_path / "v.mp4", [None, *cameras.drive_north_east(7)[1:7], None, *cameras.drive_north_east(10)[8:]])
    )
    assert found is not None
    assert found.points[:, 0] == pytest.approx([0.52, 1.0, 1.52, 2.0, 2.52, 3.0, 4.0, 4.52], abs=0.05)


def test_blocks_that_lie_together_are_spread(clip: Path, tmp_path: Path) -> None:
    data = clip.read_bytes()
    top = dict(cameras.split(data))
    moov = cameras.box(b"moov", top[b"moov"])
    assert data.endswith(moov)
    blocks, listed = b"", b""
    for fix in FIXES:
        block = cameras.novatek_block(fix)
        listed += struct.pack(">II", len(data) - len(moov) + len(blocks), len(block))
        blocks += block
    path = tmp_path / "together.mp4"
    path.write_bytes(data[: -len(moov)] + blocks + cameras.box(b"moov", top[b"moov"] + cameras.box(b"gps ", bytes(8) + listed)))
    found = read_track(path)
    assert found is not None
    assert found.points[:, 0].tolist() == [0, 1, 2, 3, 4]


def test_a_receiver_without_a_fix_says_nothing(clip: Path, tmp_path: Path) -> None:
    assert read_track(cameras.viofo(clip, tmp_path / "v.mp4", [None] * 5)) is None
    assert read_track(cameras.gopro(clip, tmp_path / "g.mp4", FIXES, fixed=False)) is None
    assert read_track(cameras.gopro(clip, tmp_path / "h.mp4", FIXES, fixed=False, new=True)) is None
    assert parse_rmc(cameras.rmc(FIXES[0], valid=False), 0.0) is None
    assert read_track(clip) is None


def test_a_log_of_the_card_is_read_for_copies_too(clip: Path, tmp_path: Path) -> None:
    recording = on_card(clip, tmp_path / "x.mp4", depth=1)
    copy = recording.rename(recording.with_name("copy-0"))
    assert read_track(copy) is None
    assert read_track(copy, "NO20260314-102030-000002F.MP4") is not None


@pytest.mark.parametrize("kind", ["Novatek", "BlackVue", "GoPro, GPS5", "text"])
def test_damage_is_left_out_and_never_raises(kind: str, clip: Path, tmp_path: Path) -> None:
    recording = WRITERS[kind](clip, tmp_path / "recording.mp4")
    whole, chance = recording.read_bytes(), random.Random(0)
    for number in range(60):
        data = bytearray(whole)
        if number % 3:
            begin = chance.randrange(len(data))
            data[begin : begin + chance.randrange(1, 400)] = chance.randbytes(min(400, len(data) - begin))[: chance.randrange(1, 400)]
        else:
            del data[chance.randrange(len(data)) :]
        recording.write_bytes(data)
        found = read_track(recording)
        assert found is None or (abs(found.points[:, 1]) <= 90).all()


def test_a_false_checksum_is_damage() -> None:
    sentence = cameras.rmc(FIXES[0])
    assert parse_rmc(sentence, 1.0) is not None
    assert parse_rmc(sentence.replace(",45.0,", ",46.0,"), 1.0) is None
    assert parse_rmc(sentence.partition("*")[0], 1.0) is not None  # there need be none


@given(st.text())
def test_any_text_may_be_asked_for_sentences(text: str) -> None:
    parse_rmc(text, 0.0)
    stamped_fixes(text)
    stamped_fixes(f"[1773483630000]{text}")


@given(st.binary(max_size=200))
def test_any_bytes_may_be_telemetry(payload: bytes) -> None:
    assert all(isinstance(fix, Fix) for fix in gpmf_fixes(payload, 0.0, 1.0))
    Track.of(gpmf_fixes(payload, 0.0, 1.0))


@given(st.data())
def test_telemetry_with_other_bytes_in_it_is_read_or_left(data: st.DataObject) -> None:
    payload = bytearray(cameras.gpmf(FIXES, new=data.draw(st.booleans())))
    for _ in range(data.draw(st.integers(1, 8))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    Track.of(gpmf_fixes(bytes(payload), 0.0, 1.0))


def test_telemetry_that_is_nested_without_end_ends() -> None:
    payload = b""
    for _ in range(2000):
        payload = cameras.klv(b"DEVC", "\0", 1, payload[:60_000])
    assert gpmf_fixes(payload, 0.0, 1.0) == []


def hostile(content: bytes) -> bytes:
    return cameras.box(b"ftyp", b"isom") + content


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0\0\x01free\0",
        hostile(cameras.box(b"moov", cameras.box(b"gps ", b"\xff" * 4000))),  # blocks beyond the end
        hostile(cameras.box(b"moov", cameras.box(b"gps ", bytes(8) + struct.pack(">II", 0, 0xFFFFFFFF) * 500))),
        hostile(struct.pack(">I4sQ", 1, b"moov", 2**63) + bytes(50)),
        hostile(struct.pack(">I4s", 4, b"moov") + bytes(50)),
        hostile(cameras.box(b"free", cameras.box(b"gps ", b"[99999999999999]$GNRMC,,A,,,,,,,,*00\r\n" * 100))),
        hostile(b"\0\0\0\x08free" * 200_000),  # more boxes than there are
        hostile(cameras.box(b"moov", b"\0\0\0\x08free" * 200_000)),
    ],
)
def test_hostile_files_end(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "hostile.mp4"
    path.write_bytes(data)
    assert read_track(path) is None


def test_a_file_that_points_everywhere_costs_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lanes.dashcam.novatek.MOST_BLOCKS", 50)
    path = tmp_path / "many.mp4"
    path.write_bytes(hostile(cameras.box(b"moov", cameras.box(b"gps ", bytes(8) + struct.pack(">II", 0, 1000) * 500))))
    with path.open("rb") as file:
        assert novatek_fixes(file, (), None) == []
        assert boxes.find_box(file, (b"moov", b"gps ")) is not None
        assert boxes.find_box(file, ()) is None


def test_a_folder_a_pipe_and_nothing_are_no_track(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.nmea")
    assert read_track(tmp_path / "pipe.mp4") is None
    assert read_track(tmp_path) is None


def test_sentences_with_stamps_begin_with_the_recording() -> None:
    before = "[1773483627000]$GPRMC,,V,,,,,,,,,,N*53\n"  # the receiver looks for satellites still
    assert [fix.time_s for fix in stamped_fixes(STAMPED)] == [0, 1, 2, 3, 4]
    assert [fix.time_s for fix in stamped_fixes(before + STAMPED)] == [3, 4, 5, 6, 7]
