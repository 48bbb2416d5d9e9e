"""Built engines on disk, so that each is built once a machine: `python -m engines.cache list|clear`.

An entry is a plan, what TensorRT loads, and a JSON file beside it that says what the plan was built from and for, and its sha256.
Both are written under another name and then renamed. A lock file an entry lets one process build while others wait for its result.

The driver's version is no part of a key: a plan belongs to a version of TensorRT and a kind of GPU, and outlives driver updates. What
TensorRT cannot load all the same is forgotten and built again (`engines.tensorrt.engine`).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

log = logging.getLogger(__name__)

NAMES = {
    "onnx_sha256": "the model file",
    "tensorrt": "the TensorRT version",
    "gpu": "the GPU",
    "compute_capability": "the compute capability",
    "precision": "the precision",
    "shapes": "the input shape",
    "flags": "the build options",
}
"""What a plan depends on, in words. `model` is not among them: it is a name for people."""

LOCK_TIMEOUT_S = 1800.0
"""Longest wait for another process's build: longer than any, and an end where a file system's locks do not work."""


@dataclass(frozen=True)
class Key:
    """What a plan was built from and for. Any difference makes it another plan.

    Attributes:
        model: the model's name, for messages and file names.
        onnx_sha256: of the model file.
        tensorrt: product and version.
        gpu, compute_capability: as in engines.probe.Probe.
        precision: fp32, fp16 or int8.
        shapes: of the input, smallest, usual and largest where they differ.
        flags: build options, in words; empty for the defaults.
    """

    model: str
    onnx_sha256: str
    tensorrt: str
    gpu: str
    compute_capability: str
    precision: str
    shapes: str
    flags: str = ""

    @property
    def stem(self) -> str:
        """Of the names of the entry's files."""
        digest = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]
        return f"{re.sub(r'[^A-Za-z0-9._-]', '_', self.model)}-{self.precision}-{digest}"

    def changes_from(self, other: Key) -> list[str]:
        """What is different in `other`, each in words: `the GPU (NVIDIA Orin, now NVIDIA Thor)`."""
        changes = []
        for name, words in NAMES.items():
            before, now = getattr(other, name), getattr(self, name)
            if before != now:
                changes.append(words if name == "onnx_sha256" else f"{words} ({before or 'none'}, now {now or 'none'})")
        return changes


@dataclass(frozen=True)
class Entry:
    """What lies in the cache.

    Attributes:
        key: what the plan was built from and for.
        plan_sha256: of the plan's bytes.
        plan_bytes: the plan's size.
        built: when, ISO 8601, UTC.
        build_seconds: how long it took.
        driver: under which it was built.
    """

    key: Key
    plan_sha256: str
    plan_bytes: int
    built: str
    build_seconds: float
    driver: str

    @classmethod
    def read(cls, path: Path) -> Entry | None:
        """From an entry's JSON file; None when it is not there, or damaged."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            facts = values.pop("key")
            driver = facts.pop("driver", "") or values.get("driver", "")  # earlier versions had it in the key
            plan, size, built, took = (values[name] for name in ("plan_sha256", "plan_bytes", "built", "build_seconds"))
            return cls(Key(**facts), str(plan), int(size), str(built), float(took), str(driver))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None


def default_folder() -> Path:
    """`$LANESTREAM_CACHE/engines`, by default in the place that the system keeps for what can be made again.

    What earlier versions stored elsewhere, on macOS in ~/.cache and on Windows a folder higher, is used on where nothing is stored anew.
    """
    named = os.environ.get("LANESTREAM_CACHE")
    if named:
        return Path(named) / "engines"
    folder = user_cache_path("lanestream", appauthor=False) / "engines"
    base = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME")
    earlier = (Path(base) if base else Path.home() / ".cache") / "lanestream" / "engines"
    return earlier if earlier.is_dir() and not folder.is_dir() else folder


class EngineCache:
    """A folder of built engines. Several threads and processes may use one folder at once."""

    _reported: set[Path] = set()  # noqa: RUF012  folders already reported as unwritable, in this process

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()

    def plan(self, key: Key, build: Callable[[], bytes], driver: str = "") -> bytes:
        """The plan for `key`: the stored one, or else what `build` returns, stored for the next time with the driver's version.

        Building is announced, with what changed against the most similar stored plan and how long it may take. A folder that
        cannot be written is no error: that is logged once, and the plan is built for this run only. What `build` raises passes through.
        """
        stored = self._load(key)
        if stored is not None:
            return stored
        with self._lock(key) as locked:
            if locked:
                stored = self._load(key)  # another process may have built it meanwhile
                if stored is not None:
                    return stored
            log.warning("%s", self._announcement(key))
            started = time.perf_counter()
            plan = build()
            if locked:
                self._store(key, plan, time.perf_counter() - started, driver)
        return plan

    def entries(self) -> list[Entry]:
        """What is stored, the newest first; damaged entries are passed over."""
        found = [Entry.read(path) for path in self.folder.glob("*.json")]
        return sorted((entry for entry in found if entry is not None), key=lambda entry: entry.built, reverse=True)

    def forget(self, key: Key) -> None:
        """Takes an entry out, which TensorRT could not load, say."""
        for suffix in (".json", ".plan"):
            with suppress(OSError):
                self._find(key).with_suffix(suffix).unlink()

    def refuse(self, key: Key, why: str) -> None:
        """Puts in an entry's place why it is of no use, so that later starts do not build it again to find the same."""
        self.forget(key)
        with suppress(OSError):
            _write(self._path(key, ".refused"), why.encode())

    def refused(self, key: Key) -> str | None:
        """Why this engine is not built again; None where nothing speaks against it. `clear` forgets it."""
        try:
            return self._path(key, ".refused").read_text(encoding="utf-8")
        except OSError:
            return None

    def clear(self) -> int:
        """Removes all but what is being built at the moment, and returns how many bytes that was.

        Plans that another process has open stay usable for it. Lock files, which are empty, stay too: one that is removed while a
        process waits for it no longer keeps others out.
        """
        removed = sum(map(_remove, self.folder.glob("*.timing")))
        for path in {path.with_suffix("") for suffix in (".plan", ".json", ".lock", ".refused") for path in self.folder.glob(f"*{suffix}")}:
            with suppress(Timeout), FileLock(f"{path}.lock", timeout=0):
                for entry in (*self.folder.glob(f"{path.name}.[pjr]*"), *self.folder.glob(f".{path.name}.*.part")):
                    removed += _remove(entry)
        return removed

    def read_timings(self, key: Key) -> bytes:
        """TensorRT's own measurements of earlier builds on this GPU, which make the next one quicker; empty when there are none."""
        try:
            return self._timings_path(key).read_bytes()
        except OSError:
            return b""

    def write_timings(self, key: Key, timings: bytes) -> None:
        """Keeps them; lost without harm where the folder cannot be written."""
        with suppress(OSError):
            _write(self._timings_path(key), timings)

    def _timings_path(self, key: Key) -> Path:
        belongs = hashlib.sha256(f"{key.tensorrt} {key.gpu} {key.compute_capability}".encode()).hexdigest()[:16]
        return self.folder / f"{belongs}.timing"

    def _path(self, key: Key, suffix: str) -> Path:
        return self.folder / (key.stem + suffix)

    def _find(self, key: Key) -> Path:
        """The JSON file of an entry, which earlier versions named otherwise; the path for a new one where there is none."""
        path = self._path(key, ".json")
        if path.exists():
            return path
        same = ((found, Entry.read(found)) for found in self.folder.glob("*.json"))
        return next((found for found, entry in same if entry is not None and entry.key == key), path)

    def _load(self, key: Key) -> bytes | None:
        path = self._find(key)
        entry = Entry.read(path)
        if entry is None or entry.key != key:
            return None
        try:
            plan = path.with_suffix(".plan").read_bytes()
        except OSError:
            return None
        return plan if hashlib.sha256(plan).hexdigest() == entry.plan_sha256 else None

    def _store(self, key: Key, plan: bytes, seconds: float, driver: str) -> None:
        built = datetime.now(timezone.utc).isoformat(timespec="seconds")
        entry = Entry(key, hashlib.sha256(plan).hexdigest(), len(plan), built, round(seconds, 1), driver)
        try:
            # The plan first: should this process die in between, its sha256 will not match, and it is built again.
            _write(self._path(key, ".plan"), plan)
            _write(self._path(key, ".json"), json.dumps(asdict(entry), indent=1).encode())
        except OSError as error:
            self._report_unwritable(error)

    def _announcement(self, key: Key) -> str:
        what = f"building the TensorRT engine of {key.model} {key.precision} for {key.gpu}, once"
        if self._path(key, ".plan").exists():
            return f"{what} more, because the stored one is damaged; {self._expectation(key)}"
        # Of equally similar ones the newest, which comes first.
        nearest = min(self.entries(), key=lambda entry: len(key.changes_from(entry.key)), default=None)
        if nearest is None:
            return f"{what}; {self._expectation(key)}"
        return f"{what}: against the stored one, {' and '.join(key.changes_from(nearest.key))} changed; {self._expectation(key)}"

    def _expectation(self, key: Key) -> str:
        similar = [entry for entry in self.entries() if (entry.key.gpu, entry.key.model) == (key.gpu, key.model)]
        if similar:
            return f"the last time, it took {similar[0].build_seconds:.0f} s"
        return "it takes a minute or so on a desktop card and several on a Jetson"

    @contextmanager
    def _lock(self, key: Key) -> Iterator[bool]:
        """Holds the entry's lock, waiting for whoever has it; gives False where the folder cannot be written or has no locks."""
        lock = FileLock(self._path(key, ".lock"))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                log.warning("another process is building the TensorRT engine of %s %s: waiting for it", key.model, key.precision)
                lock.acquire(timeout=LOCK_TIMEOUT_S)
        except (OSError, NotImplementedError) as error:  # some network file systems have no locks; Timeout is an OSError
            self._report_unwritable(error)
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def _report_unwritable(self, error: Exception) -> None:
        if self.folder not in self._reported:
            self._reported.add(self.folder)
            advice = "and will be built again in every run: set LANESTREAM_CACHE to a folder that can be written"
            log.warning("TensorRT engines cannot be kept in %s (%s) %s", self.folder, getattr(error, "strerror", None) or error, advice)


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _remove(path: Path) -> int:
    """Removes a file that another process may remove meanwhile, and returns the bytes it had."""
    try:
        size = path.stat().st_size
        path.unlink()
    except FileNotFoundError:
        return 0
    return size
