"""Summary: the figures of an archive's page, out of its tables alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lanes.archive.store import Store
from lanes.archive.tables import BY_DRIVE, DRIVES

HOUR_S = 3600.0

BINS = 10
"""Of the shares of time in which the lane is seen."""


@dataclass(frozen=True)
class Summary:
    """What all drives together come to.

    Attributes:
        drives, frames: how many. with_track: drives with positions. files: of all drives.
        seconds: of video. metres: driven, where there are positions; tracked_seconds: the time of those drives.
        first, last: the earliest and the latest beginning, by the cameras' own clocks; None where none is known.
        seen: share of time in which paint of both boundaries of the ego lane is seen.
        departures: how many, in all; tracked_departures: in drives with positions.
        departures_by_hour: (24, 2) to the left and to the right, by the hour of the camera's clock; those of drives without a time are
            in none.
        seconds_by_hour: (24,) driven in each hour.
        seconds_by_seen: (BINS,) of drives by their share `seen`, from 0 upward.
        untimed: drives of which no time is known.
    """

    drives: int
    frames: int
    with_track: int
    files: int
    seconds: float
    metres: float
    tracked_seconds: float
    first: Any
    last: Any
    seen: float
    departures: int
    tracked_departures: int
    departures_by_hour: NDArray[np.int64]
    seconds_by_hour: NDArray[np.float64]
    seconds_by_seen: NDArray[np.float64]
    untimed: int


def read_drives(store: Store) -> pa.Table:
    """The manifest; without rows where there is none yet."""
    if not store.exists("drives.parquet"):
        return DRIVES.empty_table()
    with store.open("drives.parquet") as file:
        return pq.read_table(file)


def read_parts(store: Store, table: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Some columns of a table, row group by row group."""
    for name in store.names(table):
        if name.endswith(".parquet"):
            with store.open(f"{table}/{name}") as file:
                parquet = pq.ParquetFile(file)
                for index in range(parquet.num_row_groups):
                    yield parquet.read_row_group(index, columns=list(columns))


def read_departures(store: Store) -> pa.Table:
    """All departures."""
    schema = BY_DRIVE["departures"]
    return pa.concat_tables([schema.empty_table(), *read_parts(store, "departures", schema.names)])


def undecided(store: Store) -> dict[str, float]:
    """Share of all frames in which no departure can be told, by the reason, the most frequent first."""
    counts: Counter[str] = Counter()
    frames = 0
    for name in store.names("frames"):
        if name.endswith(".parquet"):
            with store.open(f"frames/{name}") as file:
                parquet = pq.ParquetFile(file, read_dictionary=["departure_why"])
                for index in range(parquet.num_row_groups):
                    column = parquet.read_row_group(index, columns=["departure_why"])["departure_why"]
                    frames += len(column)
                    for each in pc.value_counts(column).to_pylist():
                        counts[each["values"] or ""] += each["counts"]
    del counts[""]
    return {reason: count / frames for reason, count in counts.most_common()}


def summarise(drives: pa.Table, departures: pa.Table) -> Summary:
    """The figures of these drives and departures."""
    seconds, seen = _floats(drives, "duration_s"), _floats(drives, "seen")
    metres, tracked = np.nan_to_num(_floats(drives, "distance_m")), _floats(drives, "positions") > 0
    total = float(seconds.sum())
    starts = drives["started_at"].drop_null()
    known = pc.is_valid(drives["started_at"]).to_numpy()
    by_seen, _ = np.histogram(seen, BINS, (0.0, 1.0), weights=seconds)
    span = pc.min_max(starts).as_py() if len(starts) else {"min": None, "max": None}
    return Summary(
        drives=len(drives),
        frames=int(pc.sum(drives["frames"]).as_py() or 0),
        with_track=int(tracked.sum()),
        files=int(pc.sum(pc.list_value_length(drives["files"])).as_py() or 0),
        seconds=total,
        metres=float(metres.sum()),
        tracked_seconds=float(seconds[tracked].sum()),
        first=span["min"],
        last=span["max"],
        seen=float((seen * seconds).sum() / total) if total else 0.0,
        departures=int(pc.sum(drives["departures"]).as_py() or 0),
        tracked_departures=int(_floats(drives, "departures")[tracked].sum()),
        departures_by_hour=_departures_by_hour(drives, departures),
        seconds_by_hour=_seconds_by_hour(starts, seconds[known]),
        seconds_by_seen=by_seen,
        untimed=int((~known).sum()),
    )


def _departures_by_hour(drives: pa.Table, departures: pa.Table) -> NDArray[np.int64]:
    """(24, 2) by the time at which each begins: when its drive did, and how far into it that is."""
    starts = drives.select(["drive", "started_at"]).rename_columns(["drive", "begun"])
    joined = departures.select(["drive", "time_s", "side"]).join(starts, "drive").combine_chunks()
    joined = joined.filter(pc.is_valid(joined["begun"]))
    found = np.zeros((24, 2), np.int64)
    times = _second_of_day(joined["begun"]) + _floats(joined, "time_s")
    right = pc.equal(joined["side"], "right").to_numpy()
    np.add.at(found, ((times // HOUR_S).astype(int) % 24, right.astype(int)), 1)
    return found


def _seconds_by_hour(starts: pa.ChunkedArray, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """(24,) of each drive, the part in every hour that it touches."""
    found = np.zeros(24)
    begin = _second_of_day(starts)
    end = begin + seconds
    hour = begin // HOUR_S
    while (left := hour * HOUR_S < end).any():
        part = np.minimum(end, (hour + 1) * HOUR_S) - np.maximum(begin, hour * HOUR_S)
        np.add.at(found, (hour[left] % 24).astype(int), part[left])
        hour = hour + 1
    return found


def _second_of_day(times: pa.ChunkedArray) -> NDArray[np.float64]:
    milliseconds = times.cast(pa.int64()).to_numpy() if len(times) else np.zeros(0)
    return np.asarray(milliseconds % 86_400_000, np.float64) / 1000


def _floats(table: pa.Table, column: str) -> NDArray[np.float64]:
    return np.asarray(table[column].cast(pa.float64()).to_numpy(), np.float64)
