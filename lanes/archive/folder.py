"""What stands in an archive's folder beside the tables: its settings, what could not be processed, and which files have been seen."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lanes.archive.drive import Drive
from lanes.archive.store import Store
from lanes.errors import InputError

SETTINGS = "archive.json"
QUARANTINE = "quarantine"
SEEN = "sources"

FORMAT = 1
"""Of the tables: one that changes what is in them has another number."""


def settle_settings(store: Store, settings: Mapping[str, object]) -> None:
    """Writes down the settings with which a folder is filled, or makes sure that they are those that it was filled with.

    Raises:
        InputError: they are not, and the message says what differs.
    """
    mine = {"format": FORMAT} | dict(settings)
    if store.create(SETTINGS, (json.dumps(mine, indent=1) + "\n").encode()):
        return
    try:
        found = json.loads(store.read(SETTINGS))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InputError(f"{store.place}/{SETTINGS}: is not that of an archive; give another --out")
    differing = [name for name in {**found, **mine} if found.get(name) != mine.get(name)]
    if differing:
        what = ", ".join(f"{name} {_shown(found.get(name))} there and {_shown(mine.get(name))} now" for name in differing)
        raise InputError(f"{store.place}: was made with other settings: {what}; give those, or another --out")


def _shown(value: object) -> str:
    return "none" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A drive that could not be processed.

    Attributes:
        drive: its id; None where its files could not be read.
        files: their paths.
        cause: of the last try.
        tries: how many there were.
    """

    drive: str | None
    files: tuple[str, ...]
    cause: str
    tries: int


def quarantine_key(drive: str | None, files: Sequence[str]) -> str:
    """What the entry of a drive is called: its id, or where that is not known, one by its paths."""
    return drive or "path-" + hashlib.sha256("\n".join(files).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def quarantine(store: Store, entry: Quarantined) -> None:
    """Puts a drive into quarantine: it is left out until its entry is removed."""
    content = {"drive": entry.drive, "files": list(entry.files), "cause": entry.cause, "tries": entry.tries}
    store.write(f"{QUARANTINE}/{quarantine_key(entry.drive, entry.files)}.json", (json.dumps(content, indent=1) + "\n").encode())


def quarantined(store: Store) -> dict[str, Quarantined]:
    """All entries, by key."""
    entries = {}
    for name in store.names(QUARANTINE):
        if name.endswith(".json"):
            found = json.loads(store.read(f"{QUARANTINE}/{name}"))
            entries[name.removesuffix(".json")] = Quarantined(found["drive"], tuple(found["files"]), found["cause"], found["tries"])
    return entries


def release(store: Store) -> None:
    """Empties the quarantine, so that each drive in it is tried anew."""
    for name in store.names(QUARANTINE):
        store.delete(f"{QUARANTINE}/{name}")


class SeenFiles:
    """Which drive each file held when it was read, so that files that have not changed since need not be read again.

    Nothing depends on it: without it, files are read once more to find their drives' ids.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._names = [name for name in store.names(SEEN) if name.endswith(".jsonl")]
        self._ids: dict[str, str] = {}
        self._new: list[str] = []
        for name in self._names:
            for line in store.read(f"{SEEN}/{name}").splitlines():
                files, drive = json.loads(line)
                self._ids[json.dumps(files)] = drive

    def id_of(self, drive: Drive) -> str | None:
        """The id of a drive whose files are as they were."""
        return self._ids.get(_key(drive))

    def add(self, drive: Drive, found: str) -> None:
        """A drive's files have been read."""
        key = _key(drive)
        if self._ids.get(key) != found:
            self._ids[key] = found
            self._new.append(key)

    def write(self) -> None:
        """Writes down what is new since the last time."""
        if self._new:
            name = f"{secrets.token_hex(8)}.jsonl"
            self._store.write(f"{SEEN}/{name}", self._lines(self._new))
            self._names.append(name)
            self._new = []

    def merge(self) -> None:
        """Makes one file of those that were read and written here."""
        self.write()
        if len(self._names) > 1:
            merged = f"{secrets.token_hex(8)}.jsonl"
            self._store.write(f"{SEEN}/{merged}", self._lines(sorted(self._ids)))
            for name in self._names:
                self._store.delete(f"{SEEN}/{name}")
            self._names = [merged]

    def _lines(self, keys: Sequence[str]) -> bytes:
        return "".join(f"[{key}, {json.dumps(self._ids[key])}]\n" for key in keys).encode()


def _key(drive: Drive) -> str:
    return json.dumps([[file.path, file.size, file.stamp] for file in drive.files])
