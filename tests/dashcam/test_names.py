"""Names of recordings, as the makers' cameras write them."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanes.dashcam.names import RecordingName, parse_name

NOON = datetime(2024, 2, 29, 12, 34, 56)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2024_0229_123456_000009F.MP4", RecordingName("Viofo", "front", NOON, 9, "")),
        ("2024_0229_123456_000009PR.MP4", RecordingName("Viofo", "rear", NOON, 9, "", "parking")),
        ("2024_0229_123456_009.MP4", RecordingName("Viofo", "front", NOON, 9, "")),
        ("20240229123456_000009A.ts", RecordingName("Viofo", "front", NOON, 9, "")),
        ("20240229123456_000009I.MP4", RecordingName("Viofo", "interior", NOON, 9, "")),
        ("20240229_123456_NF.mp4", RecordingName("BlackVue", "front", NOON, None, "")),
        ("20240229_123456_ER.mp4", RecordingName("BlackVue", "rear", NOON, None, "")),  # its events are pieces of the drive
        ("20240229_123456_PF.mp4", RecordingName("BlackVue", "front", NOON, None, "", "parking")),
        ("20240229_123456_NFL.mp4", RecordingName("BlackVue", "front", NOON, None, "", copy=True)),
        ("NO20240229-123456-000031F.MP4", RecordingName("70mai", "front", NOON, 31, "")),
        ("NO20240229-123456-000031.MP4", RecordingName("70mai", "front", NOON, 31, "")),
        ("EV20240229-123456-000031B.MP4", RecordingName("70mai", "rear", NOON, 31, "", "event")),
        ("240229_123456_001_FH.MP4", RecordingName("Nextbase", "front", NOON, 1, "")),
        ("240229_123456_001_RL.MP4", RecordingName("Nextbase", "rear", NOON, 1, "", copy=True)),
        ("240229_123456_001.MOV", RecordingName("Nextbase", "front", NOON, 1, "")),
        ("REC_2024_02_29_12_34_56_F.MP4", RecordingName("Thinkware", "front", NOON, None, "")),
        ("EVT_2024_02_29_12_34_56_R.MP4", RecordingName("Thinkware", "rear", NOON, None, "", "event")),
        ("2024-02-29_12-34-56-front.mp4", RecordingName("Tesla", "front", NOON, None, "")),
        ("2024-02-29_12-34-56-back.mp4", RecordingName("Tesla", "rear", NOON, None, "")),
        ("2024-02-29_12-34-56-left_repeater.mp4", RecordingName("Tesla", "left_repeater", NOON, None, "")),
        ("20240229_123456_0001_N_A.MP4", RecordingName("Vantrue", "front", NOON, 1, "")),
        ("20240229_123456_0001_E_B.MP4", RecordingName("Vantrue", "rear", NOON, 1, "", "event")),
        ("FILE240229-123456F.MP4", RecordingName("Mio", "front", NOON, None, "")),
        ("GRMN0012.MP4", RecordingName("Garmin", "front", None, 12, "")),
        ("GX020042.MP4", RecordingName("GoPro", "front", None, 2, "gx0042")),
        ("GH010042.mp4", RecordingName("GoPro", "front", None, 1, "gh0042")),
        ("GOPR0042.MP4", RecordingName("GoPro", "front", None, 0, "gp0042")),
        ("GP010042.MP4", RecordingName("GoPro", "front", None, 1, "gp0042")),
    ],
)
def test_the_makers_names(name: str, expected: RecordingName) -> None:
    assert parse_name(name) == expected
    assert parse_name(name.lower()) == expected


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "clip.mp4",
        "holiday 2024.mp4",
        "VID_20240229_123456.mp4",  # a telephone, which cuts nothing
        "2024_0230_123456_000009F.MP4",  # there is no such day
        "20240229_250000_NF.mp4",
        "NO20240229-123456-000031X.MP4",
        "x2024-02-29_12-34-56-front.mp4",
        "2024-02-29_12-34-56-front.mp4.mp4",
        "２０２４-02-29_12-34-56-front.mp4",  # noqa: RUF001 - digits, but not those of a camera
    ],
)
def test_other_names_say_nothing(name: str) -> None:
    assert parse_name(name) is None


@given(st.text())
def test_whatever_a_file_is_called_it_can_be_asked(name: str) -> None:
    parse_name(name)
