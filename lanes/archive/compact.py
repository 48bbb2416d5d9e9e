"""Compaction: the commits of single drives into few files a table, and the manifest of them all.

The files are a function of the drives alone: parts by the first digits of the id, in each the drives by id. So a run that was broken off
and taken up again ends with the bytes of one that was not. Each part is replaced at once; commits are removed when the manifest, written
last, names their drives. Whatever is cut short is done by the next run, from the commits and the parts that are there.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lanes.archive.commit import OPTIONS, committed, name_of, read_commit
from lanes.archive.store import Store
from lanes.archive.tables import BY_DRIVE, DRIVES
from lanes.archive.work import PartTask

MANIFEST = "drives.parquet"

FRAMES_A_PART = 4_000_000
"""Frames from which on the parts are split: some 500 MB of `lanes`, the largest table."""

ROWS_A_GROUP = 65_536
"""Rows from which on a row group ends, at the end of a drive."""

READ_AT_ONCE, ROWS_READ = 16, 1024
"""Commits that are read at the same time, an object store being slow to answer, and so many at a time."""

_ROWS = b"lanestream"
"""Key of a part's own metadata: the rows of each of its drives."""


class Compaction:
    """One compaction. While it lasts, the caller holds the store's lock.

    Attributes:
        tasks: the parts to be written, by `write_part`, in any order and by anybody; all before `finish`.
        drives: how many the tables have then.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._fresh = committed(store)
        self._manifest = _read_manifest(store)
        known = set(self._manifest["drive"].to_pylist())
        rows = list(_rows_of(store, [drive for drive in self._fresh if drive not in known]))
        self._changed = bool(rows)
        self._manifest = pa.concat_tables([self._manifest, *rows]).sort_by("drive").combine_chunks().cast(DRIVES)
        self.drives = len(self._manifest)
        self._digits = digits_for(pc.sum(self._manifest["frames"]).as_py() or 0)
        fresh = {prefix: tuple(group) for prefix, group in groupby(self._fresh, key=self._prefix)}
        self._prefixes = {prefix for prefix, _ in groupby(self._manifest["drive"].to_pylist(), key=self._prefix)}
        present = {table: set(store.names(table)) for table in BY_DRIVE}
        missing = {prefix for prefix in self._prefixes if any(_part_name(prefix) not in names for names in present.values())}
        self.tasks = [PartTask(prefix, fresh.get(prefix, ())) for prefix in sorted(missing | fresh.keys())]

    def finish(self, folder: Path) -> None:
        """Makes the tables those of the new parts alone, then writes the manifest and removes the commits that it covers.

        Args:
            folder: of this machine, for a file under way.

        Raises:
            OutputError: a file cannot be written; nothing is lost.
        """
        store = self._store
        names = {_part_name(prefix) for prefix in self._prefixes}
        for table in BY_DRIVE:
            for name in store.names(table):
                if name.endswith(".parquet") and name not in names:
                    store.delete(f"{table}/{name}")
        if self._changed or not store.exists(MANIFEST):
            path = folder / MANIFEST
            pq.write_table(self._manifest, path, row_group_size=ROWS_A_GROUP, **OPTIONS)
            store.write(MANIFEST, path)
        for drive in self._fresh:
            store.delete(name_of(drive))

    def _prefix(self, drive: str) -> str:
        return drive[: self._digits]


def write_part(store: Store, task: PartTask, folder: Path) -> None:
    """Writes a part of every table, from the parts that have its drives so far and the commits.

    Args:
        folder: of this machine, an empty one, for files under way.

    Raises:
        OutputError: a file cannot be written.
    """
    commits = store.copies([name_of(drive) for drive in task.fresh], folder)
    path = folder / "part.parquet"
    for table, schema in BY_DRIVE.items():
        streams: list[Iterable[tuple[str, pa.Table]]] = [
            _drives_of(store, f"{table}/{name}", task.prefix) for name in store.names(table) if _overlaps(name, task.prefix)
        ]
        streams.append((drive, read_commit(commit.open("rb"), [table])[table]) for drive, commit in zip(task.fresh, commits, strict=True))
        _write(path, schema, heapq.merge(*streams, key=lambda item: item[0]))
        store.write(f"{table}/{_part_name(task.prefix)}", path)


def manifest_ids(store: Store) -> set[str]:
    """The ids of the drives in the tables."""
    return set(_read_manifest(store, ["drive"])["drive"].to_pylist())


def digits_for(frames: int) -> int:
    """By how many digits of the id the drives are divided into parts."""
    digits = 0
    while frames > FRAMES_A_PART * 16**digits:
        digits += 1
    return digits


def _rows_of(store: Store, drives: Sequence[str]) -> Iterator[pa.Table]:
    """The rows of the manifest of committed drives, in tables of many."""
    with ThreadPoolExecutor(READ_AT_ONCE) as pool:
        for begin in range(0, len(drives), ROWS_READ):
            some = drives[begin : begin + ROWS_READ]
            tables = pool.map(lambda drive: read_commit(store.open(name_of(drive)), ["drives"])["drives"], some)
            yield pa.concat_tables(tables).combine_chunks().cast(DRIVES)


def _read_manifest(store: Store, columns: Sequence[str] = tuple(DRIVES.names)) -> pa.Table:
    if not store.exists(MANIFEST):
        return DRIVES.empty_table().select(list(columns))
    with store.open(MANIFEST) as file:
        return pq.read_table(file, columns=list(columns)).cast(pa.schema([DRIVES.field(name) for name in columns]))


def _overlaps(name: str, prefix: str) -> bool:
    """Whether a part may hold drives of this prefix: that of a part is a beginning of it, or it of the part's."""
    if not name.endswith(".parquet"):
        return False
    other = name.removesuffix(".parquet").removeprefix("part").removeprefix("-")
    return prefix.startswith(other) or other.startswith(prefix)


def _part_name(prefix: str) -> str:
    return f"part-{prefix}.parquet" if prefix else "part.parquet"


def _write(path: Path, schema: pa.Schema, drives: Iterable[tuple[str, pa.Table]]) -> None:
    """Writes a part: each drive once, the rows of several in one row group."""
    rows: dict[str, int] = {}
    waiting: list[pa.Table] = []
    with pq.ParquetWriter(path, schema, **OPTIONS) as writer:

        def flush() -> None:
            if sum(map(len, waiting)):
                writer.write_table(pa.concat_tables(waiting).combine_chunks(), row_group_size=1 << 26)
            waiting.clear()

        for drive, table in drives:
            if drive in rows:  # in a part and among the commits: a compaction was cut short
                continue
            rows[drive] = len(table)
            waiting.append(table.cast(schema))
            if sum(map(len, waiting)) >= ROWS_A_GROUP:
                flush()
        flush()
        writer.add_key_value_metadata({_ROWS: json.dumps(rows)})


def _drives_of(store: Store, name: str, prefix: str) -> Iterator[tuple[str, pa.Table]]:
    """The drives of a part whose ids begin so, each with its rows, in order."""
    with store.open(name) as file:
        parquet = pq.ParquetFile(file)
        groups = (parquet.read_row_group(index) for index in range(parquet.num_row_groups))
        rest = parquet.schema_arrow.empty_table()
        for drive, count in json.loads(parquet.metadata.metadata[_ROWS]).items():
            if count and not len(rest):
                rest = next(groups)
            rows, rest = rest.slice(0, count), rest.slice(count)
            if drive.startswith(prefix):
                yield drive, rows
