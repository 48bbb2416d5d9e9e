"""A drive's commit: one file with all its tables, which is there whole or not at all, until they are part of the large ones."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from lanes.archive.rows import Row
from lanes.archive.store import Store
from lanes.archive.tables import BY_DRIVE, DRIVES

FOLDER = "committed"
"""Where commits lie, `<drive>.zip`."""

ROWS_AT_ONCE = 4096
"""Rows that are kept in memory: as many of a drive of an hour as of one of a minute."""

OPTIONS = {"compression": "zstd", "write_statistics": True, "store_schema": True}
"""How every Parquet file of an archive is written."""

_EPOCH = (1980, 1, 1, 0, 0, 0)


class DriveWriter:
    """Writes a drive's tables into files of a folder as its rows come.

    Raises:
        OSError: they cannot be written, as on a full disk; from every method.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: dict[str, list[Row]] = {name: [] for name in BY_DRIVE}
        self._writers: dict[str, pq.ParquetWriter] = {
            name: pq.ParquetWriter(folder / f"{name}.parquet", schema, **OPTIONS) for name, schema in BY_DRIVE.items()
        }

    def add(self, table: str, rows: Sequence[Row]) -> None:
        """More rows of a table."""
        self._rows[table] += rows
        if len(self._rows[table]) >= ROWS_AT_ONCE:
            self._flush(table)

    def finish(self, drive: Row) -> Path:
        """Writes what is left, and all tables into one file, which is returned."""
        for table, writer in self._writers.items():
            self._flush(table)
            writer.close()
        pq.write_table(pa.Table.from_pylist([drive], DRIVES), self._folder / "drives.parquet", **OPTIONS)
        path = self._folder / "commit.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for table in (*BY_DRIVE, "drives"):
                with (
                    (self._folder / f"{table}.parquet").open("rb") as original,
                    archive.open(zipfile.ZipInfo(f"{table}.parquet", _EPOCH), "w", force_zip64=True) as member,
                ):
                    while block := original.read(1 << 20):
                        member.write(block)
        return path

    def close(self) -> None:
        """Lets go of the files. May be called more than once."""
        for writer in self._writers.values():
            if writer.is_open:
                writer.close()

    def _flush(self, table: str) -> None:
        rows, self._rows[table] = self._rows[table], []
        if rows:
            self._writers[table].write_table(pa.Table.from_pylist(rows, BY_DRIVE[table]))

    def __enter__(self) -> DriveWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def name_of(drive: str) -> str:
    """The name of a drive's commit in the store."""
    return f"{FOLDER}/{drive}.zip"


def committed(store: Store) -> list[str]:
    """The ids of the drives that are committed and not in the large tables yet, sorted."""
    return [name.removesuffix(".zip") for name in store.names(FOLDER) if name.endswith(".zip")]


def read_commit(file: BinaryIO, tables: Sequence[str]) -> dict[str, pa.Table]:
    """Some tables of a commit, by name. The file is closed."""
    with file, zipfile.ZipFile(file) as archive:
        return {table: pq.read_table(pa.BufferReader(archive.read(f"{table}.parquet"))) for table in tables}
