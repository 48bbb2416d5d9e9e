"""What a recording's file name says: the camera's maker, which of its lenses, when it began, and its place in a series."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal["normal", "event", "parking"]

FRONT = "front"

_LETTERS: Mapping[str, str] = {
    "": FRONT, "F": FRONT, "R": "rear", "B": "rear", "I": "interior", "O": "optional", "T": "telephoto", "L": "left", "S": "side",
}  # fmt: skip
_VANTRUE: Mapping[str, str] = {"": FRONT, "A": FRONT, "B": "rear", "C": "interior", "D": "side"}
_EVENTS: Mapping[str, Kind] = {
    "EV": "event", "EVT": "event", "E": "event", "MAN": "event", "M": "event", "EMR": "event", "EMER": "event",
    "PA": "parking", "PARK": "parking", "P": "parking", "MOT": "parking", "PRK": "parking",
}  # fmt: skip

_DATE = r"(?P<date>(?:19|20)\d{6})"
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (maker, re.compile(pattern, re.IGNORECASE | re.ASCII))
    for maker, pattern in (
        # 2021_0109_161626_000009F, 2021_0109_161626_009, 20210109161626_000009A; PF is the front in parking mode
        ("Viofo", r"(?P<date>20\d\d_\d{4})_(?P<time>\d{6})_(?P<number>\d{3,6})(?P<kind>P?)(?P<lens>[FRIT]?)"),
        ("Viofo", _DATE + r"(?P<time>\d{6})_(?P<number>\d{6})(?P<kind>P?)(?:A|(?P<lens>[FRIT]))"),
        # 20200101_120000_NF; the fourth letter names the small copy for the telephone
        ("BlackVue", _DATE + r"_(?P<time>\d{6})_(?P<kind>[A-Z])(?P<lens>[FRIO]?)(?P<copy>[LS]?)"),
        # NO20200101-120000-000001F, B for the rear
        ("70mai", r"(?P<kind>NO|EV|PA|LA|TL)" + _DATE + r"-(?P<time>\d{6})-(?P<number>\d{6})(?P<lens>[FBI]?)"),
        # 240915_143027_001_FH, quality H or L
        ("Nextbase", r"(?P<date>\d{6})_(?P<time>\d{6})_(?P<number>\d{3})(?:_(?P<lens>[FRI])(?P<copy>[HL]?))?"),
        # REC_2020_01_01_12_00_00_F
        ("Thinkware", r"(?P<kind>REC|EVT|MAN|PARK|MOT|TL)_(?P<date>20\d\d_\d\d_\d\d)_(?P<time>\d\d_\d\d_\d\d)_(?P<lens>[FRI])"),
        # 2024-08-19_19-06-18-front
        ("Tesla", r"(?P<date>20\d\d-\d\d-\d\d)_(?P<time>\d\d-\d\d-\d\d)-(?P<name>front|back|(?:left|right)_(?:repeater|pillar))"),
        # 20200101_120000_0001_N_A
        ("Vantrue", _DATE + r"_(?P<time>\d{6})_(?P<number>\d{4})_(?P<kind>[NEP])_(?P<vantrue>[ABCD])"),
        # FILE210529-101326F, EMER210529-101326F
        ("Mio", r"(?P<kind>FILE|EMER|PRK|EVT)(?P<date>\d{6})-(?P<time>\d{6})(?P<lens>[FR]?)"),
        # GRMN0012: numbers alone, the time is in the file
        ("Garmin", r"GRMN(?P<number>\d{4})"),
        # GX020042: chapter 2 of recording 42; before the Hero 6 GOPR0042, GP010042, GP020042
        ("GoPro", r"(?P<series>G[HX](?P<chapter>\d\d)(?P<file>\d{4}))"),
        ("GoPro", r"(?P<series>(?:GOPR|GP(?P<chapter>\d\d))(?P<file>\d{4}))"),
    )
)


@dataclass(frozen=True, slots=True)
class RecordingName:
    """A recording by its name.

    Attributes:
        maker: whose pattern the name fits.
        lens: `front`, `rear`, `interior`, `left_repeater` and so on; `front` where the name says nothing.
        start: when it began, by the camera's own clock, which knows no time zone; None where the name has no time.
        number: its place in the camera's count, or the chapter of a recording; None where the name has none.
        series: what only recordings that follow one another can have in common: the kind, the count's own name; lower case.
        kind: what made the camera record. An event of some makers is a copy of what is in a normal recording too.
        copy: it is a small copy of another recording.
    """

    maker: str
    lens: str
    start: datetime | None
    number: int | None
    series: str
    kind: Kind = "normal"
    copy: bool = False


def parse_name(name: str) -> RecordingName | None:
    """What a file name says, with or without its suffix; None where it fits no pattern, or names a time that there is not."""
    stem = name.rpartition(".")[0] or name
    for maker, pattern in _PATTERNS:
        if found := pattern.fullmatch(stem):
            groups = found.groupdict(default="")
            start = _start(groups)
            if start is None and "date" in groups:
                continue
            return _made(maker, groups, start)
    return None


def _made(maker: str, groups: Mapping[str, str], start: datetime | None) -> RecordingName:
    kind = _EVENTS.get(groups.get("kind", "").upper(), "normal")
    if maker == "BlackVue" and kind == "event":
        kind = "normal"  # its events are pieces of the drive, not copies
    lens = groups.get("name", "").lower().replace("front", FRONT).replace("back", "rear")
    lens = lens or (_VANTRUE[groups["vantrue"].upper()] if "vantrue" in groups else _LETTERS[groups.get("lens", "").upper()])
    number = groups.get("chapter" if "file" in groups else "number", "")
    # The four digits of a GoPro name the recording, and the letters before them its coding.
    series = f"{groups['series'][:2].lower().replace('go', 'gp')}{groups['file']}" if "file" in groups else ""
    chapter = int(number) if number else 0 if "file" in groups else None
    copy = groups.get("copy", "").upper() in {"BlackVue": ("L", "S"), "Nextbase": ("L",)}.get(maker, ())
    return RecordingName(maker, lens, start, chapter, series, kind, copy)


def _start(groups: Mapping[str, str]) -> datetime | None:
    date, time = (re.sub(r"\D", "", groups.get(key, "")) for key in ("date", "time"))
    if len(date) == 6:
        date = f"20{date}"
    try:
        return datetime.strptime(f"{date}{time}", "%Y%m%d%H%M%S")
    except ValueError:
        return None
