"""The drives that an archive's page lists, as small as they can be: a page of ten thousand is a megabyte or two."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa

from lanes.archive.pictures import STRIP, still_name
from lanes.archive.store import Store
from lanes.archive.videos import OVERLAY, clip_name
from lanes.cli.streams import printable

MOST_LISTED = 20_000
"""Drives on the page: 4 MB. Of more, the latest are listed, and those with the most departures."""

MOST_DEPARTURES = 12
"""Of one drive that are listed; how many there are is said."""

LONGEST_NAME = 120
"""Letters of a name."""

_AT_ONCE = 16

_TURNING = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
"""Marks that change the direction of what follows: a name could be read as another one."""


def choose(drives: pa.Table) -> pa.Table:
    """The drives to be listed, the latest first; those without a time last."""
    order = [("started_at", "descending"), ("name", "ascending"), ("drive", "ascending")]
    if len(drives) > MOST_LISTED:
        most = drives.sort_by([("departures", "descending"), ("drive", "ascending")]).slice(0, MOST_LISTED // 4)
        chosen = set(most["drive"].to_pylist())
        latest = [drive not in chosen for drive in drives.sort_by(order)["drive"].to_pylist()]
        drives = pa.concat_tables([most, drives.sort_by(order).filter(pa.array(latest)).slice(0, MOST_LISTED - len(most))])
    return drives.sort_by(order).combine_chunks()


def files_of(store: Store, drives: Sequence[str]) -> dict[str, set[str]]:
    """Names of the files that are kept of each drive."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(drives, map(set, pool.map(lambda drive: store.names(f"drives/{drive}"), drives)), strict=True))


def listed(drives: pa.Table, departures: pa.Table, files: Mapping[str, set[str]]) -> list[list[Any]]:
    """A row a drive for the page's script: id, name, folder, number of files, beginning in seconds (as if the camera's clock were UTC),
    seconds, metres, per cent of time in which the lane is seen, number of departures, some of them, whether there is a strip and a video.

    A departure: seconds from the beginning, `l` or `r`, how long it lasts, 1 for a still and 2 more for a clip, and its number.
    """
    wanted = set(drives["drive"].to_pylist())
    by_drive: dict[str, list[list[Any]]] = defaultdict(list)
    columns = departures.select(["drive", "departure", "side", "time_s", "duration_s"]).to_pydict()
    for drive, number, side, time, duration in zip(*columns.values(), strict=True):
        if drive in wanted and len(by_drive[drive]) < MOST_DEPARTURES:
            kept = files.get(drive, ())
            pictures = (still_name(number) in kept) + 2 * (clip_name(number) in kept)
            by_drive[drive].append([round(time, 1), side[0], round(duration, 1), pictures, number])
    rows = []
    for row in drives.to_pylist():
        kept = files.get(row["drive"], set())
        folder = "/".join(row["files"][0].replace("\\", "/").split("/")[-3:-1]) if row["files"] else ""
        start, metres = row["started_at"], row["distance_m"]
        rows.append(
            [
                row["drive"],
                shown(row["name"]),
                shown(folder),
                len(row["files"]),
                None if start is None else round((np.datetime64(start) - np.datetime64(0, "s")) / np.timedelta64(1, "s")),
                round(row["duration_s"], 1),
                None if metres is None else round(metres),
                round(100 * row["seen"]),
                row["departures"],
                by_drive[row["drive"]],
                int(STRIP in kept),
                int(OVERLAY in kept),
            ]
        )
    return rows


def shown(name: str) -> str:
    """A name in one line, without what a terminal or a page would obey, and not too long."""
    name = _TURNING.sub(lambda found: f"\\u{ord(found[0]):04x}", printable(name))
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME // 2]}\N{HORIZONTAL ELLIPSIS}{name[-LONGEST_NAME // 2 :]}"


def script_data(value: object, encode: Callable[..., str] = json.dumps) -> str:
    """JSON that can stand in a page's script element, whatever is in it: nothing in it ends the element or begins another."""
    text = encode(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
