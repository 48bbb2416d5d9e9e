"""What stands in an archive's page, from its tables and the pictures beside them."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lanes.archive.folder import SETTINGS, quarantined
from lanes.archive.listed import choose, files_of, listed, script_data, shown
from lanes.archive.pictures import UNSEEN, still_name
from lanes.archive.store import Store
from lanes.archive.summary import Summary, read_departures, read_drives, read_parts, summarise, undecided
from lanes.archive.track_map import Points, make_maps
from lanes.archive.videos import clip_name
from lanes.html.page import render

MOST_MAPS = 4
WORST_DEPARTURES, WORST_OF_A_DRIVE, WORST_UNSEEN = 12, 2, 6
"""Pictures in the page, and those of one drive among the departures."""

TOP_DRIVES = 10
"""With the most departures."""

MOST_CAUSES, FILES_OF_A_CAUSE = 30, 5

MOST_POINTS = 400
"""Of a track that are looked at for the map: one every few seconds of a long drive."""

MOST_TRACKS = 10_000


def make_page(store: Store) -> str:
    """The page as HTML, complete in itself but for the strips of thumbnails and the videos, which it links to.

    Raises:
        InputError: Jinja2 is not installed.
    """
    everything, departures = read_drives(store), read_departures(store)
    drives = choose(everything)
    ids = drives["drive"].to_pylist()
    files = files_of(store, ids)
    tracks = _tracks(store, set(drives.filter(pc.greater(drives["positions"], 0))["drive"].to_pylist()))
    summary = summarise(everything, departures)
    rows = listed(drives, departures, files)
    return render(
        "archive/index.html.j2",
        title="Archive of drives",
        summary=summary,
        tiles=_tiles(summary),
        undecided=undecided(store),
        hours=_hours(summary),
        seen=[(100 * index // len(summary.seconds_by_seen), value) for index, value in enumerate(summary.seconds_by_seen.tolist())],
        most_seen=float(summary.seconds_by_seen.max(initial=0.0)) or 1.0,
        top=sorted((row for row in rows if row[8]), key=lambda row: (-row[8], row[0]))[:TOP_DRIVES],
        maps=make_maps(tracks, _places(departures), MOST_MAPS),
        tracked=len(tracks),
        worst=_worst(store, departures, files, {row[0]: row[1] for row in rows}),
        unseen=_unseen(store, drives, files),
        causes=_causes(store),
        settings=_settings(store),
        data=script_data(rows),
        listed=len(rows),
        place=store.place if "://" in store.place else "DIR",
    )


def _tiles(summary: Summary) -> list[tuple[str, str, str]]:
    """Figure, unit and a remark of the large numbers at the top."""
    hours = summary.seconds / 3600
    kilometres = summary.metres / 1000
    rates = []
    if hours and summary.departures:
        rates.append(f"{summary.departures / hours:.1f} an hour")
    if kilometres >= 1 and summary.departures:
        rates.append(f"{100 * summary.tracked_departures / kilometres:.1f} in 100 km with GPS")
    with_gps = f"in {summary.with_track:,} of {summary.drives:,} drives, which have GPS" if summary.with_track else "no drive has GPS"
    return [
        (f"{summary.drives:,}", "drive" if summary.drives == 1 else "drives", f"{summary.files:,} files"),
        (_figure(hours), "hours", f"{summary.frames:,} frames"),
        (_figure(kilometres) if summary.with_track else "\N{EN DASH}", "km", with_gps),
        (f"{summary.departures:,}", "departure" if summary.departures == 1 else "departures", ", ".join(rates)),
        (f"{100 * summary.seen:.0f} %", "of the time", "both boundaries of the lane are seen"),
    ]


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def _hours(summary: Summary) -> dict[str, Any]:
    """The two charts by the hour of the day: departures to either side, and hours driven; heights in per cent."""
    counts, driven = summary.departures_by_hour, summary.seconds_by_hour / 3600
    most, longest = max(int(counts.sum(axis=1).max()), 1), max(float(driven.max()), 1e-9)
    columns = [
        {
            "hour": hour,
            "left": int(counts[hour, 0]),
            "right": int(counts[hour, 1]),
            "left_height": round(100 * int(counts[hour, 0]) / most, 2),
            "right_height": round(100 * int(counts[hour, 1]) / most, 2),
            "driven": _figure(float(driven[hour])) if driven[hour] else "0",
            "driven_height": round(100 * float(driven[hour]) / longest, 2),
            "rate": f"{counts[hour].sum() / driven[hour]:.1f} an hour" if driven[hour] > 1 / 60 else "",
        }
        for hour in range(24)
    ]
    return {"columns": columns, "most": most, "longest": _figure(longest), "any": bool(driven.any())}


def _tracks(store: Store, wanted: set[str]) -> dict[str, Points]:
    """The positions of drives, by id, thinned out where there are many."""
    found: dict[str, list[Points]] = {}
    for rows in read_parts(store, "tracks", ["drive", "latitude", "longitude"]):
        rows = rows.combine_chunks()
        if not len(rows):
            continue
        names = rows["drive"].to_numpy(zero_copy_only=False)
        points = np.stack([np.asarray(rows[column].to_numpy(), np.float64) for column in ("latitude", "longitude")], axis=1)
        for index in np.split(np.arange(len(names)), np.flatnonzero(names[1:] != names[:-1]) + 1):
            drive = str(names[index[0]])
            if drive in wanted and (drive in found or len(found) < MOST_TRACKS):
                own = points[index]
                found.setdefault(drive, []).append(own[np.isfinite(own).all(axis=1)])
    joined = {drive: np.concatenate(parts) for drive, parts in found.items()}
    return {drive: points[:: -(-len(points) // MOST_POINTS)] for drive, points in joined.items() if len(points)}


def _places(departures: pa.Table) -> list[tuple[str, float, float]]:
    columns = (departures[name].to_pylist() for name in ("drive", "latitude", "longitude"))
    return [(drive, latitude, longitude) for drive, latitude, longitude in zip(*columns, strict=True) if None not in (latitude, longitude)]


def _worst(store: Store, departures: pa.Table, files: Mapping[str, set[str]], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """The departures that went furthest, or lasted longest where metres are not known."""
    rows = departures.select(["drive", "departure", "side", "time_s", "duration_s", "offset_m", "speed_mps"]).to_pylist()
    rows.sort(key=lambda row: (-abs(row["offset_m"] or 0.0), -row["duration_s"], row["drive"], row["departure"]))
    chosen: list[dict[str, Any]] = []
    of_drive: Counter[str] = Counter()
    for row in rows:
        drive, picture = row["drive"], still_name(row["departure"])
        if drive not in names or picture not in files.get(drive, ()) or of_drive[drive] == WORST_OF_A_DRIVE:
            continue
        of_drive[drive] += 1
        clip = clip_name(row["departure"])
        chosen.append(
            row | {"picture": _picture(store, drive, picture), "name": names[drive], "clip": clip if clip in files[drive] else None}
        )
        if len(chosen) == WORST_DEPARTURES:
            break
    return chosen


def _unseen(store: Store, drives: pa.Table, files: Mapping[str, set[str]]) -> list[dict[str, Any]]:
    """The drives whose lanes were seen least, each where they were not seen for longest."""
    rows = drives.select(["drive", "name", "seen", "duration_s"]).sort_by([("seen", "ascending"), ("drive", "ascending")]).to_pylist()
    found = [row for row in rows if UNSEEN in files.get(row["drive"], ())][:WORST_UNSEEN]
    return [row | {"picture": _picture(store, row["drive"], UNSEEN), "name": shown(row["name"])} for row in found]


def _picture(store: Store, drive: str, name: str) -> str:
    return base64.b64encode(store.read(f"drives/{drive}/{name}")).decode()


def _causes(store: Store) -> list[tuple[str, int, Sequence[str]]]:
    """Why drives are in quarantine: each cause with how many there are, and some of their files."""
    files: dict[str, list[str]] = {}
    for entry in quarantined(store).values():
        files.setdefault(shown(entry.cause), []).append(shown(entry.files[0]) if entry.files else "")
    ordered = sorted(files.items(), key=lambda item: (-len(item[1]), item[0]))
    return [(cause, len(paths), sorted(paths)[:FILES_OF_A_CAUSE]) for cause, paths in ordered[:MOST_CAUSES]]


def _settings(store: Store) -> list[tuple[str, str]]:
    """What the drives were processed with."""
    try:
        found = json.loads(store.read(SETTINGS))
    except (FileNotFoundError, ValueError):
        return []
    return [(str(name), shown(str(value))) for name, value in found.items() if value is not None] if isinstance(found, dict) else []
